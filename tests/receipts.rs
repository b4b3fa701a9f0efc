//! How sources learn that they need not give a record again: each speaks for itself, and one that acknowledges is told what
//! became of every record, whatever happens to the run.

use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use rusqlite::Connection;
use sandmill::connector::{FileSink, FolderSink, Generate, Generated, IfExists, LineFormat, SqliteSink};
use sandmill::edge::{Chunk, Records, Rejected, Sink, Source};
use sandmill::failpoint::{Breakage, Failpoint, Failpoints};
use sandmill::plan::{Checkpoints, Order, Plan, Recycle, Retry, Reuse};
use sandmill::program::{NativeStage, Verdict};
use sandmill::record::{BatchBounds, Fate, Payload, Per};
use sandmill::report::{Ending, Report};
use sandmill::state::StateFile;
use sandmill::{PipelineBuilder, Result, SinkBuilder, SourceBuilder, StageBuilder};
use tests::broker::{Broker, UNREADABLE, acknowledged};
use tests::edges::Keeper;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

/// A run that has not ended by then hangs.
const BOUND: Duration = Duration::from_secs(60);

/// Numbers that the source gives that can resume.
const NUMBERS: u64 = 200_000;

/// Gives texts that cannot be had again, as standard input does: what is read is gone.
struct Stream {
    read: Arc<AtomicU64>,
    until: u64,
}

#[async_trait]
impl Source for Stream {
    async fn pull(&mut self, _bounds: &BatchBounds) -> Result<Option<Chunk>> {
        let from = self.read.load(SeqCst);
        if from >= self.until {
            return Ok(None);
        }
        self.read.store(from + 10, SeqCst);
        let records = Payload::of_values((from..from + 10).map(|number| format!("stream {number}")).collect());
        Ok(Some(Chunk { records, ..Chunk::default() }))
    }
}

async fn run_beside_a_stream(folder: &Path, read: &Arc<AtomicU64>, fails: bool) -> Report {
    let writes = AtomicU64::new(0);
    let commits = AtomicU64::new(0);
    let failpoints = Failpoints::new(move |point| {
        commits.fetch_add(u64::from(point == Failpoint::AfterCommit), SeqCst);
        // Some way after the first checkpoint; the first mark is where the file begins.
        let late = commits.load(SeqCst) > 1 && point == Failpoint::AfterWrite && writes.fetch_add(1, SeqCst) == 5;
        (fails && late).then_some(Breakage::Lasting)
    });
    let batch = BatchBounds {
        records: NonZeroUsize::new(20).expect("positive"),
        bytes: NonZeroUsize::new(1 << 20).expect("positive"),
        linger: Duration::ZERO,
    };
    let what = Generate { what: Generated::Numbers, records: NUMBERS, seed: 1 };
    let file = FileSink { path: folder.join("out.txt"), format: LineFormat::Lines, if_exists: IfExists::Replace };
    let plan = PipelineBuilder::new("p")
        .state_file(folder.join("p.state.db"))
        .checkpoints(Checkpoints { every: Duration::from_millis(1), records: NonZeroU64::new(200) })
        .failpoints(failpoints)
        .source(SourceBuilder::new("numbers", what))
        .source(SourceBuilder::custom("stream", Stream { read: Arc::clone(read), until: NUMBERS / 10 }))
        .sink(SinkBuilder::new("file", file).batch(batch).from(["numbers", "stream"]))
        .plan()
        .expect("a sound plan");
    let pipeline = sandmill::prepare(plan).await.expect("nothing stands in the way");
    timeout(BOUND, pipeline.run()).await.expect("every run ends")
}

