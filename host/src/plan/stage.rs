//! One stage as meant.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Grants;
use crate::pool::NativeStage;
use crate::queue::QueueBounds;
use crate::record::BatchBounds;

/// One stage: a pool of instances behind one queue.
#[derive(Clone, Debug)]
pub struct StagePlan {
    /// Unique among sources, stages and sinks.
    pub name: Arc<str>,
    /// What it runs.
    pub code: Code,
    /// What `open` is given: JSON text.
    pub config: String,
    /// How many instances work at once.
    pub workers: NonZeroUsize,
    /// How much waits before it.
    pub queue: QueueBounds,
    /// How much one invocation is given.
    pub batch: BatchBounds,
    /// Whether its outputs keep the order of its inputs.
    pub order: Order,
    /// How long an instance lives.
    pub reuse: Isolation,
    /// What it may use up.
    pub limits: Limits,
    /// What it may reach.
    pub grants: Grants,
    /// Whether its output must be the same, bit by bit, run after run.
    pub deterministic: bool,
    /// What a failed record leads to.
    pub on_error: OnError,
    /// The names of its outputs; empty: one output without a name.
    pub ports: Vec<Arc<str>>,
}

/// What a stage runs.
#[derive(Clone, Debug)]
pub enum Code {
    /// A component: a `.wasm` file, or a stage folder that `sandmill build` compiles.
    Component(PathBuf),
    /// A function of the host program, without a sandbox: the library's own, for baselines and tests.
    Native(NativeStage),
}

/// Whether a stage's outputs keep the order of its inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// First done, first out.
    None,
    /// In the order in which the batches entered the stage, whatever the number of workers.
    #[default]
    Input,
}

/// How long an instance lives (`reuse` in the pipeline file).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// A pristine instance for every record.
    Record,
    /// A pristine instance for every batch.
    #[default]
    Batch,
    /// One instance for as long as the worker lives: for stages that keep state.
    Worker,
}

impl Isolation {
    /// What holds when nobody says: of a stage that is deterministic, an instance sees one record.
    #[must_use]
    pub fn default_of(deterministic: bool) -> Self {
        if deterministic { Self::Record } else { Self::default() }
    }
}

/// What a stage may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance, bytes, all its memories together.
    pub memory: NonZeroU64,
    /// Time inside the guest, per record.
    pub cpu: Duration,
    /// Time of an invocation, host calls and waits included, per record.
    pub wall: Duration,
}

impl Default for Limits {
    /// 64 MiB, 100 ms and 30 s: room for any honest transform of one record, and an end to any other.
    fn default() -> Self {
        Self {
            memory: NonZeroU64::new(64 << 20).expect("64 MiB is not zero"),
            cpu: Duration::from_millis(100),
            wall: Duration::from_secs(30),
        }
    }
}

/// What a failed record leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// The run ends, and says why.
    Fail,
    /// The record is dropped, and counted.
    Drop,
    /// The record goes to the dead letters, with its reason.
    #[default]
    DeadLetter,
}
