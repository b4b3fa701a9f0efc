//! Every record is accounted for: in random pipelines with random faults, and with a sink that stands still.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use sandmill::plan::{OnError, Order, Recycle, Retry, Reuse, Workers};
use sandmill::program::{NativeStage, Verdict};
use sandmill::queue::QueueBounds;
use sandmill::record::BatchBounds;
use sandmill::report::Ending;
use sandmill::{PipelineBuilder, Running, SinkBuilder, SourceBuilder, StageBuilder};
use tests::edges::{Keeper, Keepers, Kept, Numbers};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Longer than any of these runs takes on a loaded machine: a run that has not ended by then hangs.
const BOUND: Duration = Duration::from_secs(30);

/// Keys of the numbers.
const KEYS: u64 = 5;

fn nonzero(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("positive")
}

fn queue(records: usize) -> QueueBounds {
    QueueBounds { records: nonzero(records), bytes: nonzero(1 << 20) }
}

fn batch(records: usize) -> BatchBounds {
    BatchBounds { records: nonzero(records), bytes: nonzero(1 << 20), linger: Duration::ZERO }
}

/// What a stage makes of a number, so that a model can say the same: faults are a matter of the number alone.
#[derive(Clone, Debug)]
struct Behaviour {
    /// Drops numbers that this divides.
    drop: u64,
    /// Fails numbers that this divides.
    fail: u64,
    /// Panics on numbers that this divides, where it panics at all.
    panic: Option<u64>,
    /// Emits numbers that this divides twice.
    twice: u64,
    /// Is not ready for numbers that this divides, once or twice: no more often than they are retried.
    flaky: u64,
    /// Is never ready for numbers that this divides.
    never: u64,
}

#[derive(Clone, Debug, PartialEq)]
enum Expected {
    Outputs(u64),
    Dropped,
    Failed,
}

impl Behaviour {
    fn of(&self, number: u64) -> Expected {
        let hit = |divisor: u64| number.is_multiple_of(divisor);
        if self.panics(number) || hit(self.fail) || hit(self.never) {
            Expected::Failed
        } else if hit(self.drop) {
            Expected::Dropped
        } else {
            Expected::Outputs(if hit(self.twice) { 2 } else { 1 })
        }
    }

    fn panics(&self, number: u64) -> bool {
        self.panic.is_some_and(|divisor| number.is_multiple_of(divisor))
    }

    fn native(&self) -> NativeStage {
        let behaviour = self.clone();
        let tried = Mutex::new(HashMap::<u64, u64>::new());
        NativeStage::new(move |key, value, out| {
            let text = std::str::from_utf8(value).expect("numbers are text");
            let number: u64 = text.parse().expect("numbers are numbers");
            let mut attempt = 0;
            if number.is_multiple_of(behaviour.flaky) {
                let mut tried = tried.lock().expect("nothing panics while it is locked");
                let attempts = tried.entry(number).or_default();
                *attempts += 1;
                attempt = *attempts;
            }
            let is_early = (1..=number % 3).contains(&attempt);
            if is_early || (number.is_multiple_of(behaviour.never) && !behaviour.panics(number)) {
                return Verdict::Retryable(format!("not ready for {number}"));
            }
            match behaviour.of(number) {
                Expected::Failed if behaviour.panics(number) => panic!("number {number}"),
                Expected::Failed => Verdict::Failed(format!("{number} is no good")),
                Expected::Dropped => Verdict::Done,
                Expected::Outputs(count) => {
                    (0..count).for_each(|_| out.push(key, value));
                    Verdict::Done
                }
            }
        })
    }
}

#[derive(Clone, Debug)]
struct Layout {
    behaviour: Behaviour,
    workers: Workers,
    queue: usize,
    batch: usize,
    order: Order,
    reuse: Reuse,
    recycle: Option<NonZeroUsize>,
    retry: Retry,
    on_error: OnError,
}

fn divisor() -> impl Strategy<Value = u64> {
    // A large divisor divides nothing but 0: a stage without that fault, but for the first number.
    prop_oneof![3 => 2_u64..40, 2 => Just(1_000_000)]
}

fn layout() -> impl Strategy<Value = Layout> {
    let faults = (divisor(), divisor(), divisor(), divisor(), divisor(), divisor());
    let behaviour = faults.prop_map(|(drop, fail, panic, twice, flaky, never)| Behaviour {
        drop,
        fail,
        panic: Some(panic),
        twice,
        flaky,
        never,
    });
    // The backoff is short, because this clock is real.
    let crashes = prop_oneof![3 => Just(false), 1 => Just(true)];
    let backoff = prop_oneof![3 => Just(Duration::ZERO), 1 => Just(Duration::from_millis(1))];
    let retry = (crashes, backoff).prop_map(|(crashes, backoff)| Retry { crashes, ..Retry::times(2).backoff(backoff) });
    let order = prop_oneof![Just(Order::None), Just(Order::Input), Just(Order::Key)];
    let recycle = prop::option::of((1_usize..50).prop_map(nonzero));
    let reuse = prop_oneof![Just(Reuse::Record), Just(Reuse::Batch), Just(Reuse::Worker)];
    let on_error = prop_oneof![Just(OnError::Drop), Just(OnError::DeadLetter)];
    let workers =
        (1_usize..4, 0_usize..3).prop_map(|(min, more)| Workers { min: nonzero(min), max: nonzero(min + more) });
    (behaviour, workers, 1_usize..60, 1_usize..30, order, (reuse, recycle), (retry, on_error)).prop_map(
        |(behaviour, workers, queue, batch, order, (reuse, recycle), (retry, on_error))| Layout {
            // An instance that lives on and panics takes what it holds with it, which ends the run.
            behaviour: Behaviour { panic: behaviour.panic.filter(|_| reuse != Reuse::Worker), ..behaviour },
            workers,
            queue,
            batch,
            order,
            reuse,
            recycle,
            retry,
            on_error,
        },
    )
}

