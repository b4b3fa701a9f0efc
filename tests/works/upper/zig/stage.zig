const sandmill = @import("sandmill");

pub fn process(line: sandmill.Text, out: *sandmill.Output) !void {
    sandmill.ascii.upper(try out.room(line.text.len), line.text);
}
