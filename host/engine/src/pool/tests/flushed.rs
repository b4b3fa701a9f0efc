//! What instances give at their end: while anything of it is nowhere else, no checkpoint can be taken.

use async_trait::async_trait;

use super::growth::Lasting;
use super::*;
use crate::plan::Retry;
use crate::program::{Budget, GuestFailure, Instance, Outcome, WorkerId};

/// Keeps all records until the flush.
pub(super) struct Keeping;

struct Kept(Payload);

#[async_trait]
impl Program for Keeping {
    async fn instantiate(&self, _worker: &WorkerId) -> Result<Box<dyn Instance>, GuestFailure> {
        Ok(Box::new(Kept(Payload::default())))
    }
}

impl std::fmt::Debug for Keeping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keeping")
    }
}

#[async_trait]
impl Instance for Kept {
    async fn process(&mut self, records: &Payload, _budget: Budget) -> Result<Outcome, GuestFailure> {
        self.0.append(records);
        Ok(Outcome { origins: Some(Vec::new()), ..Outcome::default() })
    }

    async fn flush(&mut self, _budget: Budget) -> Result<Outcome, GuestFailure> {
        Ok(Outcome { emitted: std::mem::take(&mut self.0), ..Outcome::default() })
    }

    fn time_in_guest(&self) -> Duration {
        Duration::ZERO
    }
}

/// Issue 12: claims of the inputs had ended, and those of what came out of them were not made before somebody had heard of it.
#[tokio::test(start_paused = true)]
async fn records_that_live_on_in_a_flush_are_never_without_a_claim() {
    let mut settler = Settler::default();
    let told = settler.subscribe(count(1));
    let stage = StageBuilder::native("keeping", flaky()).workers(count(1)).batch(batch(1_000));
    let mut floor = Floor::start_told(stage, |_| Arc::new(Keeping), settler);
    floor.give(["1", "2", "3"]).await;
    floor.settle().await;
    // The worker tells what became of the inputs, and nobody listens.
    assert_eq!(floor.ledger.accounting().dropped, 3);
    assert!(floor.ledger.moving() > 0, "what came out is in the worker's hands");
    drop(told);
    assert_eq!(floor.drain().await.unwrap().delivered, 3);
}

/// What an instance returned at its end goes after all records of its batch, those that wait for another attempt included.
#[tokio::test(start_paused = true)]
async fn a_flush_does_not_overtake_records_of_its_batch_that_are_tried_again() {
    let stage = StageBuilder::native("lasting", flaky())
        .workers(count(2))
        .batch(batch(3))
        .retry(Retry::times(1).backoff(Duration::from_secs(10)));
    let program =
        |function| Arc::new(Lasting { function, takes: Duration::ZERO, seen: Arc::default() }) as Arc<dyn Program>;
    let mut floor = Floor::start_with(stage, program);
    floor.give(["1", "2 r1", "3"]).await;
    floor.settle().await;
    assert_eq!(floor.texts(), ["1"], "what leads");
    floor.drain().await.unwrap();
    assert_eq!(
        floor.texts(),
        ["1", "2 r1", "3", "=3", "=1"],
        "in the order of the input, and then what both instances gave"
    );
}
