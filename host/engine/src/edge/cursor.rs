//! Where a source stands, and where a sink does: what a run is resumed at.

use serde::{Deserialize, Serialize};

/// A place in a source, behind a record. Only the source that made it can read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// One part of what a source reads, a file for example, as it was when a run began. Only the source that made it can read
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Which part: its name, the same wherever the whole is moved to.
    pub name: Vec<u8>,
    /// What tells whether it is still the same.
    pub what: String,
}

/// A place in a sink, behind what it holds. Only the sink that made it can read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mark(pub String);

/// How often a record is at its destination when the run was killed and resumed on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Once.
    ExactlyOnce,
    /// Once, or again: what came after the last checkpoint is written a second time.
    AtLeastOnce,
}
