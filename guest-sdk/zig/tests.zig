//! Tests of the SDK, as a stage's author sees it.
const std = @import("std");
const sandmill = @import("sandmill.zig");

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

/// Each letter of the record is an instruction.
const Letters = struct {
    pub fn process(line: sandmill.Text, out: *sandmill.Output) !void {
        for (line.text, 0..) |letter, at| switch (letter) {
            'e' => try out.emit("emitted"),
            'k' => try out.emit_keyed("key", "k"),
            'p' => try out.emit_to(2, "p"),
            'f' => return out.fail("failed at {d}", .{at}),
            'b' => return out.fail("bad \xff byte", .{}),
            'r' => return out.retry("busy", .{}),
            'x' => return error.ToldToFail,
            'l' => try out.print("{d:0>1000}", .{7}),
            'n' => @memset(try out.room(5 << 20), 'n'),
            else => {},
        };
    }

    pub fn flush(out: *sandmill.Output) !void {
        return out.fail("flush has failed", .{});
    }
};

test "a batch without records has no outputs" {
    var trial = try sandmill.Trial(Letters).open("");
    try trial.process(&.{});
    try expect(trial.count() == 0 and trial.failure(0) == null);
}

test "what a failing record emitted is taken back" {
    var trial = try sandmill.Trial(Letters).open("{}");
    try trial.process_records(&.{
        .{ .key = "x", .value = "e" },  .{ .key = "y", .value = "ekpfe" }, .{ .key = "", .value = "e" },
        .{ .key = "z", .value = "ex" },
    });
    try expect(trial.count() == 2 and trial.origin(1) == 2 and trial.port(1) == 0);
    try expectEqualStrings("x", trial.key(0));
    try expectEqualStrings("", trial.key(1));
    try expectEqualStrings("failed at 3", trial.failure(1).?);
    try expectEqualStrings("ToldToFail", trial.failure(3).?);
    try expect(trial.failure(0) == null and trial.failure(2) == null);
}

test "keys and ports begin late and cover every output" {
    var trial = try sandmill.Trial(Letters).open("{}");
    try trial.process(&.{ "e", "k", "pe", "" });
    const keys = [_][]const u8{ "", "key", "", "" };
    const ports = [_]u16{ 0, 0, 2, 0 };
    const origins = [_]usize{ 0, 1, 2, 2 };
    try expect(trial.count() == 4);
    for (keys, ports, origins, 0..) |key, port, origin, index| {
        try expectEqualStrings(key, trial.key(index));
        try expect(trial.port(index) == port and trial.origin(index) == origin);
    }
}

test "text that is not UTF-8 fails its record" {
    var trial = try sandmill.Trial(Letters).open("{}");
    const cases = [_]struct { []const u8, []const u8 }{
        .{ "ab\xff", "byte 0xff at offset 2" },            .{ "\xc3", "byte 0xc3 at offset 0" },
        .{ "012345678\xc0\xaf", "byte 0xc0 at offset 9" }, .{ "\xed\xa0\x80", "byte 0xed at offset 0" },
        .{ "\xf4\x90\x80\x80", "byte 0xf4 at offset 0" },
    };
    for (cases) |case| {
        try trial.process(&.{ "e", case[0], "ü\u{2028}𝄞\x00e" });
        try expect(trial.count() == 2 and std.mem.indexOf(u8, trial.failure(1).?, case[1]) != null);
    }
}

test "a message can be shown, and says whether to try again" {
    var trial = try sandmill.Trial(Letters).open("{}");
    try trial.process(&.{ "b", "r" });
    try expectEqualStrings("bad \u{fffd} byte", trial.failure(0).?);
    try expectEqualStrings("busy", trial.failure(1).?);
    try expect(!trial.is_retryable(0) and trial.is_retryable(1));
}

test "outputs may be larger than the SDK's own memory" {
    var trial = try sandmill.Trial(Letters).open("{}");
    for (0..3) |_| {
        try trial.process(&.{ "n", "l", "nn", "e" });
        try expect(trial.count() == 5 and trial.value(3).?.len == 5 << 20 and trial.value(3).?[(5 << 20) - 1] == 'n');
        try expect(trial.value(1).?.len == 1000 and trial.value(1).?[998] == '0');
        try expectEqualStrings("emitted", trial.value(4).?);
    }
}