/// A source that could not resume switched checkpoints off for all: the whole run was done again.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_resume_does_not_keep_the_others_from_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let read = Arc::new(AtomicU64::new(0));
    let report = run_beside_a_stream(folder.path(), &read, true).await;
    assert_eq!(report.ending, Ending::Aborted, "{:?}", report.problem);
    let report = run_beside_a_stream(folder.path(), &read, false).await;
    assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
    let resumed = report.checkpoints.and_then(|checkpoints| checkpoints.resumed_from).expect("it resumes");
    assert!(resumed.accounting.delivered > 0);

    let text = std::fs::read_to_string(folder.path().join("out.txt")).expect("an output");
    let (stream, numbers): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("stream"));
    let numbers: Vec<u64> = numbers.iter().map(|line| line.parse().expect("a number")).collect();
    assert!(numbers.iter().copied().eq(1..=NUMBERS), "{} numbers", numbers.len());
    let mut once = stream.clone();
    once.sort_unstable();
    once.dedup();
    assert!(once.len() == stream.len() && !stream.is_empty(), "what cannot be had again is there at most once");
}

/// Names files: no two records of a process have one.
static KEY: AtomicU64 = AtomicU64::new(0);

/// What a number comes to: nothing if 5 divides it, two lines if 3 does. What 7 divides fails.
fn sieve() -> NativeStage {
    NativeStage::new(|_key, value, out| {
        let number: u64 = std::str::from_utf8(value).expect("text").parse().expect("a number");
        if number.is_multiple_of(7) {
            return Verdict::Failed("seven".to_owned());
        }
        // Other records that are on their way do not pass this one.
        if number.is_multiple_of(11) && number % 4 == 1 {
            std::thread::yield_now();
        }
        // Two sources may give the same number, so no key is that of a number alone.
        for _ in 0..times(number) {
            let key = KEY.fetch_add(1, Relaxed);
            out.push(
                Some(format!("{}/{key}", std::process::id()).as_bytes()),
                format!("{{\"n\":{number}}}").as_bytes(),
            );
        }
        Verdict::Done
    })
}

fn times(number: u64) -> usize {
    if number.is_multiple_of(5) { 0 } else { 1 + usize::from(number.is_multiple_of(3)) }
}

/// What the broker should hear of a message, when all went well.
fn expected(number: u64) -> Fate {
    if number.is_multiple_of(UNREADABLE) || number.is_multiple_of(7) {
        Fate::DeadLettered
    } else if times(number) == 0 {
        Fate::Dropped
    } else {
        Fate::Delivered
    }
}

/// How a pipeline behind a broker is made.
#[derive(Clone, Copy, Debug)]
struct Shape {
    messages: u64,
    per: Per,
    chunk: usize,
    file: bool,
    table: bool,
    /// How many writers write files into a folder; 0: there is none.
    folder: usize,
    order: Order,
    workers: usize,
    /// Instances live on, for so many records: they hold what comes to nothing.
    recycle: Option<NonZeroUsize>,
    /// Another source, which can resume, feeds the same sinks.
    beside: bool,
}

fn nonzero(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("positive")
}

fn batch() -> BatchBounds {
    BatchBounds { records: nonzero(50), bytes: nonzero(1 << 20), linger: Duration::ZERO }
}

fn pipeline(folder: &Path, shape: Shape, broker: &Broker, failpoints: Failpoints) -> Plan {
    let soon = Retry::times(2).backoff(Duration::from_millis(1));
    let stage =
        StageBuilder::native("sieve", sieve()).order(shape.order).batch(batch()).workers(nonzero(shape.workers));
    let stage = match shape.recycle {
        Some(records) => stage.reuse(Reuse::Worker).recycle(Recycle { records: Some(records), memory: None }),
        None => stage,
    };
    let subscription = broker.subscribe(shape.per, shape.chunk, true);
    let mut builder = PipelineBuilder::new("p")
        .state_file(folder.join("p.state.db"))
        .checkpoints(Checkpoints { every: Duration::from_millis(5), records: None })
        .failpoints(failpoints)
        .source(SourceBuilder::custom("broker", subscription).retry(soon));
    if shape.beside {
        let what = Generate { what: Generated::Numbers, records: shape.messages, seed: 1 };
        builder = builder.source(SourceBuilder::new("numbers", what).retry(soon));
        builder = builder.stage(stage.from(["broker", "numbers"]));
    } else {
        builder = builder.stage(stage.from(["broker"]));
    }
    if shape.file {
        let file =
            FileSink { path: folder.join("out.jsonl"), format: LineFormat::JsonLines, if_exists: IfExists::Replace };
        let sink = SinkBuilder::new("file", file).batch(batch()).retry(soon);
        builder = builder.sink(sink.from(["sieve"]));
    }
    if shape.table {
        let (path, columns) = (folder.join("out.db"), Vec::new());
        let (extra_columns, if_exists) = (None, IfExists::Replace);
        let sqlite = SqliteSink { path, table: "t".to_owned(), columns, extra_columns, if_exists };
        let sink = SinkBuilder::new("table", sqlite).batch(batch()).retry(soon);
        builder = builder.sink(sink.from(["sieve"]));
    }
    if let Some(writers) = NonZeroUsize::new(shape.folder) {
        let sink = SinkBuilder::new("folder", FolderSink { path: folder.join("out") }).writers(writers);
        builder = builder.sink(sink.batch(batch()).retry(soon).from(["sieve"]));
    }
    builder.plan().expect("a sound plan")
}

