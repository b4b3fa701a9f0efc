//! The Wasm side, by hand: what the canonical ABI calls, and what it is given. It is the root of a component; the stage's file is
//! its module `stage`. One instance holds one stage.
const std = @import("std");
const builtin = @import("builtin");
const file = @import("stage");
const sandmill = @import("sandmill");

const memory = sandmill.internal.memory;
/// A file that declares `pull` is a source.
const is_source = @hasDecl(file, "pull");
const Stage = sandmill.Stage(file);
const Source = sandmill.Source(file);

const host = struct {
    extern "sandmill:stage/host@0.1.0" fn log(level: u32, message: [*]const u8, len: usize) void;
    extern "sandmill:stage/host@0.1.0" fn write(level: u32, bytes: [*]const u8, len: usize) void;
    extern "sandmill:stage/host@0.1.0" fn panicked(message: [*]const u8, len: usize, place: [*]const u8, place_len: usize) void;
};

/// `std.log` makes lines for the person who runs the pipeline.
pub const std_options: std.Options = .{ .logFn = log, .log_level = .debug };

/// `std.debug.print` makes lines as well. Without these, the standard library brings an operating system along: 80 KB of it.
pub const std_options_debug_threaded_io: ?*std.Io.Threaded = null;
pub const std_options_debug_io: std.Io = .{ .userdata = null, .vtable = &stderr.vtable };

const stderr = struct {
    const vtable: std.Io.VTable = blk: {
        var functions = std.Io.failing.vtable.*;
        functions.lockStderr = lock;
        functions.unlockStderr = unlock;
        functions.swapCancelProtection = swap;
        break :blk functions;
    };

    var writer: std.Io.File.Writer = undefined;

    fn lock(_: ?*anyopaque, _: ?std.Io.Terminal.Mode) std.Io.Cancelable!std.Io.LockedStderr {
        writer = .initStreaming(.stderr(), std_options_debug_io, &.{});
        writer.interface.vtable = &.{ .drain = drain };
        return .{ .file_writer = &writer, .terminal_mode = .no_color };
    }

    fn unlock(_: ?*anyopaque) void {
        writer.interface.flush() catch {};
    }

    fn swap(_: ?*anyopaque, protection: std.Io.CancelProtection) std.Io.CancelProtection {
        return protection;
    }

    /// Writes what is buffered, then `data`, whose last piece is there `splat` times.
    fn drain(to: *std.Io.Writer, data: []const []const u8, splat: usize) std.Io.Writer.Error!usize {
        write(to.buffered());
        for (data[0 .. data.len - 1]) |piece| write(piece);
        for (0..splat) |_| write(data[data.len - 1]);
        _ = to.consumeAll();
        return std.Io.Writer.countSplat(data, splat);
    }

    fn write(piece: []const u8) void {
        if (piece.len > 0) host.write(2, piece.ptr, piece.len);
    }
};

pub const panic = std.debug.FullPanic(panicked);

fn panicked(message: []const u8, _: ?usize) noreturn {
    host.panicked(message.ptr, message.len, "", 0);
    @trap();
}

fn log(comptime level: std.log.Level, comptime scope: @EnumLiteral(), comptime format: []const u8, arguments: anytype) void {
    const prefix = if (scope == .default) "" else @tagName(scope) ++ ": ";
    const line = std.fmt.allocPrint(memory.allocator, prefix ++ format, arguments) catch @panic("out of memory");
    const shown = sandmill.Output.legible(line) catch @panic("out of memory");
    host.log(switch (level) {
        .debug => 0,
        .info => 1,
        .warn => 2,
        .err => 3,
    }, shown.ptr, shown.len);
}

/// A list of the canonical ABI. An empty one has no address.
const List = extern struct {
    ptr: usize = 16,
    len: usize = 0,

    fn of(items: anytype) List {
        return if (items.len == 0) .{} else .{ .ptr = @intFromPtr(items.ptr), .len = items.len };
    }
};

const WireFailure = extern struct { index: u32, retryable: u32, message: List };

/// result<outcome, string> and result<_, string>. The first list of an error is its message.
const Answer = extern struct {
    is_error: u32 = 0,
    values: List = .{},
    ends: List = .{},
    keys: List = .{},
    key_ends: List = .{},
    origins: List = .{},
    ports: List = .{},
    failures: List = .{},
};

/// result<chunk, string>, and result<_, string>.
const ChunkAnswer = extern struct {
    is_error: u32 = 0,
    values: List = .{},
    ends: List = .{},
    keys: List = .{},
    key_ends: List = .{},
    cursor: List = .{},
    done: u32 = 0,
};

var source: Source = undefined;
var chunk: ChunkAnswer = .{};

fn source_refused(why: []const u8) *ChunkAnswer {
    chunk = .{ .is_error = 1, .values = .of(sandmill.Output.legible(why) catch @panic("out of memory")) };
    return &chunk;
}

