const std = @import("std");
const sandmill = @import("sandmill");

pub const Config = struct { last: u64 = 100 };

pub fn pull(config: Config, most: u32, place: *sandmill.Place, out: *sandmill.Output) !void {
    var next = try place.number(); // 0 at the beginning
    const end = @min(next + most, config.last + 1);
    while (next < end) : (next += 1) try out.print("{d}", .{next});
    try place.move(next);
    place.done = next > config.last;
}

test "it continues where it was" {
    var trial = try sandmill.SourceTrial(@This()).open("{\"last\": 4}", "3");
    try trial.pull(10);
    try std.testing.expectEqualStrings("4", trial.value(1).?);
    try std.testing.expect(trial.place().done);
}
