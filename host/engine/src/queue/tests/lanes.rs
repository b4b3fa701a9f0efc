//! What lanes promise: records of one key in one hand at a time and in order, no lane that starves, an end for all.

use std::collections::{BTreeMap, HashSet};

use super::*;
use crate::queue::{ByKey, with_lanes};
use crate::record::RecordKey;

/// A queue for a number of receivers, with `per_receiver` lanes for each.
fn lanes(records: usize, receivers: usize, per_receiver: usize) -> (Sender, Receiver) {
    let bounds = QueueBounds { records: nonzero(records), bytes: nonzero(1 << 20) };
    with_lanes(bounds, Some(ByKey::new(RecordKey::Own, nonzero(receivers), nonzero(per_receiver))))
}

/// As [`lanes`], of batches that may go whole.
fn lanes_or_whole(records: usize, receivers: usize) -> (Sender, Receiver) {
    let bounds = QueueBounds { records: nonzero(records), bytes: nonzero(1 << 20) };
    with_lanes(bounds, Some(ByKey::new(RecordKey::Own, nonzero(receivers), nonzero(4)).or_whole()))
}

/// Records whose key is their first letter.
fn keyed<T: AsRef<str>>(ledger: &Arc<Ledger>, values: &[T]) -> Batch {
    let claims = Ticket::issue(ledger, &"test".into(), 1, values.len(), Places::default());
    let values = values.iter().map(AsRef::as_ref);
    let keys = values.clone().map(|value| &value[..1]).collect();
    Batch::new(Payload::new(values.collect(), keys).expect("a key for each"), claims)
}