/// How often each number is in the file, in the table and in the folder.
fn outputs(folder: &Path, shape: Shape) -> Vec<BTreeMap<u64, usize>> {
    let count = |numbers: Vec<u64>| {
        let mut counts = BTreeMap::new();
        numbers.into_iter().for_each(|number| *counts.entry(number).or_insert(0) += 1);
        counts
    };
    let file = shape.file.then(|| {
        let text = std::fs::read_to_string(folder.join("out.jsonl")).unwrap_or_default();
        let number = |line: &str| line.strip_prefix("{\"n\":")?.strip_suffix('}')?.parse().ok();
        text.lines().filter_map(number).collect()
    });
    let table = shape.table.then(|| {
        let read = || {
            let database = Connection::open(folder.join("out.db"))?;
            let mut statement = database.prepare("SELECT n FROM t")?;
            let rows = statement.query_map([], |row| row.get::<_, i64>(0))?;
            rows.map(|row| row.map(i64::cast_unsigned)).collect::<rusqlite::Result<Vec<u64>>>()
        };
        read().unwrap_or_default()
    });
    let files = (shape.folder > 0).then(|| {
        let folders = std::fs::read_dir(folder.join("out")).into_iter().flatten().flatten();
        let files = folders.filter_map(|folder| std::fs::read_dir(folder.path()).ok()).flatten().flatten();
        let text = |file: std::fs::DirEntry| std::fs::read_to_string(file.path()).expect("a file of our own");
        let number = |text: String| text.strip_prefix("{\"n\":")?.strip_suffix('}')?.parse().ok();
        files.map(|file| number(text(file)).expect("a file is whole")).collect()
    });
    [file, table, files].into_iter().flatten().map(count).collect()
}

fn dead_letters(folder: &Path) -> BTreeMap<u64, u32> {
    let mut failed: BTreeMap<u64, u32> = BTreeMap::new();
    let letters = StateFile::at(&folder.join("p.state.db")).letters(|letter| {
        let number = String::from_utf8_lossy(&letter.value).parse().expect("a number");
        *failed.entry(number).or_default() += 1;
        Ok(())
    });
    letters.expect("a state file, or none");
    failed
}

/// Whatever was acknowledged is where it was said to be.
fn nothing_acknowledged_is_missing(folder: &Path, shape: Shape, acknowledged: &BTreeMap<u64, String>) {
    let (outputs, letters) = (outputs(folder, shape), dead_letters(folder));
    for (message, fate) in acknowledged {
        match fate.as_str() {
            "Delivered" => {
                let least = times(*message);
                let found = outputs.iter().all(|output| output.get(message).is_some_and(|found| *found >= least));
                assert!(found, "message {message} was acknowledged, and is missing");
            }
            "DeadLettered" => assert!(letters.contains_key(message), "the letter of message {message} is missing"),
            fate => assert_eq!(fate, "Dropped", "message {message}"),
        }
    }
}