fn stage(index: usize, layout: &Layout) -> StageBuilder {
    StageBuilder::native(&format!("s{index}"), layout.behaviour.native())
        .workers(layout.workers)
        .queue(queue(layout.queue))
        .batch(batch(layout.batch))
        .order(layout.order)
        .reuse(layout.reuse)
        .recycle(Recycle { records: layout.recycle.filter(|_| layout.reuse == Reuse::Worker), memory: None })
        .retry(layout.retry)
        .on_error(layout.on_error)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// What the sink should hold, in input order, and how many records each policy should count.
fn model(count: u64, layouts: &[Layout]) -> (Vec<u64>, u64, u64) {
    let (mut dropped, mut dead) = (0, 0);
    let mut numbers: Vec<u64> = (0..count).collect();
    for layout in layouts {
        let mut next = Vec::new();
        for number in numbers {
            match layout.behaviour.of(number) {
                Expected::Outputs(outputs) => next.extend(std::iter::repeat_n(number, outputs as usize)),
                Expected::Dropped => dropped += 1,
                Expected::Failed if layout.on_error == OnError::Drop => dropped += 1,
                Expected::Failed => dead += 1,
            }
        }
        numbers = next;
    }
    (numbers, dropped, dead)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn every_record_meets_exactly_the_fate_that_a_model_gives_it(
        count in 0_u64..400,
        chunk in 1_usize..50,
        layouts in prop::collection::vec(layout(), 0..4),
        sink_batch in 1_usize..40,
        sinks in 1_usize..3,
        writers in 1_usize..5,
        sink_order in prop_oneof![Just(None), Just(Some(Order::Key))],
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let keepers: Vec<Keeper> = (0..sinks).map(|_| Keeper::default()).collect();
        let kept: Vec<Kept> = keepers.iter().map(|keeper| keeper.kept.clone()).collect();
        let mut builder = PipelineBuilder::new("random")
            .state_file(folder.path().join("dead.db"))
            .source(SourceBuilder::custom("numbers", Numbers { chunk, keys: KEYS, ..Numbers::up_to(count) }));
        for (index, layout) in layouts.iter().enumerate() {
            builder = builder.stage(stage(index, layout));
        }
        let last = layouts.len().checked_sub(1).map_or("numbers".to_owned(), |last| format!("s{last}"));
        for (index, keeper) in keepers.into_iter().enumerate() {
            let sink = SinkBuilder::new(&format!("kept{index}"), Keepers(keeper)).batch(batch(sink_batch));
            let sink = sink.writers(nonzero(writers));
            let sink = if let Some(order) = sink_order { sink.order(order) } else { sink };
            builder = builder.sink(sink.from([last.clone()]));
        }
        let plan = builder.plan().expect("a sound plan");
        let (expected, dropped, dead) = model(count, &layouts);

        let report = runtime().block_on(async {
            let pipeline = sandmill::prepare(plan).await.expect("a sound pipeline");
            timeout(BOUND, pipeline.run()).await.expect("every run ends")
        });

        prop_assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
        let account = report.stats.accounting;
        prop_assert!(account.balances(), "{:?}", account);
        prop_assert_eq!((account.read, account.in_flight), (count, 0));
        prop_assert_eq!(report.stats.latency.map_or(0, |latency| latency.records), account.settled());
        prop_assert_eq!((account.dropped, account.dead_lettered), (dropped, dead));
        let keeps = |order| layouts.iter().all(|layout| layout.order == order || layout.order == Order::Input);
        let in_order = keeps(Order::Input) && writers == 1;
        let by_key = keeps(Order::Key) && (writers == 1 || sink_order == Some(Order::Key));
        prop_assert_eq!(account.delivered, (expected.len() * sinks) as u64);
        for kept in kept {
            let mut found: Vec<u64> = kept.records().iter().map(|text| text.parse().expect("a number")).collect();
            if by_key {
                let of_key = |key| found.iter().filter(move |number| **number % KEYS == key);
                prop_assert!((0..KEYS).all(|key| of_key(key).is_sorted()), "{:?}", found);
            }
            if !in_order {
                // Of two outputs of one number, either may be the first.
                found.sort_unstable();
            }
            prop_assert_eq!(&found, &expected);
        }
        let letters = tests::letters::lines(&folder.path().join("dead.db"));
        prop_assert_eq!(letters.lines().count() as u64, dead);
    }

    #[test]
    fn a_run_that_is_cut_anywhere_still_accounts_for_every_record(
        layouts in prop::collection::vec(layout(), 0..4),
        cut_after in 0_u64..3_000,
        drain in any::<bool>(),
        source_fails in prop::option::of(0_u64..5_000),
        sink_fails in prop::option::of(0_usize..2_000),
        writers in 1_usize..5,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let keeper = Keepers(Keeper { fail_after: sink_fails, ..Keeper::default() });
        let kept = keeper.0.kept.clone();
        let numbers = Numbers { fail_at: source_fails, keys: KEYS, ..Numbers::up_to(1_000_000) };
        let mut builder = PipelineBuilder::new("cut")
            .state_file(folder.path().join("dead.db"))
            .source(SourceBuilder::custom("numbers", numbers));
        for (index, layout) in layouts.iter().enumerate() {
            builder = builder.stage(stage(index, layout));
        }
        let plan = builder.sink(SinkBuilder::new("kept", keeper).writers(nonzero(writers))).plan().expect("a sound plan");
        let report = runtime().block_on(async {
            let running = sandmill::prepare(plan).await.expect("a sound pipeline").start();
            let stopper = running.stopper();
            tokio::time::sleep(Duration::from_micros(cut_after)).await;
            if drain { stopper.stop() } else { stopper.abort() }
            timeout(BOUND, running.wait()).await.expect("every run ends")
        });
        let account = report.stats.accounting;
        prop_assert!(account.balances(), "{:?}", account);
        prop_assert_eq!(report.stats.latency.map_or(0, |latency| latency.records), account.settled());
        let known = kept.records().len() as u64;
        match report.ending {
            Ending::Completed => prop_assert!(false, "a million numbers cannot be through"),
            Ending::Stopped => prop_assert_eq!((account.delivered, account.in_flight), (known, 0)),
            // A batch that the sink has written when it is cut may not have been counted yet: it is in flight.
            Ending::Interrupted | Ending::Aborted => {
                prop_assert!(account.delivered <= known && known <= account.delivered + account.in_flight);
            }
        }
    }
}

#[test]
fn a_stalled_sink_holds_back_exactly_what_queues_and_hands_hold() {
    stall(Order::None);
    stall(Order::Input);
}

/// What has been pulled and not delivered.
fn in_flight(running: &Running) -> u64 {
    let account = running.stats().accounting;
    account.read - account.delivered
}

fn stall(order: Order) {
    const BATCH: usize = 10;
    const WORKERS: usize = 2;
    const STAGES: usize = 2;
    const QUEUE: usize = 50;
    // First it goes fast: a pipeline that has shown nothing is let in for little.
    let gate = Arc::new(Semaphore::new(500));
    let keeper = Keeper { gate: Some(Arc::clone(&gate)), ..Keeper::default() };
    let source = Numbers { chunk: BATCH, ..Numbers::up_to(10_000) };
    let mut builder = PipelineBuilder::new("stalled").source(SourceBuilder::custom("numbers", source));
    for index in 0..STAGES {
        let echo = NativeStage::new(|_key, value, out| {
            out.push(None, value);
            Verdict::Done
        });
        builder = builder.stage(
            StageBuilder::native(&format!("s{index}"), echo)
                .workers(nonzero(WORKERS))
                .order(order)
                .queue(queue(QUEUE))
                .batch(batch(BATCH)),
        );
    }
    let sink = SinkBuilder::custom("kept", keeper).queue(queue(QUEUE)).batch(batch(BATCH));
    let plan = builder.sink(sink).plan().expect("a sound plan");
    runtime().block_on(async {
        let running = sandmill::prepare(plan).await.expect("a sound pipeline").start();
        // Every queue full, a batch in each worker's hand, one in the sink's, one in the source's.
        let expected = (QUEUE * (STAGES + 1) + BATCH * (WORKERS * STAGES + 1 + 1)) as u64;
        // Where order is kept, and should the machine make batches take long: one more for each worker, which waits for its turn.
        let spare = if order == Order::Input { BATCH * WORKERS * STAGES } else { 0 };
        let most = expected + spare as u64;
        let reached = timeout(BOUND, async {
            // As long as the sink is let through, what is in flight rises and falls.
            while gate.available_permits() > 0 || in_flight(&running) < expected {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        reached.await.expect("the queues fill up");
        tokio::time::sleep(Duration::from_millis(100)).await;
        let pulled = in_flight(&running);
        assert!(
            (expected..=most).contains(&pulled),
            "{pulled} are in flight, more than queues and hands hold: {expected}"
        );
        gate.add_permits(10_000);
        let report = timeout(BOUND, running.wait()).await.expect("every run ends");
        assert_eq!(report.ending, Ending::Completed);
        assert_eq!(report.stats.accounting.delivered, 10_000);
        assert!(report.stats.stages.iter().all(|stage| stage.queue.high_water == QUEUE));
    });
}
