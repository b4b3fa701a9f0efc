//! A stage of a plan.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;

use super::{CommandPlan, Grants, Limits, Retry, Script, Unsaid, Workers, bounds};
use crate::program::NativeStage;
use crate::queue::{ByKey, QueueBounds};
use crate::record::{BatchBounds, RecordKey};

/// One stage: a pool of instances with one queue.
#[derive(Clone, Debug)]
pub struct StagePlan {
    /// Unique among sources, stages and sinks.
    pub name: Arc<str>,
    /// The code that the stage runs.
    pub code: Code,
    /// How it is run, if it is a command; `None`: a command without settings, or not a command.
    pub command: Option<CommandPlan>,
    /// The configuration that `open` receives: JSON text.
    pub config: String,
    /// The script in it, where it has one.
    pub script: Option<Script>,
    /// Number of instances that work at once.
    pub workers: Workers,
    /// The bounds of the queue before it.
    pub queue: QueueBounds,
    /// The bounds of one invocation's input.
    pub batch: BatchBounds,
    /// Whether its outputs keep the order of its inputs.
    pub order: Order,
    /// Where the key of a record is found: only for [`Order::Key`].
    pub key: RecordKey,
    /// How long an instance lives.
    pub reuse: Reuse,
    /// Whether an instance is open as soon as it is made: not for [`Reuse::Worker`].
    pub warm: Warm,
    /// When a long-lived instance is replaced nevertheless: only for [`Reuse::Worker`].
    pub recycle: Recycle,
    /// Whether partial results, one from each instance, are intended: then there is no warning about them.
    pub partial: bool,
    /// Limits.
    pub limits: Limits,
    /// Grants.
    pub grants: Grants,
    /// Whether its output must be the same, bit by bit, run after run.
    pub deterministic: bool,
    /// How often a failed record is tried again, and when.
    pub retry: Retry,
    /// What happens with a record that has failed for good.
    pub on_error: OnError,
    /// How many failures in a row end the run.
    pub breaker: Breaker,
    /// The names of its outputs; empty: one output without a name.
    pub ports: Vec<Arc<str>>,
    /// The settings that its component may suggest.
    pub unsaid: Unsaid,
}

impl StagePlan {
    /// How its queue deals records over lanes, for as many workers as there may ever be; `None`: it does not.
    pub(crate) fn by_key(&self) -> Option<ByKey> {
        let per_worker = if self.keeps_state_by_key() { NonZeroUsize::MIN } else { bounds::LANES_PER_WORKER };
        let by_key = || ByKey::new(self.key.clone(), self.workers.max, per_worker);
        let by_key = || if self.may_work_beside() { by_key().or_whole() } else { by_key() };
        (self.order == Order::Key).then(by_key)
    }

    /// Whether nobody could tell in which order records of one key are processed, as long as they leave in order: nothing
    /// remembers them, and nothing is reached.
    pub(crate) fn may_work_beside(&self) -> bool {
        let reaches_nothing = match &self.code {
            Code::Component(_) => self.grants == Grants::default(),
            Code::Native(function) => function.is_pure(),
        };
        self.order == Order::Key && self.reuse != Reuse::Worker && !self.is_partitioned() && reaches_nothing
    }

    /// Whether records of one key always meet the same instance. Then there is a lane, and an instance, for each
    /// worker: as many as it may have at once anyway.
    pub fn keeps_state_by_key(&self) -> bool {
        self.order == Order::Key && self.reuse == Reuse::Worker && !self.is_partitioned()
    }

    /// Whether its records are dealt by pairs of ids (mix-and-batch).
    pub fn is_partitioned(&self) -> bool {
        self.order == Order::Key && matches!(self.key, RecordKey::Pair(_))
    }
}

/// The code of a stage: a component or a native function.
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
    /// Records of one key in the order in which they entered the stage; those of different keys as they are done.
    Key,
}

/// How long an instance lives (`reuse` in the pipeline file).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reuse {
    /// A pristine instance for every record.
    Record,
    /// A pristine instance for every batch.
    #[default]
    Batch,
    /// One instance for as long as the worker lives: for stages that keep state. With [`Order::Key`], one for each lane
    /// of keys: all records of a key meet the same one.
    Worker,
}

impl Reuse {
    /// The default: one batch per instance, or one record if the stage is deterministic.
    #[must_use]
    pub fn default_of(deterministic: bool) -> Self {
        if deterministic { Self::Record } else { Self::default() }
    }
}

/// Whether the image of an instance that has been opened is what all others begin with, so that `open` is not called
/// for each (`warm` in the pipeline file).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Warm {
    /// Where `open` takes long enough for that to be worth it, and nothing stands against it.
    #[default]
    Auto,
    /// However long `open` takes. The pipeline does not start when something stands against it.
    Always,
    /// However long `open` takes, where nothing stands against it.
    Preferred,
    /// Never: `open` is called for each instance.
    Never,
}

/// What happens with a failed record.
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

/// When an instance that lives as long as its worker is flushed and replaced by a pristine one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recycle {
    /// After it was given this many records; never more than that. `None`: never for that reason.
    pub records: Option<NonZeroUsize>,
    /// After the invocation in which its memory has grown to this many bytes. `None`: never for that reason.
    pub memory: Option<NonZeroU64>,
}

/// When a stage that only ever fails ends the run, instead of burning through the input. Counted over all its workers;
/// one record that fares better restarts the counts in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Records in a row, each of which ended its instance by itself: a trap, a limit, a broken contract. `None`: no
    /// bound.
    pub crashes: Option<NonZeroU64>,
    /// Records in a row that failed for whatever reason, the stage's own errors included. `None`: no bound.
    pub failures: Option<NonZeroU64>,
    /// A share of the recent records. `None`: no bound.
    pub share: Option<Share>,
}

/// Trips when more than `more_than` of the last `of` records failed, consecutive or not. Never resets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Failed records that are still borne.
    pub more_than: u64,
    /// How many records back it looks; at most [`bounds::SHARE_OF_MAX`](super::bounds::SHARE_OF_MAX).
    pub of: NonZeroU64,
}

impl Breaker {
    /// Never ends a run.
    pub const OFF: Self = Self { crashes: None, failures: None, share: None };
}

impl Default for Breaker {
    /// 100 and 10,000. Arbitrary: a stage that is broken is stopped after seconds, and a file that begins with a
    /// thousand bad lines still gets through.
    fn default() -> Self {
        Self { crashes: NonZeroU64::new(100), failures: NonZeroU64::new(10_000), share: None }
    }
}
