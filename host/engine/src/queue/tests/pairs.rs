//! What lanes promise that are dealt by pairs of ids: nothing that shares a bucket in two hands, no lane that starves.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU16;

use super::*;
use crate::queue::{ByKey, with_lanes};
use crate::record::{KeyHash, Pairing, RecordKey};

/// Rows of two ids, and their number.
type Row = (u8, u8, usize);

fn pairing(buckets: u16, same_nodes: bool) -> Pairing {
    let [left, right] = ["/0", "/1"].map(|id| id.parse().expect("a pointer"));
    Pairing { left, right, buckets: NonZeroU16::new(buckets).expect("positive"), same_nodes }
}

fn pairs(records: usize, receivers: usize, pairing: Pairing) -> (Sender, Receiver) {
    let bounds = QueueBounds { records: nonzero(records), bytes: nonzero(1 << 20) };
    with_lanes(bounds, Some(ByKey::new(RecordKey::Pair(pairing), nonzero(receivers), nonzero(8))))
}

fn rows(ledger: &Arc<Ledger>, rows: &[Row]) -> Batch {
    let values: Vec<String> = rows.iter().map(|(left, right, number)| format!("[{left},{right},{number}]")).collect();
    batch(ledger, &values.iter().map(String::as_str).collect::<Vec<_>>())
}

fn received_rows(received: &Received) -> Vec<Row> {
    texts(received).iter().map(|text| serde_json::from_str(text).expect("a row")).collect()
}

/// The buckets of an id: those of the left ids and those of the right ones are one set only where they are of one kind.
struct Buckets {
    pairing: Pairing,
    of: HashMap<(u8, u8), KeyHash>,
}

impl Buckets {
    fn new(pairing: Pairing) -> Self {
        Self { pairing, of: HashMap::new() }
    }

