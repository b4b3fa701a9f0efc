//! Takes snapshots of a run: reads the counters that its tasks write.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::edge::Extent;
use crate::flow::{SinkCounters, SourceCounters, StageCounters, TapPoint};
use crate::plan::Divided;
use crate::pool::Slots;
use crate::program::Program;
use crate::queue::{Probe, WithoutKey};
use crate::record::{Accounting, Ledger, RecordKey};
use crate::report::{ActivityCell, QueueStats, SinkStats, SourceStats, StageStats, Stats, Warning, WarningKind};
use crate::time::{Instant, missed};

/// What is watched. Shared by the supervisor and all who ask for snapshots.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) begun: Instant,
    /// What the process had missed by then.
    pub(super) missed: Duration,
    /// How long the run took and how long the process was stopped, once it has ended.
    pub(super) lasted: OnceLock<(Duration, Duration)>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) sources: Vec<WatchedSource>,
    pub(super) stages: Vec<WatchedStage>,
    pub(super) sinks: Vec<WatchedSink>,
}

#[derive(Debug)]
pub(super) struct WatchedSource {
    pub(super) name: Arc<str>,
    pub(super) extent: Extent,
    pub(super) counters: Arc<SourceCounters>,
    pub(super) tap: Arc<TapPoint>,
}

#[derive(Debug)]
pub(super) struct WatchedStage {
    pub(super) name: Arc<str>,
    /// Among which instances its input is divided, where that is not meant.
    pub(super) divided: Option<Divided>,
    pub(super) program: Arc<dyn Program>,
    pub(super) counters: Arc<StageCounters>,
    pub(super) queue: Probe,
    pub(super) slots: Arc<Slots>,
    /// What each task is doing.
    pub(super) tasks: Arc<[ActivityCell]>,
    pub(super) tap: Arc<TapPoint>,
}

#[derive(Debug)]
pub(super) struct WatchedSink {
    pub(super) name: Arc<str>,
    pub(super) writers: usize,
    /// Whether the pipeline could ask for more writers.
    pub(super) allows_several_writers: bool,
    pub(super) counters: Arc<SinkCounters>,
    pub(super) queue: Probe,
}

impl Watch {
    /// The counts during the run: in flight is what has no fate yet.
    pub(super) fn now(&self) -> Stats {
        let accounting = self.ledger.accounting();
        self.snapshot(Accounting { in_flight: accounting.unsettled(), ..accounting })
    }

    /// The counts once all tasks are gone: in flight is what was abandoned.
    pub(super) fn at_the_end(&self) -> Stats {
        self.lasted.get_or_init(|| self.so_far());
        self.snapshot(self.ledger.accounting())
    }

    /// What is probably not meant: results at the end of several instances, records without the key that orders them.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let of_stage = |stage: &WatchedStage| stage.partial_results().into_iter().chain(stage.without_key());
        let of_sinks = self.sinks.iter().filter_map(WatchedSink::without_key);
        self.stages.iter().flat_map(of_stage).chain(of_sinks).collect()
    }

    /// The sources and stages by name, and where each can be tapped.
    pub(super) fn taps(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<TapPoint>)> {
        let sources = self.sources.iter().map(|source| (&source.name, &source.tap));
        sources.chain(self.stages.iter().map(|stage| (&stage.name, &stage.tap)))
    }

    /// Time since the start, and how long the process was stopped meanwhile.
    fn so_far(&self) -> (Duration, Duration) {
        (self.begun.elapsed(), missed().saturating_sub(self.missed))
    }

    fn snapshot(&self, accounting: Accounting) -> Stats {
        let (elapsed, stopped) = self.lasted.get().copied().unwrap_or_else(|| self.so_far());
        Stats {
            elapsed,
            stopped,
            accounting,
            latency: self.ledger.latency(),
            sources: self.sources.iter().map(WatchedSource::stats).collect(),
            stages: self.stages.iter().map(|stage| stage.stats(self.lasted.get().is_none())).collect(),
            sinks: self.sinks.iter().map(WatchedSink::stats).collect(),
        }
    }
}

