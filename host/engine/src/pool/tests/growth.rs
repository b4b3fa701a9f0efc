//! Pools that grow and shrink: when they do, and that nothing else changes by it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;
use proptest::prelude::*;

use super::*;
use crate::plan::{Breaker, Order, Retry, Reuse, Workers};
use crate::program::{Budget, GuestFailure, Instance, Outcome, WorkerId};
use crate::report::PoolStats;

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn between(min: usize, max: usize) -> Workers {
    Workers { min: count(min), max: count(max) }
}

/// A function whose calls take a time. An instance that lives on says at its end of how many records.
#[derive(Debug)]
pub(super) struct Lasting {
    pub(super) function: NativeStage,
    pub(super) takes: Duration,
    pub(super) seen: Arc<Seen>,
}

/// What instances there were.
#[derive(Debug, Default)]
pub(super) struct Seen {
    living: AtomicUsize,
    most_living: AtomicUsize,
    most_at_work: AtomicUsize,
    at_work: AtomicUsize,
}

struct LastingInstance {
    function: Box<dyn Instance>,
    takes: Duration,
    given: usize,
    seen: Arc<Seen>,
}

/// A call under way: dropped, when it is interrupted, too.
struct AtWork<'a>(&'a Seen);

impl<'a> AtWork<'a> {
    fn begin(seen: &'a Seen) -> Self {
        seen.most_at_work.fetch_max(seen.at_work.fetch_add(1, SeqCst) + 1, SeqCst);
        Self(seen)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, SeqCst);
    }
}

#[async_trait]
impl Program for Lasting {
    async fn instantiate(&self, worker: &WorkerId) -> Result<Box<dyn Instance>, GuestFailure> {
        self.seen.most_living.fetch_max(self.seen.living.fetch_add(1, SeqCst) + 1, SeqCst);
        let function = self.function.instantiate(worker).await?;
        Ok(Box::new(LastingInstance { function, takes: self.takes, given: 0, seen: Arc::clone(&self.seen) }))
    }
}

#[async_trait]
impl Instance for LastingInstance {
    async fn process(&mut self, records: &Payload, budget: Budget) -> Result<Outcome, GuestFailure> {
        let _at_work = AtWork::begin(&self.seen);
        sleep(self.takes).await;
        self.given += records.len();
        self.function.process(records, budget).await
    }

    async fn flush(&mut self, _budget: Budget) -> Result<Outcome, GuestFailure> {
        let mut outcome = Outcome::default();
        outcome.emitted.push(None, format!("={}", self.given).as_bytes());
        Ok(outcome)
    }

    fn time_in_guest(&self) -> Duration {
        self.function.time_in_guest()
    }
}

impl Drop for LastingInstance {
    fn drop(&mut self) {
        self.seen.living.fetch_sub(1, SeqCst);
    }
}

/// A pool of one to four workers; a record a batch, which takes a second.
fn stage() -> StageBuilder {
    StageBuilder::native("lasting", flaky()).workers(between(1, 4)).queue(queue(1_000)).batch(batch(1))
}

fn start(stage: StageBuilder) -> (Floor, Arc<Seen>) {
    start_before(stage, SECOND, Duration::ZERO)
}

/// Each call takes a time, and so does the sink for each batch.
fn start_before(stage: StageBuilder, takes: Duration, sink_takes: Duration) -> (Floor, Arc<Seen>) {
    let seen = Arc::<Seen>::default();
    let told = Arc::clone(&seen);
    let program = |function| Arc::new(Lasting { function, takes, seen: told }) as Arc<dyn Program>;
    (Floor::start_before(stage, program, Settler::default(), sink_takes), seen)
}

