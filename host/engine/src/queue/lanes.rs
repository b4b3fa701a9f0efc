//! The lanes of a queue: batches side by side, dealt by the keys of their records.
//!
//! Whoever takes from lanes locks them until its lease is dropped, so records of one key are never in two hands. A lease has
//! at most a share of the lanes, so one receiver does not lock out the others. Free lanes wait in line: the lane that has
//! waited longest is taken first, so none starves. A queue with one lane knows no locks: any number of receivers take from it.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::OwnedSemaphorePermit;

use super::{Queued, Receiver, Shared, linger};
use crate::record::{Batch, BatchBounds, KeyHash, Lineage, Payload, RecordKey};

/// Most lanes of a queue. Arbitrary: as many as a stage may have workers.
const LANES_MAX: usize = 1024;

/// How a queue deals records over its lanes.
#[derive(Clone, Debug)]
pub struct ByKey {
    key: RecordKey,
    lanes: usize,
    /// Most lanes of one lease.
    share: usize,
    /// Records that came without a key.
    without: Arc<AtomicU64>,
}

/// Lanes that nobody else takes from. Dropping it frees them.
#[derive(Debug, Default)]
pub struct Lease(Option<Leased>);

#[derive(Debug)]
struct Leased {
    shared: Arc<Shared>,
    lanes: Vec<usize>,
}

/// All batches of a queue.
#[derive(Debug)]
pub(super) struct Lanes {
    /// At least one.
    lanes: Vec<Lane>,
    /// Free lanes with batches, in the order in which they became so. Not used with a single lane.
    ready: VecDeque<usize>,
    share: usize,
}

#[derive(Debug, Default)]
struct Lane {
    batches: VecDeque<Queued>,
    is_leased: bool,
}

/// What is put into a queue at once.
pub(super) enum Dealt {
    /// For a queue with one lane, or all of it for this one.
    One(usize, Queued),
    /// By lane; of some there is nothing.
    Parts(Vec<Queued>),
}

impl ByKey {
    /// Lanes for this many receivers: with one, no lane is needed; with more, there are `per_receiver` for each, and that is
    /// what a lease has at most. Few batches are cut small so, and a receiver finds free lanes as long as there are enough keys.
    #[must_use]
    pub fn new(key: RecordKey, receivers: NonZeroUsize, per_receiver: NonZeroUsize) -> Self {
        let lanes = match receivers.get() {
            1 => 1,
            receivers => receivers.saturating_mul(per_receiver.get()).min(LANES_MAX),
        };
        Self { key, lanes, share: (lanes / receivers).max(1), without: Arc::default() }
    }

    /// How many lanes there are.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Records that came without a key; with one lane, nobody looks.
    pub(super) fn without_key(&self) -> u64 {
        self.without.load(Relaxed)
    }

    /// The lane of each record. With one lane there is nothing to say.
    fn hands(&self, records: &Payload) -> Vec<u16> {
        if self.lanes == 1 {
            return Vec::new();
        }
        let mut without = 0;
        let mut lane = |index| {
            let key = self.key.find(records, index);
            without += u64::from(key.is_none());
            u16::try_from(key.unwrap_or_default().lane(self.lanes)).unwrap_or(0)
        };
        let hands = (0..records.len()).map(&mut lane).collect();
        self.without.fetch_add(without, Relaxed);
        hands
    }

    /// Deals a batch, with the room that it takes up.
    pub(super) fn deal(&self, queued: Queued) -> Dealt {
        let hands = self.hands(queued.batch.payload());
        let first = hands.first().copied().unwrap_or(0);
        if hands.iter().all(|hand| *hand == first) {
            return Dealt::One(usize::from(first), queued);
        }
        let Queued { batch, mut records, mut bytes } = queued;
        let parts = batch.deal(&hands, self.lanes).into_iter().map(|batch| {
            let (records, bytes) = (portion(&mut records, batch.len()), portion(&mut bytes, batch.bytes()));
            Queued { batch, records, bytes }
        });
        Dealt::Parts(parts.collect())
    }
}

impl Receiver {
    /// A lease on a lane, unless somebody else has one. `None`, too, where there are no lanes.
    pub(crate) fn lease(&self, lane: usize) -> Option<Lease> {
        self.shared.by_key.as_ref().filter(|by_key| by_key.lanes > 1)?;
        let is_locked = self.shared.line().lanes.lock(lane);
        is_locked.then(|| Lease::of(&self.shared, vec![lane]))
    }

    /// The lane of a key; 0 where there are no lanes.
    pub(crate) fn lane(&self, key: KeyHash) -> usize {
        self.shared.by_key.as_ref().map_or(0, |by_key| key.lane(by_key.lanes))
    }
}

impl Dealt {
    /// What it holds, with the numbers of the lanes.
    pub(super) fn into_parts(self) -> impl Iterator<Item = (usize, Queued)> {
        let (one, parts) = match self {
            Self::One(lane, queued) => (Some((lane, queued)), Vec::new()),
            Self::Parts(parts) => (None, parts),
        };
        one.into_iter().chain(parts.into_iter().enumerate().filter(|(_, queued)| !queued.batch.is_empty()))
    }

    /// All of it in one batch: nobody is left to receive it.
    pub(super) fn into_whole(self) -> Batch {
        let mut whole = Batch::new(Payload::default(), Lineage::default());
        self.into_parts().for_each(|(_, queued)| whole.append(queued.batch));
        whole
    }
}

