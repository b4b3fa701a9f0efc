//! What a guest says of its failures is honoured from end to end, and what ends its instance is retried where the pipeline
//! says so: on a fresh instance, with limits armed anew.

use std::num::NonZeroUsize;
use std::time::Duration;

use rusqlite::Connection;
use sandmill::plan::{ComponentSource, Grants, Limits, Order, Retry, Reuse};
use sandmill::record::BatchBounds;
use sandmill::report::{Ending, Report, StageStats};
use sandmill::{PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
use tests::edges::{Given, Keeper, Numbers};
use tests::guest::{FINAL, Guest, PROCESS_FAIL_ON_BANG, PROCESS_SPIN_ON_BANG, PROCESS_TRAP_ON_BANG, RETRYABLE};
use tests::on_bang;
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(60);

/// As [`PROCESS_FAIL_ON_BANG`], for the first two marked records that an instance is given.
const FAIL_ON_BANG_TWICE: &str = on_bang!(
    "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (if (i32.le_u (global.get $calls) (i32.const 2)) (then
        (call $clear) (i32.store (i32.const 116) (i32.const 200)) (i32.store (i32.const 120) (i32.const 1))
        (return (i32.const 64))))"
);

/// What came of a marked record between two others.
struct Outcome {
    stage: StageStats,
    kept: Vec<String>,
    letter: Option<serde_json::Value>,
}

impl Outcome {
    fn kind_and_attempts(&self) -> Option<(&str, u64)> {
        self.letter.as_ref().and_then(|letter| Some((letter["kind"].as_str()?, letter["attempts"].as_u64()?)))
    }
}

async fn run(guest: &Guest, stage: impl FnOnce(StageBuilder) -> StageBuilder) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let component = guest.write(folder.path(), "guest").expect("a component");
    let keeper = Keeper::default();
    let kept = keeper.kept.clone();
    let one = BatchBounds {
        records: NonZeroUsize::MIN,
        bytes: NonZeroUsize::new(1 << 20).expect("positive"),
        linger: Duration::ZERO,
    };
    let builder = StageBuilder::component("guest", component).workers(NonZeroUsize::MIN).batch(one);
    let records = sandmill::record::Payload::of_values(["a", "!", "b"].iter().collect());
    let plan = PipelineBuilder::new("retries")
        .state_file(folder.path().join("dead.db"))
        .source(SourceBuilder::custom("given", Given::new(records, 3)))
        .stage(stage(builder))
        .sink(SinkBuilder::custom("kept", keeper))
        .plan()
        .expect("a sound plan");
    let pipeline = sandmill::prepare(plan).await.expect("a sound pipeline");
    let mut report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
    assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
    assert!(report.stats.accounting.balances());
    let letters = tests::letters::lines(&folder.path().join("dead.db"));
    let letter = letters.lines().next().map(|line| serde_json::from_str(line).expect("JSON"));
    Outcome { stage: report.stats.stages.remove(0), kept: kept.records(), letter }
}

fn soon(times: u32) -> Retry {
    Retry::times(times).backoff(Duration::from_millis(1))
}

#[tokio::test]
async fn a_failure_that_a_guest_calls_retryable_is_retried_and_no_other() {
    let guest = |declarations| Guest { declarations, ..Guest::processing(PROCESS_FAIL_ON_BANG) };
    // Nobody has said a word about retries.
    let retryable = run(&guest(RETRYABLE), |stage| stage).await;
    assert_eq!(retryable.kind_and_attempts(), Some(("returned", 3)));
    assert_eq!((retryable.stage.retries, retryable.stage.recovered), (2, 0));
    let letter = retryable.letter.expect("a letter");
    assert_eq!(letter["reason"], "busy");
    assert_eq!(letter["earlier"].as_array().expect("two attempts").len(), 2);

    for outcome in [
        run(&guest(FINAL), |stage| stage.retry(soon(3))).await,
        run(&guest(RETRYABLE), |stage| stage.retry(Retry::NEVER)).await,
    ] {
        assert_eq!(outcome.kind_and_attempts(), Some(("returned", 1)));
        assert_eq!((outcome.stage.retries, outcome.kept.as_slice()), (0, ["a".to_owned(), "b".to_owned()].as_slice()));
    }
}

