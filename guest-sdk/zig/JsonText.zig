//! JSON that is written: what `std.json.Stringify` does, with two differences. What JSON does not have (NaN, bytes that are not
//! UTF-8) is refused, where that one writes something else; and values may lie within values more than 256 levels deep, at which
//! that one ends the program.
const std = @import("std");

const JsonText = @This();

writer: *std.Io.Writer,
/// Whether the next value needs a comma before it.
follows: bool = false,
/// What JSON cannot say, when `write` has failed for that.
flaw: ?[]const u8 = null,

pub const Error = std.Io.Writer.Error;

/// Writes a value of any type that `std.json.Stringify` takes.
pub fn write(text: *JsonText, value: anytype) Error!void {
    const T = @TypeOf(value);
    if (T == std.json.Value) return text.any(value);
    switch (@typeInfo(T)) {
        .int, .comptime_int => return text.print("{d}", .{value}),
        .float, .comptime_float => {
            const number: f64 = @floatCast(value);
            if (!std.math.isFinite(number)) return text.refuse("a number is not finite");
            return text.print("{}", .{number});
        },
        .bool => return text.print("{s}", .{if (value) "true" else "false"}),
        .null => return text.print("null", .{}),
        .optional => return if (value) |inner| text.write(inner) else text.write(null),
        .enum_literal => return text.string(@tagName(value)),
        .@"enum" => if (!std.meta.hasFn(T, "jsonStringify")) return text.string(@tagName(value)),
        .@"union" => |info| if (!std.meta.hasFn(T, "jsonStringify")) return text.member(info, value),
        .@"struct" => |info| if (!std.meta.hasFn(T, "jsonStringify")) return text.fields(info, value),
        .pointer => |pointer| {
            if (pointer.size == .one) return if (@typeInfo(pointer.child) == .array)
                text.write(@as([]const std.meta.Elem(pointer.child), value))
            else
                text.write(value.*);
            const items = if (pointer.size == .many) std.mem.span(value) else value;
            return if (pointer.child == u8) text.string(items) else text.list(items);
        },
        .array => |array| return text.write(@as([]const array.child, &value)),
        else => @compileError("JSON has no " ++ @typeName(T)),
    }
    return value.jsonStringify(text);
}

fn any(text: *JsonText, value: std.json.Value) Error!void {
    switch (value) {
        .null => return text.write(null),
        .number_string => |digits| return text.print("{s}", .{digits}),
        .array => |array| return text.list(array.items),
        .object => |object| {
            try text.beginObject();
            for (object.keys(), object.values()) |key, inner| {
                try text.objectField(key);
                try text.any(inner);
            }
            return text.endObject();
        },
        inline else => |inner| return text.write(inner),
    }
}

fn member(text: *JsonText, comptime info: anytype, value: anytype) Error!void {
    try text.beginObject();
    inline for (info.field_names, info.field_types) |name, Field| {
        if (value == @field(info.tag_type.?, name)) {
            try text.objectField(name);
            if (Field == void) {
                try text.beginObject();
                try text.endObject();
            } else try text.write(@field(value, name));
        }
    }
    return text.endObject();
}

fn fields(text: *JsonText, comptime info: anytype, value: anytype) Error!void {
    if (info.is_tuple) try text.beginArray() else try text.beginObject();
    inline for (info.field_names, info.field_types) |name, Field| {
        if (Field == void) continue;
        if (!info.is_tuple) try text.objectField(name);
        try text.write(@field(value, name));
    }
    return if (info.is_tuple) text.endArray() else text.endObject();
}

fn list(text: *JsonText, items: anytype) Error!void {
    try text.beginArray();
    for (items) |item| try text.write(item);
    return text.endArray();
}

fn string(text: *JsonText, content: []const u8) Error!void {
    if (!std.unicode.utf8ValidateSlice(content)) return text.refuse("a text is not UTF-8");
    try text.begin();
    try std.json.Stringify.encodeJsonString(content, .{}, text.writer);
    text.follows = true;
}

fn refuse(text: *JsonText, flaw: []const u8) Error {
    text.flaw = flaw;
    return error.WriteFailed;
}

fn begin(text: *JsonText) Error!void {
    if (text.follows) try text.writer.writeByte(',');
}

// What a `jsonStringify` of a type of somebody else calls.

pub fn print(text: *JsonText, comptime format: []const u8, arguments: anytype) Error!void {
    try text.begin();
    try text.writer.print(format, arguments);
    text.follows = true;
}

pub fn beginArray(text: *JsonText) Error!void {
    return text.open('[');
}

pub fn endArray(text: *JsonText) Error!void {
    return text.close(']');
}

pub fn beginObject(text: *JsonText) Error!void {
    return text.open('{');
}

pub fn endObject(text: *JsonText) Error!void {
    return text.close('}');
}

pub fn objectField(text: *JsonText, key: []const u8) Error!void {
    try text.string(key);
    try text.writer.writeByte(':');
    text.follows = false;
}

fn open(text: *JsonText, bracket: u8) Error!void {
    try text.begin();
    try text.writer.writeByte(bracket);
    text.follows = false;
}

fn close(text: *JsonText, bracket: u8) Error!void {
    try text.writer.writeByte(bracket);
    text.follows = true;
}
