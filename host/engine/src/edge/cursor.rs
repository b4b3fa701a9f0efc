//! Positions in sources and sinks, at which a run is resumed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::Per;

/// A position in a source, after a record. Only the source that made it can read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// One part of a source's input, for example a file, as it was when a run began. Only the source that made it can read
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The name of the part, the same wherever the whole is moved to.
    pub name: Vec<u8>,
    /// The text by which the source recognises the part.
    pub what: String,
}

/// How a source learns that it need not give a record again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Its chunks have cursors, and [`Source::seek`](super::Source::seek) takes them: a run that resumes gives back the
    /// cursor of the last checkpoint. A chunk without a cursor puts checkpoints off until one comes that has one.
    Cursor,
    /// It is told what became of its records: [`Source::settle`](super::Source::settle). It keeps what it has not been
    /// told of, and gives it again to the next run.
    Receipt(Per),
    /// It does not learn it: what it has given cannot be had again. A run that resumes reads on from whatever the
    /// source gives then.
    Never,
}

/// A position in a sink, after what it holds. Only the sink that made it can read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mark(pub String);

/// When what a sink has written is there for good: it outlasts the process, and a loss of power where the sink can see
/// to that. A source that acknowledges is told of a record then, and not before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settles {
    /// When [`Sink::write`](super::Sink::write) has returned.
    OnWrite,
    /// When [`Sink::mark`](super::Sink::mark) has returned.
    OnSync,
    /// When it is committed: by [`Sink::commit`](super::Sink::commit) what has been held back since
    /// [`Sink::hold`](super::Sink::hold), or, where that was not called, by each write.
    OnCommit,
}

/// How often what a record comes to is at its destination, when the run was killed and resumed on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Once.
    ExactlyOnce,
    /// Once, or again: what came after the last checkpoint, or was not acknowledged, is written a second time.
    AtLeastOnce,
    /// Once, or not at all: what was on its way cannot be had again.
    AtMostOnce,
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExactlyOnce => "exactly once",
            Self::AtLeastOnce => "at least once",
            Self::AtMostOnce => "at most once",
        })
    }
}