async fn run(folder: &Path, shape: Shape, broker: &Broker, failpoints: Failpoints) -> Report {
    let plan = pipeline(folder, shape, broker, failpoints);
    let pipeline = sandmill::prepare(plan).await.expect("nothing stands in the way");
    let report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
    assert!(report.stats.accounting.balances(), "{:?}", report.stats.accounting);
    report
}

const SHAPE: Shape = Shape {
    messages: 500,
    per: Per::Record,
    chunk: 7,
    file: true,
    table: false,
    folder: 4,
    order: Order::Input,
    workers: 2,
    recycle: None,
    beside: false,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_acknowledges_is_told_once_what_became_of_each_record() {
    for per in [Per::Record, Per::Chunk] {
        let folder = tempfile::tempdir().expect("a folder");
        let broker = Broker::at(&folder.path().join("journal"), SHAPE.messages);
        let shape = Shape { per, table: true, ..SHAPE };
        let report = run(folder.path(), shape, &broker, Failpoints::default()).await;
        assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
        let given = broker.given();
        assert_eq!(given.len() as u64, SHAPE.messages);
        for (message, told) in given {
            assert_eq!(told, [expected(message)], "message {message}");
        }
        nothing_acknowledged_is_missing(folder.path(), shape, &acknowledged(&folder.path().join("journal")));
    }
}

/// The first messages are written, others wait for the sink, and the rest has been given. Then the run is stopped: in its
/// own time, or at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_flight_at_a_stop_is_told_as_such_and_not_acknowledged() {
    for at_once in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let broker = Broker::at(&folder.path().join("journal"), 100);
        let gate = Arc::new(Semaphore::new(3));
        let keeper = Keeper { gate: Some(Arc::clone(&gate)), ..Keeper::default() };
        let small = BatchBounds { records: nonzero(2), ..batch() };
        let plan = PipelineBuilder::new("p")
            .state_file(folder.path().join("p.state.db"))
            .source(SourceBuilder::custom("broker", broker.subscribe(Per::Record, 3, false)))
            .stage(StageBuilder::native("sieve", sieve()).batch(small))
            .sink(SinkBuilder::custom("kept", keeper).batch(small))
            .plan()
            .expect("a sound plan");
        let running = sandmill::prepare(plan).await.expect("a sound pipeline").start();
        timeout(BOUND, until(|| gate.available_permits() == 0)).await.expect("it works");
        timeout(BOUND, until(|| !broker.acknowledged().is_empty())).await.expect("it is told while the run continues");
        if at_once {
            running.stopper().abort();
        } else {
            running.stopper().stop();
            gate.add_permits(1_000);
        }
        let report = timeout(BOUND, running.wait()).await.expect("every run ends");
        let ending = if at_once { Ending::Interrupted } else { Ending::Stopped };
        assert_eq!(report.ending, ending, "{:?}", report.problem);
        let (given, acknowledged) = (broker.given(), broker.acknowledged());
        assert!(given.iter().all(|(_, told)| told.len() == 1), "{given:?}");
        for (message, told) in given {
            match told.as_slice() {
                [Fate::InFlight] => assert!(at_once && !acknowledged.contains_key(&message), "message {message}"),
                told => assert_eq!(told, [expected(message)], "message {message}"),
            }
        }
    }
}

