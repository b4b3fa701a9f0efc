//! The `sandmill` command: parses, calls the library, renders its results. The only module that prints.
//!
//! Results (`--json`, a sink that is standard output) go to standard output, everything else to standard error.
//! Whatever guests, files and paths say is made harmless before it reaches a terminal.

mod args;
mod code_pages;
mod commands;
mod documents;
mod entry;
mod locate;
mod manner;
mod notices;
mod open_files;
mod print;
mod progress;
mod render;
mod report_file;
mod signals;
mod usage;

pub use entry::main;
