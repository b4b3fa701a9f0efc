//! Every run ends: drained, cut, with a source that waits for ever, with a source or a sink that fails.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use sandmill::connector::{FileSink, Generate, Generated, IfExists, LineFormat};
use sandmill::edge::{Chunk, Source};
use sandmill::failpoint::{Breakage, Failpoint, Failpoints};
use sandmill::plan::{Checkpoints, Limits, OnError, Reuse};
use sandmill::program::{NativeStage, Verdict};
use sandmill::record::{BatchBounds, Fate};
use sandmill::report::{Ending, Event, EventStream, Report};
use sandmill::{ErrorKind, PipelineBuilder, Result, SinkBuilder, SourceBuilder, StageBuilder, Stopper};
use tests::edges::{Keeper, Numbers};
use tests::guest::Guest;
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(30);

/// A source that waits for something that never comes.
struct Silent;

#[async_trait]
impl Source for Silent {
    async fn pull(&mut self, _bounds: &BatchBounds) -> Result<Option<Chunk>> {
        std::future::pending().await
    }
}

fn builder(name: &str) -> PipelineBuilder {
    PipelineBuilder::new(name).state_file(std::env::temp_dir().join(format!("sandmill-test-{name}.db")))
}

async fn run(builder: PipelineBuilder) -> Report {
    let plan = builder.plan().expect("a sound plan");
    let pipeline = sandmill::prepare(plan).await.expect("a sound pipeline");
    timeout(BOUND, pipeline.run()).await.expect("every run ends")
}

fn echo() -> NativeStage {
    NativeStage::new(|key, value, out| {
        out.push(key, value);
        Verdict::Done
    })
}

#[tokio::test]
async fn a_source_that_waits_for_ever_does_not_keep_a_run_from_stopping() {
    let plan = builder("silent")
        .source(SourceBuilder::custom("silent", Silent))
        .stage(StageBuilder::native("echo", echo()))
        .sink(SinkBuilder::custom("kept", Keeper::default()))
        .plan()
        .expect("a sound plan");
    let running = sandmill::prepare(plan).await.expect("a sound pipeline").start();
    assert!(running.is_running());
    let report = timeout(BOUND, running.stop()).await.expect("every run ends");
    assert_eq!(report.ending, Ending::Stopped);
}

#[tokio::test]
async fn an_empty_source_is_a_run_that_completes() {
    let report = run(builder("empty")
        .source(SourceBuilder::custom("numbers", Numbers::up_to(0)))
        .stage(StageBuilder::native("echo", echo()))
        .sink(SinkBuilder::custom("kept", Keeper::default())))
    .await;
    assert_eq!(report.ending, Ending::Completed);
    assert_eq!(report.stats.accounting.read, 0);
}

