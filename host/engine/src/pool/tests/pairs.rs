//! Mix-and-batch: no two calls at once that share a bucket of ids, whatever fails, is tried again or is stopped.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use tokio::time::sleep;

use super::{BOUND, Floor, batch, count, queue};
use crate::StageBuilder;
use crate::plan::{Breaker, Retry, Reuse, Workers};
use crate::program::{Budget, Failure, GuestFailure, Instance, NativeStage, Outcome, Program, Verdict, WorkerId};
use crate::record::{Pairing, Payload, RecordKey};

/// A left id, a right id, a number of its own, and how often it is not ready; at 9, it never is.
type Row = (u8, u8, usize, u8);
/// A bucket, of which kind of ids.
type Bucket = (bool, usize);

fn pairing(buckets: u16, same_nodes: bool) -> Pairing {
    let [left, right] = ["/0", "/1"].map(|id| id.parse().expect("a pointer"));
    Pairing { left, right, buckets: NonZeroU16::new(buckets).expect("positive"), same_nodes }
}

/// Takes a while over each call, and notes the buckets that calls have in hand meanwhile.
#[derive(Clone, Debug)]
struct Watching {
    pairing: Pairing,
    watched: Arc<Mutex<Watched>>,
}

#[derive(Debug, Default)]
struct Watched {
    in_hand: Vec<Bucket>,
    tried: HashMap<usize, u8>,
    shared: usize,
    calls: usize,
    most_calls: usize,
}

impl Watching {
    fn buckets(&self, records: &Payload) -> HashSet<Bucket> {
        let key = RecordKey::Pair(self.pairing.clone());
        let buckets = usize::from(self.pairing.buckets.get());
        let of = |index| {
            let [left, right] = key.hash(records, index).buckets(buckets);
            [(false, left), (!self.pairing.same_nodes, right)]
        };
        (0..records.len()).flat_map(of).collect()
    }
}