fn source_open(config: [*]const u8, len: usize, has_cursor: u32, cursor: [*]const u8, cursor_len: usize) callconv(.c) *ChunkAnswer {
    var why: []const u8 = "";
    source = Source.open(config[0..len], if (has_cursor != 0) cursor[0..cursor_len] else "", &why) catch |err| switch (err) {
        error.Refused => return source_refused(why),
        error.OutOfMemory => @panic("out of memory"),
    };
    chunk = .{};
    memory.keep();
    return &chunk;
}

fn pull(most: u32) callconv(.c) *ChunkAnswer {
    var why: []const u8 = "";
    const out = source.pull(most, &why) catch |err| switch (err) {
        error.Refused => return source_refused(why),
        error.OutOfMemory => @panic("out of memory"),
    };
    chunk = .{
        .values = .of(out.values.data.items),
        .ends = .of(out.values.ends.items),
        .keys = .of(out.keys.data.items),
        .key_ends = .of(out.keys.ends.items),
        .cursor = .of(source.place.cursor),
        .done = @intFromBool(source.place.done),
    };
    return &chunk;
}

fn pulled(_: *ChunkAnswer) callconv(.c) void {
    memory.release();
}

var stage: Stage = undefined;
var answer: Answer = .{};

fn refused(why: []const u8) *Answer {
    answer = .{ .is_error = 1, .values = .of(sandmill.Output.legible(why) catch @panic("out of memory")) };
    return &answer;
}

fn emitted(out: sandmill.Output) *Answer {
    const failures = memory.allocator.alloc(WireFailure, out.failures.items.len) catch @panic("out of memory");
    for (failures, out.failures.items) |*to, failure|
        to.* = .{ .index = failure.index, .retryable = @intFromBool(failure.retryable), .message = .of(failure.message) };
    answer = .{
        .values = .of(out.values.data.items),
        .ends = .of(out.values.ends.items),
        .keys = .of(out.keys.data.items),
        .key_ends = .of(out.keys.ends.items),
        .origins = .of(out.origins.items),
        .ports = .of(out.ports.items),
        .failures = .of(failures),
    };
    return &answer;
}

fn open(config: [*]const u8, len: usize) callconv(.c) *Answer {
    var why: []const u8 = "";
    stage = Stage.open(config[0..len], &why) catch |err| switch (err) {
        error.Refused => return refused(why),
        error.OutOfMemory => @panic("out of memory"),
    };
    answer = .{};
    memory.keep();
    return &answer;
}

fn process(
    values: [*]const u8,
    bytes: usize,
    ends: [*]const u32,
    count: usize,
    keys: [*]const u8,
    key_bytes: usize,
    key_ends: [*]const u32,
    key_count: usize,
) callconv(.c) *Answer {
    const out = stage.run(.{
        .values = values[0..bytes],
        .ends = ends[0..count],
        .keys = keys[0..key_bytes],
        .key_ends = key_ends[0..key_count],
    }) catch @panic("out of memory");
    return emitted(out);
}

fn flush() callconv(.c) *Answer {
    var why: []const u8 = "";
    const out = stage.end(&why) catch |err| switch (err) {
        error.Refused => return refused(why),
        error.OutOfMemory => @panic("out of memory"),
    };
    return emitted(out);
}

/// The host has read the answer.
fn done(_: *Answer) callconv(.c) void {
    memory.release();
}

fn realloc(old: [*]u8, old_len: usize, alignment: usize, len: usize) callconv(.c) usize {
    // Aligned, within memory, and never looked at.
    if (len == 0) return alignment;
    const fresh = memory.allocator.rawAlloc(len, .@"8", @returnAddress()) orelse @panic("out of memory");
    if (old_len > 0) @memcpy(fresh[0..old_len], old[0..old_len]);
    return @intFromPtr(fresh);
}

comptime {
    @export(&realloc, .{ .name = "cabi_realloc" });
    if (is_source) {
        const name = "sandmill:stage/source@0.1.0#";
        @export(&source_open, .{ .name = name ++ "open" });
        @export(&pull, .{ .name = name ++ "pull" });
        @export(&pulled, .{ .name = "cabi_post_" ++ name ++ "pull" });
    } else {
        // Tells the host, before anything runs, whether the stage has outputs at its end.
        const mark = if (Stage.flushes) "flush=1" else "flush=0";
        asm (".section \".custom_section.sandmill:stage\",\"\",@\n.ascii \"" ++ mark ++ "\\n\"\n.text\n");

        const name = "sandmill:stage/transform@0.1.0#";
        @export(&open, .{ .name = name ++ "open" });
        @export(&process, .{ .name = name ++ "process" });
        @export(&flush, .{ .name = name ++ "flush" });
        @export(&done, .{ .name = "cabi_post_" ++ name ++ "process" });
        @export(&done, .{ .name = "cabi_post_" ++ name ++ "flush" });
    }
}
