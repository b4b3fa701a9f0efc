//! A point at which nothing was in flight: where every source and every sink stood, and the account up to there.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::edge::{Cursor, Input, Mark};
use crate::record::Accounting;

/// Everything needed to continue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// The name of the run: one that is resumed keeps it.
    pub(crate) run: String,
    /// When that run began, seconds since 1970.
    pub(crate) begun: f64,
    /// The number of the checkpoint in the run, from 0: its beginning.
    pub(crate) epoch: u64,
    /// When it was taken, seconds since 1970.
    pub(crate) taken: f64,
    /// The description of the pipeline.
    pub(crate) pipeline: Vec<NodePoint>,
    /// The sources, in the order of the plan.
    pub(crate) sources: Vec<SourcePoint>,
    /// The sinks, in the order of the plan.
    pub(crate) sinks: Vec<SinkPoint>,
    /// The account of all records since the run began.
    pub(crate) accounting: Accounting,
    /// Under which name a sink keeps the checkpoints that it commits with its rows. Drawn once and handed on to the
    /// runs that start over, so that a folder may be moved and no sink collects the checkpoints of runs that are over.
    #[serde(default)]
    pub(crate) owner: String,
    /// Whether the run has ended, and all its sinks are closed: there is nothing left to do but to remove this.
    #[serde(default)]
    pub(crate) finished: bool,
}

/// A source, stage or sink as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodePoint {
    pub(crate) role: String,
    pub(crate) name: String,
    /// Whatever decides what it does to records, as text.
    pub(crate) what: String,
}

/// Where a source stood.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourcePoint {
    pub(crate) name: String,
    /// `None`: at its beginning.
    pub(crate) cursor: Option<Cursor>,
    /// Records it had given, bad ones included.
    pub(crate) records: u64,
    /// Whether it had ended.
    #[serde(default)]
    pub(crate) done: bool,
}

/// One part of a source's input, a file for example, as it was when the run began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InputPoint {
    /// The name of its source.
    pub(crate) source: String,
    pub(crate) input: Input,
}

/// Where a sink stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SinkPoint {
    pub(crate) name: String,
    pub(crate) mark: Option<Mark>,
    /// Whether several writers wrote: what they wrote after it cannot be taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) by_several: bool,
}

impl Checkpoint {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a checkpoint is made of texts and numbers")
    }

    /// # Errors
    /// When the text is not a checkpoint.
    pub(crate) fn from_json(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
