//! A pool of native functions between two queues, on a clock that stands still until all tasks wait.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Growth, Pace, Runtimes, Slots, Stage, Worker, Workplace};
use crate::error::{Error, Result};
use crate::flow::{DeadLetters, FailurePolicy, Outlet, Settler, StageCounters};
use crate::program::{NativeStage, Program, Verdict};
use crate::queue::{Lease, Probe, QueueBounds, Receiver, Sender, bounded, with_lanes};
use crate::record::{Accounting, Batch, BatchBounds, Fate, Ledger, Payload, Places, Ticket};
use crate::redact::Redactor;
use crate::report::event_channel;
use crate::state::StateFile;
use crate::task::Tasks;
use crate::testing::{Nowhere, Numbers};
use crate::{PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};

mod flushed;
mod growth;
mod keys;
mod pairs;
mod receipts;
mod retries;
mod slots;
mod threads;

/// Longer than any backoff here, all together: a pool that has not ended by then hangs.
const BOUND: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn count(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("positive")
}

pub(super) fn queue(records: usize) -> QueueBounds {
    QueueBounds { records: count(records), bytes: count(1 << 20) }
}

pub(super) fn batch(records: usize) -> BatchBounds {
    BatchBounds { records: count(records), bytes: count(1 << 30), linger: Duration::ZERO }
}

/// A function whose failures are a matter of the value: `7 r2` fails retryably twice before it passes, `7 p1` panics
/// once, `7 f` fails for good, `7 d1` is dropped after one retryable failure, `7` passes.
pub(super) fn flaky() -> NativeStage {
    let tried = Mutex::new(HashMap::<Vec<u8>, u32>::new());
    NativeStage::new(move |_key, value, out| {
        let text = std::str::from_utf8(value).expect("text");
        let (verb, times) = text
            .split_once(' ')
            .map_or((' ', 0), |(_, what)| (what.chars().next().unwrap_or(' '), what[1..].parse().unwrap_or(0)));
        let mut tried = tried.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let failures = tried.entry(value.to_vec()).or_default();
        *failures += 1;
        let is_early = *failures <= times;
        drop(tried);
        match verb {
            'f' => return Verdict::Failed(format!("{text} is no good")),
            'r' | 'd' if is_early => return Verdict::Retryable(format!("{text} is not ready")),
            'p' if is_early => panic!("{text} is in the way"),
            'd' => {}
            _ => out.push(None, value),
        }
        Verdict::Done
    })
}

/// What the sink has got.
#[derive(Default)]
struct Delivered {
    records: Vec<(Instant, String)>,
    largest_batch: usize,
}

/// A pool at work.
pub(super) struct Floor {
    /// Dropped when nothing more is to come.
    pub(super) input: Option<Sender>,
    pub(super) queue: Probe,
    pub(super) counters: Arc<StageCounters>,
    pub(super) slots: Arc<Slots>,
    delivered: Arc<Mutex<Delivered>>,
    begun: Instant,
    ledger: Arc<Ledger>,
    cut: CancellationToken,
    tasks: Tasks,
    /// The stage and its queue, as a worker has them, until the end.
    worker: Option<(Weak<Stage>, Receiver)>,
    /// What tasks came to that have ended before the end.
    ended: Vec<Result<()>>,
    folder: tempfile::TempDir,
}

impl Floor {
    /// Starts the workers of `stage`, and a sink that takes what they send in the same batches.
    pub(super) fn start(stage: StageBuilder) -> Self {
        Self::start_with(stage, |native| Arc::new(native))
    }

    /// The same with another program around the stage's function.
    pub(super) fn start_with(stage: StageBuilder, program: impl FnOnce(NativeStage) -> Arc<dyn Program>) -> Self {
        Self::start_before(stage, program, Settler::default(), Duration::ZERO)
    }

    /// Like the function above, with a subscriber to what becomes of records.
    fn start_told(
        stage: StageBuilder,
        program: impl FnOnce(NativeStage) -> Arc<dyn Program>,
        settler: Settler,
    ) -> Self {
        Self::start_before(stage, program, settler, Duration::ZERO)
    }

