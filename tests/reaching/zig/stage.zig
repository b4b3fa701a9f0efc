const std = @import("std");
const sandmill = @import("sandmill");
const wasi = std.os.wasi;

pub fn process(line: sandmill.Text, out: *sandmill.Output) !void {
    const space = std.mem.indexOfScalar(u8, line.text, ' ') orelse line.text.len;
    const what = line.text[0..space];
    const name = if (space < line.text.len) line.text[space + 1 ..] else "";
    if (std.mem.eql(u8, what, "year")) return out.emit(try year());
    if (std.mem.eql(u8, what, "env")) return out.emit(try variable(name));
    if (std.mem.eql(u8, what, "read")) return out.emit(try read(name));
    if (std.mem.eql(u8, what, "random")) return out.emit(try random());
    return out.emit("");
}

var text: [4096]u8 = undefined;

fn check(errno: wasi.errno_t) !void {
    return switch (errno) {
        .SUCCESS => {},
        .ACCES => error.AccessDenied,
        .NOENT => error.FileNotFound,
        else => error.Unexpected,
    };
}

fn year() ![]const u8 {
    var now: wasi.timestamp_t = undefined;
    try check(wasi.clock_time_get(.REALTIME, 1, &now));
    const seconds = std.time.epoch.EpochSeconds{ .secs = now / std.time.ns_per_s };
    return std.fmt.bufPrint(&text, "{d}", .{seconds.getEpochDay().calculateYearDay().year});
}

fn variable(name: []const u8) ![]const u8 {
    var count: usize = undefined;
    var bytes: usize = undefined;
    try check(wasi.environ_sizes_get(&count, &bytes));
    var places: [16][*:0]u8 = undefined;
    if (count > places.len or bytes > text.len) return error.TooMany;
    try check(wasi.environ_get(&places, &text));
    for (places[0..count]) |place| {
        const entry = std.mem.span(place);
        if (std.mem.startsWith(u8, entry, name) and entry[name.len] == '=') return entry[name.len + 1 ..];
    }
    return "";
}

/// In the first folder that was granted.
fn read(name: []const u8) ![]const u8 {
    const below = name[(std.mem.indexOfScalar(u8, name, '/') orelse 0) + 1 ..];
    var file: wasi.fd_t = undefined;
    const rights: wasi.rights_t = .{ .FD_READ = true };
    try check(wasi.path_open(3, .{ .SYMLINK_FOLLOW = true }, below.ptr, below.len, .{}, rights, .{}, .{}, &file));
    defer _ = wasi.fd_close(file);
    const to = [_]wasi.iovec_t{.{ .base = &text, .len = text.len }};
    var got: usize = undefined;
    try check(wasi.fd_read(file, &to, to.len, &got));
    return std.mem.trimEnd(u8, text[0..got], "\n");
}

fn random() ![]const u8 {
    var numbers: [1000]u8 = undefined;
    try check(wasi.random_get(&numbers, numbers.len));
    return if (std.mem.countScalar(u8, &numbers, 0) < 40) "true" else "false";
}
