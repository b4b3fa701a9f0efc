//! Runs that are made to fail at every place where they can, and resumed until they are done: every record meets its fate
//! once, and every run ends with an account that balances.

use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;
use sandmill::connector::{FileSink, FolderSink, Generate, Generated, IfExists, LineFormat, SqliteSink};
use sandmill::failpoint::{Breakage, Failpoint, Failpoints};
use sandmill::plan::{Checkpoints, Order, Recycle, Retry, Reuse};
use sandmill::program::{NativeStage, Verdict};
use sandmill::record::BatchBounds;
use sandmill::report::{Ending, Report};
use sandmill::state::StateFile;
use sandmill::{PipelineBuilder, Result, SinkBuilder, SourceBuilder, StageBuilder};
use tokio::time::timeout;

/// Records of a run: enough for a few dozen batches, and a few checkpoints.
const RECORDS: u64 = 2_000;

/// A run that has not ended by then hangs.
const BOUND: Duration = Duration::from_secs(60);

/// Where, and at which time of coming by, a run fails.
#[derive(Clone, Copy, Debug)]
struct Fate {
    point: Failpoint,
    time: u32,
    breakage: Breakage,
}

fn fate() -> impl Strategy<Value = Fate> {
    let often = prop::sample::select(vec![
        Failpoint::Pull,
        Failpoint::Admit,
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
    (prop_oneof![(often, 0_u32..40), (seldom, 0_u32..6)], breakage).prop_map(|((point, time), breakage)| Fate {
        point,
        time,
        breakage,
    })
}

fn script(fates: &[Fate], has_begun: &Arc<AtomicBool>) -> Failpoints {
    let has_begun = Arc::clone(has_begun);
    let fates: Vec<(Fate, AtomicU32)> = fates.iter().map(|fate| (*fate, AtomicU32::new(0))).collect();
    Failpoints::new(move |point| {
        let come = fates.iter().filter(|(fate, _)| fate.point == point && has_begun.load(Relaxed));
        come.filter(|(fate, passed)| passed.fetch_add(1, Relaxed) == fate.time).map(|(fate, _)| fate.breakage).last()
    })
}

/// How a pipeline is made.
#[derive(Clone, Copy, Debug)]
struct Shape {
    file: bool,
    table: bool,
    /// How many writers write files into a folder; 0: there is none.
    folder: usize,
    order: Order,
    workers: usize,
    /// What 3 divides comes out twice.
    doubles: bool,
    /// Instances live for this number of records: they hold those without outputs.
    recycle: Option<NonZeroUsize>,
    /// Another program adds lines to the file between the runs.
    stranger: bool,
}

fn shape() -> impl Strategy<Value = Shape> {
    let sinks = prop::sample::select(vec![(true, false), (false, true), (true, true)]);
    let order = prop::sample::select(vec![Order::Input, Order::None]);
    let recycle = prop::option::of((1_usize..150).prop_map(|records| NonZeroUsize::new(records).expect("positive")));
    let flags = (any::<bool>(), any::<bool>());
    let folder = prop_oneof![3 => Just(0_usize), 1 => 1_usize..6];
    (sinks, folder, order, 1_usize..3, flags, recycle).prop_map(
        |((file, table), folder, order, workers, flags, recycle)| {
            let (doubles, stranger) = flags;
            Shape { file, table, folder, order, workers, doubles, recycle, stranger }
        },
    )
}

/// How often a number that does not fail comes out: not at all if 5 divides it, twice if it `doubles` and 3 divides it.
fn times(number: u64, doubles: bool) -> usize {
    if number.is_multiple_of(5) { 0 } else { 1 + usize::from(doubles && number.is_multiple_of(3)) }
}

/// Fails what 7 divides, and gives back the rest, as often as [`times`] says.
fn sieve(doubles: bool) -> NativeStage {
    NativeStage::new(move |_key, value, out| {
        let number: u64 = std::str::from_utf8(value).expect("text").parse().expect("a number");
        if number.is_multiple_of(7) {
            return Verdict::Failed("seven".to_owned());
        }
        for time in 0..times(number, doubles) {
            out.push(Some(format!("{number}-{time}").as_bytes()), format!("{{\"n\":{number}}}").as_bytes());
        }
        Verdict::Done
    })
}

fn pipeline(folder: &Path, shape: Shape, failpoints: Failpoints) -> Result<sandmill::plan::Plan> {
    let what = Generate { what: Generated::Numbers, records: RECORDS, seed: 1 };
    let batch = BatchBounds {
        records: NonZeroUsize::new(50).expect("positive"),
        bytes: NonZeroUsize::new(1 << 20).expect("positive"),
        linger: Duration::ZERO,
    };
    let soon = Retry::times(2).backoff(Duration::from_millis(1));
    let stage = StageBuilder::native("sieve", sieve(shape.doubles)).order(shape.order).batch(batch);
    let stage = stage.workers(NonZeroUsize::new(shape.workers).expect("positive"));
    let stage = match shape.recycle {
        Some(records) => stage.reuse(Reuse::Worker).recycle(Recycle { records: Some(records), memory: None }),
        None => stage,
    };
    let mut builder = PipelineBuilder::new("p")
        .state_file(folder.join("p.state.db"))
        .checkpoints(Checkpoints { every: Duration::from_millis(2), records: NonZeroU64::new(300) })
        .failpoints(failpoints)
        .source(SourceBuilder::new("numbers", what).retry(soon))
        .stage(stage);
    if shape.file {
        let file =
            FileSink { path: folder.join("out.jsonl"), format: LineFormat::JsonLines, if_exists: IfExists::Replace };
        let sink = SinkBuilder::new("file", file).batch(batch).retry(soon);
        builder = builder.sink(sink.from(["sieve"]));
    }
    if shape.table {
        let path = folder.join("out.db");
        let (columns, if_exists) = (Vec::new(), IfExists::Append);
        let sqlite = SqliteSink { path, table: "t".to_owned(), columns, extra_columns: None, if_exists };
        let sink = SinkBuilder::new("table", sqlite).batch(batch).retry(soon);
        builder = builder.sink(sink.from(["sieve"]));
    }
    if let Some(writers) = NonZeroUsize::new(shape.folder) {
        let sink = SinkBuilder::new("folder", FolderSink { path: folder.join("out") }).writers(writers);
        builder = builder.sink(sink.batch(batch).retry(soon).from(["sieve"]));
    }
    builder.plan()
}

/// A run that fails so, once it has begun.
async fn run(folder: &Path, shape: Shape, fates: &[Fate]) -> Report {
    let has_begun = Arc::new(AtomicBool::new(false));
    let plan = || pipeline(folder, shape, script(fates, &has_begun)).expect("a good plan");
    let pipeline = match sandmill::prepare(plan()).await {
        Err(refusal) if shape.stranger => {
            move_away(folder, &refusal);
            sandmill::prepare(plan()).await
        }
        prepared => prepared,
    };
    let pipeline = pipeline.expect("nothing stands in the way of going on");
    has_begun.store(true, Relaxed);
    let report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
    let account = report.stats.accounting;
    assert!(account.balances(), "{account:?}");
    assert!(report.ending == Ending::Aborted || account.in_flight == 0, "{account:?}");
    report
}

/// What a stranger writes.
const STRANGE: &str = "{\"n\":0}\n";

/// Adds a line to the file, if it is there; how many.
fn intrude(folder: &Path) -> usize {
    let file = std::fs::OpenOptions::new().append(true).open(folder.join("out.jsonl"));
    file.map_or(0, |mut file| std::io::Write::write_all(&mut file, STRANGE.as_bytes()).map_or(0, |()| 1))
}

/// Does what a refusal says: moves what would be cut off to another file.
fn move_away(folder: &Path, refusal: &sandmill::Error) {
    let place =
        refusal.hints().iter().find_map(|hint| hint.split_once("truncate -s ")?.1.split(' ').next()?.parse().ok());
    let place: usize = place.unwrap_or_else(|| panic!("no place in: {refusal}: {:?}", refusal.hints()));
    let path = folder.join("out.jsonl");
    let text = std::fs::read(&path).expect("an output");
    let mut rest = std::fs::read(folder.join("rest.jsonl")).unwrap_or_default();
    rest.extend_from_slice(&text[place..]);
    std::fs::write(folder.join("rest.jsonl"), rest).expect("a folder of our own");
    std::fs::write(&path, &text[..place]).expect("a folder of our own");
}

fn lines(path: &PathBuf) -> Vec<u64> {
    let text = std::fs::read_to_string(path).expect("an output");
    text.lines().map(|line| line["{\"n\":".len()..line.len() - 1].parse().expect("a whole record")).collect()
}

fn rows(path: &PathBuf) -> Vec<u64> {
    let database = Connection::open(path).expect("a database");
    let mut statement = database.prepare("SELECT n FROM t ORDER BY rowid").expect("a table");
    let rows = statement.query_map([], |row| row.get::<_, i64>(0)).expect("rows");
    rows.map(|row| row.expect("a row").cast_unsigned()).collect()
}

/// Every number that is in no dead letter is there as often as it should be, in order where that is kept.
fn check(found: &[u64], failed: &BTreeMap<u64, u32>, shape: Shape) {
    let passed = (1..=RECORDS).filter(|number| !failed.contains_key(number));
    let expected: Vec<u64> =
        passed.flat_map(|number| std::iter::repeat_n(number, times(number, shape.doubles))).collect();
    let mut sorted = found.to_vec();
    if shape.order == Order::None {
        sorted.sort_unstable();
    }
    assert!(sorted == expected, "{} of {} records", found.len(), expected.len());
}

/// Every number that is in no dead letter has its files, and each file is whole. What failed in a run may have been written
/// by the run before it.
fn check_files(folder: &Path, failed: &BTreeMap<u64, u32>, shape: Shape) {
    let file = |number: u64, time: usize| {
        let text = std::fs::read_to_string(folder.join(format!("{number}-{time}"))).ok()?;
        assert_eq!(text, format!("{{\"n\":{number}}}"), "a file is whole");
        Some(())
    };
    let mut files = 0;
    for number in 1..=RECORDS {
        let found = (0..times(number, shape.doubles)).filter_map(|time| file(number, time)).count();
        assert!(failed.contains_key(&number) || found == times(number, shape.doubles), "number {number}");
        files += found;
    }
    assert_eq!(std::fs::read_dir(folder).expect("a folder").count(), files, "nothing else is there");
}

async fn meets_its_fate_once(shape: Shape, fates: &[Vec<Fate>]) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut report = run(folder.path(), shape, fates.first().map(Vec::as_slice).unwrap_or_default()).await;
    let mut strange = 0;
    for fates in fates.iter().skip(1).map(Vec::as_slice).chain([&[] as &[Fate]]) {
        if report.ending == Ending::Aborted {
            strange += if shape.stranger && shape.file { intrude(folder.path()) } else { 0 };
            report = run(folder.path(), shape, fates).await;
        }
    }
    assert_eq!(report.ending, Ending::Completed, "nothing fails in the last run: {:?}", report.problem);

    let mut failed: BTreeMap<u64, u32> = BTreeMap::new();
    let letters = StateFile::at(&folder.path().join("p.state.db")).letters(|letter| {
        let number = String::from_utf8_lossy(&letter.value).parse().expect("a number");
        *failed.entry(number).or_default() += 1;
        Ok(())
    });
    letters.expect("a state file");
    assert!(failed.values().all(|times| *times == 1), "set aside once each: {failed:?}");
    assert!((7..=RECORDS).step_by(7).all(|seventh| failed.contains_key(&seventh)), "{failed:?}");
    if shape.file {
        let (strangers, own): (Vec<u64>, Vec<u64>) =
            lines(&folder.path().join("out.jsonl")).into_iter().partition(|number| *number == 0);
        let rest = std::fs::read_to_string(folder.path().join("rest.jsonl")).unwrap_or_default();
        assert_eq!(strangers.len() + rest.matches(STRANGE).count(), strange, "what others wrote is there once");
        check(&own, &failed, shape);
    }
    if shape.table {
        check(&rows(&folder.path().join("out.db")), &failed, shape);
    }
    if shape.folder > 0 {
        check_files(&folder.path().join("out"), &failed, shape);
    }
    let before = report.checkpoints.and_then(|checkpoints| checkpoints.resumed_from);
    let before = before.map(|resumed| resumed.accounting).unwrap_or_default();
    let account = before.plus(report.stats.accounting);
    assert_eq!(account.read, RECORDS, "{account:?}");
    assert_eq!(account.dead_lettered, failed.len() as u64, "{account:?}");
    assert!(account.balances() && account.in_flight == 0, "{account:?}");
}

/// The end of a run has several steps; a cut between two of them had an appended table written twice (12).
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_run_that_is_cut_at_any_step_of_its_end_is_done_once() {
    for (file, table) in [(true, false), (false, true), (true, true)] {
        for time in 0..4 {
            let shape = Shape {
                file,
                table,
                folder: if table { 0 } else { 3 },
                doubles: true,
                recycle: None,
                order: Order::Input,
                workers: 1,
                stranger: time % 2 == 1,
            };
            let fate = Fate { point: Failpoint::Closing, time, breakage: Breakage::Lasting };
            meets_its_fate_once(shape, &[vec![fate]]).await;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever fails, wherever, and however often. Without claims for what instances hold and give up at their end, some of
    /// these runs lose records (issue 12).
    #[test]
    fn a_run_that_fails_anywhere_goes_on_until_every_record_has_met_its_fate_once(
        shape in shape(),
        fates in prop::collection::vec(prop::collection::vec(fate(), 1..4), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
        runtime.block_on(meets_its_fate_once(shape, &fates));
    }
}