    /// Like the function above, before a sink that takes this long for each batch.
    pub(super) fn start_before(
        stage: StageBuilder,
        program: impl FnOnce(NativeStage) -> Arc<dyn Program>,
        settler: Settler,
        sink_takes: Duration,
    ) -> Self {
        let mut plan = PipelineBuilder::new("pool")
            .source(SourceBuilder::new("source", Numbers(1)))
            .stage(stage)
            .sink(SinkBuilder::new("sink", Nowhere))
            .plan()
            .expect("a sound plan");
        let plan = plan.stages.remove(0);
        let folder = tempfile::tempdir().expect("a folder");
        let redactor = Arc::new(Redactor::default());
        let failures = FailurePolicy {
            node: Arc::clone(&plan.name),
            role: "stage",
            component: None,
            on_error: plan.on_error,
            dead_letters: DeadLetters::new(
                StateFile::at(&folder.path().join("dead.db")),
                &redactor,
                &Handle::current(),
            ),
            redactor,
            settler,
            events: event_channel().0,
        };
        let crate::plan::Code::Native(native) = plan.code.clone() else { panic!("a native stage") };
        let ledger = Arc::default();
        let stage = Arc::new(Stage::new(&plan, program(native), failures, &ledger));
        let (input, receiver) = with_lanes(plan.queue, plan.by_key());
        // What is larger than the queue goes through it alone: batches are not merged.
        let (output, sink) = bounded(queue(1));
        let outlet = Outlet::new(vec![vec![output]], crate::failpoint::Failpoints::default());
        let cut = CancellationToken::new();
        let mut tasks = Tasks::new(cut.clone());
        let queue = receiver.probe();
        let runtimes = Runtimes { shared: Handle::current(), own: Handle::current() };
        let worker = Some((Arc::downgrade(&stage), receiver.clone()));
        let workplace = Workplace { input: receiver, output: outlet, runtimes };
        for task in 0..stage.tasks() {
            tasks.spawn_migrating(&Handle::current(), Worker::new(&stage, task, workplace.clone()).run());
        }
        drop(workplace);
        if !plan.workers.are_fixed() {
            tasks.spawn(&Handle::current(), Growth::new(&stage, queue.clone()).run());
        }
        let delivered = Arc::default();
        tasks.spawn(&Handle::current(), deliver(sink, Arc::clone(&delivered), sink_takes));
        let (counters, slots) = (Arc::clone(&stage.counters), Arc::clone(&stage.slots));
        let (begun, ended) = (Instant::now(), Vec::new());
        Self { input: Some(input), queue, counters, slots, delivered, begun, ledger, cut, tasks, worker, ended, folder }
    }

    /// Gives the pool these sizes, one after the other, each after a pause, whatever work there is.
    pub(super) fn resize(&mut self, sizes: Vec<(Duration, usize)>) {
        let slots = Arc::clone(&self.slots);
        self.tasks.spawn(&Handle::current(), async move {
            for (pause, workers) in sizes {
                sleep(pause).await;
                slots.resize(workers);
            }
            Ok(())
        });
    }

    /// Gives it these values, in one batch. Waits as a source does.
    pub(super) async fn give<T: AsRef<[u8]>>(&self, values: impl IntoIterator<Item = T>) {
        self.put(Payload::of_values(values.into_iter().collect())).await;
    }

    /// The same, with keys: the first letter of each value.
    pub(super) async fn give_keyed<T: AsRef<str>>(&self, values: impl IntoIterator<Item = T>) {
        self.put(keyed(values)).await;
    }

    /// Gives it batches for as long as it takes, or for this time.
    pub(super) async fn give_batches(&mut self, batches: Vec<Vec<String>>, within: Duration) {
        let (input, ledger) = (self.input.clone().expect("it still takes input"), Arc::clone(&self.ledger));
        let give = async move {
            for batch in batches {
                let records = keyed(batch);
                let claims = Ticket::issue(&ledger, &"source".into(), 1, records.len(), Places::default());
                input.send(Batch::new(records, claims)).await.expect("it still takes input");
            }
        };
        let mut give = std::pin::pin!(timeout(within, give));
        loop {
            tokio::select! {
                // Whoever waits for tasks respawns them on other threads.
                Some(ended) = self.tasks.next() => self.ended.push(ended),
                _ = &mut give => return,
            }
        }
    }

    async fn put(&self, records: Payload) {
        let claims = Ticket::issue(&self.ledger, &"source".into(), 1, records.len(), Places::default());
        let input = self.input.as_ref().expect("it still takes input");
        input.send(Batch::new(records, claims)).await.expect("it still takes input");
    }

    /// Lets everything happen that happens without waiting for a backoff.
    pub(super) async fn settle(&mut self) {
        self.pass(Duration::from_nanos(1)).await;
    }

    /// Lets this time pass.
    pub(super) async fn pass(&mut self, time: Duration) {
        let mut moment = std::pin::pin!(sleep(time));
        loop {
            tokio::select! {
                // Whoever waits for tasks respawns them on other threads.
                Some(ended) = self.tasks.next() => self.ended.push(ended),
                () = &mut moment => return,
            }
        }
    }