#[tokio::test]
async fn a_guest_that_is_ready_later_gives_its_records_in_their_order() {
    let declarations = format!("{RETRYABLE} (global $calls (mut i32) (i32.const 0))").leak();
    let guest = Guest { declarations, ..Guest::processing(FAIL_ON_BANG_TWICE) };
    for (order, expected) in [(Order::Input, ["a", "!", "b"]), (Order::None, ["a", "b", "!"])] {
        let outcome = run(&guest, |stage| stage.reuse(Reuse::Worker).order(order)).await;
        assert_eq!(outcome.kept, expected, "{order:?}");
        assert_eq!((outcome.stage.retries, outcome.stage.recovered, outcome.stage.failed), (2, 1, 0));
    }
    // Every attempt has an instance of its own, which has failed at nothing yet.
    let fresh = run(&guest, |stage| stage.reuse(Reuse::Batch).retry(soon(3))).await;
    assert_eq!((fresh.stage.retries, fresh.stage.recovered, fresh.stage.failed), (3, 0, 1));
}

#[tokio::test]
async fn traps_and_limits_are_retried_when_the_pipeline_says_so() {
    let limits = Limits { cpu: Duration::from_millis(20), ..Limits::default() };
    for (process, kind) in [(PROCESS_TRAP_ON_BANG, "trap"), (PROCESS_SPIN_ON_BANG, "cpu-limit")] {
        let guest = Guest::processing(process);
        for reuse in [Reuse::Record, Reuse::Batch, Reuse::Worker] {
            let outcome = run(&guest, |stage| stage.limits(limits).reuse(reuse).retry(soon(2))).await;
            assert_eq!(outcome.kind_and_attempts(), Some((kind, 3)), "{reuse:?}");
            assert_eq!((outcome.stage.retries, outcome.stage.failed_invocations), (2, 3));
            assert_eq!(outcome.kept, ["a", "b"]);
        }
        let unasked = run(&guest, |stage| stage.limits(limits)).await;
        assert_eq!((unasked.kind_and_attempts(), unasked.stage.retries), (Some((kind, 1)), 0));
    }
}

/// A pipeline of a source and a sink that are busy so many times, tried again twice.
async fn busy(source: u32, sink: u32) -> (Report, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let keeper = Keeper { busy: sink, ..Keeper::default() };
    let kept = keeper.kept.clone();
    let numbers = Numbers { busy: source, ..Numbers::up_to(20) };
    let plan = PipelineBuilder::new("busy")
        .state_file(folder.path().join("dead.db"))
        .source(SourceBuilder::custom("line", numbers).retry(soon(2)))
        .sink(SinkBuilder::custom("shelf", keeper).retry(soon(2)))
        .plan()
        .expect("a sound plan");
    let pipeline = sandmill::prepare(plan).await.expect("a sound pipeline");
    let report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
    assert!(report.stats.accounting.balances());
    (report, kept.records())
}

#[tokio::test]
async fn a_source_or_sink_that_fails_for_a_while_costs_nothing_but_the_wait() {
    let (report, kept) = busy(2, 2).await;
    assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
    assert_eq!((report.stats.sources[0].retries, report.stats.sinks[0].retries), (2, 2));
    assert_eq!(kept, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_that_fails_too_often_ends_the_run_with_its_reason_and_an_account() {
    let (report, _) = busy(3, 0).await;
    let problem = report.problem.expect("it fails");
    assert_eq!((report.ending, problem.message.as_str()), (Ending::Aborted, "source \"line\": the line is busy"));
    assert_eq!(problem.hints, ["it was tried 3 times; `retry` of source \"line\" says how often"]);

    let (report, kept) = busy(0, 3).await;
    let problem = report.problem.expect("it fails");
    assert_eq!(
        (report.ending, problem.message.as_str()),
        (Ending::Aborted, "sink \"shelf\": somebody else is writing")
    );
    assert!(kept.is_empty(), "nothing is acknowledged that was not written");
    let account = report.stats.accounting;
    assert_eq!((account.delivered, account.in_flight), (0, account.read));
}

/// Sources and sinks make progress between their failures, and fail all the same. Begun again by each success, the count of
/// their retries would never come to its end (issue 12).
#[tokio::test]
async fn a_source_that_traps_after_every_good_pull_ends_its_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let component = folder.path().join("source.wasm");
    let wasm = tests::guest::source_that_traps_after_every_pull().expect("sound WAT");
    std::fs::write(&component, wasm).expect("a file");
    let source =
        ComponentSource { component, config: "{}".to_owned(), limits: Limits::default(), grants: Grants::default() };
    let keeper = Keeper::default();
    let kept = keeper.kept.clone();
    let plan = PipelineBuilder::new("again")
        .state_file(folder.path().join("dead.db"))
        .source(SourceBuilder::new("wheel", source).retry(soon(3)))
        .sink(SinkBuilder::custom("kept", keeper))
        .plan()
        .expect("a sound plan");
    let pipeline = sandmill::prepare(plan).await.expect("a sound pipeline");
    let report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
    assert_eq!(report.ending, Ending::Aborted);
    let problem = report.problem.expect("it fails");
    assert!(problem.message.starts_with("source \"wheel\": it failed after record "), "{}", problem.message);
    assert!(problem.hints.iter().any(|hint| hint.contains("raise `retry` of source \"wheel\"")), "{:?}", problem.hints);
    assert_eq!(report.stats.sources[0].retries, 11, "four times as many as it may fail in a row, less one");
    assert!(kept.records().len() <= 12 * 3, "{:?}", kept.records());
}

#[tokio::test]
async fn a_component_source_that_traps_goes_on_at_the_place_it_had_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let component = folder.path().join("source.wasm");
    std::fs::write(&component, tests::guest::source_that_traps_between_pulls().expect("sound WAT")).expect("a file");
    let source =
        ComponentSource { component, config: "{}".to_owned(), limits: Limits::default(), grants: Grants::default() };
    let keeper = Keeper::default();
    let kept = keeper.kept.clone();
    let plan = PipelineBuilder::new("again")
        .state_file(folder.path().join("dead.db"))
        .source(SourceBuilder::new("wheel", source).retry(soon(1)))
        .sink(SinkBuilder::custom("kept", keeper))
        .plan()
        .expect("a sound plan");
    let pipeline = sandmill::prepare(plan).await.expect("a sound pipeline");
    let report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
    assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
    assert_eq!(kept.records(), ["a", "b", "c", "a", "b", "c"], "from the beginning, and from the place it named");
    assert_eq!(report.stats.sources[0].retries, 1);
}

