//! Harness shared by the tests: guests made of WAT, sources and sinks in memory, pipelines made of code.

pub mod edges;
pub mod guest;
