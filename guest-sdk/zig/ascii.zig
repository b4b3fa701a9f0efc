//! The letters of ASCII, sixteen bytes at a time: Zig 0.17 does not turn the loops of `std.ascii` into vector instructions.
//! Other bytes, those of other alphabets among them, stay as they are.
const std = @import("std");

const Block = @Vector(16, u8);
const case: u8 = 'a' - 'A';

/// Writes `from` to `to` with upper-case letters. Both are equally long, and may be the same memory.
pub fn upper(to: []u8, from: []const u8) void {
    flip(to, from, 'a');
}

/// Writes `from` to `to` with lower-case letters. Both are equally long, and may be the same memory.
pub fn lower(to: []u8, from: []const u8) void {
    flip(to, from, 'A');
}

/// Gives the other case to the 26 letters from `first` on.
inline fn flip(to: []u8, from: []const u8, comptime first: u8) void {
    std.debug.assert(to.len == from.len);
    if (from.len < @sizeOf(Block)) {
        for (to, from) |*place, byte| place.* = if (byte -% first < 26) byte ^ case else byte;
        return;
    }
    var at: usize = 0;
    while (from.len - at > @sizeOf(Block)) : (at += @sizeOf(Block)) flip_block(to[at..], from[at..], first);
    // The last block may overlap the one before it: what has been changed there is not changed again.
    const last = from.len - @sizeOf(Block);
    flip_block(to[last..], from[last..], first);
}

inline fn flip_block(to: []u8, from: []const u8, comptime first: u8) void {
    const block: Block = from[0..@sizeOf(Block)].*;
    const is_letter = block -% @as(Block, @splat(first)) < @as(Block, @splat(26));
    to[0..@sizeOf(Block)].* = @select(u8, is_letter, block ^ @as(Block, @splat(case)), block);
}

test "the letters of ASCII change at every place of a block, and nothing else does" {
    var given: [256 + 47]u8 = undefined;
    for (&given, 0..) |*byte, index| byte.* = @truncate(index *% 7);
    var made: [given.len]u8 = undefined;
    var expected: [given.len]u8 = undefined;
    for (0..48) |start| for (start..start + 48) |end| {
        const from = given[start..end];
        const to = made[0..from.len];
        upper(to, from);
        try std.testing.expectEqualStrings(std.ascii.upperString(&expected, from), to);
        lower(to, from);
        try std.testing.expectEqualStrings(std.ascii.lowerString(&expected, from), to);
    };
    upper(&made, &given);
    try std.testing.expectEqualStrings(std.ascii.upperString(&expected, &given), &made);
    lower(&given, &given);
    try std.testing.expectEqualStrings(std.ascii.lowerString(&expected, &made), &given);
}
