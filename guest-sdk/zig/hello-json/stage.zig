//! The stage under test whose records are JSON, read as a type: the same in every language.
const std = @import("std");
const sandmill = @import("sandmill");

const Order = struct {
    id: i64,
    customer: struct { name: []const u8 },
    tags: []const []const u8 = &.{},
    value: std.json.Value = .null,
    price: f64 = 0,
};

/// Gives each order as it came; some names ask for what JSON does not have.
pub fn process(given: sandmill.Json(Order), out: *sandmill.Output) !void {
    var order = given.value;
    const name = order.customer.name;
    if (std.mem.eql(u8, name, "~nan")) order.price = std.math.nan(f64);
    if (std.mem.eql(u8, name, "~infinity")) order.price = std.math.inf(f64);
    if (std.mem.eql(u8, name, "~surrogate")) order.customer.name = "\xed\xa0\x80";
    try out.emit_json(order);
}