/// Its store is in the middle of a call: what is called in it again, even `flush`, finds it in no state to be called.
#[tokio::test]
async fn an_instance_that_is_cut_in_the_middle_of_a_call_is_never_called_again() {
    let folder = tempfile::tempdir().expect("a folder");
    // Says `begun` and spins, and would say `flushed`.
    let guest = Guest {
        declarations: "(memory (export \"memory\") 2) (data (i32.const 1024) \"begunflushed\")",
        flush: "(call $log (i32.const 1) (i32.const 1029) (i32.const 7)) (call $clear) (i32.const 64)",
        ..Guest::processing("(call $log (i32.const 1) (i32.const 1024) (i32.const 5)) (loop $l (br $l)) unreachable")
    };
    let hours = Limits { cpu: 100 * BOUND, wall: 100 * BOUND, ..Limits::default() };
    let component = guest.write(folder.path(), "guest").expect("a component");
    for reuse in [Reuse::Record, Reuse::Batch, Reuse::Worker] {
        let plan = builder("cut")
            .source(SourceBuilder::custom("numbers", Numbers::up_to(3)))
            .stage(
                StageBuilder::component("guest", &component)
                    .limits(hours)
                    .reuse(reuse)
                    .workers(NonZeroUsize::MIN)
                    // One at a time: what is logged in a call for several records is told when the call has ended.
                    .batch(BatchBounds {
                        records: NonZeroUsize::MIN,
                        bytes: NonZeroUsize::new(1 << 20).expect("positive"),
                        linger: Duration::ZERO,
                    }),
            )
            .sink(SinkBuilder::custom("kept", Keeper::default()))
            .plan()
            .expect("a sound plan");
        let mut running = sandmill::prepare(plan).await.expect("a sound pipeline").start();
        let mut events = running.events().expect("nobody has taken them");
        let begun = timeout(BOUND, said(&mut events)).await.expect("it says something");
        assert_eq!(begun.as_deref(), Some("begun"));
        running.stopper().abort();
        let report = timeout(BOUND, running.wait()).await.expect("every run ends");
        // How far the source has come by then depends on the machine.
        let account = &report.stats.accounting;
        assert!((1..=3).contains(&account.read), "{account:?}");
        assert_eq!((report.ending, account.in_flight), (Ending::Interrupted, account.read));
        assert_eq!((report.stats.stages[0].instances, said(&mut events).await), (1, None));
    }
}

/// The next line of a guest's log.
async fn said(events: &mut EventStream) -> Option<String> {
    while let Some(event) = events.next().await {
        if let Event::Log { message, .. } = event {
            return Some(message);
        }
    }
    None
}

#[tokio::test]
async fn a_source_that_fails_ends_the_run_with_its_reason() {
    let report = run(builder("failing-source")
        .source(SourceBuilder::custom("numbers", Numbers { fail_at: Some(20), ..Numbers::up_to(100) }))
        .sink(SinkBuilder::custom("kept", Keeper::default())))
    .await;
    let problem = report.problem.expect("a problem");
    assert_eq!(problem.message, "source \"numbers\": the disk is on fire");
    assert_eq!((report.ending, problem.kind), (Ending::Aborted, ErrorKind::Edge));
    assert!(report.stats.accounting.balances());
}

#[tokio::test]
async fn a_sink_that_fails_ends_the_run_and_counts_nothing_as_delivered_that_it_did_not_write() {
    let keeper = Keeper { fail_after: Some(30), ..Keeper::default() };
    let kept = keeper.kept.clone();
    let report = run(builder("failing-sink")
        .source(SourceBuilder::custom("numbers", Numbers::up_to(100_000)))
        .sink(SinkBuilder::custom("kept", keeper)))
    .await;
    assert_eq!(report.problem.expect("a problem").message, "sink \"kept\": the disk is full");
    let account = report.stats.accounting;
    assert!(account.balances(), "{account:?}");
    assert_eq!(account.delivered, kept.records().len() as u64);
}

#[tokio::test]
async fn a_failure_under_the_policy_fail_names_stage_and_record() {
    let picky = NativeStage::new(|_key, value, out| match value {
        b"17" => Verdict::Failed("seventeen is no good".to_owned()),
        _ => {
            out.push(None, value);
            Verdict::Done
        }
    });
    let report = run(builder("picky")
        .source(SourceBuilder::custom("numbers", Numbers::up_to(100)))
        .stage(StageBuilder::native("picky", picky).on_error(OnError::Fail))
        .sink(SinkBuilder::custom("kept", Keeper::default())))
    .await;
    let problem = report.problem.expect("a problem");
    assert_eq!(problem.message, "stage \"picky\" failed on numbers record 18");
    assert_eq!(problem.causes, ["seventeen is no good"]);
    assert_eq!(report.ending, Ending::Aborted);
    assert!(report.stats.accounting.in_flight > 0, "the guilty record has no other fate");
    assert!(report.stats.accounting.balances());
}

