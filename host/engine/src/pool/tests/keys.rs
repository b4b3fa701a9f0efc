//! Order by key: records of one key leave in order whatever fails, is retried or is stopped, and other keys pass.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use tokio::time::{advance, sleep};

use super::growth::between;
use super::{BOUND, Floor, batch, count, flaky, queue};
use crate::StageBuilder;
use crate::flow::Settler;
use crate::plan::{Breaker, OnError, Order, Retry, Reuse};
use crate::program::{Budget, Failure, GuestFailure, Instance, NativeStage, Outcome, Program, Verdict, WorkerId};
use crate::record::Payload;

const SECOND: Duration = Duration::from_secs(1);

/// Two workers; what fails is tried again after 5 to 10 s at first.
fn stage() -> StageBuilder {
    of(flaky())
}

/// The same, with batches dealt over lanes, and with whole ones beside each other.
fn stages() -> [StageBuilder; 2] {
    [stage(), of(flaky().pure())]
}

fn of(function: NativeStage) -> StageBuilder {
    StageBuilder::native("flaky", function)
        .order(Order::Key)
        .workers(count(2))
        .queue(queue(100_000))
        .batch(batch(1_000))
        .retry(Retry::times(3).backoff(10 * SECOND).backoff_max(40 * SECOND))
}