fn stats(floor: &Floor) -> PoolStats {
    floor.slots.stats().expect("it may grow")
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// Takes out what instances said at their ends: of how many records.
fn flushed(floor: &Floor) -> (Vec<String>, Vec<usize>) {
    let (ends, texts): (Vec<_>, Vec<_>) = floor.texts().into_iter().partition(|text| text.starts_with('='));
    (texts, ends.iter().map(|end| end[1..].parse().expect("a number")).collect())
}

#[tokio::test(start_paused = true)]
async fn a_pool_grows_while_work_waits_and_never_beyond_its_max() {
    let (mut floor, seen) = start(stage().order(Order::None).reuse(Reuse::Worker));
    assert_eq!(floor.slots.present(), 1, "it begins with as few as it may");
    floor.give(numbers(0..60)).await;
    floor.pass(5 * SECOND).await;
    assert_eq!(floor.slots.present(), 4);
    let account = floor.drain().await.unwrap();
    assert_eq!((account.delivered, account.created), (64, 4));
    assert_eq!((seen.most_living.load(SeqCst), seen.most_at_work.load(SeqCst)), (4, 4));
    let PoolStats { most, grown, average, .. } = stats(&floor);
    assert_eq!((most, grown), (4, 2), "from 1 to 2, and from 2 to 4");
    assert!((3.0..4.0).contains(&average), "{average}");
}

/// What does not wait longer than a moment needs no other worker.
#[tokio::test(start_paused = true)]
async fn a_burst_that_is_soon_done_makes_no_pool_grow() {
    let (mut floor, _) = start_before(stage(), SECOND / 25, Duration::ZERO);
    for _ in 0..5 {
        floor.give(numbers(0..10)).await;
        floor.pass(3 * SECOND).await;
    }
    floor.drain().await.unwrap();
    assert_eq!(stats(&floor).most, 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_pool_shrinks_to_its_min_and_gives_its_instances_back() {
    let (mut floor, seen) = start(stage().order(Order::None).reuse(Reuse::Worker));
    floor.give(numbers(0..60)).await;
    floor.pass(25 * SECOND).await;
    assert_eq!((floor.texts().len(), floor.slots.present()), (60, 4), "the work is done");
    assert_eq!(seen.living.load(SeqCst), 4);
    floor.pass(15 * SECOND).await;
    assert_eq!((floor.slots.present(), seen.living.load(SeqCst)), (1, 1));
    let (texts, ends) = flushed(&floor);
    assert_eq!((texts.len(), ends.len()), (60, 3), "what they held came out when they ended");
    // And grows again, with new instances.
    floor.give(numbers(60..120)).await;
    floor.pass(5 * SECOND).await;
    assert_eq!((floor.slots.present(), seen.living.load(SeqCst)), (4, 4));
    let account = floor.drain().await.unwrap();
    let (texts, ends) = flushed(&floor);
    assert_eq!((texts.len(), ends.iter().sum::<usize>()), (120, 120), "each record was counted in one instance");
    assert_eq!((account.created, account.in_flight, ends.len()), (7, 0, 7));
    let PoolStats { grown, shrunk, .. } = stats(&floor);
    assert!(grown == 4 && shrunk > 0, "{grown}, {shrunk}");
}

/// A pool that is partly busy keeps as many workers as were at work at a time.
#[tokio::test(start_paused = true)]
async fn a_pool_shrinks_to_what_it_needs() {
    let (mut floor, _) = start(stage().order(Order::None));
    floor.give(numbers(0..40)).await;
    floor.pass(15 * SECOND).await;
    assert_eq!(floor.slots.present(), 4);
    for number in 0..40 {
        floor.give([format!("{number}"), format!("{number}")]).await;
        floor.pass(SECOND).await;
    }
    assert_eq!(floor.slots.present(), 2);
    floor.drain().await.unwrap();
}

/// Workers that wait for room in the next queue are busy in a way that another one would be, too.
#[tokio::test(start_paused = true)]
async fn slow_output_makes_no_pool_grow() {
    let (mut floor, _) = start_before(stage().order(Order::None), SECOND / 50, SECOND);
    floor.give(numbers(0..30)).await;
    floor.pass(20 * SECOND).await;
    assert!(floor.queue.depth().records > 0, "work waits");
    assert_eq!(stats(&floor).most, 1);
    floor.drain().await.unwrap();
    assert_eq!(flushed(&floor).0.len(), 30);
}

/// One key has one worker at a time, however much of it waits.
#[tokio::test(start_paused = true)]
async fn a_single_key_makes_no_pool_grow() {
    let (mut floor, _) = start(stage().order(Order::Key));
    floor.give_keyed((0..30).map(|number| format!("a{number}"))).await;
    floor.pass(20 * SECOND).await;
    assert_eq!(stats(&floor).most, 1);
    floor
        .give_keyed(["b", "c", "d", "e", "f"].into_iter().flat_map(|key| (0..9).map(move |n| format!("{key}{n}"))))
        .await;
    floor.pass(10 * SECOND).await;
    assert!(stats(&floor).most > 1);
    floor.drain().await.unwrap();
}

/// The instance of a lane holds the state of its keys: it stays when the pool shrinks.
#[tokio::test(start_paused = true)]
async fn state_by_key_outlives_workers() {
    let (mut floor, seen) = start(stage().order(Order::Key).reuse(Reuse::Worker));
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
    floor.give_keyed(keys.iter().flat_map(|key| (0..5).map(move |number| format!("{key}{number}")))).await;
    floor.pass(60 * SECOND).await;
    assert_eq!((stats(&floor).most, floor.slots.present()), (4, 1));
    let before = seen.living.load(SeqCst);
    assert!(before > 1, "several lanes have instances");
    assert!(flushed(&floor).1.is_empty(), "none has ended");
    floor.give_keyed(keys.iter().map(|key| format!("{key}9"))).await;
    let account = floor.drain().await.unwrap();
    let (texts, ends) = flushed(&floor);
    assert_eq!((texts.len(), ends.iter().sum::<usize>()), (48, 48));
    assert_eq!(ends.len() as u64, account.created);
    assert_eq!(ends.len(), before, "one for each lane");
}

#[derive(Clone, Debug)]
struct Case {
    batches: Vec<Vec<(u8, &'static str)>>,
    workers: Workers,
    sizes: Vec<(Duration, usize)>,
    batch: usize,
    order: Order,
    reuse: Reuse,
    backoff: u64,
    /// When the run is cut, if it is.
    cut: Option<u64>,
}

fn case() -> impl Strategy<Value = Case> {
    let verb = prop_oneof![6 => Just(""), 1 => Just(" f"), 2 => Just(" r1"), 1 => Just(" r2"), 1 => Just(" d1"), 1 => Just(" p99")];
    let batches = prop::collection::vec(prop::collection::vec((0_u8..5, verb), 1..10), 1..20);
    let workers = (1_usize..4, 0_usize..4).prop_map(|(min, more)| between(min, min + more));
    let sizes = prop::collection::vec((0_u64..60, 1_usize..8), 0..12);
    let sizes = sizes.prop_map(|sizes| sizes.into_iter().map(|(at, size)| (Duration::from_millis(at), size)).collect());
    let order = prop_oneof![Just(Order::None), Just(Order::Input), Just(Order::Key)];
    let reuse = prop_oneof![Just(Reuse::Record), Just(Reuse::Batch), Just(Reuse::Worker)];
    let cut = prop::option::weighted(0.3, 0_u64..300);
    (batches, workers, sizes, 1_usize..6, (order, reuse), 0_u64..50, cut).prop_map(
        |(batches, workers, sizes, batch, (order, reuse), backoff, cut)| Case {
            batches,
            workers,
            sizes,
            batch,
            order,
            reuse,
            backoff,
            cut,
        },
    )
}

fn ends(text: &str) -> char {
    match text.split_once(' ').and_then(|(_, verb)| verb.chars().next()) {
        Some('f' | 'p') => 'l',
        Some('d') => 'd',
        Some(_) | None => 'o',
    }
}

/// Runs a case; checks the account, the order, and the number of instances.
async fn holds(case: Case) -> Result<(), TestCaseError> {
    let Case { batches, workers, sizes, order, reuse, .. } = case;
    // What an instance that lives on has seen is lost when it panics: such records end the run.
    let is_living = reuse == Reuse::Worker;
    let mut number = 0;
    let mut named = |(key, verb): (u8, &str)| {
        number += 1;
        let verb = if is_living && verb.contains(['p', 'd']) { "" } else { verb };
        format!("{}{number}{verb}", char::from(b'a' + key))
    };
    let batches: Vec<Vec<String>> =
        batches.into_iter().map(|batch| batch.into_iter().map(&mut named).collect()).collect();
    let all: Vec<String> = batches.concat();
    let stage = StageBuilder::native("lasting", flaky())
        .workers(workers)
        .queue(queue(20))
        .batch(batch(case.batch))
        .order(order)
        .reuse(reuse)
        .breaker(Breaker::OFF)
        .retry(Retry::times(2).backoff(Duration::from_millis(case.backoff)));
    let seen = Arc::<Seen>::default();
    let (told, takes) = (Arc::clone(&seen), Duration::from_millis(7));
    let mut floor = Floor::start_with(stage, |function| Arc::new(Lasting { function, takes, seen: told }));
    floor.resize(sizes);
    floor.give_batches(batches, case.cut.map_or(BOUND, Duration::from_millis)).await;
    let account =
        if case.cut.is_some() { floor.cut().await } else { floor.drain().await.expect("nothing ends the run") };
    prop_assert!(account.balances());
    prop_assert!(seen.most_living.load(SeqCst) <= workers.max.get(), "{:?}", seen);
    prop_assert!(seen.most_at_work.load(SeqCst) <= workers.max.get(), "{:?}", seen);
    prop_assert_eq!(seen.living.load(SeqCst), 0);
    let (texts, flushed) = flushed(&floor);
    let number = |text: &String| text[1..].split(' ').next().unwrap_or_default().parse::<usize>().expect("a number");
    if order == Order::Input {
        prop_assert!(texts.iter().map(number).is_sorted(), "{:?}", texts);
    }
    let mut by_key = BTreeMap::<&str, Vec<usize>>::new();
    texts.iter().for_each(|text| by_key.entry(&text[..1]).or_default().push(number(text)));
    prop_assert!(order != Order::Key || by_key.values().all(|numbers| numbers.is_sorted()), "{:?}", by_key);
    if case.cut.is_none() {
        let count = |end| all.iter().filter(|text| ends(text) == end).count() as u64;
        prop_assert_eq!(account.created, flushed.len() as u64);
        let expected = (count('o') + account.created, count('d'), count('l'), 0);
        prop_assert_eq!((account.delivered, account.dropped, account.dead_lettered, account.in_flight), expected);
        let mut passed: Vec<_> = all.iter().filter(|text| ends(text) == 'o').cloned().collect();
        let mut texts = texts;
        passed.sort();
        texts.sort();
        prop_assert_eq!(passed, texts);
    }
    Ok(())
}

proptest! {
    /// Whatever is drawn: order, the account and the bound of instances hold while the pool grows and shrinks.
    #[test]
    fn a_pool_keeps_its_promises_at_every_size(case in case()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("one");
        runtime.block_on(holds(case))?;
    }
}
