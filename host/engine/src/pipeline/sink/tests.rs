//! Several writers of one sink, on a clock that stands still until all wait.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use tokio::runtime::{Builder, Handle};
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::edge::{Mark, Settles, Sink};
use crate::error::Error;
use crate::flow::{DeadLetters, Settler};
use crate::pipeline::checkpoint::{CommittedSink, Deliveries, Settling};
use crate::pipeline::edge_retry::EdgeRetry;
use crate::plan::{OnError, Retry};
use crate::queue::{ByKey, QueueBounds, Sender, with_lanes};
use crate::record::{Batch, Ledger, Payload, Places, RecordKey, Ticket};
use crate::redact::Redactor;
use crate::report::{Audience, event_channel};
use crate::state::StateFile;
use crate::task::Tasks;
use crate::time::{sleep, timeout};

/// Longer than any of these tests waits, on its own clock, but for the retry that nobody is to wait for.
const BOUND: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(3600);

fn nonzero(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("positive")
}

/// The tasks of a sink's writers, with their queue.
struct Rig {
    input: Option<Sender>,
    sink: CommittedSink,
    counters: Arc<SinkCounters>,
    ledger: Arc<Ledger>,
    tasks: Tasks,
    _folder: tempfile::TempDir,
}

impl Rig {
    /// One writer for each of `sinks`; keys are in order where `by_key`.
    fn start(sinks: Vec<Box<dyn Sink>>, by_key: bool, settling: &Settling) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (redactor, counters, name) = (Arc::new(Redactor::default()), Arc::<SinkCounters>::default(), "sink".into());
        let audience = Audience { events: event_channel().0, redactor: Arc::clone(&redactor) };
        let state = StateFile::at(&folder.path().join("p.state.db"));
        let failures = || FailurePolicy {
            node: Arc::clone(&name),
            role: "sink",
            component: None,
            on_error: OnError::Drop,
            dead_letters: DeadLetters::new(state.clone(), &redactor, &Handle::current()),
            redactor: Arc::clone(&redactor),
            settler: Settler::default(),
            events: audience.events.clone(),
        };
        let batch = BatchBounds { records: nonzero(8), bytes: nonzero(1 << 20), linger: Duration::ZERO };
        let lanes = by_key.then(|| ByKey::new(RecordKey::Own, nonzero(sinks.len()), nonzero(8)));
        let bounds = QueueBounds { records: nonzero(64), bytes: nonzero(1 << 20) };
        let (input, receiver) = with_lanes(bounds, lanes);
        let rule = Retry::times(20).backoff(LONG);
        let deliveries =
            Deliveries { sink: Arc::clone(&name), settler: Settler::default(), counters: Arc::clone(&counters) };
        let writer = |(number, sink)| {
            let retry = EdgeRetry::new("sink", &name, rule, audience.clone()).of_writer(number);
            Arc::new(Writer::new(sink, settling.clone(), deliveries.clone(), retry).one_of_several())
        };
        let writers: Vec<Arc<Writer>> = sinks.into_iter().enumerate().map(writer).collect();
        let mut tasks = Tasks::new(CancellationToken::new());
        for writer in &writers {
            let (writer, input, counters) = (Arc::clone(writer), receiver.clone(), Arc::clone(&counters));
            let task = WriterTask { writer, bounds: batch, input, failures: failures(), counters };
            tasks.spawn(&Handle::current(), task.run());
        }
        let sink = CommittedSink::new(&name, writers);
        Self { input: Some(input), sink, counters, ledger: Arc::default(), tasks, _folder: folder }
    }

    /// Gives it a batch of numbers with these keys.
    async fn give(&self, records: impl IntoIterator<Item = (u64, u64)>) {
        let mut payload = Payload::default();
        for (key, number) in records {
            payload.push(Some(key.to_string().as_bytes()), number.to_string().as_bytes());
        }
        let claims = Ticket::issue(&self.ledger, &"source".into(), 1, payload.len(), Places::default());
        let input = self.input.as_ref().expect("it still takes input");
        input.send(Batch::new(payload, claims)).await.expect("it still takes input");
    }

    /// Waits for the end of all writers.
    async fn end(&mut self) -> Result<()> {
        self.input = None;
        while let Some(ended) = self.tasks.next().await {
            ended?;
        }
        Ok(())
    }
}