/// What waits in a stage belongs to none of its workers: the source waited for it as long as it was let, and was told nothing.
#[tokio::test]
async fn what_waits_for_another_attempt_at_a_stop_is_told_as_in_flight() {
    for order in [Order::None, Order::Input, Order::Key] {
        let folder = tempfile::tempdir().expect("a folder");
        let broker = Broker::at(&folder.path().join("journal"), 10);
        let tried = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&tried);
        let never = NativeStage::new(move |_key, _value, _out| {
            counted.fetch_add(1, Relaxed);
            Verdict::Retryable("not yet".to_owned())
        });
        let hour = Duration::from_secs(60 * 60);
        let retry = Retry::times(1).backoff(hour).backoff_max(hour);
        let plan = PipelineBuilder::new("p")
            .state_file(folder.path().join("p.state.db"))
            .source(SourceBuilder::custom("broker", broker.subscribe(Per::Record, 1, false)))
            .stage(StageBuilder::native("never", never).order(order).retry(retry))
            .sink(SinkBuilder::custom("kept", Keeper::default()))
            .plan()
            .expect("a sound plan");
        let running = sandmill::prepare(plan).await.expect("a sound pipeline").start();
        timeout(BOUND, until(|| tried.load(Relaxed) > 0)).await.expect("it works");
        running.stopper().abort();
        let report = timeout(BOUND, running.wait()).await.expect("every run ends");
        assert_eq!(report.ending, Ending::Interrupted, "{:?}", report.problem);
        let given = broker.given();
        assert!(given.iter().all(|(_, told)| *told == [Fate::InFlight]), "{order:?}: {given:?}");
    }
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Where, and at which time of coming by, a run fails.
#[derive(Clone, Copy, Debug)]
struct Failure {
    point: Failpoint,
    time: u32,
    breakage: Breakage,
}

impl Failure {
    /// Whether it may keep the source from hearing of its records: it is the source's own task that breaks.
    fn deafens(&self) -> bool {
        let own = [Failpoint::Pull, Failpoint::Admit, Failpoint::BeforeSend, Failpoint::Settle].contains(&self.point);
        own && (self.breakage == Breakage::Panic || self.point == Failpoint::Settle)
    }
}

fn failure() -> impl Strategy<Value = Failure> {
    let often = prop::sample::select(vec![
        Failpoint::Pull,
        Failpoint::Admit,
        Failpoint::Settle,
        Failpoint::BeforeInvocation,
        Failpoint::AfterInvocation,
        Failpoint::BeforeSend,
        Failpoint::BeforeWrite,
        Failpoint::AfterWrite,
    ]);
    let seldom = prop::sample::select(vec![
        Failpoint::BeforeCommit,
        Failpoint::AfterCommit,
        Failpoint::Drain,
        Failpoint::Closing,
    ]);
    let breakage = prop::sample::select(vec![Breakage::Passing, Breakage::Lasting, Breakage::Panic]);
    (prop_oneof![(often, 0_u32..40), (seldom, 0_u32..6)], breakage).prop_map(|((point, time), breakage)| Failure {
        point,
        time,
        breakage,
    })
}

fn script(failures: &[Failure], has_begun: &Arc<AtomicBool>) -> Failpoints {
    let has_begun = Arc::clone(has_begun);
    let failures: Vec<(Failure, AtomicU32)> = failures.iter().map(|failure| (*failure, AtomicU32::new(0))).collect();
    Failpoints::new(move |point| {
        let come = failures.iter().filter(|(failure, _)| failure.point == point && has_begun.load(Relaxed));
        let hit = come.filter(|(failure, passed)| passed.fetch_add(1, Relaxed) == failure.time);
        hit.map(|(failure, _)| failure.breakage).last()
    })
}

fn shape() -> impl Strategy<Value = Shape> {
    let sinks = prop::sample::select(vec![(true, false), (false, true), (true, true)]);
    let order = prop::sample::select(vec![Order::Input, Order::None, Order::Key]);
    let recycle = prop::option::of((1_usize..150).prop_map(nonzero));
    let per = prop::sample::select(vec![Per::Record, Per::Chunk]);
    let folder = prop_oneof![3 => Just(0_usize), 1 => 1_usize..6];
    (sinks, folder, order, 1_usize..3, recycle, (per, 1_usize..60), any::<bool>()).prop_map(
        |((file, table), folder, order, workers, recycle, (per, chunk), beside)| Shape {
            messages: 1_000,
            per,
            chunk,
            file,
            table,
            folder,
            order,
            workers,
            recycle,
            beside,
        },
    )
}