#[tokio::test]
async fn a_record_that_the_sink_refuses_goes_to_the_dead_letters_and_the_rest_is_delivered() {
    let folder = tempfile::tempdir().expect("a folder");
    let letters = folder.path().join("dead.db");
    let keeper = Keeper { refuse: Some('7'), ..Keeper::default() };
    let report = run(PipelineBuilder::new("refusing")
        .state_file(&letters)
        .source(SourceBuilder::custom("numbers", Numbers::up_to(100)))
        .sink(SinkBuilder::custom("kept", keeper)))
    .await;
    let account = report.stats.accounting;
    assert_eq!((account.delivered, account.dead_lettered), (90, 10));
    assert_eq!(report.dead_letters.as_deref(), Some(letters.as_path()));
    let text = tests::letters::lines(&letters);
    let first: serde_json::Value = serde_json::from_str(text.lines().next().expect("a letter")).expect("JSON");
    assert_eq!(first["node"], "kept");
    assert_eq!(first["place"], "numbers record 8");
    assert_eq!(first["reason"], "7 is not wanted");
    assert_eq!(first["value"], "7");
}

#[tokio::test]
async fn a_subscriber_hears_of_every_record_exactly_once() {
    let drop_odd = NativeStage::new(|_key, value, out| {
        if value.last().is_some_and(|digit| digit.is_multiple_of(2)) {
            out.push(None, value);
        }
        Verdict::Done
    });
    let plan = builder("subscribed")
        .source(SourceBuilder::custom("numbers", Numbers::up_to(1_000)))
        .stage(StageBuilder::native("drop-odd", drop_odd))
        .sink(SinkBuilder::custom("kept", Keeper::default()))
        .plan()
        .expect("a sound plan");
    let mut pipeline = sandmill::prepare(plan).await.expect("a sound pipeline");
    // A small subscription: the pipeline must wait for the subscriber, not run ahead of it.
    let mut completions = pipeline.subscribe(NonZeroUsize::new(3).expect("positive"));
    // Others may listen, too, and leave.
    let mut others = pipeline.subscribe(NonZeroUsize::new(1).expect("positive"));
    drop(pipeline.subscribe(NonZeroUsize::new(1).expect("positive")));
    let running = pipeline.start();
    let listen = async {
        let mut heard = Vec::new();
        while let Some(completion) = completions.next().await {
            let expected = if completion.place.record.is_multiple_of(2) {
                (Fate::Dropped, "drop-odd")
            } else {
                (Fate::Delivered, "kept")
            };
            assert_eq!((completion.fate, &*completion.node), expected, "record {}", completion.place.record);
            heard.push(completion.place.record);
        }
        heard
    };
    let listen_too = async {
        let mut heard = Vec::new();
        while let Some(completion) = others.next().await {
            heard.push(completion.place.record);
        }
        heard
    };
    let (heard, heard_too) = timeout(BOUND, async { tokio::join!(listen, listen_too) }).await.expect("every run ends");
    for mut heard in [heard, heard_too] {
        heard.sort_unstable();
        assert_eq!(heard, (1..=1_000).collect::<Vec<_>>());
    }
    assert_eq!(running.wait().await.ending, Ending::Completed);
}

#[tokio::test]
async fn records_reach_every_consumer_of_a_fan_out_and_only_their_own_port() {
    let route = NativeStage::new(|key, value, out| {
        out.push(key, value);
        Verdict::Done
    });
    let (left, right) = (Keeper::default(), Keeper::default());
    let (left_kept, right_kept) = (left.kept.clone(), right.kept.clone());
    let report = run(builder("fan-out")
        .source(SourceBuilder::custom("numbers", Numbers::up_to(100)))
        .stage(StageBuilder::native("route", route))
        .sink(SinkBuilder::custom("left", left).from(["route"]))
        .sink(SinkBuilder::custom("right", right).from(["route", "numbers"])))
    .await;
    assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
    assert_eq!((left_kept.records().len(), right_kept.records().len()), (100, 200));
    let account = report.stats.accounting;
    assert_eq!((account.read, account.created, account.delivered), (100, 200, 300));
}