/// Writes when as many others do.
struct Together(Arc<Barrier>);

#[async_trait]
impl Sink for Together {
    async fn write(&mut self, _records: &Records<'_>) -> Result<Vec<Rejected>> {
        self.0.wait().await;
        Ok(Vec::new())
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_writes_are_under_way_as_there_are_writers() {
    const WRITERS: usize = 8;
    let barrier = Arc::new(Barrier::new(WRITERS));
    let sinks = (0..WRITERS).map(|_| Box::new(Together(Arc::clone(&barrier))) as Box<dyn Sink>);
    let mut rig = Rig::start(sinks.collect(), false, &Settling::Written);
    // Eight records each: a batch is written as it comes.
    for batch in 0..3 * WRITERS as u64 {
        timeout(BOUND, rig.give((0..8).map(|n| (n, batch)))).await.expect("it is written");
    }
    timeout(BOUND, rig.end()).await.expect("every writer waits for all others").expect("no writer fails");
    assert_eq!((rig.counters.delivered.get(), rig.ledger.accounting().unsettled()), (24 * 8, 0));
}

/// Where all writers of a test write to, and how they fail.
#[derive(Debug, Default)]
struct Destination {
    /// What is there, in order: key and number.
    there: Vec<(String, u64)>,
    /// The writers that are writing records of a key.
    holders: BTreeMap<String, usize>,
    /// How often each key was in two hands.
    clashes: usize,
    /// Whether the next attempts fail, and how long they take.
    attempts: Vec<(bool, u64)>,
    attempted: usize,
    synced: usize,
    /// Records that a sync has made last.
    lasting: u64,
}

/// A writer that takes as long as it is told, and fails or not.
struct Slow {
    shared: Arc<Mutex<Destination>>,
    /// Records that it has written and that may not last.
    unsynced: u64,
}

impl Slow {
    fn new(attempts: Vec<(bool, u64)>) -> Self {
        Self { shared: Arc::new(Mutex::new(Destination { attempts, ..Destination::default() })), unsynced: 0 }
    }

    /// This many writers to one destination.
    fn writers(&self, number: usize) -> Vec<Box<dyn Sink>> {
        let writer = || Box::new(Self { shared: Arc::clone(&self.shared), unsynced: 0 }) as Box<dyn Sink>;
        std::iter::repeat_with(writer).take(number).collect()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Destination) -> T) -> T {
        work(&mut self.shared.lock().expect("no test panics while it is locked"))
    }
}

#[async_trait]
impl Sink for Slow {
    async fn write(&mut self, records: &Records<'_>) -> Result<Vec<Rejected>> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let keys: Vec<String> = (0..records.len()).map(|i| text(records.key(i).unwrap_or_default())).collect();
        let mut distinct = keys.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let (fails, takes) = self.with(|there| {
            for key in &distinct {
                let holders = there.holders.entry(key.clone()).or_default();
                *holders += 1;
                there.clashes += usize::from(*holders > 1);
            }
            there.attempted += 1;
            there.attempts.get(there.attempted - 1).copied().unwrap_or((false, 0))
        });
        sleep(Duration::from_millis(takes)).await;
        self.unsynced += if fails { 0 } else { records.len() as u64 };
        self.with(|there| {
            distinct.iter().for_each(|key| *there.holders.entry(key.clone()).or_default() -= 1);
            if fails {
                return Err(Error::edge("not now").retryable(true));
            }
            let numbers = records.values().iter().map(|value| text(value).parse().expect("a number"));
            there.there.extend(keys.into_iter().zip(numbers));
            Ok(Vec::new())
        })
    }

    async fn mark(&mut self) -> Result<Option<Mark>> {
        let lasting = std::mem::take(&mut self.unsynced);
        self.with(|there| {
            there.synced += 1;
            there.lasting += lasting;
        });
        Ok(None)
    }

