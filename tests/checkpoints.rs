//! When checkpoints are taken: only while nothing is in flight, and soon, at any speed.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use sandmill::connector::{FileSink, Generate, Generated, IfExists, LineFormat};
use sandmill::edge::{Chunk, Cursor, Records, Rejected, Settlement, Settles, Sink, Source};
use sandmill::failpoint::{Failpoint, Failpoints};
use sandmill::plan::{Checkpoints, Order, Retry};
use sandmill::program::{NativeStage, Verdict};
use sandmill::queue::QueueBounds;
use sandmill::record::{BatchBounds, Payload};
use sandmill::report::Ending;
use sandmill::{PipelineBuilder, Result, SinkBuilder, SourceBuilder, StageBuilder};
use tests::edges::{Keeper, Numbers};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

/// A run that has not ended by then hangs.
const BOUND: Duration = Duration::from_secs(60);

/// Records of a chunk.
const CHUNK: u64 = 100;

/// A first chunk that passes unhindered: the run is let in for more at once after that.
const FIRST: u64 = 60 * CHUNK;

/// Longer than a checkpoint takes to look again whether it can be taken.
const A_WHILE: Duration = Duration::from_millis(100);

/// What the parts of a pipeline tell each other, and what they have done.
#[derive(Default)]
struct Stagecraft {
    commits: AtomicU64,
    /// The slow sink is in the middle of a write.
    is_writing: AtomicBool,
    /// The stage may work on the last two chunks.
    may_work: AtomicBool,
    may_end: AtomicBool,
    read: AtomicU64,
    emitted: AtomicU64,
    /// By the slow sink.
    written: AtomicU64,
    /// By the sink that holds back.
    held: AtomicU64,
}

/// Waits until something holds: level-triggered, bounded by the test.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        sleep(Duration::from_millis(1)).await;
    }
}

/// Gives the first chunk; when it is committed, a small one; when that is being written, two more.
struct Scripted(Arc<Stagecraft>);

#[async_trait]
impl Source for Scripted {
    async fn pull(&mut self, _bounds: &BatchBounds) -> Result<Option<Chunk>> {
        let craft = &self.0;
        let from = craft.read.load(SeqCst);
        if from == FIRST {
            until(|| craft.commits.load(SeqCst) > 0).await;
        } else if from == FIRST + CHUNK {
            until(|| craft.is_writing.load(SeqCst)).await;
        } else if from == FIRST + 3 * CHUNK {
            until(|| craft.may_end.load(SeqCst)).await;
            return Ok(None);
        }
        let to = if from == 0 { FIRST } else { from + CHUNK };
        craft.read.store(to, SeqCst);
        let records = Payload::of_values((from..to).map(|number| number.to_string()).collect());
        Ok(Some(Chunk { records, cursor: Some(Cursor(to.to_string())), ..Chunk::default() }))
    }

    fn settlement(&self) -> Settlement {
        Settlement::Cursor
    }
}

/// Writes the first chunk at once, and everything else when it is let.
struct Slow(Arc<Stagecraft>, Arc<Semaphore>);

#[async_trait]
impl Sink for Slow {
    async fn write(&mut self, records: &Records<'_>) -> Result<Vec<Rejected>> {
        let Self(craft, permits) = self;
        if craft.written.load(SeqCst) >= 2 * FIRST {
            craft.is_writing.store(true, SeqCst);
            permits.acquire().await.expect("nobody closes it").forget();
        }
        craft.written.fetch_add(records.len() as u64, SeqCst);
        Ok(Vec::new())
    }
}

/// Holds back what it is given until it is committed.
struct Holding(Arc<Stagecraft>);

#[async_trait]
impl Sink for Holding {
    async fn write(&mut self, records: &Records<'_>) -> Result<Vec<Rejected>> {
        self.0.held.fetch_add(records.len() as u64, SeqCst);
        Ok(Vec::new())
    }

    fn settles(&self) -> Settles {
        Settles::OnCommit
    }

    async fn commit(&mut self, note: Option<&str>) -> Result<()> {
        let craft = &self.0;
        if note.is_some() {
            let (emitted, written, held) =
                (craft.emitted.load(SeqCst), craft.written.load(SeqCst), craft.held.load(SeqCst));
            assert_eq!(
                (written, held),
                (emitted, emitted),
                "all that was emitted is written when a checkpoint commits"
            );
            craft.commits.fetch_add(1, SeqCst);
        }
        Ok(())
    }
}

fn nonzero(n: u64) -> NonZeroUsize {
    NonZeroUsize::new(n as usize).expect("positive")
}

fn batch(records: u64) -> BatchBounds {
    BatchBounds { records: nonzero(records), bytes: nonzero(1 << 20), linger: Duration::ZERO }
}

