//! Counts and times of a run. Records are counted where the name says: `delivered` at the sink, never before it.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::edge::Extent;
use crate::error::{Error, ErrorKind};
use crate::record::{Accounting, Latency};
use crate::redact::Redactor;
use crate::settings::Snippet;
use crate::time::seconds;

use super::{Activity, Promise, Warning};
use crate::program::Warmth;

/// A snapshot of a run. Taken without stopping it: counts of different nodes may be a few batches apart until the run
/// has ended; then they are exact and agree.
#[derive(Clone, Debug, Serialize)]
pub struct Stats {
    /// Since the start, without `stopped`.
    #[serde(serialize_with = "seconds", rename = "elapsed_seconds")]
    pub elapsed: Duration,
    /// How long the process was stopped meanwhile (Ctrl-Z, `docker pause`): this time is not charged to anybody.
    #[serde(serialize_with = "seconds", rename = "stopped_seconds")]
    pub stopped: Duration,
    /// The account of all records.
    pub accounting: Accounting,
    /// How long records took from being read until they were settled; `None` before the first one is. It covers the
    /// settled records of the account, each once.
    #[serde(rename = "latency_seconds")]
    pub latency: Option<Latency>,
    /// In the order of the plan.
    pub sources: Vec<SourceStats>,
    /// In the order of the plan.
    pub stages: Vec<StageStats>,
    /// In the order of the plan.
    pub sinks: Vec<SinkStats>,
}

/// Counts and times of one source.
#[derive(Clone, Debug, Serialize)]
pub struct SourceStats {
    /// The source's name.
    pub name: String,
    /// Records it gave, bad ones included.
    pub read: u64,
    /// Records that could not be read.
    pub bad: u64,
    /// The position in the input, in the unit of `extent`.
    pub position: u64,
    /// The size of the input.
    pub extent: Extent,
    /// Attempts at reading beyond the first.
    pub retries: u64,
    /// Bytes of log lines beyond `limits.log`, which were not kept: of a component.
    pub log_bytes_cut: u64,
    /// Time spent reading.
    #[serde(serialize_with = "seconds", rename = "busy_seconds")]
    pub busy: Duration,
    /// Time spent waiting for room in the queues after it.
    #[serde(serialize_with = "seconds", rename = "blocked_on_output_seconds")]
    pub blocked_on_output: Duration,
}

/// Counts and times of one stage. Times are summed over its workers.
#[derive(Clone, Debug, Serialize)]
pub struct StageStats {
    /// The stage's name.
    pub name: String,
    /// How many workers its pool has: of one that grows and shrinks, now.
    pub workers: usize,
    /// What the size of its pool was, if it grows and shrinks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolStats>,
    /// Whether its instances started from an image of an opened one.
    pub warmth: Warmth,
    /// Records given to it.
    pub records_in: u64,
    /// Records it emitted.
    pub records_out: u64,
    /// Records it gave no output for.
    pub dropped: u64,
    /// Records that failed in it for good.
    pub failed: u64,
    /// Attempts at records beyond the first of each.
    pub retries: u64,
    /// Records that passed at an attempt beyond the first.
    pub recovered: u64,
    /// Calls of `process` and `flush`.
    pub invocations: u64,
    /// Instances made.
    pub instances: u64,
    /// Invocations that failed as a whole (a trap, a limit, a broken contract) and were split.
    pub failed_invocations: u64,
    /// Time inside guests that was spent for nothing: in instances whose invocation then failed as a whole.
    #[serde(serialize_with = "seconds", rename = "time_in_failed_seconds")]
    pub time_in_failed: Duration,
    /// Bytes of log lines beyond `limits.log`, which were not kept.
    pub log_bytes_cut: u64,
    /// Time inside guests.
    #[serde(serialize_with = "seconds", rename = "time_in_guest_seconds")]
    pub time_in_guest: Duration,
    /// Time spent on invocations: instances made, calls, copies, checks.
    #[serde(serialize_with = "seconds", rename = "busy_seconds")]
    pub busy: Duration,
    /// Time spent waiting for input.
    #[serde(serialize_with = "seconds", rename = "waiting_for_input_seconds")]
    pub waiting_for_input: Duration,
    /// Time spent waiting for its turn, for room in the queues after it, and, where order is kept, for the next attempt
    /// at a record.
    #[serde(serialize_with = "seconds", rename = "blocked_on_output_seconds")]
    pub blocked_on_output: Duration,
    /// The queue before it.
    pub queue: QueueStats,
    /// What each of its tasks is doing; empty once the run has ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Activity>,
}

/// The size of a pool that grows and shrinks, in workers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PoolStats {
    /// At least.
    pub min: usize,
    /// At most.
    pub max: usize,
    /// The most that there were.
    pub most: usize,
    /// On average over time.
    pub average: f64,
    /// How often it grew.
    pub grown: u64,
    /// How often it shrank.
    pub shrunk: u64,
}