#[async_trait]
impl Program for Watching {
    async fn instantiate(&self, _worker: &WorkerId) -> Result<Box<dyn Instance>, GuestFailure> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Instance for Watching {
    async fn process(&mut self, records: &Payload, _budget: Budget) -> Result<Outcome, GuestFailure> {
        let buckets = self.buckets(records);
        {
            let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            watched.shared += buckets.iter().filter(|bucket| watched.in_hand.contains(bucket)).count();
            watched.in_hand.extend(&buckets);
            watched.calls += 1;
            watched.most_calls = watched.most_calls.max(watched.calls);
        }
        sleep(Duration::from_millis(3)).await;
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.calls -= 1;
        for bucket in &buckets {
            let at = watched.in_hand.iter().position(|held| held == bucket).expect("noted");
            watched.in_hand.swap_remove(at);
        }
        let mut outcome = Outcome { origins: Some(Vec::new()), ..Outcome::default() };
        for (index, value) in (0_u32..).zip(records.values().iter()) {
            let (_, _, number, times): Row = serde_json::from_slice(value).expect("a row");
            let tried = watched.tried.entry(number).or_default();
            *tried += 1;
            if *tried <= times {
                outcome.failures.push(Failure { index, retryable: true, message: "not yet".to_owned() });
            } else {
                outcome.emitted.push(None, value);
                outcome.origins.as_mut().expect("some").push(index);
            }
        }
        Ok(outcome)
    }

    async fn flush(&mut self, _budget: Budget) -> Result<Outcome, GuestFailure> {
        Ok(Outcome::default())
    }

    fn time_in_guest(&self) -> Duration {
        Duration::ZERO
    }
}

fn stage() -> StageBuilder {
    StageBuilder::native("watching", NativeStage::new(|_, _, _| Verdict::Done)).breaker(Breaker::OFF)
}

fn text(row: &Row) -> String {
    let (left, right, number, times) = row;
    format!("[{left},{right},{number},{times}]")
}

#[derive(Clone, Debug)]
struct Case {
    batches: Vec<Vec<Row>>,
    buckets: u16,
    same_nodes: bool,
    min: usize,
    max: usize,
    batch: usize,
    queue: usize,
    reuse: Reuse,
    backoff: u64,
    /// When the run is interrupted, if it is.
    cut: Option<u64>,
}

fn case() -> impl Strategy<Value = Case> {
    let times = prop_oneof![6 => Just(0_u8), 2 => 1_u8..3, 1 => Just(9_u8)];
    let row = (0_u8..12, 0_u8..12, times);
    let batches = prop::collection::vec(prop::collection::vec(row, 1..12), 1..15).prop_map(|batches| {
        let mut numbers = 0..;
        let mut numbered = |(left, right, times)| (left, right, numbers.next().expect("endless"), times);
        batches.into_iter().map(|rows| rows.into_iter().map(&mut numbered).collect()).collect::<Vec<Vec<Row>>>()
    });
    let reuse = prop_oneof![Just(Reuse::Record), Just(Reuse::Batch), Just(Reuse::Worker)];
    let grid = (0_u16..7, any::<bool>());
    let cut = prop::option::weighted(0.3, 0_u64..3_000);
    let workers = (1_usize..5).prop_flat_map(|max| (1..=max, Just(max)));
    (batches, grid, workers, 1_usize..9, 1_usize..40, reuse, 0_u64..50, cut).prop_map(
        |(batches, (more, same_nodes), (min, max), batch, queue, reuse, backoff, cut)| Case {
            batches,
            // As many as all workers need to be at it at once, or more.
            buckets: (if same_nodes { 2 * max } else { max } as u16).max(2) + more,
            same_nodes,
            min,
            max,
            batch,
            queue,
            reuse,
            backoff,
            cut,
        },
    )
}

async fn holds(case: Case) -> Result<(), TestCaseError> {
    let pairing = pairing(case.buckets, case.same_nodes);
    let stage = stage()
        .partition(pairing.clone())
        .workers(Workers { min: count(case.min), max: count(case.max) })
        .queue(queue(case.queue))
        .batch(batch(case.batch))
        .reuse(case.reuse)
        .retry(Retry::times(2).backoff(Duration::from_millis(case.backoff)));
    let watched = Arc::<Mutex<Watched>>::default();
    let watching = Watching { pairing, watched: Arc::clone(&watched) };
    let mut floor = Floor::start_with(stage, |_| Arc::new(watching));
    let batches = case.batches.iter().map(|rows| rows.iter().map(text).collect()).collect();
    floor.give_batches(batches, case.cut.map_or(BOUND, Duration::from_millis)).await;
    let account = match case.cut {
        Some(_) => floor.cut().await,
        None => floor.drain().await.expect("nothing ends the run"),
    };
    prop_assert!(account.balances());
    prop_assert!(case.max == 1 || watched.lock().expect("whole").shared == 0, "a bucket in two calls");
    let rows: Vec<Row> = floor.texts().iter().map(|text| serde_json::from_str(text).expect("a row")).collect();
    let mut by_pair = BTreeMap::<(u8, u8), Vec<usize>>::new();
    for (left, right, number, _) in &rows {
        by_pair.entry((*left, *right)).or_default().push(*number);
    }
    prop_assert!(by_pair.values().all(|numbers| numbers.is_sorted()), "{:?}", by_pair);
    if case.cut.is_none() {
        let lost = case.batches.iter().flatten().filter(|(.., times)| *times == 9).count() as u64;
        let all = case.batches.iter().flatten().count() as u64;
        prop_assert_eq!((account.delivered, account.dead_lettered, account.in_flight), (all - lost, lost, 0));
    }
    Ok(())
}

proptest! {
    /// Any rows through any pool, with retries, failures and stops.
    #[test]
    fn no_bucket_is_in_two_calls_and_the_account_is_exact(case in case()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("one");
        runtime.block_on(holds(case))?;
    }
}

/// What shares nothing runs side by side: a model of waves, or of one lock, would give each batch the time of all.
#[tokio::test(start_paused = true)]
async fn what_shares_no_bucket_is_in_several_calls_at_once() {
    for same_nodes in [false, true] {
        let pairing = pairing(64, same_nodes);
        let watched = Arc::<Mutex<Watched>>::default();
        let watching = Watching { pairing: pairing.clone(), watched: Arc::clone(&watched) };
        let stage = stage().partition(pairing).workers(count(4)).batch(batch(8)).queue(queue(1000));
        let mut floor = Floor::start_with(stage, |_| Arc::new(watching));
        let rows = (0..400).map(|number| text(&((number * 7 % 120) as u8, (number * 11 % 120 + 120) as u8, number, 0)));
        floor.give_batches(vec![rows.collect()], BOUND).await;
        assert_eq!(floor.drain().await.expect("a good end").delivered, 400);
        let watched = watched.lock().expect("whole");
        assert_eq!((watched.most_calls, watched.shared), (4, 0), "{same_nodes}");
    }
}