/// The numbers of what was delivered, by key.
fn by_key(texts: &[String]) -> BTreeMap<String, Vec<usize>> {
    let mut all = BTreeMap::<String, Vec<usize>>::new();
    for text in texts {
        let (name, _) = text.split_once(' ').unwrap_or((text, ""));
        all.entry(name[..1].to_owned()).or_default().push(name[1..].parse().expect("a number"));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_record_that_waits_holds_up_its_own_key_and_no_other() {
    for stage in stages() {
        let mut floor = Floor::start(stage);
        floor.give_keyed(["a1", "a2 r2", "a3", "b1", "a4"]).await;
        floor.give_keyed(["b2", "a5", "c1", "b3"]).await;
        floor.settle().await;
        // And later input finds the same.
        floor.give_keyed(["a6", "b4"]).await;
        floor.settle().await;
        let early: BTreeMap<_, _> = by_key(&floor.texts());
        let expected = [("a".into(), vec![1]), ("b".into(), vec![1, 2, 3, 4]), ("c".into(), vec![1])];
        assert_eq!(early, BTreeMap::from(expected));
        let account = floor.drain().await.unwrap();
        assert_eq!(by_key(&floor.texts())["a"], [1, 2, 3, 4, 5, 6]);
        assert_eq!((account.delivered, floor.retries()), (11, (2, 1)));
        let (at, _) = floor.delivered().pop().unwrap();
        assert!((15_000..=30_000).contains(&at), "all of it once the record has passed, at {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_behind_a_record_that_fails_for_good_goes_on_without_it() {
    for stage in stages() {
        let mut floor = Floor::start(stage);
        floor.give_keyed(["a1 r9", "a2 f", "a3", "a4 p9", "a5", "b1"]).await;
        let account = floor.drain().await.unwrap();
        assert_eq!((account.delivered, account.dead_lettered), (3, 3));
        assert_eq!(by_key(&floor.texts()), BTreeMap::from([("a".into(), vec![3, 5]), ("b".into(), vec![1])]));
        let attempts: Vec<_> = floor.letters().iter().map(|letter| letter["attempts"].as_u64().unwrap()).collect();
        assert_eq!(attempts.iter().sum::<u64>(), 4 + 1 + 4);
    }
}

/// The stage sees them in order, too, as far as it is asked one by one.
#[tokio::test(start_paused = true)]
async fn a_record_behind_one_that_waits_is_not_tried_before_it() {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let watched = Arc::clone(&seen);
    let function = NativeStage::new(move |_key, value, out| {
        let text = String::from_utf8_lossy(value).into_owned();
        let mut seen = watched.lock().unwrap();
        let is_first = !seen.contains(&text);
        seen.push(text.clone());
        if is_first && text.ends_with("r1") {
            return Verdict::Retryable("not yet".to_owned());
        }
        out.push(None, value);
        Verdict::Done
    });
    let mut floor = Floor::start(of(function).reuse(Reuse::Record));
    floor.give_keyed(["a1 r1", "a2 r1", "b1", "a3"]).await;
    floor.give_keyed(["a4"]).await;
    floor.drain().await.unwrap();
    let of_a: Vec<_> = seen.lock().unwrap().iter().filter(|text| text.starts_with('a')).cloned().collect();
    assert_eq!(of_a, ["a1 r1", "a1 r1", "a2 r1", "a2 r1", "a3", "a4"]);
    assert_eq!(floor.retries(), (2, 2), "a first attempt that came late is not a retry");
}

/// Without a bound, a key whose record waits for an hour would take all that comes of it into memory.
#[tokio::test(start_paused = true)]
async fn what_waits_behind_a_key_is_bounded() {
    for stage in stages() {
        let mut floor = Floor::start(stage.batch(batch(64)));
        floor.give_keyed(["a0 r1"]).await;
        floor.settle().await;
        floor.give_keyed((1..5_000).map(|number| format!("a{number}"))).await;
        floor.settle().await;
        let taken = 4_999 - floor.queue.depth().records;
        assert!((1_024..=1_024 + 2 * 64).contains(&taken), "{taken} were taken in");
        let account = floor.drain().await.unwrap();
        assert_eq!(account.delivered, 5_000);
        assert_eq!(by_key(&floor.texts())["a"], (0..5_000).collect::<Vec<_>>());
    }
}

/// Two workers that have a key at the same time: nobody can tell, because what comes of it leaves in order.
#[tokio::test(start_paused = true)]
async fn records_of_one_key_are_processed_side_by_side_where_that_makes_no_difference_and_leave_in_order() {
    for (function, side_by_side) in [(flaky(), 1), (flaky().pure(), 2)] {
        let slow = Arc::<Slow>::default();
        let program = Arc::clone(&slow);
        let mut floor = Floor::start_with(of(function).batch(batch(3)), |native| program.around(native));
        // The first takes longest.
        slow.takes.lock().unwrap().extend([5, 1, 3, 0].map(Duration::from_micros));
        for first in [1, 4, 7, 10] {
            floor.give_keyed((first..first + 3).map(|number| format!("a{number}"))).await;
        }
        floor.drain().await.unwrap();
        assert_eq!(by_key(&floor.texts())["a"], (1..13).collect::<Vec<_>>());
        assert_eq!(slow.most_at_work.load(SeqCst), side_by_side);
    }
}

/// Else whoever waits for its turn would be held up as long as the slowest batch before it takes.
#[tokio::test(start_paused = true)]
async fn batches_that_take_long_wait_for_none_of_other_keys() {
    let slow = Arc::<Slow>::default();
    let program = Arc::clone(&slow);
    let mut floor = Floor::start_with(of(flaky().pure()).batch(batch(1)), |native| program.around(native));
    let (one, other) = floor.keys_of_two_lanes();
    slow.takes.lock().unwrap().extend([2 * MILLI; 20]);
    for number in 0..20 {
        floor.give_keyed([format!("{one}{number}")]).await;
    }
    floor.pass(SECOND).await;
    slow.takes.lock().unwrap().push_back(10 * SECOND);
    floor.give_keyed([format!("{one}20")]).await;
    floor.settle().await;
    floor.give_keyed([format!("{other}1"), format!("{other}2"), format!("{one}21")]).await;
    floor.pass(SECOND).await;
    let early = by_key(&floor.texts());
    assert_eq!((early[&one].len(), early[&other].len()), (20, 2));
    floor.drain().await.unwrap();
    assert_eq!(by_key(&floor.texts())[&one], (0..22).collect::<Vec<_>>());
}

/// A batch of which each record has an instance of its own, which gives something at its end, is worked on in parts. Each of them is
/// short: were that all that counts, one worker would hold its turn for all of its batch, and the others wait.
#[tokio::test(start_paused = true)]
async fn a_batch_that_comes_in_short_parts_is_one_that_takes_long() {
    let slow = Arc::<Slow>::default();
    *slow.advances.lock().unwrap() = MILLI / 10;
    slow.gives_at_its_end.store(true, SeqCst);
    let program = Arc::clone(&slow);
    let stage = of(flaky().pure()).reuse(Reuse::Record).batch(batch(32)).queue(queue(64));
    let mut floor = Floor::start_with(stage, |native| program.around(native));
    for first in 0..10 {
        floor.give_keyed((0..32).map(|number| format!("a{}", first * 32 + number))).await;
        floor.settle().await;
    }
    assert_eq!(floor.pace().deal_by_key(), Some(true));
    let account = floor.drain().await.unwrap();
    assert_eq!((account.delivered, account.created), (640, 320));
}

const MILLI: Duration = Duration::from_millis(1);

/// Instances that take a certain time for each call: the next one in the list, else none.
#[derive(Debug, Default)]
struct Slow {
    takes: Mutex<VecDeque<Duration>>,
    at_work: AtomicUsize,
    most_at_work: AtomicUsize,
    gives_at_its_end: AtomicBool,
    /// How far each call moves the clock, which a sleep moves by whole milliseconds.
    advances: Mutex<Duration>,
}

impl Slow {
    fn around(self: Arc<Self>, native: NativeStage) -> Arc<dyn Program> {
        Arc::new(SlowProgram { native, slow: self })
    }
}

#[derive(Debug)]
struct SlowProgram {
    native: NativeStage,
    slow: Arc<Slow>,
}

struct SlowInstance {
    instance: Box<dyn Instance>,
    slow: Arc<Slow>,
}

#[async_trait]
impl Program for SlowProgram {
    async fn instantiate(&self, worker: &WorkerId) -> Result<Box<dyn Instance>, GuestFailure> {
        let instance = self.native.instantiate(worker).await?;
        Ok(Box::new(SlowInstance { instance, slow: Arc::clone(&self.slow) }))
    }
}

#[async_trait]
impl Instance for SlowInstance {
    async fn process(&mut self, records: &Payload, budget: Budget) -> Result<Outcome, GuestFailure> {
        let at_work = self.slow.at_work.fetch_add(1, SeqCst) + 1;
        self.slow.most_at_work.fetch_max(at_work, SeqCst);
        let takes = self.slow.takes.lock().unwrap().pop_front();
        if let Some(takes) = takes {
            sleep(takes).await;
        }
        let advances = *self.slow.advances.lock().unwrap();
        if !advances.is_zero() {
            advance(advances).await;
        }
        self.slow.at_work.fetch_sub(1, SeqCst);
        self.instance.process(records, budget).await
    }

    async fn flush(&mut self, budget: Budget) -> Result<Outcome, GuestFailure> {
        let mut outcome = self.instance.flush(budget).await?;
        if self.slow.gives_at_its_end.load(SeqCst) {
            outcome.emitted.push(None, b"z0");
        }
        Ok(outcome)
    }

    fn time_in_guest(&self) -> Duration {
        self.instance.time_in_guest()
    }
}

#[tokio::test(start_paused = true)]
async fn a_breaker_ends_a_run_though_keys_are_held_up() {
    let breaker = Breaker { failures: Some(5.try_into().unwrap()), ..Breaker::OFF };
    let mut floor = Floor::start(stage().workers(count(1)).batch(batch(1)).breaker(breaker).retry(Retry::NEVER));
    floor.give_keyed((0..9).map(|number| format!("a{number} f"))).await;
    let failure = floor.drain().await.unwrap_err();
    assert!(failure.to_string().contains("5"), "{failure}");
    let mut floor = Floor::start(stage().on_error(OnError::Fail));
    floor.give_keyed(["a1 r9", "a2", "b1"]).await;
    let failure = floor.drain().await.unwrap_err();
    assert!(failure.to_string().contains("at each of 4 attempts"), "{failure}");
}

/// What a record does: passes, fails for good, fails so often before it passes or is dropped, always panics. What panics may
/// take others of its batch through a call that does not count, so nothing here depends on the number of calls.
fn verb() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(String::new()),
        1 => Just(" f".to_owned()),
        2 => (1_u32..3).prop_map(|times| format!(" r{times}")),
        1 => (1_u32..3).prop_map(|times| format!(" d{times}")),
        1 => Just(" p99".to_owned()),
    ]
}

#[derive(Clone, Debug)]
struct Case {
    batches: Vec<Vec<(u8, String)>>,
    workers: usize,
    batch: usize,
    queue: usize,
    reuse: Reuse,
    /// Whether whole batches may be processed beside each other.
    is_pure: bool,
    /// How long the calls take, in milliseconds, again and again: what takes long is dealt over lanes.
    takes: Vec<u64>,
    backoff: u64,
    /// When the run is cut, if it is.
    cut: Option<u64>,
}

fn case() -> impl Strategy<Value = Case> {
    let batches = prop::collection::vec(prop::collection::vec((0_u8..5, verb()), 1..12), 1..15);
    let reuse = prop_oneof![Just(Reuse::Record), Just(Reuse::Batch), Just(Reuse::Worker)];
    let cut = prop::option::weighted(0.3, 0_u64..30_000);
    let takes = prop_oneof![
        2 => Just(Vec::new()),
        3 => prop::collection::vec(prop_oneof![5 => Just(0_u64), 2 => 0_u64..20], 1..60),
    ];
    (batches, 1_usize..5, 1_usize..9, 1_usize..40, (reuse, any::<bool>(), takes), 0_u64..10_000, cut).prop_map(
        |(batches, workers, batch, queue, (reuse, is_pure, takes), backoff, cut)| Case {
            batches,
            workers,
            batch,
            queue,
            reuse,
            is_pure,
            takes,
            backoff,
            cut,
        },
    )
}

/// Runs a case; checks order by key, and the account against what each record does.
async fn holds(case: Case) -> Result<(), TestCaseError> {
    let retry = Retry::times(2).backoff(Duration::from_millis(case.backoff)).backoff_max(60 * SECOND);
    // What an instance that lives on has seen is lost when it panics: such records are dropped, not failed.
    let is_living = case.reuse == Reuse::Worker;
    let stage = of(if case.is_pure { flaky().pure() } else { flaky() })
        .workers(count(case.workers))
        .queue(queue(case.queue))
        .batch(batch(case.batch))
        .reuse(case.reuse)
        .breaker(Breaker::OFF)
        .retry(retry);
    let mut number = 0;
    let mut named = |(key, verb): (u8, String)| {
        number += 1;
        let verb = if is_living && verb.starts_with([' ']) && verb.contains(['p', 'd']) { String::new() } else { verb };
        format!("{}{number}{verb}", char::from(b'a' + key))
    };
    let batches: Vec<Vec<String>> =
        case.batches.into_iter().map(|batch| batch.into_iter().map(&mut named).collect()).collect();
    let all: Vec<String> = batches.concat();
    let slow = Arc::<Slow>::default();
    slow.takes.lock().unwrap().extend(case.takes.into_iter().map(Duration::from_millis));
    let mut floor = Floor::start_with(stage, |native| slow.around(native));
    let cut = case.cut.is_some();
    floor.give_batches(batches, case.cut.map_or(BOUND, Duration::from_millis)).await;
    let account = if cut { floor.cut().await } else { floor.drain().await.expect("nothing ends the run") };
    let delivered = by_key(&floor.texts());
    prop_assert!(delivered.values().all(|numbers| numbers.is_sorted()), "{:?}", delivered);
    prop_assert!(account.balances());
    if !cut {
        let ends = |text: &String| {
            let (_, verb) = text.split_once(' ').unwrap_or_default();
            match verb.chars().next() {
                Some('f' | 'p') => 'l',
                Some('d') => 'd',
                Some(_) | None => 'o',
            }
        };
        let count = |end| all.iter().filter(|text| ends(text) == end).count() as u64;
        let expected = (count('o'), count('d'), count('l'), 0);
        prop_assert_eq!((account.delivered, account.dropped, account.dead_lettered, account.in_flight), expected);
        let mut passed: Vec<_> = all.iter().filter(|text| ends(text) == 'o').cloned().collect();
        let mut texts = floor.texts();
        passed.sort();
        texts.sort();
        prop_assert_eq!(passed, texts);
    }
    Ok(())
}

proptest! {
    /// Any records through any pool, with failures, retries, crashes and stops.
    #[test]
    fn order_by_key_holds_and_the_account_is_exact(case in case()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("one");
        runtime.block_on(holds(case))?;
    }
}

/// A pool of several workers that kept the order of all keys, or gave a key a worker of its own, would wait for the slow one.
#[tokio::test(start_paused = true)]
async fn one_hot_key_leaves_the_others_to_the_other_workers() {
    let mut floor = Floor::start(stage().batch(batch(10)).retry(Retry::times(1).backoff(100 * SECOND)));
    floor.give_keyed(["a0 r1"].map(str::to_owned).into_iter().chain((1..300).map(|number| format!("a{number}")))).await;
    floor.settle().await;
    for number in 0..20 {
        floor.give_keyed([format!("b{number}"), format!("c{number}")]).await;
    }
    floor.settle().await;
    advance(SECOND).await;
    let early = by_key(&floor.texts());
    assert_eq!((early["b"].len(), early["c"].len(), early.contains_key("a")), (20, 20, false));
    floor.drain().await.unwrap();
    assert_eq!(by_key(&floor.texts())["a"].len(), 300);
}

/// Counts the records of each key in each instance, and tells the counts at its end. A value that ends in `r1` is not ready at
/// first.
#[derive(Debug)]
struct Tallies;

#[derive(Default)]
struct Tally {
    counts: BTreeMap<String, usize>,
    tried: HashSet<String>,
}

#[async_trait]
impl Program for Tallies {
    async fn instantiate(&self, _worker: &WorkerId) -> Result<Box<dyn Instance>, GuestFailure> {
        Ok(Box::<Tally>::default())
    }
}

#[async_trait]
impl Instance for Tally {
    async fn process(&mut self, records: &Payload, _budget: Budget) -> Result<Outcome, GuestFailure> {
        // Longer than a moment, so that several workers are at it.
        sleep(Duration::from_millis(3)).await;
        let mut outcome = Outcome { origins: Some(Vec::new()), ..Outcome::default() };
        for (index, value) in (0_u32..).zip(records.values().iter()) {
            let text = String::from_utf8_lossy(value).into_owned();
            if text.ends_with("r1") && self.tried.insert(text.clone()) {
                outcome.failures.push(Failure { index, retryable: true, message: "not yet".to_owned() });
                continue;
            }
            let count = self.counts.entry(text[..1].to_owned()).or_default();
            *count += 1;
            outcome.emitted.push(None, format!("{}{count}", &text[..1]).as_bytes());
            outcome.origins.as_mut().unwrap().push(index);
        }
        Ok(outcome)
    }

    async fn flush(&mut self, _budget: Budget) -> Result<Outcome, GuestFailure> {
        let mut outcome = Outcome::default();
        self.counts.iter().for_each(|(key, count)| outcome.emitted.push(None, format!("{key}={count}").as_bytes()));
        Ok(outcome)
    }

    fn time_in_guest(&self) -> Duration {
        Duration::ZERO
    }
}

proptest! {
    /// Whoever has a record, however often it is tried and however many workers there are: the counts of a key are those of
    /// one instance.
    #[test]
    fn records_of_a_key_always_meet_the_same_instance(
        batches in prop::collection::vec(prop::collection::vec((0_u8..6, prop::bool::weighted(0.2)), 1..8), 1..12),
        (min, more) in (1_usize..4, 0_usize..3),
        sizes in prop::collection::vec((0_u64..30, 1_usize..6), 0..10),
        bound in 1_usize..6,
        capacity in 1_usize..30,
        backoff in 0_u64..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("one");
        let mut expected = BTreeMap::<String, usize>::new();
        let mut number = 0;
        let mut named = |(key, waits): (u8, bool)| {
            let key = char::from(b'a' + key).to_string();
            *expected.entry(key.clone()).or_default() += 1;
            number += 1;
            format!("{key}{number}{}", if waits { " r1" } else { "" })
        };
        let batches: Vec<Vec<String>> =
            batches.into_iter().map(|batch| batch.into_iter().map(&mut named).collect()).collect();
        let stage = stage()
            .workers(between(min, min + more))
            .queue(queue(capacity))
            .batch(batch(bound))
            .reuse(Reuse::Worker)
            .retry(Retry::times(2).backoff(Duration::from_millis(backoff)));
        let (texts, account, instances) = runtime.block_on(async {
            let mut floor = Floor::start_with(stage, |_| Arc::new(Tallies));
            floor.resize(sizes.into_iter().map(|(at, size)| (Duration::from_millis(at), size)).collect());
            floor.give_batches(batches, BOUND).await;
            let account = floor.drain().await.expect("nothing ends the run");
            (floor.texts(), account, floor.counters.instances.get())
        });
        let (ends, counts): (Vec<String>, Vec<String>) = texts.into_iter().partition(|text| text.contains('='));
        let in_order = |(key, count): (&String, &usize)| (key.clone(), (1..=*count).collect());
        let mut seen = by_key(&counts);
        // Of two records in one call, the second is counted first when the first is tried again.
        seen.values_mut().for_each(|counts| counts.sort_unstable());
        prop_assert_eq!(seen, expected.iter().map(in_order).collect());
        let ends: BTreeMap<_, _> = ends.iter().filter_map(|text| text.split_once('=')).collect();
        prop_assert!(ends.iter().all(|(key, count)| expected[*key].to_string() == **count), "{:?}", ends);
        prop_assert_eq!(account.created, expected.len() as u64, "what an instance gave at its end, once for each key");
        prop_assert!(instances <= (min + more) as u64, "{} instances of {} workers", instances, min + more);
    }
}

/// A record that waits may be tried as soon as it is in its line, by anybody. Were it put there before what comes before it is
/// sent, whoever tries it would overtake that.
#[tokio::test(start_paused = true)]
async fn a_retry_does_not_overtake_what_its_first_worker_has_not_sent_yet() {
    for stage in stages() {
        let mut settler = Settler::default();
        let told = settler.subscribe(count(1));
        let stage = stage.retry(Retry::times(1).backoff(Duration::ZERO));
        let mut floor = Floor::start_told(stage, |native| Arc::new(native), settler);
        // The worker tells first what was dropped, and nobody listens.
        floor.give_keyed(["x1 d0", "y1 d0", "z1 d0", "a1", "a2 r1"]).await;
        floor.pass(SECOND).await;
        assert_eq!(floor.ledger.accounting().dropped, 3, "it is about to send");
        assert!(floor.texts().is_empty(), "{:?}", floor.texts());
        drop(told);
        floor.drain().await.unwrap();
        assert_eq!(floor.texts(), ["a1", "a2 r1"]);
    }
}

/// A worker that is about to end has the lease of each lane for a moment. If a record of that lane is due just then, whoever
/// looks cannot take it, and has to come back.
#[tokio::test(start_paused = true)]
async fn nobody_ends_while_somebody_else_has_the_lane_of_a_record_that_is_due() {
    let mut floor = Floor::start(stage().reuse(Reuse::Worker));
    floor.give_keyed(["a1 r1"]).await;
    floor.settle().await;
    floor.input = None;
    let lane = floor.lane_of("a");
    floor.pass(60 * SECOND).await;
    assert!(floor.texts().is_empty(), "it is due, and its lane is not free");
    floor.leave(lane);
    let account = floor.drain().await.unwrap();
    assert_eq!((account.delivered, account.in_flight), (1, 0));
}
