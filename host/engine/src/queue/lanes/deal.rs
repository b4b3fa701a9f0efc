//! How a queue deals the records of a batch over its lanes.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::grid::Grid;
use super::portion;
use crate::queue::Queued;
use crate::record::{Batch, KeyHash, Payload, RecordKey};

/// How a queue deals records over its lanes.
#[derive(Clone, Debug)]
pub struct ByKey {
    key: RecordKey,
    grid: Grid,
    /// Most locks of one lease.
    share: usize,
    /// Records that came without a key.
    without: Arc<AtomicU64>,
}

/// What is put into a queue at once.
pub(in crate::queue) enum Dealt {
    /// For a queue with one lane, or all of it for this one.
    One(usize, Queued),
    /// By lane; of some there is nothing.
    Parts(Vec<Queued>),
}

impl ByKey {
    /// Lanes for this many receivers: with one, no lane is needed; with more, there are `per_receiver` for each, and that is
    /// what a lease has at most. Few batches are cut small so, and a receiver finds free lanes as long as there are enough
    /// keys. Where the key is a pair of ids, there are as many lanes as pairs of buckets instead.
    #[must_use]
    pub fn new(key: RecordKey, receivers: NonZeroUsize, per_receiver: NonZeroUsize) -> Self {
        let grid = Grid::new(&key, receivers, per_receiver);
        Self { key, grid, share: grid.share(receivers), without: Arc::default() }
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

    pub(in crate::queue) fn key(&self) -> &RecordKey {
        &self.key
    }

    /// Records that came without a key; with one lane, nobody looks.
    pub(in crate::queue) fn without_key(&self) -> u64 {
        self.without.load(Relaxed)
    }

    /// The lane of each record. With one lane there is nothing to say.
    fn hands(&self, records: &Payload) -> Vec<u16> {
        if self.lanes() == 1 {
            return Vec::new();
        }
        let (mut hands, mut without) = (Vec::with_capacity(records.len()), 0);
        self.key.find_all(records, |key| {
            without += u64::from(key.is_none());
            hands.push(u16::try_from(self.lane(key.unwrap_or_default())).unwrap_or(0));
        });
        self.without.fetch_add(without, Relaxed);
        hands
    }

    /// Deals a batch, with the room that it takes up.
    pub(in crate::queue) fn deal(&self, queued: Queued) -> Dealt {
        let hands = self.hands(queued.batch.payload());
        let first = hands.first().copied().unwrap_or(0);
        if hands.iter().all(|hand| *hand == first) {
            return Dealt::One(usize::from(first), queued);
        }
        let Queued { batch, mut records, mut bytes } = queued;
        let parts = batch.deal(&hands, self.lanes()).into_iter().map(|batch| {
            let (records, bytes) = (portion(&mut records, batch.len()), portion(&mut bytes, batch.bytes()));
            Queued { batch, records, bytes }
        });
        Dealt::Parts(parts.collect())
    }
}

impl Dealt {
    /// What it holds, with the numbers of the lanes.
    pub(in crate::queue) fn into_parts(self) -> impl Iterator<Item = (usize, Queued)> {
        let (one, parts) = match self {
            Self::One(lane, queued) => (Some((lane, queued)), Vec::new()),
            Self::Parts(parts) => (None, parts),
        };
        one.into_iter().chain(parts.into_iter().enumerate().filter(|(_, queued)| !queued.batch.is_empty()))
    }

    /// All of it in one batch: nobody is left to receive it.
    pub(in crate::queue) fn into_whole(self) -> Batch {
        Batch::join(self.into_parts().map(|(_, queued)| queued.batch).collect())
    }
}
