//! JSON, exactly or not at all.
const std = @import("std");

const JsonText = @import("JsonText.zig");
const sandmill = @import("sandmill.zig");

/// Values within values: deeper ones are refused, because each level takes stack.
const depth_max = 512;

/// Reads a record. Numbers that a float does not have are refused, as are lone surrogates and text that is not UTF-8.
pub fn parse(comptime T: type, allocator: std.mem.Allocator, text: []const u8) !T {
    if (is_too_deep(text)) return fail(allocator, "the record is nested more than {d} levels deep", .{depth_max});
    var diagnostics: std.json.Diagnostics = .{};
    const value = read(T, allocator, text, &diagnostics) catch |err| {
        if (err == error.OutOfMemory) return err;
        if (try misfit_of(T, allocator, text)) |found|
            return fail(allocator, "the record does not fit: {s}: {s}", .{ found.path, found.why });
        return fail(allocator, "the record does not fit: {s} at byte {d}", .{ @errorName(err), diagnostics.getByteOffset() });
    };
    if (has_excess(value)) return fail(allocator, "the record does not fit: a number is too large", .{});
    return value;
}

fn read(comptime T: type, allocator: std.mem.Allocator, text: []const u8, diagnostics: *std.json.Diagnostics) !T {
    const options: std.json.ParseOptions = .{ .ignore_unknown_fields = true, .duplicate_field_behavior = .use_last };
    var scanner = std.json.Scanner.initCompleteInput(allocator, text);
    scanner.enableDiagnostics(diagnostics);
    return std.json.parseFromTokenSourceLeaky(T, allocator, &scanner, options);
}

/// Writes a value. A float that JSON does not have is refused, as is text that is not UTF-8.
pub fn write(allocator: std.mem.Allocator, value: anytype) ![]const u8 {
    var to: std.Io.Writer.Allocating = .init(allocator);
    var text: JsonText = .{ .writer = &to.writer };
    text.write(value) catch {
        const flaw = text.flaw orelse return error.OutOfMemory;
        return fail(allocator, "cannot write as JSON: {s}", .{flaw});
    };
    return to.written();
}

fn fail(allocator: std.mem.Allocator, comptime format: []const u8, arguments: anytype) error{ SandmillFailed, OutOfMemory } {
    sandmill.failure_message = try std.fmt.allocPrint(allocator, format, arguments);
    return error.SandmillFailed;
}

/// Brackets in texts do not count.
fn is_too_deep(text: []const u8) bool {
    if (text.len <= depth_max) return false;
    var depth: usize = 0;
    var at: usize = 0;
    while (at < text.len) : (at += 1) switch (text[at]) {
        '"' => {
            at += 1;
            while (at < text.len and text[at] != '"') at += if (text[at] == '\\') 2 else 1;
        },
        '[', '{' => {
            depth += 1;
            if (depth > depth_max) return true;
        },
        ']', '}' => depth -|= 1,
        else => {},
    };
    return false;
}

/// Whether a number of the value is one that no float has.
fn has_excess(value: anytype) bool {
    const T = @TypeOf(value);
    if (T == std.json.Value) return switch (value) {
        .float => |number| has_excess(number),
        // An integer keeps its digits.
        .number_string => |digits| std.mem.indexOfAny(u8, digits, ".eE") != null and
            !std.math.isFinite(std.fmt.parseFloat(f64, digits) catch return true),
        .array => |array| has_excess(array.items),
        .object => |object| has_excess(object.values()),
        else => false,
    };
    switch (@typeInfo(T)) {
        .float => return !std.math.isFinite(value),
        .optional => return if (value) |inner| has_excess(inner) else false,
        .@"struct" => {
            inline for (comptime std.meta.fieldNames(T)) |name| if (has_excess(@field(value, name))) return true;
            return false;
        },
        .array => return has_excess(@as([]const @typeInfo(T).array.child, &value)),
        .pointer => |pointer| {
            if (pointer.size == .one) return has_excess(value.*);
            if (pointer.child != u8) for (value) |item| if (has_excess(item)) return true;
            return false;
        },
        else => return false,
    }
}

const Misfit = struct { path: []const u8, why: []const u8 };

/// Where JSON does not fit the type: `std.json` itself names no field. Null where the text is not JSON, or nobody can tell.
fn misfit_of(comptime T: type, allocator: std.mem.Allocator, text: []const u8) !?Misfit {
    var diagnostics: std.json.Diagnostics = .{};
    const value = read(std.json.Value, allocator, text, &diagnostics) catch |err|
        return if (err == error.OutOfMemory) error.OutOfMemory else null;
    return misfit(T, allocator, value, "");
}

fn misfit(comptime T: type, allocator: std.mem.Allocator, value: std.json.Value, path: []const u8) error{OutOfMemory}!?Misfit {
    if (T == std.json.Value) return null;
    switch (@typeInfo(T)) {
        .optional => |optional| return if (value == .null) null else misfit(optional.child, allocator, value, path),
        .bool => if (value != .bool) return expected("a boolean", allocator, value, path),
        .int => switch (value) {
            .integer => |number| if (std.math.cast(T, number) == null)
                return .{ .path = path, .why = "the number does not fit into " ++ @typeName(T) },
            .float, .number_string => return expected("an integer", allocator, value, path),
            else => return expected("an integer", allocator, value, path),
        },
        .float => switch (value) {
            .integer, .float, .number_string => {},
            else => return expected("a number", allocator, value, path),
        },
        .@"enum" => if (value != .string) return expected("a text", allocator, value, path),
        .pointer => |pointer| {
            if (pointer.size == .one) return misfit(pointer.child, allocator, value, path);
            if (pointer.child == u8) return if (value == .string) null else expected("a text", allocator, value, path);
            if (value != .array) return expected("an array", allocator, value, path);
            for (value.array.items, 0..) |item, index| {
                const place = try std.fmt.allocPrint(allocator, "{s}[{d}]", .{ path, index });
                if (try misfit(pointer.child, allocator, item, place)) |found| return found;
            }
        },
        .@"struct" => |info| {
            if (std.meta.hasFn(T, "jsonParse")) return null;
            if (value != .object) return expected("an object", allocator, value, path);
            inline for (info.field_names, info.field_types, info.field_attrs) |name, Field, attributes| {
                const dot = if (path.len > 0) "." else "";
                const place = try std.mem.concat(allocator, u8, &.{ path, dot, name });
                if (value.object.get(name)) |inner| {
                    if (try misfit(Field, allocator, inner, place)) |found| return found;
                } else if (attributes.defaultValue(Field) == null) {
                    return .{ .path = place, .why = "the field is missing" };
                }
            }
        },
        else => {},
    }
    return null;
}

fn expected(comptime what: []const u8, allocator: std.mem.Allocator, value: std.json.Value, path: []const u8) !?Misfit {
    const found = switch (value) {
        .null => "null",
        .bool => "a boolean",
        .integer, .float, .number_string => "a number",
        .string => "a text",
        .array => "an array",
        .object => "an object",
    };
    const place = if (path.len > 0) path else "the record";
    return .{ .path = place, .why = try std.mem.concat(allocator, u8, &.{ "expected " ++ what ++ ", found ", found }) };
}
