//! Harness shared by the tests: guests made of WAT, sources and sinks in memory, pipelines made of code, the command as
//! a user runs it, a terminal to run it in, Pythons to compare with, and what the fuzzer tries.

pub mod bombs;
pub mod broker;
pub mod cases;
pub mod command;
pub mod edges;
pub mod fuzz;
pub mod guest;
pub mod letters;
pub mod parts;
pub mod python;
pub mod terminal;
