//! The promises of Sandmill, each kept by a test that is named after it.

#![expect(clippy::panic, clippy::indexing_slicing, reason = "a test that is wrong about what it looks at should fail")]

mod abi;
mod accounting;
mod budgets;
mod building;
mod checkpoints;
mod cli;
mod commands;
mod conformance;
mod counting;
mod differential;
mod examples;
mod failpoints;
mod files;
mod full_disk;
mod functions;
mod fuzzing;
mod grants;
mod hostile;
mod hosts;
mod imports;
mod interrupts;
mod limits;
mod observers;
mod reaching;
mod receipts;
mod resume;
mod retries;
mod state;
mod stopped;
mod stopping;
mod terminal;
mod tidy;
mod warm;
mod writers;
