//! What the queue promises: bounds, order, no lost wake-up, an end. The clock is paused; nothing sleeps.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::queued::{Contents, Queued};
use super::{QueueBounds, Received, Receiver, Sender, bounded};
use crate::record::{Batch, BatchBounds, Fate, Ledger, Payload, Places, Ticket};

mod lanes;
mod pairs;

/// Long enough for anything that can happen to have happened: the clock is paused, so it costs nothing.
const LONG: Duration = Duration::from_secs(3600);

fn nonzero(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("positive")
}

fn queue(records: usize, bytes: usize) -> (Sender, Receiver) {
    bounded(QueueBounds { records: nonzero(records), bytes: nonzero(bytes) })
}

fn up_to(records: usize) -> BatchBounds {
    BatchBounds { records: nonzero(records), bytes: nonzero(1 << 20), linger: Duration::ZERO }
}

/// Records whose values are the given texts.
fn batch(ledger: &Arc<Ledger>, values: &[&str]) -> Batch {
    let claims = Ticket::issue(ledger, &"test".into(), 1, values.len(), Places::default());
    Batch::new(Payload::of_values(values.iter().collect()), claims)
}

fn texts(received: &Received) -> Vec<String> {
    received.batch.payload().values().iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

async fn is_stuck<T>(future: impl Future<Output = T>) -> bool {
    timeout(LONG, future).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_makes_senders_wait_in_records() {
    let ledger = Arc::default();
    let (sender, receiver) = queue(3, 1000);
    sender.send(batch(&ledger, &["a", "b"])).await.expect("open");
    assert!(is_stuck(sender.send(batch(&ledger, &["c", "d"]))).await, "four records in a queue of three");
    sender.send(batch(&ledger, &["e"])).await.expect("open");
    let received = receiver.recv(&up_to(10)).await.expect("a batch");
    assert_eq!(texts(&received), ["a", "b", "e"]);
    // The batch whose send was dropped is gone, and counted.
    assert_eq!(ledger.accounting().in_flight, 2);
    received.batch.into_parts().1.settle(Fate::Delivered);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_makes_senders_wait_in_bytes() {
    let ledger = Arc::default();
    let (sender, receiver) = queue(100, 8);
    sender.send(batch(&ledger, &["12345"])).await.expect("open");
    assert!(is_stuck(sender.send(batch(&ledger, &["1234"]))).await, "nine bytes in a queue of eight");
    receiver.recv(&up_to(1)).await.expect("a batch");
    sender.send(batch(&ledger, &["1234"])).await.expect("open");
}

#[tokio::test(start_paused = true)]
async fn a_batch_larger_than_the_queue_is_admitted_alone() {
    let ledger = Arc::default();
    let (sender, receiver) = queue(2, 4);
    sender.send(batch(&ledger, &["a", "b", "c", "longer than four bytes"])).await.expect("open");
    assert!(is_stuck(sender.send(batch(&ledger, &["d"]))).await);
    let first = receiver.recv(&up_to(3)).await.expect("a batch");
    assert_eq!(texts(&first), ["a", "b"]);
    assert!(is_stuck(sender.send(batch(&ledger, &["d"]))).await, "what is left still fills the bytes");
    assert_eq!(texts(&receiver.recv(&up_to(3)).await.expect("a batch")), ["c", "longer than four bytes"]);
    sender.send(batch(&ledger, &["d"])).await.expect("open");
}

#[tokio::test(start_paused = true)]
async fn a_large_batch_is_not_overtaken_for_ever_by_small_ones() {
    let ledger = Arc::default();
    let (sender, receiver) = queue(4, 1000);
    sender.send(batch(&ledger, &["a", "b", "c"])).await.expect("open");
    let (large, small) = (batch(&ledger, &["1", "2", "3", "4"]), batch(&ledger, &["x"]));
    let (large, small) = (sender.send(large), sender.send(small));
    tokio::pin!(large, small);
    assert!(is_stuck(&mut large).await);
    assert!(is_stuck(&mut small).await, "there is room for it, but it came later");
    receiver.recv(&up_to(10)).await.expect("a batch");
    large.await.expect("open");
    receiver.recv(&up_to(10)).await.expect("a batch");
    small.await.expect("open");
}

#[tokio::test(start_paused = true)]
async fn small_batches_are_merged_and_large_ones_cut_in_order() {
    let ledger = Arc::default();
    let (sender, receiver) = queue(100, 1000);
    for values in [&["a"] as &[&str], &["b", "c"], &["d", "e", "f", "g"]] {
        sender.send(batch(&ledger, values)).await.expect("open");
    }
    let mut seen = Vec::new();
    for sequence in 0..3 {
        let received = receiver.recv(&up_to(3)).await.expect("a batch");
        assert_eq!(received.sequence, sequence);
        seen.push(texts(&received).join(""));
    }
    assert_eq!(seen, ["abc", "de", "fg"]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_lingers_for_a_full_batch_and_no_longer() {
    let ledger = Arc::default();
    let (sender, receiver) = queue(100, 1000);
    let bounds = BatchBounds { linger: Duration::from_millis(50), ..up_to(2) };
    sender.send(batch(&ledger, &["a"])).await.expect("open");
    let begun = Instant::now();
    assert_eq!(texts(&receiver.recv(&bounds).await.expect("a batch")), ["a"]);
    assert_eq!(begun.elapsed(), Duration::from_millis(50));
    sender.send(batch(&ledger, &["b"])).await.expect("open");
    sender.send(batch(&ledger, &["c"])).await.expect("open");
    let begun = Instant::now();
    assert_eq!(texts(&receiver.recv(&bounds).await.expect("a batch")), ["b", "c"]);
    assert_eq!(begun.elapsed(), Duration::ZERO, "a full batch waits for nothing");
}

/// Without it, what a batch of two has room for stays in a batch of three: a sink that waits for full batches gets
/// them as the source happened to cut them (issue 12).
#[tokio::test(start_paused = true)]
async fn a_worker_that_lingers_gets_full_batches_however_they_come() {
    let ledger = Arc::default();
    let (sender, receiver) = queue(10, 1000);
    for values in [&["a", "b"][..], &["c", "d", "e"], &["f", "g", "h", "i"], &["j"]] {
        sender.send(batch(&ledger, values)).await.expect("open");
    }
    let bounds = BatchBounds { linger: LONG, ..up_to(4) };
    assert_eq!(texts(&receiver.recv(&bounds).await.expect("a batch")).concat(), "abcd");
    sender.send(batch(&ledger, &["k", "l", "m", "n"])).await.expect("there is room for what was taken");
    drop(sender);
    assert_eq!(texts(&receiver.recv(&bounds).await.expect("a batch")).concat(), "efgh");
    assert_eq!(texts(&receiver.recv(&bounds).await.expect("a batch")).concat(), "ijkl");
    assert_eq!(texts(&receiver.recv(&bounds).await.expect("a batch")).concat(), "mn");
    assert!(receiver.recv(&bounds).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn nobody_lingers_for_a_batch_that_the_queue_cannot_hold() {
    // Would stand still for an hour a batch: the queue is full, and holds less than the batch that is waited for.
    let ledger = Arc::default();
    let (sender, receiver) = queue(2, 1000);
    let bounds = BatchBounds { linger: LONG, ..up_to(100) };
    sender.send(batch(&ledger, &["a", "b"])).await.expect("open");
    let begun = Instant::now();
    let (sent, received) = tokio::join!(sender.send(batch(&ledger, &["c"])), receiver.recv(&bounds));
    sent.expect("open");
    assert_eq!(texts(&received.expect("a batch")), ["a", "b"]);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_stops_lingering_leaves_its_wake_up_to_another() {
    // The other would wait for the next batch, and the one that is there with it.
    let ledger = Arc::default();
    let (sender, receiver) = queue(100, 1000);
    let (lingers, waits) = (BatchBounds { linger: LONG, ..up_to(2) }, up_to(2));
    let other = receiver.clone();
    let turns_away = async {
        assert!(timeout(Duration::from_millis(10), receiver.recv(&lingers)).await.is_err());
    };
    let sent = async {
        tokio::task::yield_now().await;
        sender.send(batch(&ledger, &["a"])).await.expect("open");
    };
    let (_, (), received) = tokio::join!(turns_away, sent, timeout(Duration::from_secs(1), other.recv(&waits)));
    assert_eq!(texts(&received.expect("it is woken").expect("a batch")), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_closed_queue_gives_what_it_holds_and_then_ends_for_every_receiver() {
    let ledger = Arc::default();
    let (sender, receiver) = queue(100, 1000);
    let others: Vec<Receiver> = (0..3).map(|_| receiver.clone()).collect();
    let bounds = up_to(1);
    let waits = others.iter().map(|other| other.recv(&bounds)).collect::<Vec<_>>();
    sender.send(batch(&ledger, &["a"])).await.expect("open");
    drop(sender);
    assert_eq!(texts(&receiver.recv(&bounds).await.expect("what it holds")), ["a"]);
    assert!(receiver.recv(&bounds).await.is_none());
    for wait in waits {
        assert!(timeout(LONG, wait).await.expect("no receiver waits for ever").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn without_receivers_a_send_fails_and_what_is_queued_counts_as_in_flight() {
    let ledger = Arc::default();
    let (sender, receiver) = queue(2, 1000);
    sender.send(batch(&ledger, &["a", "b"])).await.expect("open");
    let waiting = sender.send(batch(&ledger, &["c"]));
    tokio::pin!(waiting);
    assert!(is_stuck(&mut waiting).await);
    drop(receiver);
    assert_eq!(ledger.accounting().in_flight, 2);
    let refused = waiting.await.expect_err("nobody is left");
    refused.0.into_parts().1.settle(Fate::Dropped);
    assert!(sender.send(batch(&ledger, &["d"])).await.is_err());
    assert!(ledger.accounting().balances());
}

proptest! {
    /// Any batches through any bounds to any number of receivers: all records come out, once, in order of sequence.
    #[test]
    fn whatever_goes_in_comes_out_once_and_in_order(
        sizes in prop::collection::vec(1_usize..9, 1..30),
        capacity in 1_usize..12,
        bytes in 1_usize..40,
        bound in 1_usize..7,
        receivers in 1_usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("one");
        let total: usize = sizes.iter().sum();
        let received = runtime.block_on(async {
            let ledger = Arc::default();
            let (sender, receiver) = queue(capacity, bytes);
            let send = async {
                let mut next = 0;
                for size in sizes {
                    let values: Vec<String> = (next..next + size).map(|n| n.to_string()).collect();
                    sender.send(batch(&ledger, &values.iter().map(String::as_str).collect::<Vec<_>>())).await.expect("open");
                    next += size;
                }
                drop(sender);
            };
            let receive = |receiver: Receiver| async move {
                let mut got = Vec::new();
                while let Some(received) = receiver.recv(&up_to(bound)).await {
                    assert!(received.batch.len() <= bound);
                    got.push((received.sequence, texts(&received)));
                    tokio::task::yield_now().await;
                }
                got
            };
            let mut set = tokio::task::JoinSet::new();
            for _ in 0..receivers {
                set.spawn(receive(receiver.clone()));
            }
            drop(receiver);
            timeout(LONG, send).await.expect("senders end");
            timeout(LONG, set.join_all()).await.expect("receivers end").concat()
        });
        let mut received = received;
        received.sort();
        prop_assert!(received.iter().map(|(sequence, _)| *sequence).eq(0..received.len() as u64));
        let numbers: Vec<String> = received.into_iter().flat_map(|(_, texts)| texts).collect();
        prop_assert_eq!(numbers, (0..total).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}

/// Without the check, the batch lay in the queue until the last probe was gone, and a run whose sink failed under load
/// did not balance.
#[tokio::test(start_paused = true)]
async fn a_batch_that_was_admitted_just_before_the_last_receiver_left_comes_back() {
    let ledger = Arc::default();
    let (sender, receiver) = queue(10, 1000);
    let probe = receiver.probe();
    let admitted = batch(&ledger, &["a", "b"]);
    let (records, bytes) = sender.shared.admit(&admitted).await.expect("open");
    drop(receiver);
    assert!(sender.shared.put(Queued { number: 0, contents: Contents::Whole(admitted, bytes), records }).is_err());
    assert_eq!(ledger.accounting().in_flight, 2);
    assert_eq!(probe.depth().records, 0);
}
