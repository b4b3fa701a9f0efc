//! Keeps the large orders, and drops the others.
const std = @import("std");
const sandmill = @import("sandmill");

pub fn process(line: sandmill.Text, out: *sandmill.Output) !void {
    if (std.mem.indexOf(u8, line.text, "\"size\":\"large\"") == null) return;
    try out.emit(line.text);
}
