//! The configuration: the JSON of the pipeline file's `config` table, read into a struct. Strict: a field that is missing, has another
//! type or is unknown is refused by its name, and a number is exact or refused.
//!
//! Not with `std.json`, which names no field, and would be half of a component.
const std = @import("std");

pub const Error = error{ Refused, OutOfMemory };

/// Values within values. Deeper ones are refused, because each level takes stack.
const depth_max = 100;

/// Reads a configuration. When it returns `error.Refused`, `why` names the field.
pub fn read(comptime Config: type, allocator: std.mem.Allocator, text: []const u8, why: *[]const u8) Error!Config {
    const trimmed = std.mem.trim(u8, text, " \t\r\n");
    // Without a `config` table the stage gets an empty one.
    const is_none = trimmed.len == 0 or std.mem.eql(u8, trimmed, "null");
    var reader: Reader = .{ .text = if (is_none) "{}" else trimmed, .allocator = allocator, .why = why };
    const config = try reader.value(Config, "config");
    reader.space();
    if (reader.at < reader.text.len) return reader.refuse("config", "something follows the table");
    return config;
}

const Reader = struct {
    text: []const u8,
    at: usize = 0,
    depth: u32 = 0,
    allocator: std.mem.Allocator,
    why: *[]const u8,

    fn refuse(reader: *Reader, path: []const u8, what: []const u8) Error {
        reader.why.* = try std.mem.concat(reader.allocator, u8, &.{ path, ": ", what });
        return error.Refused;
    }

    fn value(reader: *Reader, comptime T: type, path: []const u8) Error!T {
        const kind = reader.peek();
        switch (@typeInfo(T)) {
            .bool => if (kind == 't' or kind == 'f') return try reader.skip(path) == .true,
            .int => if (kind == '-' or std.ascii.isDigit(kind)) {
                const integer = try reader.number(path);
                return std.fmt.parseInt(T, integer, 10) catch
                    reader.refuse(path, "the number is not an integer, or does not fit into " ++ @typeName(T));
            },
            .float => if (kind == '-' or std.ascii.isDigit(kind)) {
                const parsed = std.fmt.parseFloat(T, try reader.number(path)) catch return reader.refuse(path, "the number is not valid");
                return if (std.math.isFinite(parsed)) parsed else reader.refuse(path, "the number is too large");
            },
            .optional => |optional| {
                if (kind != 'n') return try reader.value(optional.child, path);
                _ = try reader.skip(path);
                return null;
            },
            .@"enum" => if (kind == '"') {
                return std.meta.stringToEnum(T, try reader.string(path)) orelse reader.refuse(path, "expected " ++ comptime name_of(T));
            },
            .pointer => |pointer| {
                if (pointer.child == u8 and kind == '"') return reader.string(path);
                if (pointer.child != u8 and kind == '[') return reader.array(pointer.child, path);
            },
            .@"struct" => if (kind == '{') return reader.table(T, path),
            else => @compileError("a configuration cannot have a field of type " ++ @typeName(T)),
        }
        const found = try std.mem.concat(reader.allocator, u8, &.{ "expected " ++ comptime name_of(T), ", found ", name_of_kind(kind) });
        // Whether it is JSON at all comes first.
        _ = try reader.skip(path);
        return reader.refuse(path, found);
    }

    fn array(reader: *Reader, comptime T: type, path: []const u8) Error![]const T {
        var items: std.ArrayList(T) = .empty;
        reader.at += 1;
        if (reader.take(']')) return &.{};
        while (true) {
            try items.append(reader.allocator, try reader.value(T, path));
            if (!reader.take(',')) break;
        }
        return if (reader.take(']')) items.items else reader.refuse(path, "an array has no end");
    }

    fn table(reader: *Reader, comptime T: type, path: []const u8) Error!T {
        const info = @typeInfo(T).@"struct";
        var result: T = undefined;
        var seen: [info.field_names.len]bool = @splat(false);
        reader.at += 1;
        if (!reader.take('}')) {
            while (true) {
                const key = try reader.string(path);
                const name = try std.mem.concat(reader.allocator, u8, &.{ path, ".", key });
                if (!reader.take(':')) return reader.refuse(name, "a colon is expected");
                inline for (info.field_names, info.field_types, &seen) |field, Field, *is_seen| {
                    if (std.mem.eql(u8, field, key)) {
                        if (is_seen.*) return reader.refuse(name, "the field is there twice");
                        @field(result, field) = try reader.value(Field, name);
                        is_seen.* = true;
                        break;
                    }
                } else return reader.refuse(name, comptime "unknown field" ++ expected(T));
                if (!reader.take(',')) break;
            }
            if (!reader.take('}')) return reader.refuse(path, "a table has no end");
        }
        inline for (info.field_names, info.field_types, info.field_attrs, seen) |field, Field, attributes, is_seen| {
            if (!is_seen) {
                if (attributes.defaultValue(Field)) |default| {
                    @field(result, field) = default;
                } else {
                    const name = try std.mem.concat(reader.allocator, u8, &.{ path, ".", field });
                    return reader.refuse(name, "the field is missing");
                }
            }
        }
        return result;
    }

    fn space(reader: *Reader) void {
        while (reader.at < reader.text.len and std.mem.indexOfScalar(u8, " \t\r\n", reader.text[reader.at]) != null) reader.at += 1;
    }

    /// The next character; 0 at the end.
    fn peek(reader: *Reader) u8 {
        reader.space();
        return if (reader.at < reader.text.len) reader.text[reader.at] else 0;
    }

    fn take(reader: *Reader, wanted: u8) bool {
        const is_there = reader.peek() == wanted;
        if (is_there) reader.at += 1;
        return is_there;
    }

    fn digits(reader: *Reader, path: []const u8) Error!void {
        const start = reader.at;
        while (reader.at < reader.text.len and std.ascii.isDigit(reader.text[reader.at])) reader.at += 1;
        if (reader.at == start) return reader.refuse(path, "a number has no digits");
    }

    fn follows(reader: *Reader, any: []const u8) bool {
        const is_there = reader.at < reader.text.len and std.mem.indexOfScalar(u8, any, reader.text[reader.at]) != null;
        if (is_there) reader.at += 1;
        return is_there;
    }

    fn number(reader: *Reader, path: []const u8) Error![]const u8 {
        reader.space();
        const start = reader.at;
        _ = reader.follows("-");
        if (!reader.follows("0")) try reader.digits(path);
        if (reader.follows(".")) try reader.digits(path);
        if (reader.follows("eE")) {
            _ = reader.follows("+-");
            try reader.digits(path);
        }
        return reader.text[start..reader.at];
    }

    /// Reads a text, with what its escapes stand for.
    fn string(reader: *Reader, path: []const u8) Error![]const u8 {
        var text: std.ArrayList(u8) = .empty;
        if (!reader.take('"')) return reader.refuse(path, "a text begins with a quotation mark");
        while (true) {
            const start = reader.at;
            while (reader.at < reader.text.len and reader.text[reader.at] >= 0x20 and reader.text[reader.at] != '"' and
                reader.text[reader.at] != '\\') reader.at += 1;
            try text.appendSlice(reader.allocator, reader.text[start..reader.at]);
            if (reader.at == reader.text.len) return reader.refuse(path, "a text has no end");
            reader.at += 1;
            switch (reader.text[reader.at - 1]) {
                '"' => return text.items,
                '\\' => try reader.escape(&text, path),
                else => return reader.refuse(path, "a text has a control character"),
            }
        }
    }

    fn escape(reader: *Reader, text: *std.ArrayList(u8), path: []const u8) Error!void {
        const names = "\"\\/bfnrt";
        const meanings = "\"\\/\x08\x0c\n\r\t";
        const name = if (reader.at < reader.text.len) reader.text[reader.at] else 0;
        reader.at += 1;
        if (std.mem.indexOfScalar(u8, names, name)) |index| return text.append(reader.allocator, meanings[index]);
        if (name != 'u') return reader.refuse(path, "a text has an unknown escape");
        var code: u21 = try reader.hex(path);
        if (code >= 0xd800 and code < 0xdc00 and std.mem.startsWith(u8, reader.text[reader.at..], "\\u")) {
            reader.at += 2;
            const low = try reader.hex(path);
            if (low < 0xdc00 or low > 0xdfff) return reader.refuse(path, "a text has half of a surrogate pair");
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        var bytes: [4]u8 = undefined;
        const len = std.unicode.utf8Encode(code, &bytes) catch return reader.refuse(path, "a text has half of a surrogate pair");
        try text.appendSlice(reader.allocator, bytes[0..len]);
    }

    fn hex(reader: *Reader, path: []const u8) Error!u21 {
        var code: u21 = 0;
        for (0..4) |_| {
            const digit = std.fmt.charToDigit(if (reader.at < reader.text.len) reader.text[reader.at] else 0, 16) catch
                return reader.refuse(path, "\\u needs four hexadecimal digits");
            reader.at += 1;
            code = code << 4 | digit;
        }
        return code;
    }

    const Word = enum { null, true, false, other };

    /// Passes over a value of any kind.
    fn skip(reader: *Reader, path: []const u8) Error!Word {
        switch (reader.peek()) {
            '"' => _ = try reader.string(path),
            '-', '0'...'9' => _ = try reader.number(path),
            '[', '{' => |open| {
                if (reader.depth == depth_max) return reader.refuse(path, "values lie within values too deeply");
                reader.depth += 1;
                defer reader.depth -= 1;
                reader.at += 1;
                const close: u8 = if (open == '[') ']' else '}';
                if (reader.take(close)) return .other;
                while (true) {
                    if (open == '{') {
                        _ = try reader.string(path);
                        if (!reader.take(':')) return reader.refuse(path, "a colon is expected");
                    }
                    _ = try reader.skip(path);
                    if (!reader.take(',')) break;
                }
                if (!reader.take(close)) return reader.refuse(path, "a value has no end");
            },
            else => {
                for ([_]Word{ .null, .true, .false }) |word| {
                    if (!std.mem.startsWith(u8, reader.text[reader.at..], @tagName(word))) continue;
                    reader.at += @tagName(word).len;
                    return word;
                }
                return reader.refuse(path, "a value is expected");
            },
        }
        return .other;
    }
};

fn name_of_kind(kind: u8) []const u8 {
    return switch (kind) {
        '"' => "a text",
        '{' => "a table",
        '[' => "an array",
        't', 'f' => "a boolean",
        'n' => "null",
        else => "a number",
    };
}

/// The fields of a table, for who has mistyped one.
fn expected(comptime T: type) []const u8 {
    const fields = std.meta.fieldNames(T);
    if (fields.len == 0) return ": this stage takes no configuration";
    var names: []const u8 = ", expected ";
    for (fields, 0..) |field, index| names = names ++ (if (index > 0) " or " else "") ++ "\"" ++ field ++ "\"";
    return names;
}

fn name_of(comptime T: type) []const u8 {
    return switch (@typeInfo(T)) {
        .pointer => |pointer| if (pointer.child == u8) "a text" else "an array",
        .int => "an integer",
        .float => "a number",
        .bool => "a boolean",
        .optional => |optional| name_of(optional.child),
        .@"enum" => blk: {
            var names: []const u8 = "one of";
            for (std.meta.fieldNames(T)) |name| names = names ++ " \"" ++ name ++ "\"";
            break :blk names;
        },
        .@"struct" => "a table",
        else => @typeName(T),
    };
}
