//! A source: what a file declares that makes records from nothing but its configuration.
const std = @import("std");

const config_reader = @import("config.zig");
const memory = @import("memory.zig");
const sandmill = @import("sandmill.zig");

/// Where a source is in what it reads.
pub const Place = struct {
    /// Any text; empty at the beginning. A run that is resumed gives back the last one. What is put here is copied when the call
    /// is over.
    cursor: []const u8 = "",
    /// There is no more.
    done: bool = false,

    /// The cursor as a number; 0 at the beginning.
    pub fn number(place: Place) !u64 {
        return if (place.cursor.len == 0) 0 else std.fmt.parseInt(u64, place.cursor, 10);
    }

    /// Makes a number the cursor.
    pub fn move(place: *Place, to: u64) !void {
        place.cursor = try std.fmt.allocPrint(memory.allocator, "{d}", .{to});
    }
};

/// What a source's file declares, in one place: `pull`, and perhaps `Config`, `State` and `open`.
pub fn Source(comptime file: type) type {
    return struct {
        const Self = @This();
        pub const Config = if (@hasDecl(file, "Config")) file.Config else struct {};
        pub const State = if (@hasDecl(file, "State")) file.State else struct {};

        config: Config,
        state: State,
        place: Place = .{},

        /// Opens the source where it was. When it returns `error.Refused`, `why` says why.
        pub fn open(text: []const u8, cursor: []const u8, why: *[]const u8) error{ Refused, OutOfMemory }!Self {
            const config = try config_reader.read(Config, memory.allocator, text, why);
            const state: State = if (@hasDecl(file, "open")) file.open(config) catch |err| {
                why.* = @errorName(err);
                return error.Refused;
            } else if (@hasDecl(file, "State")) State{} else .{};
            return .{ .config = config, .state = state, .place = .{ .cursor = try sandmill.allocator.dupe(u8, cursor) } };
        }

        /// Asks for at most `most` records. When it returns `error.Refused`, `why` says why.
        pub fn pull(source: *Self, most: u32, why: *[]const u8) error{ Refused, OutOfMemory }!sandmill.Output {
            var out: sandmill.Output = .{};
            const before = source.place.cursor;
            source.call(most, &out) catch |err| try out.failed(err);
            if (out.failure) |failure| {
                source.place.cursor = before;
                why.* = failure.message;
                return error.Refused;
            }
            if (!std.unicode.utf8ValidateSlice(source.place.cursor)) {
                why.* = "the source's cursor is not UTF-8";
                return error.Refused;
            }
            // What the file has put there may be gone with the call.
            source.place.cursor = try sandmill.allocator.dupe(u8, source.place.cursor);
            sandmill.allocator.free(before);
            try out.finish();
            return out;
        }

        /// Calls `pull` with what its parameters' types ask for.
        inline fn call(source: *Self, most: u32, out: *sandmill.Output) anyerror!void {
            var arguments: std.meta.ArgsTuple(@TypeOf(file.pull)) = undefined;
            inline for (&arguments) |*argument| {
                argument.* = switch (@TypeOf(argument.*)) {
                    u32, usize => most,
                    *Place => &source.place,
                    *sandmill.Output => out,
                    *State => &source.state,
                    std.mem.Allocator => memory.allocator,
                    Config => source.config,
                    *const Config => &source.config,
                    else => |T| @compileError("pull takes a u32, a *sandmill.Place, a *sandmill.Output, and perhaps a Config, a *State and a std.mem.Allocator, not " ++ @typeName(T)),
                };
            }
            return @call(.auto, file.pull, arguments);
        }
    };
}

/// The trial of a source's file:
///
///     var trial = try sandmill.SourceTrial(@This()).open("{\"last\": 4}", "3");
///     try trial.pull(10);
///     try std.testing.expectEqualStrings("4", trial.value(1).?);
///     try std.testing.expect(trial.place().done);
pub fn SourceTrial(comptime file: type) type {
    return struct {
        const Self = @This();

        source: Source(file),
        out: sandmill.Output = .{},

        /// Opens the source with the JSON of a configuration, at a cursor: "" is the beginning.
        pub fn open(config: []const u8, cursor: []const u8) !Self {
            var why: []const u8 = "";
            memory.release();
            const source = Source(file).open(config, cursor, &why) catch |err| {
                std.log.info("refused: {s}", .{why});
                return err;
            };
            memory.keep();
            return .{ .source = source };
        }

        /// Asks for at most so many records.
        pub fn pull(trial: *Self, most: u32) !void {
            var why: []const u8 = "";
            memory.release();
            trial.out = try trial.source.pull(most, &why);
        }

        /// Where the source is by now.
        pub fn place(trial: Self) Place {
            return trial.source.place;
        }

        /// How many records there are.
        pub fn count(trial: Self) usize {
            return trial.out.count();
        }

        /// The value of a record; null when there is none.
        pub fn value(trial: Self, index: usize) ?[]const u8 {
            return if (index < trial.count()) trial.out.values.at(index) else null;
        }
    };
}

const numbers = struct {
    pub const Config = struct { last: u64 };

    pub fn pull(config: Config, most: u32, place: *Place, out: *sandmill.Output) !void {
        var next = try place.number();
        const end = @min(next + most, config.last + 1);
        while (next < end) : (next += 1) try out.print("{d}", .{next});
        if (next == 13) return out.fail("thirteen brings bad luck", .{});
        try place.move(next);
        place.done = next > config.last;
    }
};

test "a source continues where it was" {
    var trial = try SourceTrial(numbers).open("{\"last\": 4}", "");
    try trial.pull(3);
    try std.testing.expectEqual(3, trial.count());
    try std.testing.expectEqualStrings("3", trial.place().cursor);
    try trial.pull(3);
    try std.testing.expectEqualStrings("4", trial.value(1).?);
    try std.testing.expect(trial.place().done);
    var resumed = try SourceTrial(numbers).open("{\"last\": 4}", "4");
    try resumed.pull(3);
    try std.testing.expectEqual(1, resumed.count());
}

test "a source that fails stays where it is" {
    var trial = try SourceTrial(numbers).open("{\"last\": 20}", "10");
    try std.testing.expectError(error.Refused, trial.pull(3));
    try std.testing.expectEqualStrings("10", trial.place().cursor);
    try std.testing.expectError(error.Refused, SourceTrial(numbers).open("{\"last\": \"4\"}", ""));
}