test "a flush that fails is an error" {
    var trial = try sandmill.Trial(Letters).open("{}");
    try std.testing.expectError(error.Refused, trial.flush());
}

const Settings = struct {
    pub const Config = struct {
        name: []const u8,
        mode: enum { plain, loud } = .plain,
        width: i64 = -80,
        rate: f64 = 0.5,
        maybe: ?bool = null,
        fields: []const []const u8 = &.{},
        nested: struct { deep: u8 = 1 } = .{},
    };

    var last: Config = undefined;

    pub fn open(config: Config) !struct {} {
        if (config.width == 13) return error.BadLuck;
        last = config;
        return .{};
    }

    pub const State = @typeInfo(@typeInfo(@TypeOf(open)).@"fn".return_type.?).error_union.payload;

    pub fn process(_: []const u8) !void {}
};

fn refused(text: []const u8, why: []const u8) !void {
    const there = try sandmill.Trial(Settings).refusal(text) orelse return error.NotRefused;
    try expectEqualStrings(why, there);
}

test "a configuration is read exactly" {
    const Trial = sandmill.Trial(Settings);
    _ = try Trial.open("{\"name\": \"n\"}");
    try expect(Settings.last.width == -80 and Settings.last.mode == .plain and Settings.last.maybe == null);
    _ = try Trial.open(
        \\ {"name": "\u00fc\ud834\udd1e\n\"\u0000", "mode": "loud", "width": 9007199254740993, "rate": -1.5e3,
        \\  "maybe": true, "fields": ["a", "b\/c"], "nested": {"deep": 7}}
    );
    const last = Settings.last;
    try expectEqualStrings("ü𝄞\n\"\x00", last.name);
    try expect(last.mode == .loud and last.width == 9007199254740993 and last.rate == -1500 and last.maybe.?);
    try expectEqualStrings("b/c", last.fields[1]);
    try expectEqual(7, last.nested.deep);
}

test "a field that does not fit is named" {
    try refused("{}", "config.name: the field is missing");
    try refused("null", "config.name: the field is missing");
    try refused("{\"name\": 5}", "config.name: expected a text, found a number");
    try refused("{\"width\": 1.0}", "config.width: the number is not an integer, or does not fit into i64");
    try refused("{\"width\": 9223372036854775808}", "config.width: the number is not an integer, or does not fit into i64");
    try refused("{\"rate\": 1e400}", "config.rate: the number is too large");
    try refused("{\"mode\": \"soft\"}", "config.mode: expected one of \"plain\" \"loud\"");
    try refused("{\"fields\": [\"a\", 1]}", "config.fields: expected a text, found a number");
    try refused("{\"nested\": {\"deep\": 256}}", "config.nested.deep: the number is not an integer, or does not fit into u8");
    try refused("{\"nested\": {\"deap\": 1}}", "config.nested.deap: unknown field, expected \"deep\"");
    try refused("{\"name\": \"n\", \"name\": \"n\"}", "config.name: the field is there twice");
    try refused("{\"name\": \"n\", \"width\": 13}", "BadLuck");
    try expectEqualStrings(
        "config.loud: unknown field: this stage takes no configuration",
        (try sandmill.Trial(Letters).refusal("{\"loud\": true}")).?,
    );
}

test "what is not JSON is refused" {
    try refused("5", "config: expected a table, found a number");
    try refused("{\"name\": \"n\"} {}", "config: something follows the table");
    try refused("{\"name\": \"n\"", "config: a table has no end");
    try refused("{\"name\" \"n\"}", "config.name: a colon is expected");
    try refused("{\"name\": NaN}", "config.name: a value is expected");
    try refused("{\"width\": -}", "config.width: a number has no digits");
    try refused("{\"name\": \"\\ud800\"}", "config.name: a text has half of a surrogate pair");
    try refused("{\"name\": \"\\ud800\\u0041\"}", "config.name: a text has half of a surrogate pair");
    try refused("{\"name\": \"\\udc00\"}", "config.name: a text has half of a surrogate pair");
    try refused("{\"name\": \"\\x\"}", "config.name: a text has an unknown escape");
    try refused("{\"name\": \"a\nb\"}", "config.name: a text has a control character");
    try refused("{\"name\": \"n", "config.name: a text has no end");
    try refused("{\"name\": " ++ @as([1000]u8, @splat('[')), "config.name: values lie within values too deeply");
}

