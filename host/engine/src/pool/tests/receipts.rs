//! What a source that acknowledges is told of records from which nothing came: nothing, as long as an instance may hold them.

use std::collections::HashSet;

use async_trait::async_trait;

use super::flushed::Keeping;
use super::growth::between;
use super::*;
use crate::plan::{Order, Retry, Reuse};
use crate::program::{Budget, Failure, GuestFailure, Instance, Outcome, WorkerId};
use crate::record::{Issuer, Per, Receipts};

/// Gives values with keys, whose source is told what becomes of each.
async fn give(floor: &Floor, values: &[&str]) -> Arc<Receipts> {
    let receipts = Arc::new(Receipts::new(Per::Record));
    let (ledger, asked) = (Arc::clone(&floor.ledger), Some(Arc::clone(&receipts)));
    let issuer = Issuer { ledger, source: "source".into(), traffic: None, run: 0, receipts: asked };
    let (records, claims) = (keyed(values), issuer.issue(1, values.len(), Places::default()));
    let input = floor.input.as_ref().expect("it still takes input");
    input.send(Batch::new(records, claims)).await.expect("it still takes input");
    receipts
}

fn told(receipts: &Receipts) -> Vec<Fate> {
    let told = receipts.take();
    receipts.tell(&told);
    told.iter().flat_map(|receipt| receipt.fates.iter().copied()).collect()
}

fn dropping() -> NativeStage {
    NativeStage::new(|_key, _value, _out| Verdict::Done)
}

#[tokio::test(start_paused = true)]
async fn what_a_fresh_instance_drops_is_told_at_once_whatever_the_order() {
    for order in [Order::None, Order::Input, Order::Key] {
        let stage = StageBuilder::native("filter", dropping()).order(order).workers(count(2)).batch(batch(10));
        let mut floor = Floor::start(stage);
        let receipts = give(&floor, &["a1", "b1", "a2"]).await;
        floor.settle().await;
        assert_eq!(told(&receipts), [Fate::Dropped; 3], "{order:?}");
        floor.drain().await.unwrap();
    }
}

/// The worker that was given them may hold nothing itself when their lane does.
#[tokio::test(start_paused = true)]
async fn what_the_instance_of_a_lane_holds_is_told_with_what_it_gives_at_its_end() {
    let stage = StageBuilder::native("keeping", dropping()).order(Order::Key).reuse(Reuse::Worker).batch(batch(1));
    let mut floor = Floor::start_with(stage.workers(between(1, 3)), |_| Arc::new(Keeping));
    floor.resize(vec![(Duration::from_secs(1), 3), (Duration::from_secs(1), 1)]);
    let first = give(&floor, &["a1", "b1", "c1", "d1"]).await;
    floor.pass(Duration::from_millis(1_500)).await;
    let second = give(&floor, &["a2", "b2", "c2", "d2"]).await;
    floor.pass(Duration::from_secs(1)).await;
    assert_eq!((told(&first).len(), told(&second).len()), (0, 0), "they are held");
    assert_eq!(floor.drain().await.unwrap().delivered, 8);
    assert_eq!((told(&first), told(&second)), (vec![Fate::Delivered; 4], vec![Fate::Delivered; 4]));
}

/// Absorbs records, but for those that are not ready at first and then pass; gives one record at its end.
#[derive(Debug)]
struct Absorbing(Arc<Mutex<HashSet<Vec<u8>>>>);

#[async_trait]
impl Program for Absorbing {
    async fn instantiate(&self, _worker: &WorkerId) -> Result<Box<dyn Instance>, GuestFailure> {
        Ok(Box::new(Absorbed { tried: Arc::clone(&self.0), records: 0 }))
    }
}

struct Absorbed {
    tried: Arc<Mutex<HashSet<Vec<u8>>>>,
    records: usize,
}

#[async_trait]
impl Instance for Absorbed {
    async fn process(&mut self, records: &Payload, _budget: Budget) -> Result<Outcome, GuestFailure> {
        let mut outcome = Outcome { origins: Some(Vec::new()), ..Outcome::default() };
        for (index, value) in (0_u32..).zip(records.values().iter()) {
            if !value.ends_with(b" r1") {
                self.records += 1;
            } else if self.tried.lock().unwrap().insert(value.to_vec()) {
                outcome.failures.push(Failure { index, retryable: true, message: "not yet".to_owned() });
            } else {
                outcome.emitted.push(None, value);
                outcome.origins.as_mut().unwrap().push(index);
            }
        }
        Ok(outcome)
    }

    async fn flush(&mut self, _budget: Budget) -> Result<Outcome, GuestFailure> {
        let mut outcome = Outcome::default();
        if self.records > 0 {
            outcome.emitted.push(None, format!("={}", self.records).as_bytes());
        }
        Ok(outcome)
    }

    fn time_in_guest(&self) -> Duration {
        Duration::ZERO
    }
}

/// A record behind one of its key that waits has come to nothing by itself; what its instance made of it is on its way.
#[tokio::test(start_paused = true)]
async fn what_a_flush_carries_is_told_with_it_though_it_has_overtaken_the_record() {
    let retry = Retry::times(1).backoff(Duration::from_secs(10));
    let stage = StageBuilder::native("absorbing", dropping()).order(Order::Key).batch(batch(10)).retry(retry);
    let program = |_| Arc::new(Absorbing(Arc::default())) as Arc<dyn Program>;
    let mut floor = Floor::start_before(stage, program, Settler::default(), Duration::from_secs(100));
    let receipts = give(&floor, &["a1 r1", "a2"]).await;
    floor.pass(Duration::from_secs(50)).await;
    assert_eq!(floor.ledger.accounting().dropped, 1, "the second record has come to nothing");
    assert_eq!(told(&receipts), [], "what was made of it has not arrived");
    floor.drain().await.unwrap();
    assert_eq!(floor.texts(), ["=1", "a1 r1"]);
    assert_eq!(told(&receipts), [Fate::Delivered; 2]);
}