/// Two outputs of each record, and those of the last two chunks when that is allowed.
fn twice(craft: &Arc<Stagecraft>) -> NativeStage {
    let craft = Arc::clone(craft);
    NativeStage::new(move |_key, value, out| {
        let number: u64 = String::from_utf8_lossy(value).parse().expect("a number");
        while number >= FIRST + CHUNK && !craft.may_work.load(SeqCst) {
            std::thread::yield_now();
        }
        out.push(None, value);
        out.push(None, value);
        craft.emitted.fetch_add(2, SeqCst);
        Verdict::Done
    })
}

/// Issue 12: what was in flight was read before the locks of the sinks were waited for, and what sinks held back was read
/// behind them. Here both were `12 * CHUNK` when the first sink let go of its lock, and 400 of 600 outputs were committed as
/// delivered that the slow sink had never seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_waits_for_what_is_in_flight_however_long_a_sink_keeps_its_lock() {
    let craft = Arc::new(Stagecraft::default());
    let permits = Arc::new(Semaphore::new(0));
    let folder = tempfile::tempdir().expect("a folder");
    let room = QueueBounds { records: nonzero(10 * FIRST), bytes: nonzero(1 << 20) };
    let (slow, holding) = (Slow(Arc::clone(&craft), Arc::clone(&permits)), Holding(Arc::clone(&craft)));
    let plan = PipelineBuilder::new("p")
        .state_file(folder.path().join("p.state.db"))
        .checkpoints(Checkpoints { every: 60 * BOUND, records: NonZeroU64::new(3 * CHUNK) })
        .source(SourceBuilder::custom("scripted", Scripted(Arc::clone(&craft))))
        .stage(StageBuilder::native("twice", twice(&craft)).workers(NonZeroUsize::MIN).batch(batch(CHUNK)))
        .sink(SinkBuilder::custom("slow", slow).queue(room).batch(batch(CHUNK)).from(["twice"]))
        .sink(SinkBuilder::custom("holding", holding).queue(room).batch(batch(10 * FIRST)).from(["twice"]))
        .plan()
        .expect("a sound plan");
    let running = sandmill::prepare(plan).await.expect("a sound pipeline").start();
    timeout(BOUND, until(|| craft.read.load(SeqCst) == FIRST + 3 * CHUNK)).await.expect("the source gives all");
    sleep(A_WHILE).await;
    craft.may_work.store(true, SeqCst);
    let all = 2 * (FIRST + 3 * CHUNK);
    timeout(BOUND, until(|| craft.held.load(SeqCst) == all)).await.expect("the other sink is not held up");
    permits.add_permits(1);
    sleep(A_WHILE).await;
    permits.add_permits(1000);
    timeout(BOUND, until(|| craft.commits.load(SeqCst) == 2)).await.expect("then a checkpoint is taken");
    craft.may_end.store(true, SeqCst);
    let report = timeout(BOUND, running.wait()).await.expect("every run ends");
    assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
    assert_eq!(report.stats.accounting.delivered, 2 * all);
}

/// Takes so long for each record.
fn slow(each: Duration) -> NativeStage {
    NativeStage::new(move |_key, value, out| {
        let end = Instant::now() + each;
        while Instant::now() < end {
            std::thread::park_timeout(each);
        }
        out.push(None, value);
        Verdict::Done
    })
}

/// A run at so much a record. It is dropped when its second checkpoint begins; one that goes on, and is fast, finds the first.
/// How many records the slow run had delivered by then, and with how many the fast one begins.
async fn delivered_by_the_second_checkpoint(each: Duration) -> (u64, u64) {
    const RECORDS: u64 = 50_000;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out.txt");
    let marks = Arc::new(AtomicU64::new(0));
    let plan = |each| {
        let marks = Arc::clone(&marks);
        let failpoints = Failpoints::new(move |point| {
            marks.fetch_add(u64::from(point == Failpoint::BeforeCommit), SeqCst);
            None
        });
        let what = Generate { what: Generated::Numbers, records: RECORDS, seed: 1 };
        let sink = FileSink { path: path.clone(), format: LineFormat::Lines, if_exists: IfExists::Replace };
        PipelineBuilder::new("p")
            .state_file(folder.path().join("p.state.db"))
            .checkpoints(Checkpoints::default())
            .failpoints(failpoints)
            .source(SourceBuilder::new("numbers", what))
            .stage(StageBuilder::native("slow", slow(each)).workers(NonZeroUsize::MIN))
            .sink(SinkBuilder::new("file", sink))
            .plan()
            .expect("a sound plan")
    };
    let running = sandmill::prepare(plan(each)).await.expect("a sound pipeline").start();
    // The first mark is where the file begins.
    timeout(BOUND, until(|| marks.load(SeqCst) >= 3)).await.expect("checkpoints are taken");
    let delivered = running.stats().accounting.delivered;
    running.stopper().abort();
    let report = timeout(BOUND, running.wait()).await.expect("every run ends");
    assert_eq!(report.ending, Ending::Interrupted, "{:?}", report.problem);
    let report = timeout(BOUND, sandmill::prepare(plan(Duration::ZERO)).await.expect("it goes on").run()).await;
    let report = report.expect("every run ends");
    assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
    let lines = std::fs::read_to_string(&path).expect("an output");
    assert!(lines.lines().map(str::to_owned).eq((1..=RECORDS).map(|number| number.to_string())));
    let from = report.checkpoints.and_then(|checkpoints| checkpoints.resumed_from).expect("it goes on");
    (delivered, from.accounting.delivered)
}