const Order = struct { customer: []const u8, amount: f64 = 0, id: u64 = 0 };

const Orders = struct {
    pub fn process(order: sandmill.Json(Order), out: *sandmill.Output) !void {
        var changed = order.value;
        if (std.mem.eql(u8, changed.customer, "inf")) changed.amount = std.math.inf(f64);
        if (std.mem.eql(u8, changed.customer, "bytes")) changed.customer = "\xff";
        try out.emit_json(changed);
    }
};

test "JSON is exact or refused" {
    var trial = try sandmill.Trial(Orders).open("{}");
    try trial.process(&.{
        "{\"customer\":\"\\ud834\\udd1e <&>\",\"amount\":0.1,\"id\":18446744073709551615,\"more\":[{}]}",
        "{\"customer\":\"\",\"id\":18446744073709551616}",
        "{\"customer\":\"\",\"amount\":1e400}",
        "{\"customer\":\"\\ud800\"}",
        "{\"customer\":\"\xff\"}",
        "NaN",
        "",
        "{}",
        "{\"customer\":\"\"} 1",
        "{\"customer\":5}",
        "{\"customer\":\"inf\"}",
        "{\"customer\":\"bytes\"}",
    });
    try expect(trial.count() == 1);
    try expectEqualStrings("{\"customer\":\"𝄞 <&>\",\"amount\":0.1,\"id\":18446744073709551615}", trial.value(0).?);
    for (1..12) |record| try expect(trial.failure(record) != null);
    try expectEqualStrings("cannot write as JSON: a number is not finite", trial.failure(10).?);
    try expectEqualStrings("the record does not fit: customer: the field is missing", trial.failure(7).?);
    try expectEqualStrings("the record does not fit: customer: expected a text, found a number", trial.failure(9).?);
}

const Anything = struct {
    pub fn process(value: sandmill.Json(std.json.Value), out: *sandmill.Output) !void {
        try out.emit_json(value.value);
    }
};

test "a number without a type keeps its digits" {
    var trial = try sandmill.Trial(Anything).open("{}");
    const exact = [_][]const u8{ "9007199254740993", "{\"a\":[18446744073709551616]}", "-5", "null", "\"a\"" };
    try trial.process(&exact);
    for (exact, 0..) |text, index| try expectEqualStrings(text, trial.value(index).?);
    try trial.process(&.{ "1e400", "[-1e400]" });
    try expectEqualStrings("the record does not fit: a number is too large", trial.failure(0).?);
    try expect(trial.failure(1) != null);
}

test "JSON may lie within JSON as deeply as in the other SDKs, and no deeper" {
    var trial = try sandmill.Trial(Anything).open("{}");
    const deep = @as([512]u8, @splat('[')) ++ @as([512]u8, @splat(']'));
    try trial.process(&.{ &deep, "[" ++ deep ++ "]", "[\"" ++ @as([600]u8, @splat('[')) ++ "\"]" });
    try expectEqualStrings(&deep, trial.value(0).?);
    try expectEqualStrings("the record is nested more than 512 levels deep", trial.failure(1).?);
    try expect(trial.failure(2) == null);
}

test "what is written is what std.json writes" {
    const Shape = union(enum) { point: struct { x: f32, y: ?i8 }, none, names: []const []const u8 };
    const value = .{ .shapes = [_]Shape{ .{ .point = .{ .x = 1.5, .y = null } }, .none, .{ .names = &.{ "a\"\n", "ü" } } }, .kind = .big, .pair = .{ 1, true } };
    const json = @import("json.zig");
    const expected = try std.json.Stringify.valueAlloc(sandmill.allocator, value, .{});
    try expectEqualStrings(expected, try json.write(sandmill.allocator, value));
}