    fn of(&mut self, row: &Row) -> [(bool, usize); 2] {
        let key = RecordKey::Pair(self.pairing.clone());
        let find = || key.hash(&Payload::of_values([format!("[{},{},0]", row.0, row.1)].iter().collect()), 0);
        let [left, right] =
            self.of.entry((row.0, row.1)).or_insert_with(find).buckets(usize::from(self.pairing.buckets.get()));
        [(false, left), (!self.pairing.same_nodes, right)]
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_of_one_kind_of_ids_is_in_one_hand_on_whichever_side_it_is() {
    let ledger = Arc::default();
    let (sender, receiver) = pairs(100, 4, pairing(64, true));
    sender.send(rows(&ledger, &[(1, 2, 0)])).await.expect("open");
    let bounds = up_to(10);
    let first = receiver.recv(&bounds).await.expect("a batch");
    sender.send(rows(&ledger, &[(2, 3, 1), (4, 1, 2), (2, 1, 3), (5, 6, 4)])).await.expect("open");
    let second = receiver.recv(&bounds).await.expect("what shares no bucket");
    assert_eq!(received_rows(&second), [(5, 6, 4)]);
    assert!(is_stuck(receiver.recv(&bounds)).await, "1 and 2 are in another hand");
    drop(first);
    let mut rest = received_rows(&receiver.recv(&bounds).await.expect("free"));
    while rest.len() < 3 {
        rest.extend(received_rows(&timeout(LONG, receiver.recv(&bounds)).await.expect("free").expect("open")));
    }
    rest.sort_unstable();
    assert_eq!(rest, [(2, 1, 3), (2, 3, 1), (4, 1, 2)]);
}

#[tokio::test(start_paused = true)]
async fn ids_of_two_kinds_share_no_bucket() {
    let ledger = Arc::default();
    let (sender, receiver) = pairs(100, 4, pairing(64, false));
    let bounds = up_to(1);
    sender.send(rows(&ledger, &[(1, 2, 0), (2, 1, 1)])).await.expect("open");
    let first = receiver.recv(&bounds).await.expect("a batch");
    let second = timeout(LONG, receiver.recv(&bounds)).await.expect("2 on the left is not 2 on the right");
    assert_ne!(received_rows(&first), received_rows(&second.expect("open")));
}

/// Would wait for ever if whoever needs one of its locks might always go before it: they are never both free.
#[tokio::test(start_paused = true)]
async fn a_lane_whose_two_locks_are_never_free_at_once_does_not_starve() {
    let ledger = Arc::default();
    let (sender, receiver) = pairs(100, 4, pairing(64, true));
    let bounds = up_to(1);
    // Two that share a bucket with the third each, and come again as soon as they are done.
    sender.send(rows(&ledger, &[(1, 9, 0)])).await.expect("open");
    sender.send(rows(&ledger, &[(2, 8, 0)])).await.expect("open");
    let mut held = vec![receiver.recv(&bounds).await.expect("one"), receiver.recv(&bounds).await.expect("two")];
    sender.send(rows(&ledger, &[(1, 2, 7)])).await.expect("open");
    for round in 0..10 {
        let done = held.remove(0);
        let again = received_rows(&done)[0];
        sender.send(rows(&ledger, &[again])).await.expect("open");
        drop(done);
        match timeout(LONG, receiver.recv(&bounds)).await {
            Ok(next) => held.push(next.expect("open")),
            Err(_) => continue,
        }
        if held.iter().any(|held| received_rows(held) == [(1, 2, 7)]) {
            return;
        }
        assert!(held.len() <= 2, "round {round}");
    }
    panic!("overtaken for ever");
}

#[derive(Default)]
struct Watched {
    held: Vec<(bool, usize)>,
    seen: Vec<Row>,
}

proptest! {
    /// Any rows to any number of receivers that keep their leases for a while: each comes out once, those of one pair in order,
    /// and no bucket is in two hands.
    #[test]
    fn no_bucket_is_in_two_hands_and_every_row_comes_out(
        batches in prop::collection::vec(prop::collection::vec((0_u8..12, 0_u8..12), 1..9), 1..30),
        capacity in 1_usize..20,
        bound in 1_usize..7,
        receivers in 2_usize..5,
        buckets in 2_u16..9,
        same_nodes: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("one");
        let total: usize = batches.iter().map(Vec::len).sum();
        let seen = runtime.block_on(async {
            let ledger = Arc::default();
            let (sender, receiver) = pairs(capacity, receivers, pairing(buckets, same_nodes));
            let send = async {
                let mut numbers = 0..;
                for batch in batches {
                    let batch: Vec<Row> =
                        batch.into_iter().zip(&mut numbers).map(|((left, right), number)| (left, right, number)).collect();
                    sender.send(rows(&ledger, &batch)).await.expect("open");
                }
                drop(sender);
            };
            let watched = Arc::<Mutex<Watched>>::default();
            let receive = |receiver: Receiver, watched: Arc<Mutex<Watched>>| async move {
                let mut of = Buckets::new(pairing(buckets, same_nodes));
                while let Some(received) = receiver.recv(&up_to(bound)).await {
                    let rows = received_rows(&received);
                    let mut mine: Vec<_> = rows.iter().flat_map(|row| of.of(row)).collect();
                    mine.sort_unstable();
                    mine.dedup();
                    {
                        let mut watched = watched.lock().expect("whole");
                        assert!(mine.iter().all(|bucket| !watched.held.contains(bucket)), "a bucket in two hands");
                        watched.held.extend(&mine);
                    }
                    for _ in 0..rows.len() {
                        tokio::task::yield_now().await;
                    }
                    let mut watched = watched.lock().expect("whole");
                    watched.seen.extend(rows);
                    watched.held.retain(|bucket| !mine.contains(bucket));
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
        prop_assert_eq!(seen.len(), total);
        let mut by_pair = BTreeMap::<(u8, u8), Vec<usize>>::new();
        for (left, right, number) in seen {
            by_pair.entry((left, right)).or_default().push(number);
        }
        prop_assert!(by_pair.values().all(|numbers| numbers.is_sorted()), "{:?}", by_pair);
    }
}

/// Two receivers with enough buckets are both at work: a lease that took all would leave the other nothing.
#[tokio::test(start_paused = true)]
async fn a_lease_leaves_buckets_for_the_other_receivers() {
    for same_nodes in [false, true] {
        let ledger = Arc::default();
        let (sender, receiver) = pairs(1000, 2, pairing(10, same_nodes));
        let all: Vec<Row> =
            (0..900).map(|number| ((number * 7 % 251) as u8, (number * 13 % 241) as u8, number)).collect();
        sender.send(rows(&ledger, &all)).await.expect("open");
        let first = receiver.recv(&up_to(1000)).await.expect("a batch");
        let second = timeout(LONG, receiver.recv(&up_to(1000))).await.expect("free lanes").expect("open");
        // A quarter of the pairs has both ids in one half of the buckets.
        let [first, second] = [first, second].map(|received| received.batch.len());
        assert!(first > 50 && second > 50, "{first} and {second} of 900 records ({same_nodes})");
    }
}
