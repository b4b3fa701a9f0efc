//! One record in, one record out: makes every line upper case. Change the function, keep the rest.
const std = @import("std");
const sandmill = @import("sandmill");

pub fn process(line: sandmill.Text, out: *sandmill.Output) !void {
    sandmill.ascii.upper(try out.room(line.text.len), line.text);
}

test "lines become upper case" {
    var trial = try sandmill.Trial(@This()).open("{}");
    try trial.process(&.{"hello"});
    try std.testing.expectEqualStrings("HELLO", trial.value(0).?);
}
