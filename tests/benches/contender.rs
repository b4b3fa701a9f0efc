//! Who runs, and one run of each.

use std::num::NonZeroU64;

use anyhow::Result;
use sandmill::StageBuilder;
use sandmill::plan::{Limits, Order, Reuse};
use sandmill::record::BatchBounds;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use works::Work;
use works::harness::{CHUNK_RECORDS, Input, Job, Length, Measured};

use crate::apart::Task;
use crate::elsewhere::{self, Python, Rival};
use crate::runner::nonzero;
use crate::{handmade, machine, raw, runner};

/// Different keys of the records that have one.
const KEYS: usize = 1000;

/// How a job is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// The component, in the sandbox, limits on.
    Sandboxed,
    /// The same once more: how far two runs of one thing lie apart.
    SandboxedAgain,
    /// The same with its instructions counted.
    SandboxedWithFuel,
    /// The same, of records with keys, whose outputs leave as they are done.
    SandboxedInAnyOrder,
    /// The same, in order by their keys.
    SandboxedByKey,
    /// The function native, in the same runner.
    Native,
    /// The same component, and none of our code around it.
    Raw,
    /// Hand-written: one record per message.
    ChannelOfRecords,
    /// Hand-written: a thousand records per message.
    ChannelOfBatches,
    /// Hand-written: one thread.
    Loop,
    /// Another host of Wasm.
    Rival(Rival),
    /// A program in Python.
    Python(Python),
}

/// One way, with a job and how the runner is set for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contender {
    pub(crate) way: Way,
    #[serde(flatten)]
    pub(crate) job: Job,
    #[serde(flatten)]
    pub(crate) setting: Setting,
}

/// What the pipeline file says of every stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setting {
    /// Most records of an invocation.
    pub(crate) batch: usize,
    pub(crate) reuse: Reuse,
    /// As many as processors, when it is nobody's question.
    pub(crate) workers: Option<usize>,
}

/// What one run came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    #[serde(flatten)]
    pub(crate) contender: Contender,
    #[serde(flatten)]
    pub(crate) measured: Measured,
}

impl Run {
    pub(crate) fn records_per_second(&self) -> f64 {
        self.measured.records as f64 / self.measured.wall_seconds
    }

    pub(crate) fn cpu_nanos_per_record(&self) -> f64 {
        self.measured.cpu_seconds * 1e9 / self.measured.records as f64
    }
}

impl Default for Setting {
    fn default() -> Self {
        Self { batch: CHUNK_RECORDS, reuse: Reuse::Batch, workers: None }
    }
}

impl Way {
    /// In words, for tables.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Sandboxed => "sandboxed".to_owned(),
            Self::SandboxedAgain => "sandboxed, again (A/A control)".to_owned(),
            Self::SandboxedWithFuel => "sandboxed, fuel counted too".to_owned(),
            Self::SandboxedInAnyOrder => "sandboxed, `order = \"none\"`".to_owned(),
            Self::SandboxedByKey => format!("sandboxed, `order = \"key\"`, {KEYS} keys"),
            Self::Native => "native, same runner".to_owned(),
            Self::Raw => "raw wasmtime, a thread per core".to_owned(),
            Self::ChannelOfRecords => "tokio `mpsc`, a record per message".to_owned(),
            Self::ChannelOfBatches => format!("tokio `mpsc`, {CHUNK_RECORDS} records per message"),
            Self::Loop => "one thread, a loop".to_owned(),
            Self::Rival(rival) => rival.words().to_owned(),
            Self::Python(python) => format!("Python: {}", python.words()),
        }
    }

    /// Whether it can do such a job on this machine.
    pub(crate) fn can(self, job: Job) -> bool {
        match self {
            Self::Rival(_) => elsewhere::rivals().is_some(),
            Self::Python(python) => job.work != Work::Blur && python.is_here(),
            Self::Sandboxed
            | Self::SandboxedAgain
            | Self::SandboxedWithFuel
            | Self::SandboxedInAnyOrder
            | Self::SandboxedByKey
            | Self::Native
            | Self::Raw
            | Self::ChannelOfRecords
            | Self::ChannelOfBatches
            | Self::Loop => true,
        }
    }
}

impl Contender {
    /// Runs it in a process of its own, which begins with empty memory.
    pub(crate) fn run_apart(self, length: Length) -> Result<Run> {
        let measured = match self.way {
            Way::Rival(rival) => rival.run(self.job, length)?,
            Way::Python(python) => python.run(self.job, length)?,
            Way::Sandboxed
            | Way::SandboxedAgain
            | Way::SandboxedWithFuel
            | Way::SandboxedInAnyOrder
            | Way::SandboxedByKey
            | Way::Native
            | Way::Raw
            | Way::ChannelOfRecords
            | Way::ChannelOfBatches
            | Way::Loop => Task::Pipeline(self, length).run_apart()?,
        };
        Ok(Run { contender: self, measured })
    }

    /// Runs it here: what the child process does.
    pub(crate) fn run(self, length: Length) -> Result<Measured> {
        let input = Input::generate(self.job)?;
        match self.way {
            Way::Sandboxed | Way::SandboxedAgain => runner::run(input, length, self.stages(runner::sandboxed)?),
            Way::SandboxedWithFuel => {
                // Never reached: counting is what costs.
                let limits = Limits { fuel: Some(NonZeroU64::MAX), ..Limits::default() };
                let stages = self.stages(runner::sandboxed)?;
                runner::run(input, length, stages.into_iter().map(|stage| stage.limits(limits)))
            }
            Way::SandboxedInAnyOrder => self.run_keyed(input, length, Order::None),
            Way::SandboxedByKey => self.run_keyed(input, length, Order::Key),
            Way::Native => runner::run(input, length, self.stages(|work, name| Ok(runner::native(work, name)))?),
            Way::Raw => raw::run(input, length, self.job),
            Way::ChannelOfRecords => handmade::channel_of_records(input, length, self.job),
            Way::ChannelOfBatches => handmade::channel_of_batches(input, length, self.job),
            Way::Loop => handmade::single_loop(input, length, self.job),
            Way::Rival(_) | Way::Python(_) => anyhow::bail!("it is a program of its own"),
        }
    }

    fn run_keyed(self, input: Input, length: Length, order: Order) -> Result<Measured> {
        let stages = self.stages(runner::sandboxed)?;
        runner::run_keyed(input, length, KEYS, stages.into_iter().map(|stage| stage.order(order)))
    }

    fn stages(self, stage: impl Fn(Work, &str) -> Result<StageBuilder>) -> Result<Vec<StageBuilder>> {
        let Setting { batch, reuse, workers } = self.setting;
        let workers = nonzero(workers.unwrap_or_else(machine::cores));
        let usual = BatchBounds { records: nonzero(batch), bytes: nonzero(1 << 20), linger: Duration::ZERO };
        (1..=self.job.stages)
            .map(|number| {
                let stage = stage(self.job.work, &format!("stage-{number}"))?;
                Ok(stage.batch(usual).reuse(reuse).workers(workers))
            })
            .collect()
    }
}
