//! The stage under test whose records are text: the same in every language.
const sandmill = @import("sandmill");

pub const Config = struct { prefix: []const u8 = "" };

pub fn process(line: sandmill.Text, config: Config, out: *sandmill.Output) !void {
    try out.print("{s}{s}", .{ config.prefix, line.text });
}
