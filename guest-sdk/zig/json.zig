//! JSON, exactly or not at all.
const std = @import("std");

const sandmill = @import("sandmill.zig");

/// Reads a record. Numbers that a float does not have are refused, as are lone surrogates and text that is not UTF-8.
pub fn parse(comptime T: type, allocator: std.mem.Allocator, text: []const u8) !T {
    const options: std.json.ParseOptions = .{ .ignore_unknown_fields = true, .duplicate_field_behavior = .use_last };
    var scanner = std.json.Scanner.initCompleteInput(allocator, text);
    var diagnostics: std.json.Diagnostics = .{};
    scanner.enableDiagnostics(&diagnostics);
    const value = std.json.parseFromTokenSourceLeaky(T, allocator, &scanner, options) catch |err| {
        if (err == error.OutOfMemory) return err;
        return fail(allocator, "the record does not fit: {s} at byte {d}", .{ @errorName(err), diagnostics.getByteOffset() });
    };
    if (flaw_of(value)) |_| return fail(allocator, "the record does not fit: a number is too large", .{});
    return value;
}

/// Writes a value. A float that JSON does not have is refused, as is text that is not UTF-8.
pub fn write(allocator: std.mem.Allocator, value: anytype) ![]const u8 {
    if (flaw_of(value)) |flaw| return fail(allocator, "cannot write as JSON: {s}", .{flaw});
    return std.json.Stringify.valueAlloc(allocator, value, .{});
}

fn fail(allocator: std.mem.Allocator, comptime format: []const u8, arguments: anytype) error{ SandmillFailed, OutOfMemory } {
    sandmill.failure_message = try std.fmt.allocPrint(allocator, format, arguments);
    return error.SandmillFailed;
}

/// What JSON cannot say of the value: a float that is not finite, or text that is not UTF-8, which `std.json` would write as numbers.
fn flaw_of(value: anytype) ?[]const u8 {
    const T = @TypeOf(value);
    if (T == std.json.Value) return switch (value) {
        .float => |number| flaw_of(number),
        .string => |text| flaw_of(text),
        .array => |array| flaw_of(array.items),
        .object => |object| flaw_of(object.keys()) orelse flaw_of(object.values()),
        else => null,
    };
    switch (@typeInfo(T)) {
        .float => return if (std.math.isFinite(value)) null else "a number is not finite",
        .optional => return if (value) |inner| flaw_of(inner) else null,
        .@"struct" => {
            inline for (comptime std.meta.fieldNames(T)) |name| if (flaw_of(@field(value, name))) |flaw| return flaw;
            return null;
        },
        .array => return flaw_of(@as([]const @typeInfo(T).array.child, &value)),
        .pointer => |pointer| {
            if (pointer.size == .one) return flaw_of(value.*);
            if (pointer.child == u8) return if (std.unicode.utf8ValidateSlice(value)) null else "a text is not UTF-8";
            for (value) |item| if (flaw_of(item)) |flaw| return flaw;
            return null;
        },
        else => return null,
    }
}