async fn reaches_its_destination(shape: Shape, runs: &[Vec<Failure>]) {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal");
    let broker = Broker::at(&journal, shape.messages);
    let mut given = 0;
    for failures in runs.iter().map(Vec::as_slice).chain([&[] as &[Failure]]) {
        let has_begun = Arc::new(AtomicBool::new(false));
        let plan = pipeline(folder.path(), shape, &broker, script(failures, &has_begun));
        let pipeline = sandmill::prepare(plan).await.expect("nothing stands in the way of going on");
        has_begun.store(true, Relaxed);
        let report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
        assert!(report.stats.accounting.balances(), "{:?}", report.stats.accounting);
        let of_this_run = broker.given().split_off(given);
        let is_deaf = failures.iter().any(Failure::deafens);
        for (message, told) in &of_this_run {
            assert!(told.len() == 1 || (is_deaf && told.is_empty()), "message {message} was told {told:?}");
        }
        given += of_this_run.len();
        if report.ending == Ending::Completed {
            nothing_acknowledged_is_missing(folder.path(), shape, &acknowledged(&journal));
        }
        if report.ending == Ending::Completed && acknowledged(&journal).len() as u64 == shape.messages {
            break;
        }
    }
    let acknowledged = acknowledged(&journal);
    assert_eq!(acknowledged.len() as u64, shape.messages, "nothing fails in the last run");
    nothing_acknowledged_is_missing(folder.path(), shape, &acknowledged);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever fails, wherever, and however often.
    #[test]
    fn what_is_acknowledged_is_at_its_destination_wherever_a_run_fails(
        shape in shape(),
        runs in prop::collection::vec(prop::collection::vec(failure(), 1..4), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
        runtime.block_on(reaches_its_destination(shape, &runs));
    }
}

/// Where the process that is killed finds what it needs.
const KILLED_IN: &str = "SANDMILL_TEST_KILLED_IN";
const KILLED_SHAPE: Shape =
    Shape { messages: 40_000, chunk: 50, table: true, folder: 0, beside: true, recycle: None, ..SHAPE };
const KILLS: u32 = 12;

/// The same with files, which are slow to write and to look at.
const KILLED_WRITERS: &str = "SANDMILL_TEST_KILLED_WRITERS";
const WRITERS_SHAPE: Shape = Shape { messages: 4_000, file: false, table: false, folder: 4, ..KILLED_SHAPE };

/// Not a test of its own: what the test below starts, and kills.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed() {
    let Some(folder) = std::env::var_os(KILLED_IN).map(PathBuf::from) else { return };
    let shape = if std::env::var_os(KILLED_WRITERS).is_some() { WRITERS_SHAPE } else { KILLED_SHAPE };
    let broker = Broker::at(&folder.join("journal"), shape.messages);
    let report = run(&folder, shape, &broker, Failpoints::default()).await;
    assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
}

fn started(folder: &Path, shape: Shape) -> Child {
    let program = std::env::current_exe().expect("a test knows where it is");
    let mut command = Command::new(program);
    command.args(["receipts::a_process_that_is_killed", "--exact", "--nocapture"]).env(KILLED_IN, folder);
    if shape.folder > 0 {
        command.env(KILLED_WRITERS, "1");
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts")
}

/// `kill -9` at any instant. What was not acknowledged is given again, and nothing that was is missing: not even what was
/// written after the last checkpoint, to which a resumed run goes back.
#[test]
fn what_is_acknowledged_outlasts_kills() {
    let seed = seed();
    println!("SEED={seed}");
    outlasts_kills(KILLED_SHAPE, KILLS, seed);
}

/// Each writer syncs for itself.
#[test]
fn what_is_acknowledged_outlasts_kills_with_several_writers() {
    let seed = seed();
    println!("SEED={seed}");
    outlasts_kills(WRITERS_SHAPE, KILLS / 2, seed);
}

fn seed() -> u64 {
    std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..))
}

