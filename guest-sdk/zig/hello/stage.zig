//! The stage under test of the conformance suite: the same in every language. Its first character says what a record does.
const std = @import("std");
const sandmill = @import("sandmill");

pub const Config = struct { prefix: []const u8 = "", limit: i64 = 0 };

/// How many records the instance has seen, and how many it keeps until its end.
pub const State = struct { seen: u32 = 0, kept: u32 = 0, is_spoilt: bool = false };

pub fn process(value: []const u8, config: Config, state: *State, out: *sandmill.Output) !void {
    state.seen += 1;
    if (value.len == 0) return upper(value, config, out);
    switch (value[0]) {
        '!' => {
            if (std.mem.startsWith(u8, value, "!?")) return out.retry("told to fail: {s}", .{value});
            return out.fail("told to fail: {s}", .{value});
        },
        '-' => {},
        '+' => for (0..2) |_| try upper(value[1..], config, out),
        '*' => for (0..try std.fmt.parseInt(u32, value[1..], 10)) |_| try upper(value, config, out),
        '@' => {
            const equals = std.mem.indexOfScalar(u8, value, '=') orelse return out.fail("there is no \"=\"", .{});
            out.key = value[1..equals];
            try upper(value[equals + 1 ..], config, out);
        },
        '>' => {
            const space = std.mem.indexOfScalar(u8, value, ' ') orelse return out.fail("there is no port", .{});
            out.port = try std.fmt.parseInt(u16, value[1..space], 10);
            try upper(value[space + 1 ..], config, out);
        },
        '~' => try odd(value, config, state, out),
        else => try upper(value, config, out),
    }
}

/// An output for each record that was kept.
pub fn flush(state: *State, out: *sandmill.Output) !void {
    if (state.is_spoilt) return out.fail("told to fail at the end", .{});
    out.key = "kept";
    for (1..state.kept + 1) |number| try out.print("{d}", .{number});
}

fn upper(value: []const u8, config: Config, out: *sandmill.Output) !void {
    const to = try out.room(config.prefix.len + value.len);
    for (to[0..config.prefix.len], config.prefix) |*t, c| t.* = c;
    sandmill.ascii.upper(to[config.prefix.len..], value);
}

/// What concerns the instance, and failures of all kinds.
fn odd(value: []const u8, config: Config, state: *State, out: *sandmill.Output) !void {
    const Verb = enum { keep, spoil, count, limit, both, nothing, long, nul, @"error" };
    switch (std.meta.stringToEnum(Verb, value[1..]) orelse {
        try speak(value);
        try break_it(value, state, out);
        return out.emit(value);
    }) {
        .keep => state.kept += 1,
        .spoil => state.is_spoilt = true,
        .count => try out.print("{d}", .{state.seen}),
        .limit => try out.print("{d}", .{config.limit}),
        .both => {
            try out.emit("lost");
            return out.fail("emitted, then failed", .{});
        },
        .nothing => return out.fail("", .{}),
        .long => return out.fail("{s}", .{&@as([1_000_000]u8, @splat('x'))}),
        .nul => return out.fail("a\x00b", .{}),
        .@"error" => return error.ToldToFail,
    }
}

/// What a stage says, and what it asks of a system that it does not have.
fn speak(value: []const u8) !void {
    const Verb = enum { print, log, file, env };
    switch (std.meta.stringToEnum(Verb, value[1..]) orelse return) {
        .print => {
            std.debug.print("printed, Straße\nto stderr\nbytes \xff|\n", .{});
            std.debug.print("no end", .{});
        },
        .log => {
            std.log.debug("debug, Straße", .{});
            std.log.info("info", .{});
            std.log.warn("warn", .{});
            std.log.err("error {d}", .{4});
        },
        .file => _ = try std.Io.Dir.cwd().openFile(std.Io.failing, "/etc/passwd", .{}),
        .env => _ = (std.process.Environ.Map.init(sandmill.allocator)).get("HOME") orelse return error.EnvironmentVariableMissing,
    }
}

/// What ends the instance.
fn break_it(value: []const u8, state: *State, out: *sandmill.Output) !void {
    const Verb = enum { panic, index, oom, deep, exit, loop };
    if (std.mem.startsWith(u8, value, "~last ")) {
        std.debug.print("last words", .{});
        return break_it(value["~last ".len..], state, out);
    }
    switch (std.meta.stringToEnum(Verb, value[1..]) orelse return) {
        .panic => @panic("told to panic"),
        .index => try out.emit(value[value.len + state.seen ..]),
        .oom => while (true) {
            const more = try sandmill.allocator.alloc(u8, 1 << 20);
            @memset(more, 1);
        },
        .deep => try out.print("{d}", .{deep(0)}),
        .exit => std.process.exit(3),
        .loop => {
            var forever = true;
            const p: *volatile bool = &forever;
            while (p.*) {}
        },
    }
}

fn deep(n: u32) u32 {
    var frame: [32]u32 = @splat(n);
    const p: *volatile [32]u32 = &frame;
    return if (n == std.math.maxInt(u32)) n else deep(n + 1) +% p[n % 32];
}

test "every kind of record has its fate" {
    const expect = std.testing.expect;
    var trial = try sandmill.Trial(@This()).open("{\"prefix\": \"> \"}");
    try trial.process(&.{ "a", "-", "!x", "!?x", "+b", "*2", "@k=v", ">1 s", "", "~error" });
    const values = [_][]const u8{ "> A", "> B", "> B", "> *2", "> *2", "> V", "> S", "> " };
    const origins = [_]usize{ 0, 4, 4, 5, 5, 6, 7, 8 };
    try expect(trial.count() == values.len);
    for (values, origins, 0..) |value, origin, index| {
        try std.testing.expectEqualStrings(value, trial.value(index).?);
        try expect(trial.origin(index) == origin);
    }
    try std.testing.expectEqualStrings("told to fail: !x", trial.failure(2).?);
    try expect(!trial.is_retryable(2) and trial.is_retryable(3));
    try std.testing.expectEqualStrings("k", trial.key(5));
    try expect(trial.port(6) == 1 and trial.port(7) == 0);
    try std.testing.expectEqualStrings("ToldToFail", trial.failure(9).?);
}

test "what is kept comes at the end" {
    var trial = try sandmill.Trial(@This()).open("{}");
    try trial.process(&.{ "~keep", "~keep" });
    try std.testing.expect(trial.count() == 0);
    try trial.flush();
    try std.testing.expectEqualStrings("1", trial.value(0).?);
    try std.testing.expectEqualStrings("2", trial.value(1).?);
}