/// Counts and times of one sink.
#[derive(Clone, Debug, Serialize)]
pub struct SinkStats {
    /// The sink's name.
    pub name: String,
    /// Number of writers. The times below add up over all of them.
    pub writers: usize,
    /// Whether its kind allows several writers.
    pub allows_several_writers: bool,
    /// Records it has written, and committed where it commits.
    pub delivered: u64,
    /// Records that it has written and not committed yet. In the account they are in flight.
    pub held: u64,
    /// Records it refused.
    pub rejected: u64,
    /// Attempts at writing beyond the first.
    pub retries: u64,
    /// Time spent writing.
    #[serde(serialize_with = "seconds", rename = "busy_seconds")]
    pub busy: Duration,
    /// Time spent waiting for input.
    #[serde(serialize_with = "seconds", rename = "waiting_for_input_seconds")]
    pub waiting_for_input: Duration,
    /// The queue before it.
    pub queue: QueueStats,
}

/// Fill levels of a queue, in records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueStats {
    /// Now.
    pub depth: usize,
    /// At most so far.
    pub high_water: usize,
    /// The queue's bound.
    pub capacity: usize,
}

/// The ways in which a run can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All sources ended, and everything that they returned met its fate.
    Completed,
    /// Somebody asked it to stop: what was in flight met its fate, what was not read yet was left.
    Stopped,
    /// Somebody asked it to stop at once: what was in flight is counted as such.
    Interrupted,
    /// Something failed: see the problem.
    Aborted,
}

/// An error in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whose fault.
    pub kind: ErrorKind,
    /// The message.
    pub message: String,
    /// The line of the pipeline file that it is about, marked, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
    /// The messages of its causes, nearest first.
    pub causes: Vec<String>,
    /// Suggestions of what to do about it.
    pub hints: Vec<String>,
    /// Whether a reader has closed its pipe, so that there is nobody left to write to.
    pub broken_pipe: bool,
}

impl Problem {
    /// The same without the secrets that `redactor` knows.
    pub(crate) fn redacted(self, redactor: &Redactor) -> Self {
        let all = |texts: Vec<String>| texts.iter().map(|text| redactor.text(text).into_owned()).collect();
        let message = redactor.text(&self.message).into_owned();
        Self { message, causes: all(self.causes), hints: all(self.hints), ..self }
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let snippet = Snippet::of(error).map(ToString::to_string);
        // The snippet is the nearest cause of an error about a pipeline file: it is shown in its own way.
        let causes = error.causes().into_iter().skip(usize::from(snippet.is_some())).collect();
        Self {
            kind: error.kind(),
            message: error.to_string(),
            snippet,
            causes,
            hints: error.hints().to_vec(),
            broken_pipe: error.is_broken_pipe(),
        }
    }
}

/// The node that holds the others back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bottleneck {
    /// The node's name.
    pub node: String,
    /// Which share of its time it worked, instead of waiting for input or for room in the next queue: 0 to 1.
    pub busy_share: f64,
}

/// An interrupted run, up to its last checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Resumed {
    /// The start of that run, seconds since 1970.
    pub begun: f64,
    /// The account of that run.
    pub accounting: Accounting,
    /// Whether it had ended: it was killed in its last moment, and there was nothing left to do.
    pub has_ended: bool,
}

/// The checkpoints of a run, and what they cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CheckpointStats {
    /// The interrupted run that this one continued.
    pub resumed_from: Option<Resumed>,
    /// Checkpoints taken.
    pub taken: u64,
    /// Checkpoints that were due and could not be taken, because a stage held records until its flush.
    pub held_off: u64,
    /// How long sources waited for them.
    #[serde(serialize_with = "seconds", rename = "paused_seconds")]
    pub paused: Duration,
}

/// The report of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The pipeline's name.
    pub pipeline: String,
    /// How the run ended.
    pub ending: Ending,
    /// Why, when it was aborted.
    pub problem: Option<Problem>,
    /// Final counts and times.
    #[serde(flatten)]
    pub stats: Stats,
    /// What the run promises about the records of each source at each sink, should it be killed and resumed.
    pub promises: Vec<Promise>,
    /// What is probably not intended.
    pub warnings: Vec<Warning>,
    /// The node that held the run back.
    pub bottleneck: Option<Bottleneck>,
    /// The state file, if it has dead letters.
    pub dead_letters: Option<PathBuf>,
    /// The checkpoints it took, if it keeps any.
    pub checkpoints: Option<CheckpointStats>,
    /// Whether it can be resumed: it was interrupted, and its state is kept here.
    pub resumable: Option<PathBuf>,
    /// Events that nobody took in time and that were therefore not kept.
    pub events_lost: u64,
}

impl Report {
    /// The account of the whole run: if this run resumed an interrupted one, of both.
    #[must_use]
    pub fn whole(&self) -> Accounting {
        let before = self.checkpoints.as_ref().and_then(|checkpoints| checkpoints.resumed_from);
        before.map(|resumed| resumed.accounting).unwrap_or_default().plus(self.stats.accounting)
    }

    /// Whether the run ended because the reader of its only sink had enough (`sandmill run … | head`): nobody misses
    /// what was not written. With a second sink, somebody does.
    #[must_use]
    pub fn reader_had_enough(&self) -> bool {
        let broken_pipe = self.problem.as_ref().is_some_and(|problem| problem.broken_pipe);
        self.ending == Ending::Aborted && broken_pipe && self.stats.sinks.len() == 1
    }
}
