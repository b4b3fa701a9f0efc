//! Any number of observers watch a run: all see the same, and none changes or delays it.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use sandmill::plan::{OnError, Order, Retry, Workers};
use sandmill::program::{NativeStage, Verdict};
use sandmill::queue::QueueBounds;
use sandmill::record::BatchBounds;
use sandmill::report::{Activity, Ending, Event, EventStream};
use sandmill::{Observer, Pipeline, PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder, Tap};
use tests::edges::{Keeper, Numbers};
use tokio::sync::Semaphore;
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(30);

fn builder(name: &str) -> PipelineBuilder {
    PipelineBuilder::new(name).state_file(std::env::temp_dir().join(format!("sandmill-test-{name}.db")))
}

async fn prepared(builder: PipelineBuilder) -> Pipeline {
    sandmill::prepare(builder.plan().expect("a sound plan")).await.expect("a sound pipeline")
}

/// A pipeline of this many records, all of which fail, which is an event each.
async fn failing(name: &str, records: u64) -> Pipeline {
    let fails = NativeStage::new(|_key, _value, _out| Verdict::Failed("as it should".into()));
    let pipeline = builder(name)
        .source(SourceBuilder::custom("numbers", Numbers::up_to(records)))
        .stage(StageBuilder::native("fails", fails).on_error(OnError::Drop))
        .sink(SinkBuilder::custom("kept", Keeper::default()));
    prepared(pipeline).await
}

/// The records whose failure the stream tells, until the run ends.
async fn failures(stream: &mut EventStream) -> Vec<String> {
    let mut places = Vec::new();
    while let Some(event) = timeout(BOUND, stream.next()).await.expect("every run ends") {
        if let Event::Failed { place, .. } = event {
            places.push(place);
        }
    }
    places
}

#[tokio::test]
async fn two_observers_both_see_all_events_and_the_final_counts() {
    let running = failing("two-observers", 500).await.start();
    let (one, other) = (running.observer(), running.observer().clone());
    let (mut events, mut others) = (one.events(), other.events());
    let report = timeout(BOUND, running.wait()).await.expect("every run ends");
    // A third one comes when all is over, and sees what is kept.
    let (seen, also_seen, late) =
        (failures(&mut events).await, failures(&mut others).await, failures(&mut one.events()).await);
    assert_eq!((seen.len(), events.lost()), (500, 0));
    assert_eq!((&seen, &seen), (&also_seen, &late));
    for snapshot in [one.snapshot(), other.snapshot()] {
        assert_eq!(snapshot.accounting, report.stats.accounting);
        assert_eq!(snapshot.elapsed, report.stats.elapsed, "time does not run on after the end");
    }
}

#[tokio::test]
async fn an_observer_that_does_not_look_loses_events_and_counts_them_and_the_run_ends_without_it() {
    let running = failing("slow-observer", 5_000).await.start();
    let (mut lagging, mut quick) = (running.observer().events(), running.observer().events());
    let (report, seen) = tokio::join!(timeout(BOUND, running.wait()), failures(&mut quick));
    let report = report.expect("every run ends");
    assert_eq!((report.ending, report.stats.accounting.dropped), (Ending::Completed, 5_000));
    assert_eq!(lagging.lost(), 5_000 - 1_024);
    assert_eq!(failures(&mut lagging).await.len(), 1_024);
    assert_eq!(seen.len() as u64 + quick.lost(), 5_000);
    assert_eq!(report.events_lost, quick.lost(), "what one of them has seen is not lost");
}

#[tokio::test]
async fn the_latency_covers_every_settled_record_once_whatever_became_of_it() {
    let fates = NativeStage::new(|key, value, out| match value.last() {
        Some(b'0') => Verdict::Failed("ends in 0".into()),
        Some(b'1') => Verdict::Done,
        digit => {
            // Some have two outputs.
            (0..1 + usize::from(digit == Some(&b'2'))).for_each(|_| out.push(key, value));
            Verdict::Done
        }
    });
    let pipeline = builder("latency")
        .source(SourceBuilder::custom("numbers", Numbers::up_to(1_000)))
        .stage(StageBuilder::native("fates", fates))
        .sink(SinkBuilder::custom("left", Keeper::default()).from(["fates"]))
        .sink(SinkBuilder::custom("right", Keeper::default()).from(["fates", "numbers"]));
    let report = timeout(BOUND, prepared(pipeline).await.run()).await.expect("every run ends");
    let account = report.stats.accounting;
    assert_eq!((account.dead_lettered, account.dropped, account.delivered), (100, 100, 2 * 900 + 1_000));
    let latency = report.stats.latency.expect("records were settled");
    assert_eq!(latency.records, account.settled());
    assert!(latency.p50 <= latency.p90 && latency.p90 <= latency.p99 && latency.p99 <= latency.max, "{latency:?}");
    assert!(latency.max <= report.stats.elapsed, "{latency:?}");
    let json = serde_json::to_value(&report).expect("a report is JSON");
    assert_eq!(json["latency_seconds"]["max"].as_f64(), Some(latency.max.as_secs_f64()));
}