#[tokio::test]
async fn a_dead_letter_has_the_last_words_of_its_guest() {
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox = tests::command::Sandbox::new().expect("a sandbox");
    let keeper = Keeper::default();
    let records = sandmill::record::Payload::of_values(["a", "!"].iter().collect());
    let limits = Limits { cpu: Duration::from_millis(20), ..Limits::default() };
    let plan = PipelineBuilder::new("words")
        .state_file(folder.path().join("dead.db"))
        .source(SourceBuilder::custom("given", Given::new(records, 2)))
        .stage(StageBuilder::component("stuck", sandbox.path().join("guests/stuck.wasm")).limits(limits))
        .sink(SinkBuilder::custom("kept", keeper))
        .plan()
        .expect("a sound plan");
    let pipeline = sandmill::prepare(plan).await.expect("a sound pipeline");
    let report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
    assert_eq!(report.stats.accounting.dead_lettered, 1, "{:?}", report.problem);
    let letters = tests::letters::lines(&folder.path().join("dead.db"));
    let letter: serde_json::Value = serde_json::from_str(letters.lines().next().expect("a letter")).expect("JSON");
    assert_eq!((letter["kind"].as_str(), &letter["log"]), (Some("cpu-limit"), &serde_json::json!(["stuck"])));
}

/// Fails when a sink is tried again only once it has begun: a database that is locked when a run begins ends it. (12)
#[tokio::test]
async fn a_sink_that_is_locked_when_it_is_opened_is_tried_again() {
    let folder = tempfile::tempdir().expect("it works");
    let path = folder.path().join("out.db");
    let locked = Connection::open(&path).expect("it works");
    locked.execute_batch("CREATE TABLE t (a)").expect("it works");
    let prepare = async |retry: &str| {
        let text = format!(
            "name = \"p\"\n[source]\nkind = \"generate\"\nwhat = \"numbers\"\nrecords = 1\n\
             [sink]\nkind = \"sqlite\"\npath = \"out.db\"\ntable = \"t\"\nretry = {retry}\n"
        );
        let workers = NonZeroUsize::new(1).expect("it works");
        let plan = sandmill::config::parse(&text, &folder.path().join("pipeline.toml"), workers).expect("it works");
        sandmill::prepare(plan).await.map(drop)
    };
    locked.execute_batch("BEGIN EXCLUSIVE").expect("it works");
    let error = prepare("0").await.expect_err("it is locked");
    assert!(error.to_string().starts_with("sink \"sqlite\": cannot write to the database"), "{error}");
    assert!(error.hints()[0].starts_with("another process has been writing"), "{:?}", error.hints());
    let unlock = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        locked.execute_batch("ROLLBACK").expect("it works");
    };
    let (prepared, ()) = tokio::join!(prepare("{ times = 20, backoff = \"50ms\" }"), unlock);
    prepared.expect("it is opened when the lock is gone");
}
