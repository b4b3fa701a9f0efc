//! What outlasts a run: its last checkpoint, in an SQLite file beside the pipeline file. Nothing here knows how a checkpoint
//! is taken.

mod checkpoint;
mod file;
mod lock;

pub(crate) use checkpoint::{Checkpoint, NodePoint, SinkPoint, SourcePoint, now};
pub(crate) use file::StateFile;
