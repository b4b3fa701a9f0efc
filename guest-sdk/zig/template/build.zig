//! For `zig build test`, and for editors. `sandmill build` makes the component, and does not need it.
const std = @import("std");

pub fn build(b: *std.Build) void {
    const target = b.resolveTargetQuery(.{});
    const sandmill = b.createModule(.{ .root_source_file = b.path(".sandmill/zig/sandmill.zig"), .target = target });
    const stage = b.createModule(.{ .root_source_file = b.path("stage.zig"), .target = target, .optimize = .debug });
    stage.addImport("sandmill", sandmill);
    const tests = b.addTest(.{ .root_module = stage });
    b.step("test", "Test the stage natively").dependOn(&b.addRunArtifact(tests).step);
}
