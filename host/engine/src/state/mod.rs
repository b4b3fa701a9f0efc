//! State that outlasts a run: its last checkpoint and its dead letters, in an SQLite file beside the pipeline file.
//! Nothing here knows how a checkpoint is taken, or what becomes of a dead letter.

mod checkpoint;
mod choice;
mod fault;
mod file;
mod inputs;
mod letter;
mod lock;
mod making;
mod opening;
mod settled;
#[cfg(test)]
mod tests;
mod writable;

pub(crate) use checkpoint::{Checkpoint, InputPoint, NodePoint, SinkPoint, SourcePoint, now};
pub use choice::Choice;
pub(crate) use file::Beginning;
pub use file::StateFile;
pub use letter::{DeadLetter, EarlierAttempt};
