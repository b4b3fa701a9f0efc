//! What a source that acknowledges is told of records from which nothing came: nothing, as long as an instance may hold them.

use super::flushed::Keeping;
use super::growth::between;
use super::*;
use crate::plan::{Order, Reuse};
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
