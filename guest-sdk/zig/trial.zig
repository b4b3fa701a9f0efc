//! A stage under test, natively: records in, what became of them out.
const std = @import("std");

const memory = @import("memory.zig");
const sandmill = @import("sandmill.zig");

/// The trial of a stage's file:
///
///     var trial = try sandmill.Trial(@This()).open("{\"prefix\": \"> \"}");
///     try trial.process(&.{ "hello", "!bad" });
///     try std.testing.expectEqualStrings("> HELLO", trial.value(0).?);
///     try std.testing.expectEqualStrings("told to fail: !bad", trial.failure(1).?);
///
/// What it returns is there until the next call of any trial.
pub fn Trial(comptime file: type) type {
    return struct {
        const Self = @This();

        stage: sandmill.Stage(file),
        out: sandmill.Output = .{},

        /// Opens the stage with the JSON of a configuration.
        pub fn open(config: []const u8) !Self {
            var why: []const u8 = "";
            memory.release();
            const stage = sandmill.Stage(file).open(config, &why) catch |err| {
                std.log.info("refused: {s}", .{why});
                return err;
            };
            memory.keep();
            return .{ .stage = stage };
        }

        /// Why the stage refuses a configuration; null when it does not.
        pub fn refusal(config: []const u8) !?[]const u8 {
            var why: []const u8 = "";
            memory.release();
            _ = sandmill.Stage(file).open(config, &why) catch |err| return if (err == error.Refused) why else err;
            return null;
        }

        /// Gives the stage records without keys, all in one batch.
        pub fn process(trial: *Self, values: []const []const u8) !void {
            memory.release();
            const records = try memory.allocator.alloc(sandmill.Record, values.len);
            for (records, values) |*record, given| record.* = .{ .key = "", .value = given };
            try trial.run(records);
        }

        /// Gives the stage records with keys, all in one batch.
        pub fn process_records(trial: *Self, records: []const sandmill.Record) !void {
            memory.release();
            try trial.run(records);
        }

        fn run(trial: *Self, records: []const sandmill.Record) !void {
            var values: std.ArrayList(u8) = .empty;
            var ends: std.ArrayList(u32) = .empty;
            var keys: std.ArrayList(u8) = .empty;
            var key_ends: std.ArrayList(u32) = .empty;
            for (records) |record| {
                try values.appendSlice(memory.allocator, record.value);
                try ends.append(memory.allocator, @intCast(values.items.len));
                try keys.appendSlice(memory.allocator, record.key);
                try key_ends.append(memory.allocator, @intCast(keys.items.len));
            }
            trial.out = try trial.stage.run(.{
                .values = values.items,
                .ends = ends.items,
                .keys = keys.items,
                .key_ends = if (keys.items.len > 0) key_ends.items else &.{},
            });
        }

        /// Tells the stage that the input has ended.
        pub fn flush(trial: *Self) !void {
            var why: []const u8 = "";
            memory.release();
            trial.out = try trial.stage.end(&why);
        }

        /// How many outputs there are.
        pub fn count(trial: Self) usize {
            return trial.out.count();
        }

        /// The value of an output; null when there is none.
        pub fn value(trial: Self, index: usize) ?[]const u8 {
            return if (index < trial.count()) trial.out.values.at(index) else null;
        }

        /// The key of an output; "" when it has none.
        pub fn key(trial: Self, index: usize) []const u8 {
            return if (index < trial.out.keys.ends.items.len) trial.out.keys.at(index) else "";
        }

        /// The port that an output goes to.
        pub fn port(trial: Self, index: usize) u16 {
            return if (index < trial.out.ports.items.len) trial.out.ports.items[index] else 0;
        }

        /// Which record of the batch an output was made of.
        pub fn origin(trial: Self, index: usize) usize {
            return if (trial.out.traced) trial.out.origins.items[index] else index;
        }

        /// Why this record of the batch failed; null when it did not.
        pub fn failure(trial: Self, record: usize) ?[]const u8 {
            return if (trial.find(record)) |found| found.message else null;
        }

        /// Whether another attempt at this record may succeed.
        pub fn is_retryable(trial: Self, record: usize) bool {
            return if (trial.find(record)) |found| found.retryable else false;
        }

        fn find(trial: Self, record: usize) ?sandmill.Output.Failure {
            for (trial.out.failures.items) |found| if (found.index == record) return found;
            return null;
        }
    };
}
