const std = @import("std");
const sandmill = @import("sandmill");

pub fn process(line: sandmill.Text, out: *sandmill.Output) !void {
    const to = try out.room(line.text.len);
    _ = std.ascii.upperString(to, line.text);
}