fn keys(received: &Received) -> HashSet<String> {
    texts(received).iter().map(|text| text[..1].to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_key_is_in_one_hand_until_its_lease_is_dropped() {
    let ledger = Arc::default();
    let (sender, receiver) = lanes(100, 2, 1);
    let all: Vec<String> = ('a'..='h').map(|key| format!("{key}1")).collect();
    sender.send(keyed(&ledger, &all)).await.expect("open");
    let first = receiver.recv(&up_to(100)).await.expect("a batch");
    let second = receiver.recv(&up_to(100)).await.expect("the other lane");
    assert!(keys(&first).is_disjoint(&keys(&second)));
    assert_eq!(first.batch.len() + second.batch.len(), 8);
    let again = format!("{}2", first.batch.payload().key(0).map(String::from_utf8_lossy).expect("a key"));
    sender.send(keyed(&ledger, &[&again])).await.expect("open");
    assert!(is_stuck(receiver.recv(&up_to(100))).await, "its lane is leased");
    drop(second);
    assert!(is_stuck(receiver.recv(&up_to(100))).await, "that was another one");
    let bounds = up_to(100);
    let next = receiver.recv(&bounds);
    let free = async { drop(first) };
    let (next, ()) = tokio::join!(next, free);
    assert_eq!(texts(&next.expect("a batch")), [again]);
}

#[tokio::test(start_paused = true)]
async fn whole_batches_may_share_keys_and_have_turns_in_order() {
    let ledger = Arc::default();
    let (sender, receiver) = lanes_or_whole(100, 2);
    for batch in [["a1", "b1"], ["a2", "b2"], ["a3", "b3"]] {
        sender.send(keyed(&ledger, &batch)).await.expect("open");
    }
    let mut received = Vec::new();
    for _ in 0..3 {
        received.push(receiver.recv(&up_to(2)).await.expect("a batch"));
    }
    let taken: Vec<_> = received.iter().map(|received| (received.turn, texts(received))).collect();
    let texts = |number: u64| vec![format!("a{number}"), format!("b{number}")];
    assert_eq!(taken, [(Some(0), texts(1)), (Some(1), texts(2)), (Some(2), texts(3))]);
}

/// A batch that is dealt waits for no turn, and a whole one for no lane: each would overtake the other.
#[tokio::test(start_paused = true)]
async fn whole_and_dealt_batches_are_never_in_hand_at_the_same_time() {
    let ledger = Arc::default();
    let (sender, receiver) = lanes_or_whole(100, 2);
    sender.send(keyed(&ledger, &["a1", "b1"])).await.expect("open");
    receiver.deal_over_lanes(true);
    // What changes comes after what is there, and what is wished then has to wait.
    sender.send(keyed(&ledger, &["a2", "b2"])).await.expect("open");
    receiver.deal_over_lanes(false);
    sender.send(keyed(&ledger, &["a3", "b3"])).await.expect("open");
    let whole = receiver.recv(&up_to(2)).await.expect("a batch");
    assert_eq!((whole.turn, texts(&whole)), (Some(0), vec!["a1".to_owned(), "b1".to_owned()]));
    assert!(is_stuck(receiver.recv(&up_to(2))).await, "a whole batch is in hand");
    drop(whole);
    let (mut dealt, mut seen) = (Vec::new(), Vec::new());
    while seen.len() < 4 {
        let received = receiver.recv(&up_to(1)).await.expect("a batch");
        assert_eq!(received.turn, None);
        seen.extend(texts(&received));
        dealt = vec![received];
    }
    seen.sort();
    assert_eq!(seen, ["a2", "a3", "b2", "b3"]);
    sender.send(keyed(&ledger, &["a4"])).await.expect("open");
    assert!(is_stuck(receiver.recv(&up_to(2))).await, "a dealt one is in hand");
    drop(dealt);
    let whole = receiver.recv(&up_to(2)).await.expect("a batch");
    assert_eq!((whole.turn, texts(&whole)), (Some(1), vec!["a4".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn records_without_a_key_are_counted_in_whole_batches_too() {
    let ledger = Arc::default();
    let (sender, receiver) = lanes_or_whole(100, 2);
    let claims = Ticket::issue(&ledger, &"test".into(), 1, 2, Places::default());
    sender.send(Batch::new(Payload::of_values(["1", "2"].into_iter().collect()), claims)).await.expect("open");
    sender.send(keyed(&ledger, &["a1"])).await.expect("open");
    let probe = receiver.probe();
    let without = probe.without_key().expect("two of them");
    assert_eq!((without.records, without.all), (2, 3));
}

/// A queue of one lane would be handed to one worker after the other, and order would cost all parallelism.
#[tokio::test(start_paused = true)]
async fn a_lease_leaves_lanes_for_the_other_receivers() {
    let ledger = Arc::default();
    let (sender, receiver) = lanes(1000, 4, 2);
    let all: Vec<String> = (0..1000).map(|number| format!("{}", char::from(b'A' + (number % 58) as u8))).collect();
    sender.send(keyed(&ledger, &all)).await.expect("open");
    let mut leases = Vec::new();
    for _ in 0..4 {
        leases.push(timeout(LONG, receiver.recv(&up_to(1000))).await.expect("free lanes").expect("open"));
    }
    let most = leases.iter().map(|received| received.batch.len()).max().expect("four");
    assert!(most < 600, "{most} of 1000 records in one hand");
}

#[tokio::test(start_paused = true)]
async fn no_lane_starves_behind_one_that_is_always_full() {
    let ledger = Arc::default();
    let (sender, receiver) = lanes(1000, 2, 8);
    let rare: Vec<String> = ('b'..='z').map(|key| key.to_string()).collect();
    sender.send(keyed(&ledger, &["a"; 50])).await.expect("open");
    sender.send(keyed(&ledger, &rare)).await.expect("open");
    let mut waiting: HashSet<String> = rare.into_iter().collect();
    let mut taken = 0;
    while !waiting.is_empty() {
        let received = receiver.recv(&up_to(2)).await.expect("open");
        let received_keys = keys(&received);
        waiting.retain(|key| !received_keys.contains(key));
        drop(received);
        sender.send(keyed(&ledger, &["a", "a"])).await.expect("room for as many as were taken");
        taken += 1;
        assert!(taken <= 60, "{waiting:?} waits for ever");
    }
}

#[tokio::test(start_paused = true)]
async fn all_receivers_end_though_some_wait_for_a_lane_that_another_one_has() {
    let ledger = Arc::default();
    let (sender, receiver) = lanes(100, 3, 4);
    sender.send(keyed(&ledger, &["a1"])).await.expect("open");
    let bounds = up_to(1);
    let first = receiver.recv(&bounds).await.expect("a batch");
    sender.send(keyed(&ledger, &["a2"])).await.expect("open");
    let others: Vec<Receiver> = (0..2).map(|_| receiver.clone()).collect();
    let waits = futures_of(&others, &bounds);
    drop(sender);
    let free = async { drop(first) };
    let (ended, ()) = tokio::join!(timeout(LONG, waits), free);
    let mut ended = ended.expect("no receiver waits for ever");
    ended.sort();
    assert_eq!(ended, [vec![], vec!["a2".to_owned()]]);
}

/// What each of two receivers gets until the queue ends.
async fn futures_of(receivers: &[Receiver], bounds: &BatchBounds) -> [Vec<String>; 2] {
    let all = |receiver: &Receiver| {
        let receiver = receiver.clone();
        let bounds = *bounds;
        async move {
            let mut got = Vec::new();
            while let Some(received) = receiver.recv(&bounds).await {
                got.extend(texts(&received));
            }
            got
        }
    };
    let (a, b) = tokio::join!(all(&receivers[0]), all(&receivers[1]));
    [a, b]
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_nobody_can_receive_comes_back_whole_and_leased_lanes_are_emptied() {
    let ledger = Arc::default();
    let (sender, receiver) = lanes(100, 2, 8);
    let all: Vec<String> = ('a'..='h').map(|key| key.to_string()).collect();
    sender.send(keyed(&ledger, &all)).await.expect("open");
    let leased = receiver.recv(&up_to(1)).await.expect("a batch");
    sender.send(keyed(&ledger, &all)).await.expect("open");
    drop(receiver);
    assert_eq!(ledger.accounting().in_flight, 15);
    drop(leased);
    let batch = keyed(&ledger, &all);
    let queued = {
        let (records, bytes) = (Arc::new(Semaphore::new(8)), Arc::new(Semaphore::new(8)));
        let permits = |of: Arc<Semaphore>| of.try_acquire_many_owned(8).expect("free");
        Queued { number: 0, contents: Contents::Whole(batch, permits(bytes)), records: permits(records) }
    };
    let refused = sender.shared.put(queued).expect_err("nobody is left");
    assert_eq!(refused.0.len(), 8);
    refused.0.into_parts().1.settle(Fate::Dropped);
    assert!(ledger.accounting().balances());
}

/// All parts share what was dealt: with bytes free after the first part, a queue held any number of batches for one record each.
#[tokio::test(start_paused = true)]
async fn the_bytes_of_a_dealt_batch_are_free_when_its_last_record_is_taken() {
    let ledger = Arc::default();
    let bounds = QueueBounds { records: nonzero(100), bytes: nonzero(20) };
    let (sender, receiver) = with_lanes(bounds, Some(ByKey::new(RecordKey::Own, nonzero(2), nonzero(1))));
    let all: Vec<String> = ('a'..='h').map(|key| key.to_string()).collect();
    sender.send(keyed(&ledger, &all)).await.expect("open");
    let first = receiver.recv(&up_to(100)).await.expect("a lane");
    assert!(is_stuck(sender.send(keyed(&ledger, &["x", "y", "z"]))).await, "16 of 20 bytes are in memory");
    let second = receiver.recv(&up_to(100)).await.expect("the other lane");
    assert_eq!(first.batch.len() + second.batch.len(), 8);
    timeout(LONG, sender.send(keyed(&ledger, &["x", "y", "z"]))).await.expect("room").expect("open");
}

/// From lanes taken one after the other, each receiver would get a part of every batch that is queued: few records of each, and
/// all three would stay in memory.
#[tokio::test(start_paused = true)]
async fn the_parts_of_one_batch_are_taken_before_those_of_the_next() {
    let ledger = Arc::default();
    let (sender, receiver) = lanes(1000, 2, 4);
    let batch = |number: usize| (0..200_u8).map(move |key| format!("{}{number}", char::from(b'!' + key % 90)));
    for number in 0..3 {
        sender.send(keyed(&ledger, &batch(number).collect::<Vec<_>>())).await.expect("open");
    }
    // What most receivers have room for: a half of two batches, however the keys are divided.
    let bounds = up_to(200);
    let received = [receiver.recv(&bounds).await.expect("half"), receiver.recv(&bounds).await.expect("the other half")];
    let taken: Vec<String> = received.iter().flat_map(texts).collect();
    let of_batch = |number: usize| taken.iter().filter(|text| text.ends_with(&number.to_string())).count();
    assert_eq!((of_batch(0), of_batch(2)), (200, 0), "{taken:?}");
}

/// A part is cut as a whole batch is: records in order, the permits of records held until the last piece is taken.
#[tokio::test(start_paused = true)]
async fn parts_are_cut_to_the_bounds_of_the_receiver() {
    let ledger = Arc::default();
    let (sender, receiver) = lanes(10, 2, 1);
    let keys: Vec<char> = ('a'..='h').collect();
    let all: Vec<String> = (0..40).map(|number| format!("{}{number}", keys[number % 8])).collect();
    sender.send(keyed(&ledger, &all)).await.expect("alone, a batch larger than the queue is admitted");
    let mut seen = Vec::new();
    while seen.len() < 40 {
        assert!(is_stuck(sender.send(keyed(&ledger, &["z"; 10]))).await, "{} of 40 records are taken", seen.len());
        let received = receiver.recv(&up_to(3)).await.expect("a piece");
        assert!(received.batch.len() <= 3 && received.batch.bytes() == received.batch.payload().size().bytes());
        seen.extend(texts(&received));
    }
    timeout(LONG, sender.send(keyed(&ledger, &["z"; 10]))).await.expect("room").expect("open");
    let numbers =
        |key: char| seen.iter().filter(move |text| text.starts_with(key)).map(|text| text[1..].parse::<usize>());
    assert!(keys.iter().all(|key| numbers(*key).map(|number| number.expect("a number")).is_sorted()), "{seen:?}");
}

#[derive(Default)]
struct Watched {
    held: HashSet<String>,
    seen: Vec<String>,
}

proptest! {
    /// Any batches over any lanes to any number of receivers that keep their leases for a while: each record comes out once,
    /// those of a key in order, and no key is in two hands.
    #[test]
    fn keys_keep_their_order_and_are_in_one_hand(
        batches in prop::collection::vec(prop::collection::vec(0_u8..7, 1..9), 1..30),
        capacity in 1_usize..20,
        bound in 1_usize..7,
        receivers in 1_usize..4,
        per_receiver in 1_usize..5,
        linger in 0_u64..2,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("one");
        let total: usize = batches.iter().map(Vec::len).sum();
        let received = runtime.block_on(async {
            let ledger = Arc::default();
            let (sender, receiver) = lanes(capacity, receivers, per_receiver);
            let send = async {
                let mut number = 0;
                for batch in batches {
                    let value = |key: &u8| { number += 1; format!("{}{number}", char::from(b'a' + key)) };
                    let values: Vec<String> = batch.iter().map(value).collect();
                    sender.send(keyed(&ledger, &values)).await.expect("open");
                }
                drop(sender);
            };
            let watched = Arc::<Mutex<Watched>>::default();
            let receive = |receiver: Receiver, watched: Arc<Mutex<Watched>>| async move {
                let bounds = BatchBounds { linger: Duration::from_millis(linger), ..up_to(bound) };
                while let Some(received) = receiver.recv(&bounds).await {
                    let keys = keys(&received);
                    let is_new = |key: &String| watched.lock().expect("whole").held.insert(key.clone());
                    assert!(receivers == 1 || keys.iter().all(is_new), "a key in two hands");
                    for _ in 0..received.batch.len() {
                        tokio::task::yield_now().await;
                    }
                    let mut watched = watched.lock().expect("whole");
                    watched.seen.extend(texts(&received));
                    watched.held.retain(|key| !keys.contains(key));
                    drop(received);
                }
            };
            let mut set = tokio::task::JoinSet::new();
            for _ in 0..receivers {
                set.spawn(receive(receiver.clone(), Arc::clone(&watched)));
            }
            drop(receiver);
            timeout(LONG, send).await.expect("senders end");
            timeout(LONG, set.join_all()).await.expect("receivers end");
            std::mem::take(&mut watched.lock().expect("whole").seen)
        });
        prop_assert_eq!(received.len(), total);
        let mut by_key = BTreeMap::<&str, Vec<u64>>::new();
        for text in &received {
            by_key.entry(&text[..1]).or_default().push(text[1..].parse().expect("a number"));
        }
        prop_assert!(by_key.values().all(|numbers| numbers.is_sorted()), "{:?}", by_key);
    }
}
