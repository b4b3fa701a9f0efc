//! Harness shared by the tests: guests made of WAT, sources and sinks in memory, pipelines made of code, and the command
//! as a user runs it.

pub mod cases;
pub mod command;
pub mod edges;
pub mod guest;
pub mod parts;
