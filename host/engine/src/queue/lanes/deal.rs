//! How a queue deals the records of a batch over its lanes.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::grid::Grid;
use super::phases::{Phase, Wish};
use crate::queue::queued::{Contents, Queued};
use crate::record::{Batch, KeyHash, Payload, RecordKey};

/// How a queue deals records over its lanes.
#[derive(Clone, Debug)]
pub struct ByKey {
    key: RecordKey,
    grid: Grid,
    /// Most locks of one lease.
    share: usize,
    /// What receivers want, where batches may go whole.
    wish: Option<Arc<Wish>>,
    /// The number of the next batch.
    next: Arc<AtomicU64>,
    /// Records that were dealt, and those of them that came without a key.
    dealt: Arc<AtomicU64>,
    without: Arc<AtomicU64>,
}

/// What is put into a queue at once.
pub(in crate::queue) enum Dealt {
    /// Not at all.
    Whole(Queued),
    /// All of it for this lane.
    One(usize, Queued),
    /// By lane.
    Parts(Vec<(usize, Queued)>),
}

impl ByKey {
    /// Lanes for this many receivers: with one, no lane is needed; with more, there are `per_receiver` for each, and that is
    /// what a lease has at most. Few batches are cut small so, and a receiver finds free lanes as long as there are enough
    /// keys. Where the key is a pair of ids, there are as many lanes as pairs of buckets instead.
    #[must_use]
    pub fn new(key: RecordKey, receivers: NonZeroUsize, per_receiver: NonZeroUsize) -> Self {
        let grid = Grid::new(&key, receivers, per_receiver);
        Self {
            key,
            grid,
            share: grid.share(receivers),
            wish: None,
            next: Arc::default(),
            dealt: Arc::default(),
            without: Arc::default(),
        }
    }

    /// Lets batches go whole through the queue, too, one [turn](super::super::Received::turn) each, for receivers whose work nobody
    /// could tell from work in another order.
    #[must_use]
    pub fn or_whole(mut self) -> Self {
        self.wish = (self.lanes() > 1).then(Arc::default);
        self
    }

    /// Whether they may.
    #[must_use]
    pub fn may_be_whole(&self) -> bool {
        self.wish.is_some()
    }

    /// How many lanes there are.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.grid.lanes()
    }

    pub(super) fn grid(&self) -> Grid {
        self.grid
    }

    pub(super) fn share(&self) -> usize {
        self.share
    }

    /// The lane of a key.
    pub(super) fn lane(&self, key: KeyHash) -> usize {
        self.grid.lane(key)
    }

    /// What receivers want, where batches may go whole.
    pub(super) fn wish(&self) -> Option<&Wish> {
        self.wish.as_deref()
    }

    pub(in crate::queue) fn key(&self) -> &RecordKey {
        &self.key
    }

    /// Records that came without a key, and all that came; with one lane, nobody looks.
    pub(in crate::queue) fn without_key(&self) -> (u64, u64) {
        let without = self.without.load(Relaxed);
        (without, self.dealt.load(Relaxed))
    }

    /// The hand of each record, and the lane of each hand: a batch is dealt over as many hands as it needs, however many lanes
    /// there are. With one lane there is nothing to say.
    fn hands(&self, records: &Payload) -> (Vec<u16>, Vec<usize>) {
        let (mut hands, mut present) = (Vec::with_capacity(records.len()), Vec::new());
        if self.lanes() == 1 {
            return (hands, present);
        }
        let (mut of_lanes, mut without) = (vec![None; self.lanes()], 0);
        self.key.hash_all(records, |key, has_key| {
            without += u64::from(!has_key);
            let lane = self.lane(key);
            let next = u16::try_from(present.len()).unwrap_or(0);
            let hand = of_lanes.get_mut(lane).map(|hand| {
                *hand.get_or_insert_with(|| {
                    present.push(lane);
                    next
                })
            });
            hands.push(hand.unwrap_or(0));
        });
        self.count(records, without);
        (hands, present)
    }

    /// Counts records that come, and those of them without a key.
    fn count(&self, records: &Payload, without: u64) {
        self.dealt.fetch_add(records.len() as u64, Relaxed);
        self.without.fetch_add(without, Relaxed);
    }

    /// Deals a batch, with the room that it takes up.
    pub(in crate::queue) fn deal(&self, queued: Queued, phase: Phase) -> Dealt {
        let queued = Queued { number: self.next.fetch_add(1, Relaxed), ..queued };
        let Contents::Whole(batch, _) = &queued.contents else { return Dealt::One(0, queued) };
        if phase == Phase::Whole {
            self.count(batch.payload(), self.key.missing_in(batch.payload()));
            return Dealt::Whole(queued);
        }
        let (hands, present) = self.hands(batch.payload());
        if let [] | [_] = present.as_slice() {
            return Dealt::One(present.first().copied().unwrap_or(0), queued);
        }
        let parts = queued.deal(&hands, present.len());
        Dealt::Parts(present.into_iter().zip(parts).collect())
    }
}

impl Dealt {
    /// What it holds, with the numbers of the lanes, if it goes to lanes.
    pub(in crate::queue) fn into_parts(self) -> impl Iterator<Item = (Option<usize>, Queued)> {
        let (one, parts) = match self {
            Self::Whole(queued) => (Some((None, queued)), Vec::new()),
            Self::One(lane, queued) => (Some((Some(lane), queued)), Vec::new()),
            Self::Parts(parts) => (None, parts),
        };
        one.into_iter().chain(parts.into_iter().map(|(lane, queued)| (Some(lane), queued)))
    }

    /// All of it in one batch: nobody is left to receive it.
    pub(in crate::queue) fn into_whole(self) -> Batch {
        Contents::join(self.into_parts().map(|(_, queued)| (queued.number, queued.contents)).collect())
    }
}
