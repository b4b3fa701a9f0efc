//! Where a stage puts what it makes of a record. A record of which nothing is emitted is dropped.
//!
//! An output has the key of the record that it was made of, unless it is given another. When a record fails, what it has emitted
//! until then is taken back. Keys, ports and origins cost nothing until a record needs them.
const std = @import("std");

const json = @import("json.zig");
const memory = @import("memory.zig");
const sandmill = @import("sandmill.zig");

const Output = @This();

values: Column = .{},
keys: Column = .{},
origins: memory.List(u32) = .{},
ports: memory.List(u16) = .{},
failures: memory.List(Failure) = .{},
/// The record in hand, its key, the port of what it emits, and why it has failed.
index: u32 = 0,
key: []const u8 = "",
port: u16 = 0,
failure: ?Failure = null,
/// Whether `origins` is in use: until it is, output i comes from record i.
traced: bool = false,

/// Why input record `index` failed.
pub const Failure = struct { index: u32, retryable: bool, message: []const u8 };

/// Byte strings back to back, and where each of them ends.
pub const Column = struct {
    data: memory.List(u8) = .{},
    ends: memory.List(u32) = .{},

    fn push(column: *Column, value: []const u8) !void {
        @memcpy(try column.data.extend(value.len), value);
        try column.end();
    }

    inline fn end(column: *Column) !void {
        try column.ends.append(@intCast(column.data.items.len));
    }

    /// Values that are empty, until there are `wanted`.
    fn pad(column: *Column, wanted: usize) !void {
        while (column.ends.items.len < wanted) try column.end();
    }

    fn truncate(column: *Column, wanted: usize) void {
        if (column.ends.items.len <= wanted) return;
        column.ends.items.len = wanted;
        column.data.items.len = if (wanted > 0) column.ends.items[wanted - 1] else 0;
    }

    pub fn at(column: Column, index: usize) []const u8 {
        return column.data.items[if (index > 0) column.ends.items[index - 1] else 0..column.ends.items[index]];
    }
};

/// Emits a value; it is copied.
pub fn emit(out: *Output, value: []const u8) !void {
    @memcpy(try out.room(value.len), value);
}

/// Emits a value with a key of its own, instead of the record's; an empty key is none.
pub fn emit_keyed(out: *Output, key: []const u8, value: []const u8) !void {
    const before = out.key;
    defer out.key = before;
    out.key = key;
    try out.emit(value);
}

/// Emits a value to one of the stage's named outputs, counted from 0 in the order of the pipeline file.
pub fn emit_to(out: *Output, port: u16, value: []const u8) !void {
    const before = out.port;
    defer out.port = before;
    out.port = port;
    try out.emit(value);
}

/// Emits what `std.fmt` makes of it.
pub fn print(out: *Output, comptime format: []const u8, arguments: anytype) !void {
    try out.emit(try std.fmt.allocPrint(memory.allocator, format, arguments));
}

/// Emits a value as JSON.
pub fn emit_json(out: *Output, value: anytype) !void {
    try out.emit(try json.write(memory.allocator, value));
}

/// Emits a value of `len` bytes, which the caller fills in before it emits anything else: the fastest way.
pub inline fn room(out: *Output, len: usize) error{OutOfMemory}![]u8 {
    const to = try out.values.data.extend(len);
    try out.values.end();
    if (out.key.len > 0 or out.port > 0) try out.direct();
    return to;
}

/// Gives the last output its key and port.
fn direct(out: *Output) error{OutOfMemory}!void {
    if (out.key.len > 0) {
        try out.keys.pad(out.count() - 1);
        try out.keys.push(out.key);
    }
    if (out.port > 0) {
        try out.ports.repeat(0, out.count() - 1 - out.ports.items.len);
        try out.ports.append(out.port);
    }
}

/// The error of a record that fails: `return out.fail("{s} is not a number", .{text});`
pub fn fail(_: *Output, comptime format: []const u8, arguments: anytype) anyerror {
    sandmill.failure_message = std.fmt.allocPrint(memory.allocator, format, arguments) catch return error.OutOfMemory;
    return error.SandmillFailed;
}

/// The error of a record that fails, where another attempt may succeed.
pub fn retry(out: *Output, comptime format: []const u8, arguments: anytype) anyerror {
    const err = out.fail(format, arguments);
    return if (err == error.SandmillFailed) error.SandmillRetry else err;
}

/// How many outputs there are so far, of all records of this call.
pub fn count(out: Output) usize {
    return out.values.ends.items.len;
}

/// With room for outputs that are about as many and as large as the inputs.
pub fn for_batch(batch: sandmill.Batch) !Output {
    var out: Output = .{};
    try out.values.ends.grow(batch.ends.len);
    // Last, because what is last grows without a copy.
    try out.values.data.grow(batch.values.len + batch.values.len / 4);
    return out;
}

/// Begins a record. Where its outputs will begin.
pub fn begin(out: *Output, index: u32, key: []const u8) usize {
    out.index = index;
    out.key = key;
    out.port = 0;
    out.failure = null;
    return out.count();
}

/// The record in hand has failed. Without memory nothing can continue.
pub fn failed(out: *Output, err: anyerror) error{OutOfMemory}!void {
    if (err == error.OutOfMemory) return error.OutOfMemory;
    const is_ours = err == error.SandmillFailed or err == error.SandmillRetry;
    out.failure = .{
        .index = out.index,
        .retryable = err == error.SandmillRetry,
        .message = try legible(if (is_ours) sandmill.failure_message else @errorName(err)),
    };
}

/// Ends a record.
pub fn settle(out: *Output, mark: usize) !void {
    if (out.failure) |failure| {
        out.values.truncate(mark);
        out.keys.truncate(mark);
        if (out.ports.items.len > mark) out.ports.items.len = mark;
        try out.failures.append(failure);
    }
    if (out.traced or out.count() != mark + 1) try out.trace(mark);
}

/// Notes where the outputs after the first `mark` come from; those before the first such note are one to one.
fn trace(out: *Output, mark: usize) !void {
    if (!out.traced) {
        out.traced = true;
        for (0..mark) |index| try out.origins.append(@intCast(index));
    }
    try out.origins.repeat(out.index, out.count() - mark);
}

/// Makes the columns consistent.
pub fn finish(out: *Output) !void {
    if (out.keys.ends.items.len > 0) try out.keys.pad(out.count());
    if (out.ports.items.len > 0) try out.ports.repeat(0, out.count() - out.ports.items.len);
}

/// The text, with U+FFFD for what is not UTF-8.
pub fn legible(text: []const u8) error{OutOfMemory}![]const u8 {
    if (std.unicode.utf8ValidateSlice(text)) return text;
    var copy: memory.List(u8) = .{};
    var at: usize = 0;
    while (at < text.len) {
        const len = std.unicode.utf8ByteSequenceLength(text[at]) catch 0;
        const good = len > 0 and at + len <= text.len and std.unicode.utf8ValidateSlice(text[at..][0..len]);
        const shown = if (good) text[at..][0..len] else "\u{fffd}";
        @memcpy(try copy.extend(shown.len), shown);
        at += if (good) len else 1;
    }
    return copy.items;
}
