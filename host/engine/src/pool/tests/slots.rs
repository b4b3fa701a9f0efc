//! Workers and their tasks: who waits for a turn lets others work, and no more are at work than workers.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;

use super::*;
use crate::plan::{Order, Reuse};
use crate::program::{Budget, GuestFailure, Instance, Outcome, WorkerId};

/// A function that takes a second for a record, and ten for one that says so.
#[derive(Debug)]
struct Timed {
    function: NativeStage,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    calls: AtomicUsize,
    living: AtomicUsize,
    most_living: AtomicUsize,
    workers: Mutex<Vec<usize>>,
}

struct TimedInstance {
    function: Box<dyn Instance>,
    seen: Arc<Seen>,
}

#[async_trait]
impl Program for Timed {
    async fn instantiate(&self, worker: &WorkerId) -> std::result::Result<Box<dyn Instance>, GuestFailure> {
        self.seen.most_living.fetch_max(self.seen.living.fetch_add(1, SeqCst) + 1, SeqCst);
        self.seen.workers.lock().unwrap().push(worker.worker);
        let function = self.function.instantiate(worker).await?;
        Ok(Box::new(TimedInstance { function, seen: Arc::clone(&self.seen) }))
    }
}

#[async_trait]
impl Instance for TimedInstance {
    async fn process(&mut self, records: &Payload, budget: Budget) -> std::result::Result<Outcome, GuestFailure> {
        self.seen.calls.fetch_add(1, SeqCst);
        let is_slow = records.values().iter().any(|value| value == b"slow");
        sleep(Duration::from_secs(if is_slow { 10 } else { 1 })).await;
        self.function.process(records, budget).await
    }

    async fn flush(&mut self, budget: Budget) -> std::result::Result<Outcome, GuestFailure> {
        self.function.flush(budget).await
    }

    fn time_in_guest(&self) -> Duration {
        self.function.time_in_guest()
    }
}

impl Drop for TimedInstance {
    fn drop(&mut self) {
        self.seen.living.fetch_sub(1, SeqCst);
    }
}

/// Two workers, a record a batch.
fn start(stage: impl FnOnce(StageBuilder) -> StageBuilder) -> (Floor, Arc<Seen>) {
    let seen = Arc::<Seen>::default();
    let two = StageBuilder::native("timed", flaky()).workers(count(2)).queue(queue(100)).batch(batch(1));
    let told = Arc::clone(&seen);
    (Floor::start_with(stage(two), |function| Arc::new(Timed { function, seen: told })), seen)
}

/// With a task for each worker, the second one would have waited for its turn from its first record on.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_turn_holds_nobody_up() {
    let (mut floor, seen) = start(|stage| stage.order(Order::Input));
    floor.give(["slow", "1", "2", "3", "4", "5", "6"]).await;
    sleep(Duration::from_secs(9)).await;
    assert!(floor.texts().is_empty(), "the first record comes first");
    assert_eq!(
        seen.calls.load(SeqCst),
        4,
        "three of those behind it are done, and as many are held as there are tasks"
    );
    floor.drain().await.unwrap();
    assert_eq!(floor.texts(), ["slow", "1", "2", "3", "4", "5", "6"]);
    assert_eq!(floor.delivered().pop().unwrap().0, 12_000, "ten seconds, and the last three by two workers");
    assert_eq!(seen.most_living.load(SeqCst), 2, "no more instances than workers");
    assert!(seen.workers.lock().unwrap().iter().all(|worker| *worker < 2));
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_lives_on_is_one_for_each_worker() {
    let (mut floor, seen) = start(|stage| stage.order(Order::Input).reuse(Reuse::Worker));
    floor.give(["slow", "1", "2", "3", "4", "5", "6"]).await;
    floor.drain().await.unwrap();
    assert_eq!(floor.texts(), ["slow", "1", "2", "3", "4", "5", "6"]);
    assert_eq!((seen.most_living.load(SeqCst), seen.workers.lock().unwrap().len()), (2, 2));
}

/// A record that waits for its next attempt, and everything after it for its turn, leaves the workers their places.
#[tokio::test(start_paused = true)]
async fn a_record_that_is_tried_again_finds_a_place() {
    let (mut floor, seen) =
        start(|stage| stage.order(Order::Input).retry(crate::plan::Retry::times(3).backoff(Duration::from_secs(100))));
    floor.give(["1 r2", "2", "3", "4", "5"]).await;
    floor.drain().await.unwrap();
    assert_eq!(floor.texts(), ["1 r2", "2", "3", "4", "5"]);
    assert_eq!(seen.most_living.load(SeqCst), 2);
}

/// Spare tasks counted, too: a report said that four workers had waited eight times as long as the run took.
#[tokio::test(start_paused = true)]
async fn a_worker_waits_for_input_once_whatever_tasks_it_has() {
    for order in [Order::Input, Order::None] {
        let (mut floor, _) = start(|stage| stage.order(order));
        floor.pass(Duration::from_secs(10)).await;
        floor.give(["1", "2"]).await;
        floor.pass(Duration::from_secs(20)).await;
        floor.drain().await.unwrap();
        let busy = Duration::from_secs(1 + 1);
        assert_eq!(floor.counters.waiting.time() + busy, Duration::from_secs(2 * 30), "{order:?}");
    }
}
