//! The sandmill command.
fn main() {}