impl Lanes {
    pub(super) fn new(by_key: Option<&ByKey>) -> Self {
        let (lanes, share) = by_key.map_or((1, 1), |by_key| (by_key.lanes, by_key.share));
        let lanes = std::iter::repeat_with(Lane::default).take(lanes).collect();
        Self { lanes, ready: VecDeque::new(), share }
    }

    /// Whether something can be taken.
    pub(super) fn has_ready(&self) -> bool {
        match self.lanes.as_slice() {
            [only] => !only.batches.is_empty(),
            _ => !self.ready.is_empty(),
        }
    }

    /// Puts a batch at the end of a lane.
    pub(super) fn put(&mut self, index: usize, queued: Queued) {
        let is_single = self.lanes.len() == 1;
        let Some(lane) = self.lanes.get_mut(index) else { return };
        if lane.batches.is_empty() && !lane.is_leased && !is_single {
            self.ready.push_back(index);
        }
        lane.batches.push_back(queued);
    }

    /// Takes what fits from the lanes that have waited longest, and locks these.
    pub(super) fn take(&mut self, bounds: &BatchBounds) -> Option<(Batch, Vec<usize>)> {
        if let [only] = self.lanes.as_mut_slice() {
            return only.take(None, bounds).map(|batch| (batch, Vec::new()));
        }
        let (mut taken, mut leased) = (None, Vec::new());
        while leased.len() < self.share
            && let Some(index) = self.ready.pop_front()
            && let Some(lane) = self.lanes.get_mut(index)
        {
            if !lane.fits(taken.as_ref(), bounds) {
                self.ready.push_front(index);
                break;
            }
            taken = lane.take(taken, bounds);
            lane.is_leased = true;
            leased.push(index);
        }
        taken.map(|batch| (batch, leased))
    }

    /// Locks a lane, if it is free.
    fn lock(&mut self, index: usize) -> bool {
        let Some(lane) = self.lanes.get_mut(index).filter(|lane| !lane.is_leased) else { return false };
        lane.is_leased = true;
        self.ready.retain(|ready| *ready != index);
        true
    }

    /// Frees lanes.
    fn free(&mut self, leased: &[usize]) {
        for &index in leased {
            if let Some(lane) = self.lanes.get_mut(index) {
                lane.is_leased = false;
                if !lane.batches.is_empty() {
                    self.ready.push_back(index);
                }
            }
        }
    }

    /// All batches.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.lanes.iter().flat_map(|lane| &lane.batches)
    }

    /// Takes all batches out, whoever has a lease.
    pub(super) fn drain(&mut self) -> Vec<Queued> {
        self.ready.clear();
        self.lanes.iter_mut().flat_map(|lane| lane.batches.drain(..)).collect()
    }
}

impl Lane {
    /// Whether its first batch may be added to what is taken. The first of all may always be taken.
    fn fits(&self, taken: Option<&Batch>, bounds: &BatchBounds) -> bool {
        let (Some(next), Some(taken)) = (self.batches.front(), taken) else { return true };
        let room = bounds.records.get().saturating_sub(taken.len());
        next.batch.len() <= room && next.batch.bytes() + taken.bytes() <= bounds.bytes.get()
    }

    /// Adds batches from the front to what is taken already, while they fit.
    fn take(&mut self, taken: Option<Batch>, bounds: &BatchBounds) -> Option<Batch> {
        let mut batch = match taken {
            Some(taken) => taken,
            None => take_front(&mut self.batches, bounds)?,
        };
        while !self.batches.is_empty() && self.fits(Some(&batch), bounds) {
            batch.append(take_front(&mut self.batches, bounds)?);
        }
        if !bounds.linger.is_zero() {
            linger::top_up(&mut self.batches, &mut batch, bounds);
        }
        Some(batch)
    }
}

impl Lease {
    pub(super) fn of(shared: &Arc<Shared>, lanes: Vec<usize>) -> Self {
        Self((!lanes.is_empty()).then(|| Leased { shared: Arc::clone(shared), lanes }))
    }

    /// The lane, where it is a lease on a single one.
    pub(crate) fn lane(&self) -> Option<usize> {
        match self.0.as_ref()?.lanes.as_slice() {
            [lane] => Some(*lane),
            _ => None,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(Leased { shared, lanes }) = self.0.take() else { return };
        let mut line = shared.line();
        line.lanes.free(&lanes);
        let has_ready = line.lanes.has_ready();
        drop(line);
        if has_ready {
            shared.arrived.notify_one();
        }
    }
}

/// Takes the front batch. One that does not fit is cut, all at once, and its pieces take its place.
fn take_front(batches: &mut VecDeque<Queued>, bounds: &BatchBounds) -> Option<Batch> {
    let Queued { batch, mut records, mut bytes } = batches.pop_front()?;
    if batch.payload().fitting(bounds) >= batch.len() {
        return Some(batch);
    }
    let mut pieces = batch.cut(bounds).into_iter();
    let first = pieces.next();
    // The last piece keeps what the others leave of the permits: a batch larger than the queue holds fewer than it has
    // records, and those are given back last.
    let rest = pieces.rev().map(|batch| {
        let (records, bytes) = (portion(&mut records, batch.len()), portion(&mut bytes, batch.bytes()));
        Queued { batch, records, bytes }
    });
    for queued in rest {
        batches.push_front(queued);
    }
    first
}

/// As much of a permit as there is, up to `wanted`.
pub(super) fn portion(permit: &mut OwnedSemaphorePermit, wanted: usize) -> OwnedSemaphorePermit {
    let available = wanted.min(permit.num_permits());
    permit.split(available).expect("no more is split off than there is")
}
