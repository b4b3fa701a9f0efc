//! Retries: which, how often, when, and who waits for them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Floor, batch, count, flaky, queue};
use crate::StageBuilder;
use crate::plan::{Breaker, OnError, Order, Retry, Reuse};
use crate::program::{Budget, GuestFailure, Instance, NativeStage, Outcome, Program, Verdict, WorkerId};
use crate::record::Payload;

const SECOND: Duration = Duration::from_secs(1);

/// One worker that takes all at once, and comes back to what failed after 5 to 10 s at first.
fn stage() -> StageBuilder {
    StageBuilder::native("flaky", flaky())
        .workers(count(1))
        .queue(queue(100_000))
        .batch(batch(1_000))
        .retry(Retry::times(3).backoff(10 * SECOND).backoff_max(40 * SECOND))
}

fn orders() -> [Order; 3] {
    [Order::Input, Order::None, Order::Key]
}

#[tokio::test(start_paused = true)]
async fn what_passes_at_a_later_attempt_is_delivered_and_counted() {
    for order in orders() {
        let mut floor = Floor::start(stage().order(order));
        floor.give(["1", "2 r1", "3 r3", "4 d2", "5"]).await;
        let account = floor.drain().await.unwrap();
        assert_eq!((account.delivered, account.dropped, account.dead_lettered), (4, 1, 0));
        assert_eq!(floor.retries(), (1 + 3 + 2, 3));
        assert_eq!(floor.counters.failed.get(), 0);
        assert_eq!(floor.counters.records_in.get(), 5, "a record is given to the stage once");
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_at_every_attempt_is_one_dead_letter_with_all_its_attempts() {
    for order in orders() {
        let mut floor = Floor::start(stage().order(order));
        floor.give(["1", "2 r9", "3 p9", "4 f"]).await;
        let account = floor.drain().await.unwrap();
        assert_eq!((account.delivered, account.dead_lettered), (1, 3));
        assert_eq!((floor.retries(), floor.counters.failed.get()), ((3 + 3, 0), 3));
        let mut letters = floor.letters();
        letters.sort_by_key(|letter| letter["value"].to_string());
        let said: Vec<_> =
            letters.iter().map(|letter| (letter["kind"].as_str(), letter["attempts"].as_u64())).collect();
        assert_eq!(said, [(Some("returned"), Some(4)), (Some("trap"), Some(4)), (Some("returned"), Some(1))]);
        let earlier = letters[0]["earlier"].as_array().unwrap();
        assert_eq!(earlier.len(), 3);
        assert!(
            earlier.iter().all(|attempt| attempt["reason"] == "2 r9 is not ready" && attempt["kind"] == "returned")
        );
        assert_eq!(letters[2]["earlier"].as_array().map(Vec::len), Some(0));
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_come_after_a_backoff_that_doubles_up_to_its_bound() {
    let mut floor = Floor::start(stage().retry(Retry::times(5).backoff(10 * SECOND).backoff_max(40 * SECOND)));
    floor.give(["1 r1"]).await;
    floor.give(["2 r2"]).await;
    floor.give(["3 r5"]).await;
    floor.drain().await.unwrap();
    let waited: Vec<u64> = floor.delivered().into_iter().map(|(at, _)| at / 1_000).collect();
    let [first, second, third] = waited.try_into().unwrap();
    assert!((5..=10).contains(&first), "{first}");
    assert!((15..=30).contains(&(second - first)), "{second}");
    assert!((75..=150).contains(&(third - second)), "{third}");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_waits_holds_nobody_back_where_no_order_is_kept() {
    let mut floor = Floor::start(stage().order(Order::None).batch(batch(10)));
    floor.give(["waits r2".to_owned()].into_iter().chain((0..500).map(|number| number.to_string()))).await;
    floor.settle().await;
    assert_eq!(floor.texts(), (0..500).map(|number| number.to_string()).collect::<Vec<_>>());
    // And the worker still takes new input.
    floor.give(["later"]).await;
    floor.settle().await;
    let (at, text) = floor.delivered().pop().unwrap();
    assert!(text == "later" && at < 100, "{text} at {at}");
    floor.drain().await.unwrap();
    let (at, text) = floor.delivered().pop().unwrap();
    assert!(text == "waits r2" && (15_000..=30_000).contains(&at), "{text} at {at}");
}

#[tokio::test(start_paused = true)]
async fn where_order_is_kept_only_what_is_behind_a_record_waits_for_it() {
    let mut floor = Floor::start(stage().workers(count(3)).batch(batch(4)));
    floor.give(["1", "2", "3 r1", "4"]).await;
    floor.give(["5", "6 r1", "7", "8 r2"]).await;
    floor.give(["9", "10"]).await;
    floor.settle().await;
    assert_eq!(floor.texts(), ["1", "2"]);
    floor.drain().await.unwrap();
    assert_eq!(floor.texts(), ["1", "2", "3 r1", "4", "5", "6 r1", "7", "8 r2", "9", "10"]);
    // The second batch did not begin to wait when the first had ended.
    let end = floor.delivered().pop().unwrap().0;
    assert!(end <= 30_000, "{end}");
}

#[tokio::test(start_paused = true)]
async fn what_leads_a_batch_goes_on_at_its_turn_though_another_record_of_it_waits() {
    let mut floor = Floor::start(stage().workers(count(2)).batch(batch(2)));
    floor.give(["1 r2"]).await;
    floor.settle().await;
    floor.give(["2", "3 r3"]).await;
    floor.drain().await.unwrap();
    let [(first, _), (second, _), (third, _)] = floor.delivered().try_into().unwrap();
    assert_eq!(first, second);
    assert!(third >= 35_000, "{third}");
}

/// A function that takes an hour for a record that says so.
#[derive(Debug)]
struct Slow(NativeStage);

struct SlowInstance(Box<dyn Instance>);

#[async_trait]
impl Program for Slow {
    async fn instantiate(&self, worker: &WorkerId) -> Result<Box<dyn Instance>, GuestFailure> {
        Ok(Box::new(SlowInstance(self.0.instantiate(worker).await?)))
    }
}

#[async_trait]
impl Instance for SlowInstance {
    async fn process(&mut self, records: &Payload, budget: Budget) -> Result<Outcome, GuestFailure> {
        if records.values().iter().any(|value| value == b"slow") {
            tokio::time::sleep(3600 * SECOND).await;
        }
        self.0.process(records, budget).await
    }

    async fn flush(&mut self, budget: Budget) -> Result<Outcome, GuestFailure> {
        self.0.flush(budget).await
    }

    fn time_in_guest(&self) -> Duration {
        self.0.time_in_guest()
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_due_is_taken_by_whoever_is_idle() {
    let stage = stage().order(Order::None).workers(count(2)).batch(batch(1));
    let mut floor = Floor::start_with(stage, |native| Arc::new(Slow(native)));
    // Both workers wait for input when one of them takes a record that fails, and then one that keeps it for an hour.
    floor.settle().await;
    floor.give(["1 r1", "slow"]).await;
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(floor.texts(), ["1 r1"]);
    assert_eq!(floor.drain().await.unwrap().delivered, 2);
}

#[tokio::test(start_paused = true)]
async fn order_is_kept_through_any_number_of_workers_and_retries() {
    for reuse in [Reuse::Record, Reuse::Batch] {
        let mut floor = Floor::start(stage().workers(count(4)).batch(batch(7)).reuse(reuse));
        let verb = |number: usize| [" r1", " r2", " p3", " d1", " f", "", "", "", "", "", ""][number % 11];
        let values: Vec<String> = (0..500).map(|number| format!("{number}{}", verb(number))).collect();
        for chunk in values.chunks(9) {
            floor.give(chunk).await;
        }
        let account = floor.drain().await.unwrap();
        assert_eq!(floor.texts(), values.into_iter().filter(|text| !text.contains(['d', 'f'])).collect::<Vec<_>>());
        assert_eq!((account.dropped, account.dead_lettered), (46, 46));
        assert!(floor.retries().1 > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn crashes_are_retried_only_where_somebody_has_said_so() {
    for (rule, delivered) in [(Retry::default(), 1), (Retry::NEVER, 0), (Retry::times(2), 2)] {
        let mut floor = Floor::start(stage().retry(rule));
        floor.give(["1 r2", "2 p2"]).await;
        let account = floor.drain().await.unwrap();
        assert_eq!((account.delivered, account.dead_lettered), (delivered, 2 - delivered), "{rule:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cut_counts_what_waits_as_in_flight() {
    for order in orders() {
        let mut floor = Floor::start(stage().order(order).workers(count(2)).batch(batch(2)));
        floor.give(["1", "2 r1", "3 p2", "4", "5", "6"]).await;
        floor.settle().await;
        let through = if order == Order::None { 4 } else { 1 };
        let account = floor.cut().await;
        assert_eq!((account.delivered, account.in_flight), (through, 6 - through));
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_drains_waits_for_its_retries() {
    for order in orders() {
        for reuse in [Reuse::Batch, Reuse::Worker] {
            let mut floor = Floor::start(stage().order(order).workers(count(3)).reuse(reuse));
            floor.give(["1 r3", "2", "3 r1"]).await;
            floor.settle().await;
            let account = floor.drain().await.unwrap();
            assert_eq!((account.delivered, account.in_flight), (3, 0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_waiting_room_stops_the_input_until_there_is_room() {
    let mut floor = Floor::start(stage().order(Order::None).workers(count(2)).batch(batch(100)));
    floor.give((0..5_000).map(|number| format!("{number} r1"))).await;
    floor.settle().await;
    let taken = floor.counters.records_in.get();
    assert!((1_024..1_024 + 2 * 100).contains(&taken), "{taken} taken");
    assert_eq!(floor.queue.depth().records as u64, 5_000 - taken);
    let account = floor.drain().await.unwrap();
    assert_eq!((account.delivered, floor.retries()), (5_000, (5_000, 5_000)));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_room_is_bounded_in_bytes_too() {
    // The queue's bound is that of the room: 1 MiB.
    let mut floor = Floor::start(stage().order(Order::None).batch(batch(1)));
    for number in 0..6 {
        floor.give([format!("{number}{} r1", "0".repeat(300_000))]).await;
        floor.settle().await;
    }
    assert_eq!((floor.counters.records_in.get(), floor.queue.depth().records), (4, 2));
    assert_eq!(floor.drain().await.unwrap().delivered, 6);
}

#[tokio::test(start_paused = true)]
async fn a_record_trips_the_breaker_once_whatever_its_attempts() {
    let breaker = Breaker { crashes: std::num::NonZeroU64::new(3), failures: None, ..Breaker::OFF };
    for order in orders() {
        for (values, ends) in [(vec!["1 p9", "2 p9"], false), (vec!["1 p9", "2 p9", "3 p9"], true)] {
            let mut floor = Floor::start(stage().order(order).breaker(breaker));
            floor.give(&values).await;
            match floor.drain().await {
                Ok(account) => assert!(!ends && account.dead_lettered == 2),
                Err(error) => {
                    assert!(ends);
                    assert_eq!(
                        error.to_string(),
                        "stage \"flaky\" only fails: 3 records in a row ended their instances"
                    );
                    assert!(error.causes()[0].ends_with("p9 is in the way"), "{:?}", error.causes());
                    assert_eq!(floor.letters().len(), 3);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_by_the_policy_fail_only_when_all_attempts_have_failed() {
    for order in orders() {
        let mut floor = Floor::start(stage().order(order).on_error(OnError::Fail));
        floor.give(["1 r3", "2 r4"]).await;
        let error = floor.drain().await.unwrap_err();
        assert_eq!(error.to_string(), "stage \"flaky\" failed on source record 2, at each of 4 attempts");
    }
}

#[tokio::test(start_paused = true)]
async fn what_ended_an_instance_is_tried_again_by_itself() {
    for order in [Order::Input, Order::None] {
        let mut floor = Floor::start(stage().order(order).retry(Retry::times(2).backoff(Duration::ZERO)));
        floor.give(["1 p9", "2 p9", "3 p9", "4 p9"]).await;
        floor.drain().await.unwrap();
        // 7 to find the guilty, and then one for each of them, twice.
        assert_eq!(floor.counters.invocations.get(), 7 + 4 + 4);
    }
}

/// What `docs/grants.md` says of requests: a record beside one that brings its attempt down is tried again, unless it has no
/// neighbour.
#[tokio::test(start_paused = true)]
async fn a_record_is_tried_once_when_it_shares_its_attempt_with_no_other() {
    let ways: [fn(StageBuilder) -> StageBuilder; 4] = [
        |stage| stage.batch(batch(8)),
        |stage| stage.batch(batch(8)).reuse(Reuse::Record),
        |stage| stage.batch(batch(1)),
        |stage| stage.batch(batch(1)).reuse(Reuse::Worker),
    ];
    for (way, most) in ways.into_iter().zip([1 + 3, 1, 1, 1]) {
        let tried = Arc::<std::sync::Mutex<std::collections::HashMap<Vec<u8>, u32>>>::default();
        let seen = Arc::clone(&tried);
        let hung = NativeStage::new(move |_key, value, out| {
            *seen.lock().unwrap().entry(value.to_vec()).or_default() += 1;
            assert_ne!(value, b"hangs");
            out.push(None, value);
            Verdict::Done
        });
        let mut floor = Floor::start(way(StageBuilder::native("ask", hung).workers(count(1))));
        floor.give(["a", "b", "c", "d", "e", "hangs", "f", "g"]).await;
        let account = floor.drain().await.unwrap();
        assert_eq!((account.delivered, account.dead_lettered), (7, 1));
        assert_eq!(tried.lock().unwrap().values().max(), Some(&most));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stateful_stage_retries_on_the_instance_it_has() {
    let mut floor = Floor::start(stage().reuse(Reuse::Worker));
    floor.give(["1 r2", "2", "3 r3"]).await;
    floor.drain().await.unwrap();
    assert_eq!((floor.counters.instances.get(), floor.texts().len()), (1, 3));
}

/// Every record fails once, and then becomes 4 MiB: what is held for the sake of order stays bounded.
#[tokio::test(start_paused = true)]
async fn what_is_held_for_the_sake_of_order_is_bounded() {
    let tried = std::sync::Mutex::new(std::collections::HashSet::new());
    let bomb = NativeStage::new(move |_key, value, out| {
        if tried.lock().unwrap().insert(value.to_vec()) {
            return Verdict::Retryable("not yet".to_owned());
        }
        out.push(None, &value.repeat((4 << 20) / value.len()));
        Verdict::Done
    });
    let stage = StageBuilder::native("bomb", bomb)
        .workers(count(1))
        .batch(batch(40))
        .reuse(Reuse::Record)
        .retry(Retry::times(1).backoff(SECOND));
    let mut floor = Floor::start(stage);
    floor.give((10..50).map(|number| number.to_string())).await;
    floor.drain().await.unwrap();
    assert_eq!(
        floor.texts().iter().map(|text| &text[..2]).collect::<Vec<_>>(),
        (10..50).map(|n| n.to_string()).collect::<Vec<_>>()
    );
    let largest = floor.largest_batch();
    assert!(largest <= (16 + 4) << 20, "{largest} bytes were sent at once");
}