/// Waits until the first task of the only stage is doing this, whatever it does before.
async fn until_it_does(observer: &Observer, wanted: Activity) {
    let look = async {
        while observer.snapshot().stages[0].tasks.first() != Some(&wanted) {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(BOUND, look).await.is_ok(), "{wanted:?}: {:?}", observer.snapshot().stages[0].tasks);
}

/// Three records in one batch, for one worker.
fn three(name: &str, stage: StageBuilder, sink: SinkBuilder) -> PipelineBuilder {
    builder(name)
        .source(SourceBuilder::custom("numbers", Numbers { chunk: 3, ..Numbers::up_to(3) }))
        .stage(stage.workers(NonZeroUsize::MIN))
        .sink(sink)
}

#[tokio::test]
async fn a_worker_at_work_says_with_how_many_records_and_at_the_end_nobody_says_anything() {
    let (go, gone) = mpsc::sync_channel::<()>(1);
    let gone = Mutex::new(gone);
    let waits = NativeStage::new(move |_key, _value, _out| {
        // An error when the other end has gone.
        let _gone = gone.lock().expect("no panic").recv();
        Verdict::Done
    });
    let keeper = SinkBuilder::custom("kept", Keeper::default());
    let running = prepared(three("working", StageBuilder::native("waits", waits), keeper)).await.start();
    let observer = running.observer();
    until_it_does(&observer, Activity::Processing { records: 3 }).await;
    let json = serde_json::to_value(observer.snapshot()).expect("a snapshot is JSON");
    assert_eq!(json["stages"][0]["tasks"][0], serde_json::json!({ "doing": "processing", "records": 3 }));
    drop(go);
    let report = timeout(BOUND, running.wait()).await.expect("every run ends");
    assert_eq!((&report.stats.stages[0].tasks, &observer.snapshot().stages[0].tasks), (&vec![], &vec![]));
}

#[tokio::test]
async fn a_worker_before_a_full_queue_says_that_it_waits_for_room() {
    let echo = NativeStage::new(|key, value, out| {
        out.push(key, value);
        Verdict::Done
    });
    // First it goes fast: a pipeline that has shown nothing is let in for little.
    let gate = Arc::new(Semaphore::new(500));
    let keeper = Keeper { gate: Some(Arc::clone(&gate)), ..Keeper::default() };
    let [one, ten] = [1, 10].map(|number| NonZeroUsize::new(number).expect("positive"));
    let bytes = NonZeroUsize::new(1 << 20).expect("positive");
    let batch = BatchBounds { records: ten, bytes, linger: Duration::ZERO };
    let sink = SinkBuilder::custom("kept", keeper).queue(QueueBounds { records: ten, bytes }).batch(batch);
    let numbers = Numbers { chunk: 10, ..Numbers::up_to(100_000) };
    let pipeline = builder("full")
        .source(SourceBuilder::custom("numbers", numbers))
        .stage(StageBuilder::native("echo", echo).workers(one).batch(batch))
        .sink(sink);
    let running = prepared(pipeline).await.start();
    until_it_does(&running.observer(), Activity::WaitingForRoom).await;
    running.stopper().abort();
    timeout(BOUND, running.wait()).await.expect("every run ends");
}

#[tokio::test]
async fn a_worker_that_keeps_a_record_for_its_retry_says_so() {
    let hour = Duration::from_secs(3_600);
    let not_yet = NativeStage::new(|_key, _value, _out| Verdict::Retryable("not yet".into()));
    let retry = Retry { backoff_max: hour, ..Retry::times(1).backoff(hour) };
    let stage = StageBuilder::native("not-yet", not_yet).order(Order::Input).retry(retry);
    let running = prepared(three("retrying", stage, SinkBuilder::custom("kept", Keeper::default()))).await.start();
    until_it_does(&running.observer(), Activity::WaitingForRetry).await;
    running.stopper().abort();
    timeout(BOUND, running.wait()).await.expect("every run ends");
}

#[tokio::test]
async fn a_tap_copies_every_nth_record_within_its_bound_and_changes_nothing_that_is_delivered() {
    let gate = Arc::new(Semaphore::new(0));
    let keeper = Keeper { gate: Some(Arc::clone(&gate)), ..Keeper::default() };
    let kept = keeper.kept.clone();
    let pipeline = builder("tapped")
        .source(SourceBuilder::custom("numbers", Numbers::up_to(20_000)))
        .sink(SinkBuilder::custom("kept", keeper));
    let running = prepared(pipeline).await.start();
    let observer = running.observer();
    let [one, seven] = [1, 7].map(|number| NonZeroUsize::new(number).expect("positive"));
    assert!(observer.tap("kept", one).is_none() && observer.tap("other", one).is_none(), "nothing leaves a sink");
    let mut all = observer.tap("numbers", one).expect("a node");
    let mut some = observer.tap("numbers", seven).expect("a node");
    // The sink stands still until here, so most of the records are still to come.
    gate.add_permits(1_000_000);
    let report = timeout(BOUND, running.wait()).await.expect("every run ends");
    assert_eq!((report.ending, report.stats.accounting.delivered), (Ending::Completed, 20_000));
    let numbers: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    assert_eq!(kept.records(), numbers);
    // Nobody has looked before the end: what is kept is what came first, and the rest is counted.
    let (copies, some_copies) = (numbers_of(&mut all).await, numbers_of(&mut some).await);
    assert!(copies.len() == 1_024 && all.lost() > 0, "{} copies, {} lost", copies.len(), all.lost());
    assert!(copies.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{copies:?}");
    assert!(some_copies.windows(2).all(|pair| pair[0] + 7 == pair[1]), "{some_copies:?}");
    assert!(some_copies.len() > 1 && some_copies.len() as u64 + some.lost() <= 20_000 / 7 + 1, "{some_copies:?}");
}

/// Fails if nobody looks after the pool of a run, or tells of it.
#[tokio::test]
async fn a_pool_that_grows_says_so_while_it_does_and_in_the_report() {
    let slow = NativeStage::new(|_key, value, out| {
        std::thread::park_timeout(Duration::from_millis(1));
        out.push(None, value);
        Verdict::Done
    });
    let (min, max) = (NonZeroUsize::MIN, NonZeroUsize::new(4).expect("not zero"));
    let batch =
        BatchBounds { records: NonZeroUsize::new(20).expect("not zero"), ..sandmill::plan::bounds::BATCH_DEFAULT };
    let pipeline = builder("growing")
        .source(SourceBuilder::custom("numbers", Numbers::up_to(1_000_000)))
        .stage(StageBuilder::native("slow", slow).workers(Workers { min, max }).batch(batch).order(Order::None))
        .sink(SinkBuilder::custom("kept", Keeper::default()));
    let running = prepared(pipeline).await.start();
    let (observer, mut events) = (running.observer(), running.observer().events());
    assert_eq!(observer.snapshot().stages[0].workers, 1);
    let mut sizes = Vec::new();
    while sizes.last() != Some(&4) {
        if let Event::Resized { stage, before, workers } =
            timeout(BOUND, events.next()).await.expect("it grows").expect("it runs")
        {
            assert_eq!((stage.as_str(), before), ("slow", sizes.last().copied().unwrap_or(1)));
            sizes.push(workers);
        }
    }
    assert_eq!((sizes, observer.snapshot().stages[0].workers), (vec![2, 4], 4));
    running.stopper().stop();
    let report = timeout(BOUND, running.wait()).await.expect("every run ends");
    assert_eq!(report.ending, Ending::Stopped, "{:?}", report.problem);
    let pool = report.stats.stages[0].pool.expect("it grows and shrinks");
    assert_eq!((pool.min, pool.max, pool.most, pool.grown), (1, 4, 4, 2));
    assert!(pool.average > 1.0 && pool.average < 4.0, "{pool:?}");
}

async fn numbers_of(tap: &mut Tap) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some(copy) = timeout(BOUND, tap.next()).await.expect("a tap ends with the run") {
        numbers.push(String::from_utf8(copy.value).expect("a number").parse().expect("a number"));
    }
    numbers
}