fn outlasts_kills(shape: Shape, kills_max: u32, seed: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut kills = 0;
    loop {
        let before = acknowledged(&journal).len() as u64;
        let kill_at = before + rng.u64(1..shape.messages / 8);
        let mut process = started(folder.path(), shape);
        let begun = Instant::now();
        let ended = loop {
            assert!(begun.elapsed() < BOUND, "it hangs");
            if let Some(ended) = process.try_wait().expect("a process of ours") {
                break Some(ended);
            }
            // Not at the very end: a run that has ended is forgotten, and the next one would be a new one.
            if kills < kills_max && (kill_at..shape.messages * 9 / 10).contains(&(acknowledged(&journal).len() as u64))
            {
                process.kill().expect("a process of ours");
                process.wait().expect("it was killed");
                break None;
            }
        };
        let Some(ended) = ended else {
            kills += 1;
            nothing_acknowledged_is_missing(folder.path(), shape, &acknowledged(&journal));
            continue;
        };
        let mut said = String::new();
        process.stderr.take().map(|mut stderr| std::io::Read::read_to_string(&mut stderr, &mut said));
        assert!(ended.success(), "{said}");
        break;
    }
    let acknowledged = acknowledged(&journal);
    assert!(kills > 0 && acknowledged.len() as u64 == shape.messages, "{} after {kills}", acknowledged.len());
    nothing_acknowledged_is_missing(folder.path(), shape, &acknowledged);
    // What the other source gave is there as well: it resumes at its last checkpoint.
    for output in outputs(folder.path(), shape) {
        for number in (1..=shape.messages).filter(|number| expected(*number) == Fate::Delivered) {
            let least = 2 * times(number);
            assert!(output.get(&number).is_some_and(|found| *found >= least), "number {number}");
        }
    }
}

/// A destination that is written to by name, as one behind a network is with a key: it keeps what it has.
#[derive(Clone, Default)]
struct Named(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

#[async_trait]
impl Sink for Named {
    async fn write(&mut self, records: &Records<'_>) -> Result<Vec<Rejected>> {
        let mut kept = self.0.lock().expect("no test panics while writing");
        for (index, value) in records.values().iter().enumerate() {
            let name = records.id(index).expect("of a source").to_string();
            let before = kept.insert(name, value.to_vec());
            assert!(before.is_none_or(|before| before == value), "two records have one name");
        }
        Ok(Vec::new())
    }
}

/// Without parts of their own, the second output of a record, and the copy that takes another way, would be lost here.
#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_written_to_by_name_has_each_record_once_after_any_failures() {
    const NUMBERS: u64 = 2_000;
    let folder = tempfile::tempdir().expect("a folder");
    let named = Named::default();
    let mut fails_at = 3;
    loop {
        let writes = AtomicU64::new(0);
        let failpoints = Failpoints::new(move |point| {
            let hit = point == Failpoint::AfterWrite && writes.fetch_add(1, SeqCst) == fails_at;
            hit.then_some(Breakage::Lasting)
        });
        let what = Generate { what: Generated::Numbers, records: NUMBERS, seed: 1 };
        let plan = PipelineBuilder::new("p")
            .state_file(folder.path().join("p.state.db"))
            .checkpoints(Checkpoints { every: Duration::from_millis(2), records: NonZeroU64::new(300) })
            .failpoints(failpoints)
            .source(SourceBuilder::new("numbers", what))
            .stage(StageBuilder::native("sieve", sieve()).batch(batch()).workers(nonzero(2)))
            .sink(SinkBuilder::custom("named", named.clone()).batch(batch()).from(["sieve", "numbers"]))
            .plan()
            .expect("a sound plan");
        let report = timeout(BOUND, sandmill::prepare(plan).await.expect("it resumes").run()).await;
        if report.expect("every run ends").ending == Ending::Completed {
            break;
        }
        fails_at *= 2;
    }
    let kept = named.0.lock().expect("no test panics while writing");
    let of_the_sieve: usize = (1..=NUMBERS).filter(|number| !number.is_multiple_of(7)).map(times).sum();
    assert!(fails_at > 3 && kept.len() == NUMBERS as usize + of_the_sieve, "{} after {fails_at}", kept.len());
}
