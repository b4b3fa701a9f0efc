//! A stage of a Sandmill pipeline as one Zig function.
//!
//!     const sandmill = @import("sandmill");
//!
//!     pub fn process(line: sandmill.Text, out: *sandmill.Output) !void {
//!         sandmill.ascii.upper(try out.room(line.text.len), line.text);
//!     }
//!
//! README.md has every feature, with an example of each.
const std = @import("std");
const builtin = @import("builtin");

const memory = @import("memory.zig");
const config_reader = @import("config.zig");
const json = @import("json.zig");

/// For the root of a component.
pub const internal = struct {
    pub const memory = @import("memory.zig");
};

pub const ascii = @import("ascii.zig");
pub const Output = @import("Output.zig");
pub const Place = @import("source.zig").Place;
pub const Source = @import("source.zig").Source;
pub const SourceTrial = @import("source.zig").SourceTrial;
pub const Trial = @import("trial.zig").Trial;

/// Key and value of a record. A record without a key has an empty one. They are there until the batch is done.
pub const Record = struct { key: []const u8, value: []const u8 };

/// A record's value as text: one that is not UTF-8 fails.
pub const Text = struct { text: []const u8 };

/// A record's value read from JSON: one that does not fit `T` fails. Fields that `T` does not have are ignored.
pub fn Json(comptime T: type) type {
    return struct {
        value: T,

        pub const json_of = T;
    };
}

/// Memory for what lives longer than a batch.
pub const allocator: std.mem.Allocator = if (builtin.cpu.arch.isWasm()) std.heap.wasm_allocator else std.heap.page_allocator;

/// Records of a call, as the interface lays them out.
pub const Batch = struct {
    values: []const u8,
    ends: []const u32,
    keys: []const u8 = "",
    /// Empty when no record has a key.
    key_ends: []const u32 = &.{},

    pub fn record(batch: Batch, index: usize) Record {
        return .{
            .value = slice(batch.values, batch.ends, index),
            .key = if (batch.key_ends.len > 0) slice(batch.keys, batch.key_ends, index) else "",
        };
    }

    fn slice(data: []const u8, ends: []const u32, index: usize) []const u8 {
        return data[if (index > 0) ends[index - 1] else 0..ends[index]];
    }
};

/// What a stage's file declares, in one place: `process`, and perhaps `Config`, `State`, `open` and `flush`.
pub fn Stage(comptime file: type) type {
    if (!@hasDecl(file, "process")) @compileError("a stage declares `pub fn process(line: sandmill.Text, out: *sandmill.Output) !void`");
    return struct {
        const Self = @This();
        pub const Config = if (@hasDecl(file, "Config")) file.Config else struct {};
        pub const State = if (@hasDecl(file, "State")) file.State else struct {};
        pub const flushes = @hasDecl(file, "flush");

        config: Config,
        state: State,

        /// Opens the stage. When it returns `error.Refused`, `why` says why.
        pub fn open(text: []const u8, why: *[]const u8) error{ Refused, OutOfMemory }!Self {
            var stage: Self = undefined;
            stage.config = try config_reader.read(Config, memory.allocator, text, why);
            stage.state = if (@hasDecl(file, "open")) file.open(stage.config) catch |err| {
                why.* = @errorName(err);
                return error.Refused;
            } else if (@hasDecl(file, "State")) State{} else .{};
            return stage;
        }

        /// Gives every record of the batch to the stage.
        pub fn run(stage: *Self, batch: Batch) error{OutOfMemory}!Output {
            var out = try Output.for_batch(batch);
            for (0..batch.ends.len) |index| {
                const record = batch.record(index);
                const mark = out.begin(@intCast(index), record.key);
                stage.one(record, &out) catch |err| try out.failed(err);
                try out.settle(mark);
            }
            try out.finish();
            return out;
        }

        /// Lets the stage emit what it has kept.
        pub fn end(stage: *Self, why: *[]const u8) error{ Refused, OutOfMemory }!Output {
            var out: Output = .{};
            if (flushes) call(file.flush, stage, {}, &out) catch |err| try out.failed(err);
            if (out.failure) |failure| {
                why.* = failure.message;
                return error.Refused;
            }
            try out.finish();
            return out;
        }

        inline fn one(stage: *Self, record: Record, out: *Output) anyerror!void {
            return call(file.process, stage, record, out);
        }

        /// Calls a function of the file with what its parameters' types ask for.
        inline fn call(comptime function: anytype, stage: *Self, record: anytype, out: *Output) anyerror!void {
            const Returned = @typeInfo(@TypeOf(function)).@"fn".return_type orelse anyerror!void;
            if (comptime !returns_nothing(Returned))
                @compileError("a stage's function returns `!void`, and emits to a *sandmill.Output; this one returns " ++ @typeName(Returned));
            var arguments: std.meta.ArgsTuple(@TypeOf(function)) = undefined;
            inline for (&arguments) |*argument| {
                argument.* = switch (@TypeOf(argument.*)) {
                    *Output => out,
                    *State => &stage.state,
                    std.mem.Allocator => memory.allocator,
                    Config => stage.config,
                    *const Config => &stage.config,
                    else => |T| if (@TypeOf(record) == void)
                        @compileError("flush takes a *State, a Config, a std.mem.Allocator and a *sandmill.Output, not " ++ @typeName(T))
                    else
                        try read(T, record),
                };
            }
            return @call(.auto, function, arguments);
        }
    };
}

fn returns_nothing(comptime T: type) bool {
    return switch (@typeInfo(T)) {
        .error_union => |result| returns_nothing(result.payload),
        .void, .noreturn => true,
        else => false,
    };
}

/// The record as the type that a function takes.
inline fn read(comptime T: type, record: Record) !T {
    if (T == Record) return record;
    if (T == []const u8) return record.value;
    if (T == Text) {
        if (invalid_at(record.value)) |at| {
            failure_message = try std.fmt.allocPrint(
                memory.allocator,
                "the record is not UTF-8: byte 0x{x:0>2} at offset {d} starts no character",
                .{ record.value[at], at },
            );
            return error.SandmillFailed;
        }
        return .{ .text = record.value };
    }
    if (@typeInfo(T) == .@"struct" and @hasDecl(T, "json_of") and T == Json(T.json_of))
        return .{ .value = try json.parse(T.json_of, memory.allocator, record.value) };
    @compileError("a record is a sandmill.Text, []const u8, sandmill.Record or sandmill.Json(T), not " ++ @typeName(T));
}

/// The message of the failure that `error.SandmillFailed` stands for.
pub var failure_message: []const u8 = "";

fn invalid_at(text: []const u8) ?usize {
    if (std.unicode.utf8ValidateSlice(text)) return null;
    var at: usize = 0;
    while (true) {
        const len = std.unicode.utf8ByteSequenceLength(text[at]) catch return at;
        if (at + len > text.len or !std.unicode.utf8ValidateSlice(text[at..][0..len])) return at;
        at += len;
    }
}

test {
    _ = ascii;
    _ = @import("source.zig");
    _ = @import("tests.zig");
}