/// Issue 12: a checkpoint waited for all that the queues hold, 16,384 records each.
#[tokio::test]
async fn a_slow_pipeline_takes_checkpoints_soon() {
    for (each, soon) in [(Duration::from_millis(10), 2_000), (Duration::from_millis(300), 100)] {
        let (delivered, resumed) = delivered_by_the_second_checkpoint(each).await;
        assert!(0 < resumed && resumed <= delivered && delivered < soon, "{resumed} of {delivered}");
    }
}

/// Issue 12: it had to see tens of thousands of records through, and was cut at the end of its grace.
#[tokio::test]
async fn a_slow_pipeline_that_is_stopped_has_little_to_see_through() {
    let plan = PipelineBuilder::new("p")
        .source(SourceBuilder::custom("numbers", Numbers { chunk: 1_000, ..Numbers::up_to(100_000) }))
        .stage(StageBuilder::native("slow", slow(Duration::from_millis(5))).workers(NonZeroUsize::MIN))
        .sink(SinkBuilder::custom("kept", Keeper::default()))
        .plan()
        .expect("a sound plan");
    let running = sandmill::prepare(plan).await.expect("a sound pipeline").start();
    timeout(BOUND, until(|| running.stats().accounting.delivered >= 200)).await.expect("it works");
    let report = timeout(BOUND, running.stop()).await.expect("every run ends");
    let account = report.stats.accounting;
    assert_eq!((report.ending, account.in_flight), (Ending::Stopped, 0));
    assert!(account.delivered < 1_000, "{account:?}");
}

/// Nobody would fill the batch if what waits in it were counted among what is on its way: the run would wait for an hour.
#[tokio::test]
async fn a_sink_that_waits_for_full_batches_gets_them() {
    let batch = BatchBounds { linger: 60 * BOUND, ..batch(1_000) };
    let plan = PipelineBuilder::new("p")
        .source(SourceBuilder::custom("numbers", Numbers::up_to(10_000)))
        .stage(StageBuilder::native("echo", slow(Duration::ZERO)))
        .sink(SinkBuilder::custom("kept", Keeper::default()).batch(batch))
        .plan()
        .expect("a sound plan");
    let report = timeout(BOUND, sandmill::prepare(plan).await.expect("a sound pipeline").run()).await;
    let report = report.expect("every run ends");
    assert_eq!((report.ending, report.stats.accounting.delivered), (Ending::Completed, 10_000));
}

/// They take no worker, and would be all that a source that knows nothing yet is let in for.
#[tokio::test]
async fn records_that_wait_for_another_attempt_keep_no_others_out() {
    let not_yet = NativeStage::new(|_key, value, out| match value {
        b"0" | b"1" | b"2" | b"3" | b"4" | b"5" => Verdict::Retryable("not yet".to_owned()),
        _ => {
            out.push(None, value);
            Verdict::Done
        }
    });
    let hour = 60 * BOUND;
    let retry = Retry { backoff_max: hour, ..Retry::times(1).backoff(hour) };
    let plan = PipelineBuilder::new("p")
        .source(SourceBuilder::custom("numbers", Numbers::up_to(1_000)))
        .stage(StageBuilder::native("not-yet", not_yet).order(Order::None).retry(retry))
        .sink(SinkBuilder::custom("kept", Keeper::default()))
        .plan()
        .expect("a sound plan");
    let running = sandmill::prepare(plan).await.expect("a sound pipeline").start();
    timeout(BOUND, until(|| running.stats().accounting.delivered == 994)).await.expect("the others pass");
    running.stopper().abort();
    assert_eq!(timeout(BOUND, running.wait()).await.expect("every run ends").stats.accounting.in_flight, 6);
}