    fn settles(&self) -> Settles {
        Settles::OnSync
    }
}

/// Writes numbers of a few keys with some writers; gives what is there in the end.
async fn written_by(writers: usize, keys: &[u64], attempts: Vec<(bool, u64)>) -> Destination {
    let slow = Slow::new(attempts);
    let mut rig = Rig::start(slow.writers(writers), true, &Settling::Written);
    for (batch, keys) in keys.chunks(5).enumerate() {
        rig.give(keys.iter().copied().zip(batch as u64 * 5..)).await;
    }
    rig.end().await.expect("nothing fails more often than it is retried");
    assert_eq!(rig.ledger.accounting().unsettled(), 0);
    slow.with(std::mem::take)
}

proptest! {
    /// A lease that were freed before a write's retries were done would let another writer overtake it.
    #[test]
    fn records_of_one_key_are_written_in_order_by_any_number_of_writers(
        writers in 1_usize..9,
        keys in prop::collection::vec(0_u64..6, 0..200),
        attempts in prop::collection::vec((prop::bool::weighted(0.3), 0_u64..50), 0..80),
    ) {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
        let there = runtime.block_on(written_by(writers, &keys, attempts));
        prop_assert_eq!(there.clashes, 0, "a key was in two hands");
        let of_key = |key: u64| there.there.iter().filter(move |(of, _)| *of == key.to_string()).map(|(_, n)| *n);
        prop_assert!((0..6).all(|key| of_key(key).is_sorted()), "{:?}", there.there);
        let mut numbers: Vec<u64> = there.there.iter().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        prop_assert!(numbers.into_iter().eq(0..keys.len() as u64));
    }
}

/// Were the writer locked meanwhile, the mark would come an hour later.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_writer_that_waits_for_its_retry() {
    let slow = Slow::new(vec![(true, 0)]);
    let mut rig = Rig::start(slow.writers(2), false, &Settling::Written);
    rig.give((0..8).map(|n| (n, 0))).await;
    let all_others = async {
        for batch in 1..50 {
            rig.give((0..8).map(|n| (n, batch))).await;
        }
        while rig.counters.delivered.get() < 49 * 8 {
            tokio::task::yield_now().await;
        }
        rig.sink.mark_all().await
    };
    timeout(BOUND, all_others).await.expect("the other writer writes all that is left").expect("it can be marked");
    assert_eq!(slow.with(|there| there.synced), 2, "each writer is asked to make what it has written last");
    assert_eq!(rig.ledger.accounting().unsettled(), 8, "what waits is in flight");
    timeout(2 * LONG, rig.end()).await.expect("it is retried").expect("it succeeds");
    assert_eq!(rig.ledger.accounting().unsettled(), 0);
}

/// A sync of one writer makes nothing of the others last.
#[tokio::test(start_paused = true)]
async fn what_a_writer_has_written_is_settled_after_its_own_sync() {
    let slow = Slow::new(vec![(false, 1); 40]);
    let mut rig = Rig::start(slow.writers(4), false, &Settling::Answered(None));
    for batch in 0..40 {
        rig.give((0..8).map(|n| (n, batch))).await;
    }
    timeout(BOUND, rig.end()).await.expect("it ends").expect("no writer fails");
    assert_eq!((rig.counters.delivered.get(), rig.ledger.accounting().unsettled()), (320, 0));
    let (synced, lasting) = slow.with(|there| (there.synced, there.lasting));
    assert!(synced >= 4 && lasting == 320, "{lasting} records last after {synced} syncs");
}

/// Says where it ends, though others write, too.
struct Marking;

#[async_trait]
impl Sink for Marking {
    async fn write(&mut self, _records: &Records<'_>) -> Result<Vec<Rejected>> {
        Ok(Vec::new())
    }

    async fn mark(&mut self) -> Result<Option<Mark>> {
        Ok(Some(Mark("here".to_owned())))
    }
}

/// A resumed run would take away what the others have written since.
#[tokio::test(start_paused = true)]
async fn a_mark_of_one_of_several_writers_is_refused() {
    let rig = Rig::start(vec![Box::new(Marking), Box::new(Marking)], false, &Settling::Written);
    let error = rig.sink.mark_all().await.expect_err("it says nothing of the other");
    assert_eq!(error.to_string(), "sink \"sink\": a sink with several writers says where one of them ends");
}
