//! Who runs, and one run of each.

use anyhow::{Result, ensure};
use sandmill::StageBuilder;
use serde::{Deserialize, Serialize};

use crate::apart::Task;
use crate::input::Input;
use crate::stopwatch::{Stopwatch, Took, peak_memory};
use crate::{handmade, runner};

/// How the trivial stage is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// The component, in the sandbox, a pristine instance for every batch, limits on.
    Sandboxed,
    /// The same once more: how far two runs of one thing lie apart.
    SandboxedAgain,
    /// The function native, in the same runner.
    Native,
    /// Hand-written: one record per message.
    ChannelOfRecords,
    /// Hand-written: a thousand records per message.
    ChannelOfBatches,
    /// Hand-written: one thread.
    Loop,
}

/// One way, with a number of stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Contender {
    pub(crate) way: Way,
    pub(crate) stages: usize,
}

/// What one run came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    #[serde(flatten)]
    pub(crate) contender: Contender,
    /// Counted at the destination.
    pub(crate) records: usize,
    pub(crate) wall_seconds: f64,
    /// Of all threads.
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_bytes: u64,
}

impl Run {
    pub(crate) fn records_per_second(&self) -> f64 {
        self.records as f64 / self.wall_seconds
    }

    pub(crate) fn cpu_nanos_per_record(&self) -> f64 {
        self.cpu_seconds * 1e9 / self.records as f64
    }
}

impl Way {
    /// In words, for tables.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Sandboxed => "sandboxed",
            Self::SandboxedAgain => "sandboxed, again (A/A control)",
            Self::Native => "native, same runner",
            Self::ChannelOfRecords => "tokio `mpsc`, a record per message",
            Self::ChannelOfBatches => "tokio `mpsc`, 1024 records per message",
            Self::Loop => "one thread, a loop",
        }
    }
}

impl Contender {
    /// Runs it here: what the child process does.
    pub(crate) fn run(self, records: usize) -> Result<Run> {
        let input = Input::generate();
        let (count, took) = match self.way {
            Way::Sandboxed | Way::SandboxedAgain => runner::run(input, records, self.stages(runner::sandboxed)?)?,
            Way::Native => runner::run(input, records, self.stages(|name| Ok(runner::native(name)))?)?,
            Way::ChannelOfRecords => timed(|| handmade::channel_of_records(input, records, self.stages))?,
            Way::ChannelOfBatches => timed(|| handmade::channel_of_batches(input, records, self.stages))?,
            Way::Loop => timed(|| Ok(handmade::single_loop(input, records, self.stages)))?,
        };
        ensure!(count == records, "{count} records came to the sink, not {records}");
        Ok(Run {
            contender: self,
            records: count,
            wall_seconds: took.wall.as_secs_f64(),
            cpu_seconds: took.cpu.as_secs_f64(),
            peak_bytes: peak_memory(),
        })
    }

    /// Runs it in a process of its own, which begins with empty memory.
    pub(crate) fn run_apart(self, records: usize) -> Result<Run> {
        Task::Pipeline(self, records).run_apart()
    }

    fn stages(self, stage: impl Fn(&str) -> Result<StageBuilder>) -> Result<Vec<StageBuilder>> {
        (1..=self.stages).map(|number| stage(&format!("upper-{number}"))).collect()
    }
}

fn timed(run: impl FnOnce() -> Result<usize>) -> Result<(usize, Took)> {
    let stopwatch = Stopwatch::start();
    let count = run()?;
    Ok((count, stopwatch.stop()))
}