    /// Takes the lane of a key, as a worker does, unless another one has it.
    pub(super) fn lane_of(&self, key: &str) -> Lease {
        let (stage, input) = self.worker.as_ref().expect("it has not ended");
        let hash = stage.upgrade().expect("it works").key(&keyed([key]), 0);
        input.lease(input.lane(hash)).expect("the lane is free")
    }

    /// Two keys that do not share a lane.
    pub(super) fn keys_of_two_lanes(&self) -> (String, String) {
        let (stage, input) = self.worker.as_ref().expect("it has not ended");
        let lane = |key: &str| input.lane(stage.upgrade().expect("it works").key(&keyed([key]), 0));
        let other = ('b'..='z').map(String::from).find(|key| lane(key) != lane("a"));
        ("a".to_owned(), other.expect("one of them has another lane"))
    }

    /// What the stage has learned of its calls.
    pub(super) fn pace(&self) -> Arc<Pace> {
        let stage = self.worker.as_ref().and_then(|(stage, _)| stage.upgrade()).expect("it works");
        Arc::clone(&stage.pace)
    }

    /// Leaves a lane to others, as a worker does.
    pub(super) fn leave(&self, lane: Lease) {
        drop(lane);
        let stage = self.worker.as_ref().and_then(|(stage, _)| stage.upgrade()).expect("it works");
        stage.keys.as_ref().expect("it keeps order by key").release();
    }

    /// What has been delivered so far, and when, from the start on, in whole milliseconds.
    pub(super) fn delivered(&self) -> Vec<(u64, String)> {
        let since = |at: Instant| u64::try_from((at - self.begun).as_millis()).expect("a short time");
        self.delivered.lock().unwrap().records.iter().map(|(at, text)| (since(*at), text.clone())).collect()
    }

    /// Bytes of the largest batch that came to the sink.
    pub(super) fn largest_batch(&self) -> usize {
        self.delivered.lock().unwrap().largest_batch
    }

    pub(super) fn texts(&self) -> Vec<String> {
        self.delivered().into_iter().map(|(_, text)| text).collect()
    }

    /// Cuts it where it stands.
    pub(super) async fn cut(&mut self) -> Accounting {
        self.cut.cancel();
        self.end().await.expect("a cut is no failure");
        self.ledger.accounting()
    }

    /// Gives it nothing more, and waits until it has ended.
    pub(super) async fn drain(&mut self) -> Result<Accounting> {
        self.end().await?;
        Ok(self.ledger.accounting())
    }

    pub(super) fn letters(&self) -> Vec<serde_json::Value> {
        let mut letters = Vec::new();
        let read = StateFile::at(&self.folder.path().join("dead.db")).letters(|letter| {
            letters.push(serde_json::to_value(letter).expect("JSON"));
            Ok(())
        });
        read.expect("a state file");
        letters
    }

    /// Attempts beyond the first, and records that passed at one.
    pub(super) fn retries(&self) -> (u64, u64) {
        (self.counters.retries.get(), self.counters.recovered.get())
    }

    async fn end(&mut self) -> Result<()> {
        (self.input, self.worker) = (None, None);
        let mut failure: Option<Error> = None;
        let mut earlier = std::mem::take(&mut self.ended).into_iter();
        while let Some(ended) = match earlier.next() {
            Some(ended) => Some(ended),
            None => timeout(BOUND, self.tasks.next()).await.expect("every pool ends"),
        } {
            if let Err(error) = ended {
                self.cut.cancel();
                failure.get_or_insert(error);
            }
        }
        let account = self.ledger.accounting();
        assert!(account.balances(), "{account:?}");
        assert!(account.in_flight == 0 || self.cut.is_cancelled(), "{account:?}");
        failure.map_or(Ok(()), Err)
    }
}

fn keyed<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> Payload {
    let mut records = Payload::default();
    for value in values {
        let value = value.as_ref();
        records.push(Some(&value.as_bytes()[..1]), value.as_bytes());
    }
    records
}

async fn deliver(sink: Receiver, delivered: Arc<Mutex<Delivered>>, takes: Duration) -> Result<()> {
    while let Some(received) = sink.recv(&batch(1_000_000)).await {
        if !takes.is_zero() {
            sleep(takes).await;
        }
        let (records, claims) = received.batch.into_parts();
        let texts = records.values().iter().map(|value| (Instant::now(), String::from_utf8_lossy(value).into_owned()));
        let mut delivered = delivered.lock().unwrap();
        delivered.largest_batch = delivered.largest_batch.max(records.bytes());
        delivered.records.extend(texts);
        drop(delivered);
        claims.settle(Fate::Delivered);
    }
    Ok(())
}