/// Such a run was reported as stopped, and its state was removed: the next run did everything again (issue 12).
#[tokio::test]
async fn a_stop_while_the_end_is_written_down_finds_a_run_that_has_completed() {
    for abort in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let stopper: Arc<OnceLock<Stopper>> = Arc::default();
        let asks = Arc::clone(&stopper);
        // The last of the steps: sinks are closed, and it is written down that the run has ended.
        let steps: Arc<AtomicU32> = Arc::default();
        let passed = Arc::clone(&steps);
        let failpoints = Failpoints::new(move |point| {
            if point == Failpoint::Closing && passed.fetch_add(1, Relaxed) == 2 {
                let stopper = asks.wait();
                if abort { stopper.abort() } else { stopper.stop() }
            }
            None
        });
        let state = folder.path().join("p.state.db");
        let file = FileSink { path: folder.path().join("out"), format: LineFormat::Lines, if_exists: IfExists::Append };
        let numbers = Generate { what: Generated::Numbers, records: 100, seed: 1 };
        let plan = PipelineBuilder::new("p")
            .state_file(state.clone())
            .checkpoints(Checkpoints { every: 60 * BOUND, records: None })
            .failpoints(failpoints)
            .source(SourceBuilder::new("numbers", numbers))
            .sink(SinkBuilder::new("out", file))
            .plan()
            .expect("a sound plan");
        let running = sandmill::prepare(plan).await.expect("a sound pipeline").start();
        stopper.set(running.stopper()).expect("it is set once");
        let report = timeout(BOUND, running.wait()).await.expect("every run ends");
        assert!(steps.load(Relaxed) >= 3, "the stop was asked for");
        // One that is cut before the state is gone keeps it; then the next run knows that nothing is left to do.
        let is_kept = state.exists();
        assert_eq!(report.stats.accounting.delivered, 100);
        assert_eq!(report.ending == Ending::Completed, !is_kept, "{:?}, state kept: {is_kept}", report.ending);
    }
}

/// What a run wrote before its first checkpoint is cut off when it is resumed. Were the state removed because a resumed run
/// could not read, the run after that would add to what is there (issue 12).
#[tokio::test]
async fn a_resumed_run_that_read_nothing_can_still_be_resumed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (state, out) = (folder.path().join("p.state.db"), folder.path().join("out"));
    let run = async |fails_at: Option<Failpoint>| {
        let failpoints = Failpoints::new(move |point| (Some(point) == fails_at).then_some(Breakage::Lasting));
        let file = FileSink { path: out.clone(), format: LineFormat::Lines, if_exists: IfExists::Append };
        let numbers = Generate { what: Generated::Numbers, records: 100, seed: 1 };
        let builder = PipelineBuilder::new("p")
            .state_file(state.clone())
            .checkpoints(Checkpoints { every: 60 * BOUND, records: None })
            .failpoints(failpoints)
            .source(SourceBuilder::new("numbers", numbers))
            .sink(SinkBuilder::new("out", file));
        timeout(BOUND, sandmill::prepare(builder.plan().expect("a sound plan")).await.expect("a sound pipeline").run())
            .await
            .expect("every run ends")
    };
    assert_eq!(run(Some(Failpoint::AfterWrite)).await.ending, Ending::Aborted);
    assert_ne!(std::fs::read_to_string(&out).expect("an output"), "", "it wrote before it failed");
    let report = run(Some(Failpoint::Pull)).await;
    assert_eq!((report.ending, report.stats.accounting.read), (Ending::Aborted, 0));
    assert!(state.exists(), "what was written is still to be cut off");
    assert_eq!(run(None).await.ending, Ending::Completed);
    let numbers = (1..=100).map(|number: u32| number.to_string());
    assert!(std::fs::read_to_string(&out).expect("an output").lines().map(str::to_owned).eq(numbers));
}