impl WatchedSource {
    fn stats(&self) -> SourceStats {
        SourceStats {
            name: self.name.to_string(),
            read: self.counters.read.get(),
            bad: self.counters.bad.get(),
            position: self.counters.position.get(),
            extent: self.extent,
            retries: self.counters.retries.get(),
            log_bytes_cut: self.counters.log_bytes_cut.get(),
            busy: self.counters.busy.time(),
            blocked_on_output: self.counters.blocked.time(),
        }
    }
}

impl WatchedStage {
    /// One instance alone has seen all that there was.
    fn partial_results(&self) -> Option<Warning> {
        let Divided { among, hints } = self.divided.clone()?;
        let instances = self.counters.flushed.get();
        let message = format!(
            "stage \"{}\" returned results at the end of {instances} instances, because its input is divided among {among}: each result covers only a part of the input",
            self.name
        );
        let node = self.name.to_string();
        (instances > 1).then_some(Warning { node, kind: WarningKind::PartialResults, message, hints })
    }

    /// Records without a key are kept in order as one key, so they have one worker at a time where they are dealt.
    fn without_key(&self) -> Option<Warning> {
        without_key(&self.queue, &self.name, &format!("stage \"{}\"", self.name), "worker at a time processes")
    }

    fn stats(&self, is_running: bool) -> StageStats {
        let counters = &self.counters;
        let tasks = self.tasks.iter().filter(|_| is_running);
        StageStats {
            name: self.name.to_string(),
            workers: self.slots.present(),
            pool: self.slots.stats(),
            warmth: self.program.warmth(),
            records_in: counters.records_in.get(),
            records_out: counters.records_out.get(),
            dropped: counters.dropped.get(),
            failed: counters.failed.get(),
            retries: counters.retries.get(),
            recovered: counters.recovered.get(),
            invocations: counters.invocations.get(),
            instances: counters.instances.get(),
            failed_invocations: counters.failed_invocations.get(),
            time_in_failed: counters.in_failed.time(),
            log_bytes_cut: self.program.log_bytes_cut(),
            time_in_guest: counters.in_guest.time(),
            busy: counters.busy.time(),
            waiting_for_input: counters.waiting.time(),
            blocked_on_output: counters.blocked.time(),
            queue: queue(&self.queue),
            tasks: tasks.map(ActivityCell::get).collect(),
        }
    }
}

impl WatchedSink {
    /// As for a stage.
    fn without_key(&self) -> Option<Warning> {
        without_key(&self.queue, &self.name, &format!("sink \"{}\"", self.name), "writer at a time writes")
    }

    fn stats(&self) -> SinkStats {
        SinkStats {
            name: self.name.to_string(),
            writers: self.writers,
            allows_several_writers: self.allows_several_writers,
            delivered: self.counters.delivered.get(),
            held: self.counters.held.get(),
            rejected: self.counters.rejected.get(),
            retries: self.counters.retries.get(),
            busy: self.counters.busy.time(),
            waiting_for_input: self.counters.waiting.time(),
            queue: queue(&self.queue),
        }
    }
}

/// Records that came without a key to a queue that deals by it: before `node`, of which `one` at a time does its work on these.
fn without_key(queue: &Probe, name: &str, node: &str, one: &str) -> Option<Warning> {
    let WithoutKey { records, all, key, may_be_whole } = queue.without_key()?;
    let (lack, as_one, hint) = match key {
        RecordKey::Own | RecordKey::Json(_) => {
            ("have no key", "key", format!("check \"key\" of {node}, or let an earlier stage give each record a key"))
        }
        RecordKey::Pair(_) => {
            ("lack one or both of their ids", "id", format!("check \"left\" and \"right\" of the partition of {node}"))
        }
    };
    let when = if may_be_whole { ". Where batches take long, only" } else { ", so only" };
    let message =
        format!("{records} of {all} records of {node} {lack}: they count as one {as_one}{when} one {one} them");
    Some(Warning { node: name.to_owned(), kind: WarningKind::WithoutKey, message, hints: vec![hint] })
}

fn queue(probe: &Probe) -> QueueStats {
    let depth = probe.depth();
    QueueStats { depth: depth.records, high_water: depth.records_high_water, capacity: probe.capacity() }
}
