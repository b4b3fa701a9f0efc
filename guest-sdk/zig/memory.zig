//! The memory of a batch, from an area that the instance has from the start.
//!
//! A page that an instance asks for costs the host several system calls, and a fresh instance would ask in every batch: for the
//! input, for each column of the output, and whenever one grows. The area holds the largest batch by default, once as input and
//! once as output, and as much again. What does not fit comes from the heap.
const std = @import("std");
const builtin = @import("builtin");

const Alignment = std.mem.Alignment;

const area_bytes = 3 << 20;
const alignment_max: Alignment = .@"16";
const heap: std.mem.Allocator = if (builtin.cpu.arch.isWasm()) std.heap.wasm_allocator else std.heap.page_allocator;

var area: [area_bytes]u8 align(alignment_max.toByteUnits()) = undefined;
var used: usize = 0;
/// What `keep` keeps.
var kept: usize = 0;
/// Where in the area the last allocation begins: it can become longer where it is.
var last: usize = 0;
/// What did not fit into the area.
var pieces: std.ArrayList([]align(alignment_max.toByteUnits()) u8) = .empty;

/// Memory that is gone when the batch is done.
pub const allocator: std.mem.Allocator = .{
    .ptr = undefined,
    .vtable = &.{ .alloc = alloc, .resize = resize, .remap = remap, .free = free },
};

/// Values in a row. Other than `std.ArrayList` it fills no memory, which would cost a stage as much as its work.
pub fn List(comptime T: type) type {
    return struct {
        const Self = @This();

        items: []T = &.{},
        capacity: usize = 0,

        /// Makes the list longer. The new values are anything.
        pub inline fn extend(list: *Self, more: usize) error{OutOfMemory}![]T {
            const start = list.items.len;
            if (more > list.capacity - start) try list.grow(start + more);
            list.items.len += more;
            return list.items[start..];
        }

        pub inline fn append(list: *Self, item: T) error{OutOfMemory}!void {
            (try list.extend(1))[0] = item;
        }

        pub fn repeat(list: *Self, item: T, times: usize) error{OutOfMemory}!void {
            @memset(try list.extend(times), item);
        }

        /// Room for as many values.
        pub fn grow(list: *Self, wanted: usize) error{OutOfMemory}!void {
            const capacity = if (list.capacity == 0) wanted else @max(wanted, 2 * list.capacity);
            const bytes = std.math.mul(usize, capacity, @sizeOf(T)) catch return error.OutOfMemory;
            const old = @as([*]u8, @ptrCast(list.items.ptr))[0 .. list.capacity * @sizeOf(T)];
            if (list.capacity == 0 or !allocator.rawResize(old, .of(T), bytes, @returnAddress())) {
                const fresh = allocator.rawAlloc(bytes, .of(T), @returnAddress()) orelse return error.OutOfMemory;
                const to: [*]T = @ptrCast(@alignCast(fresh));
                @memcpy(to, list.items);
                if (list.capacity > 0) allocator.rawFree(old, .of(T), @returnAddress());
                list.items.ptr = to;
            }
            list.capacity = capacity;
        }
    };
}

/// What has been allocated until now stays for good.
pub fn keep() void {
    kept = used;
    pieces = .empty;
}

/// All memory is gone.
pub fn release() void {
    used = kept;
    last = used;
    for (pieces.items) |piece| heap.rawFree(piece, alignment_max, @returnAddress());
    pieces.items.len = 0;
}

fn alloc(_: *anyopaque, len: usize, alignment: Alignment, address: usize) ?[*]u8 {
    const start = alignment.forward(used);
    if (start < area_bytes and len <= area_bytes - start) {
        last = start;
        used = start + len;
        return area[start..].ptr;
    }
    pieces.ensureUnusedCapacity(heap, 1) catch return null;
    const piece: [*]align(alignment_max.toByteUnits()) u8 = @alignCast(heap.rawAlloc(len, alignment_max, address) orelse return null);
    pieces.appendAssumeCapacity(piece[0..len]);
    return piece;
}

fn start_of(old: []u8) ?usize {
    const start = @intFromPtr(old.ptr) -% @intFromPtr(&area);
    return if (start < area_bytes) start else null;
}

fn resize(_: *anyopaque, old: []u8, _: Alignment, len: usize, _: usize) bool {
    const start = start_of(old) orelse return len <= old.len;
    if (len <= old.len) return true;
    if (start != last or len > area_bytes - start) return false;
    used = start + len;
    return true;
}

fn remap(context: *anyopaque, old: []u8, alignment: Alignment, len: usize, address: usize) ?[*]u8 {
    return if (resize(context, old, alignment, len, address)) old.ptr else null;
}

fn free(_: *anyopaque, old: []u8, _: Alignment, address: usize) void {
    if (start_of(old)) |start| {
        if (start == last) used = start;
        return;
    }
    for (pieces.items, 0..) |piece, index| {
        if (piece.ptr != old.ptr) continue;
        heap.rawFree(piece, alignment_max, address);
        _ = pieces.swapRemove(index);
        return;
    }
}
