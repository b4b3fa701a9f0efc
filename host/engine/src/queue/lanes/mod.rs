//! The lanes of a queue: batches side by side, dealt by the keys of their records.
//!
//! Whoever takes from lanes locks them until its lease is dropped, so records of one key are never in two hands. A lease has
//! at most a share of the locks, so one receiver does not lock out the others. Lanes wait in line, and the one that has waited
//! longest is taken first. Where a lane needs two locks, one that waits for them is overtaken by those that need neither of
//! them, and by no others: so none starves. A queue with one lane knows no locks: any number of receivers take from it.

mod deal;
mod grid;

use std::collections::VecDeque;
use std::sync::Arc;

use self::grid::Grid;
use super::queued::{Contents, Queued};
use super::{Receiver, Shared, linger};
use crate::record::{BatchBounds, KeyHash, PayloadSize};

pub use self::deal::ByKey;
pub(super) use self::deal::Dealt;

/// Lanes and locks that nobody else has. Dropping it frees them.
#[derive(Debug, Default)]
pub struct Lease(Option<Box<Leased>>);

#[derive(Debug)]
struct Leased {
    shared: Arc<Shared>,
    taken: Taken,
}

/// What a lease has.
#[derive(Debug, Default)]
pub(super) struct Taken {
    lanes: Vec<usize>,
    locks: Vec<usize>,
    /// How many of each kind.
    of_kind: [usize; 2],
    /// The first locks of the queue that it has, as bits: those of all pairs of buckets.
    has: u128,
}

/// All batches of a queue.
#[derive(Debug)]
pub(super) struct Lanes {
    /// At least one.
    lanes: Vec<Lane>,
    grid: Grid,
    /// Whether each lock is in a lease. Not used with a single lane.
    locked: Vec<bool>,
    /// Lanes with batches and without a lease, in the order in which they became so. Not used with a single lane.
    waiting: VecDeque<usize>,
    share: usize,
}

/// What is taken for one receiver.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// With the numbers of the batches that they are of.
    pub(super) taken: Vec<(u64, Contents)>,
    pub(super) size: PayloadSize,
}

#[derive(Debug, Default)]
struct Lane {
    batches: VecDeque<Queued>,
    is_leased: bool,
}

impl Receiver {
    /// A lease on a lane, unless somebody else has one, or one of its locks. `None`, too, where there are no lanes.
    pub(crate) fn lease(&self, lane: usize) -> Option<Lease> {
        self.shared.by_key.as_ref().filter(|by_key| by_key.lanes() > 1)?;
        let taken = self.shared.line().lanes.lock(lane)?;
        Some(Lease::of(&self.shared, taken))
    }

    /// The lane of a key; 0 where there are no lanes.
    pub(crate) fn lane(&self, key: KeyHash) -> usize {
        self.shared.by_key.as_ref().map_or(0, |by_key| by_key.lane(key))
    }
}

impl Lanes {
    pub(super) fn new(by_key: Option<&ByKey>) -> Self {
        let (grid, share) = by_key.map_or((Grid::Keys(1), 1), |by_key| (by_key.grid(), by_key.share()));
        let lanes = std::iter::repeat_with(Lane::default).take(grid.lanes()).collect();
        Self { lanes, grid, locked: vec![false; grid.locks()], waiting: VecDeque::new(), share }
    }

    /// Whether something can be taken.
    pub(super) fn has_ready(&self) -> bool {
        match self.lanes.as_slice() {
            [only] => !only.batches.is_empty(),
            _ => {
                let mut kept = None;
                self.waiting.iter().any(|&index| self.may_take(index, &Taken::default(), &mut kept))
            }
        }
    }

    /// Puts a batch at the end of a lane.
    pub(super) fn put(&mut self, index: usize, queued: Queued) {
        let is_single = self.lanes.len() == 1;
        let Some(lane) = self.lanes.get_mut(index) else { return };
        if lane.batches.is_empty() && !lane.is_leased && !is_single {
            self.waiting.push_back(index);
        }
        lane.batches.push_back(queued);
    }

    /// Takes what fits from the lanes that have waited longest, and locks these: one part of each, and then the next part of each. So
    /// no more batches than needed are under way in memory, and what is copied of one lies close together: to copy half of each
    /// of two batches takes less time than a quarter of each of four. Nothing is copied here.
    pub(super) fn take(&mut self, bounds: &BatchBounds) -> (Pieces, Taken) {
        let (mut pieces, mut taken) = (Pieces::default(), Taken::default());
        if let [only] = self.lanes.as_mut_slice() {
            while only.take_part(&mut pieces, bounds) {}
            only.top_up(&mut pieces, bounds);
            return (pieces, taken);
        }
        let (mut line, mut kept, mut is_full) = (std::mem::take(&mut self.waiting), None, false);
        // One pass, whatever is taken: the queue is locked meanwhile.
        line.retain(|&index| {
            if is_full || !self.may_take(index, &taken, &mut kept) {
                return true;
            }
            if !self.lanes.get_mut(index).is_some_and(|lane| lane.take_part(&mut pieces, bounds)) {
                is_full = true;
                return true;
            }
            self.lease(index, &mut taken);
            is_full = self.has_its_share(&taken);
            false
        });
        self.waiting = line;
        self.fill(&mut pieces, &taken, bounds);
        (pieces, taken)
    }

    /// Adds more from lanes that are taken, one part of each in turn, while any fits.
    fn fill(&mut self, pieces: &mut Pieces, taken: &Taken, bounds: &BatchBounds) {
        let mut added = true;
        while added {
            added = false;
            for &index in &taken.lanes {
                added |= self.lanes.get_mut(index).is_some_and(|lane| lane.take_part(pieces, bounds));
            }
        }
        for &index in &taken.lanes {
            self.lanes.get_mut(index).into_iter().for_each(|lane| lane.top_up(pieces, bounds));
        }
    }

    /// Whether who has taken this already may take this lane too, the next one in the line. The first lane that lacks a lock
    /// keeps others from what it needs: else it could wait for ever, because it never finds both free at one time.
    fn may_take(&self, index: usize, taken: &Taken, kept: &mut Option<[usize; 2]>) -> bool {
        let locks = self.grid.locks_of(index);
        let may = self.are_free(locks, taken, *kept) && self.has_room(locks, taken);
        // What this lease has no room for, another one may take.
        if !may && kept.is_none() && !self.are_free(locks, &Taken::default(), None) {
            *kept = Some(locks);
        }
        may
    }

    /// The locks that are kept for the first lane in the line that lacks one.
    fn kept(&self) -> Option<[usize; 2]> {
        let mut locks = self.waiting.iter().map(|&index| self.grid.locks_of(index));
        locks.find(|locks| !self.are_free(*locks, &Taken::default(), None))
    }

    /// Whether no other lane can be added: where each has a lock of its own.
    fn has_its_share(&self, taken: &Taken) -> bool {
        !self.grid.shares_locks() && taken.locks.len() >= self.share
    }

    /// Whether a lease that has taken this may have these locks, too: of no kind more than its share.
    fn has_room(&self, [first, second]: [usize; 2], taken: &Taken) -> bool {
        let is_new = |lock: usize| !taken.has(lock);
        let mut of_kind = taken.of_kind;
        for lock in
            [Some(first), (second != first).then_some(second)].into_iter().flatten().filter(|lock| is_new(*lock))
        {
            if let Some(count) = of_kind.get_mut(self.grid.kind(lock)) {
                *count += 1;
            }
        }
        of_kind.into_iter().all(|count| count <= self.share)
    }

    /// Whether each of these locks is free and not kept for another lane, or taken already.
    fn are_free(&self, locks: [usize; 2], taken: &Taken, kept: Option<[usize; 2]>) -> bool {
        locks.iter().all(|lock| {
            let is_kept = kept.is_some_and(|kept| kept.contains(lock));
            let is_locked = self.locked.get(*lock).copied().unwrap_or(true);
            taken.has(*lock) || !(is_kept || is_locked)
        })
    }

    /// Adds a lane, and the locks that it needs, to what is taken.
    fn lease(&mut self, index: usize, taken: &mut Taken) {
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.is_leased = true;
            taken.lanes.push(index);
        }
        for lock in self.grid.locks_of(index) {
            if let Some(is_locked) = self.locked.get_mut(lock).filter(|is_locked| !**is_locked) {
                *is_locked = true;
                taken.add(lock, self.grid.kind(lock));
            }
        }
    }

    /// Locks a lane, if it is free and its locks are not kept for another one.
    fn lock(&mut self, index: usize) -> Option<Taken> {
        let mut taken = Taken::default();
        let locks = self.grid.locks_of(index);
        if !self.are_free(locks, &taken, self.kept()) {
            return None;
        }
        self.waiting.retain(|waiting| *waiting != index);
        self.lease(index, &mut taken);
        Some(taken)
    }

    /// Frees lanes and locks.
    fn free(&mut self, taken: &Taken) {
        for lock in &taken.locks {
            if let Some(is_locked) = self.locked.get_mut(*lock) {
                *is_locked = false;
            }
        }
        for &index in &taken.lanes {
            if let Some(lane) = self.lanes.get_mut(index) {
                lane.is_leased = false;
                if !lane.batches.is_empty() {
                    self.waiting.push_back(index);
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
        self.waiting.clear();
        self.lanes.iter_mut().flat_map(|lane| lane.batches.drain(..)).collect()
    }
}

impl Lane {
    /// Whether its first batch may be added to what is taken. The first of all may always be taken.
    fn fits(&self, pieces: &Pieces, bounds: &BatchBounds) -> bool {
        let Some(next) = self.batches.front().filter(|_| !pieces.taken.is_empty()) else { return true };
        let size = pieces.size + next.contents.size();
        size.records <= bounds.records.get() && size.bytes() <= bounds.bytes.get()
    }

    /// Adds the first batch to what is taken already, or as much of it as `bounds` ever allow. Returns whether there was one that
    /// fits.
    fn take_part(&mut self, pieces: &mut Pieces, bounds: &BatchBounds) -> bool {
        if !self.fits(pieces, bounds) {
            return false;
        }
        let next = take_front(&mut self.batches, bounds);
        let is_some = next.is_some();
        next.into_iter().for_each(|Queued { number, contents, .. }| pieces.add(number, contents));
        is_some
    }

    /// Adds a part of the first batch, where the receiver waits for full batches.
    fn top_up(&mut self, pieces: &mut Pieces, bounds: &BatchBounds) {
        if !bounds.linger.is_zero() && !pieces.taken.is_empty() {
            linger::top_up(&mut self.batches, pieces, bounds);
        }
    }
}

impl Taken {
    /// Where a lock may be that of several lanes, it is one of the first 128.
    fn has(&self, lock: usize) -> bool {
        u32::try_from(lock).ok().and_then(|lock| 1_u128.checked_shl(lock)).is_some_and(|bit| self.has & bit != 0)
    }

    fn add(&mut self, lock: usize, kind: usize) {
        self.locks.push(lock);
        self.has |= u32::try_from(lock).ok().and_then(|lock| 1_u128.checked_shl(lock)).unwrap_or(0);
        if let Some(count) = self.of_kind.get_mut(kind) {
            *count += 1;
        }
    }
}

impl Pieces {
    pub(super) fn add(&mut self, number: u64, contents: Contents) {
        self.size += contents.size();
        self.taken.push((number, contents));
    }
}

impl Lease {
    pub(super) fn of(shared: &Arc<Shared>, taken: Taken) -> Self {
        Self((!taken.lanes.is_empty()).then(|| Box::new(Leased { shared: Arc::clone(shared), taken })))
    }

    /// The lane, where it is a lease on a single one.
    pub(crate) fn lane(&self) -> Option<usize> {
        match self.0.as_ref()?.taken.lanes.as_slice() {
            [lane] => Some(*lane),
            _ => None,
        }
    }

    /// Whether nobody else may work on records of this key while it is held.
    pub(crate) fn covers(&self, key: KeyHash) -> bool {
        self.0.as_ref().is_some_and(|leased| {
            let Leased { shared, taken } = &**leased;
            let locks = shared.by_key.as_ref().map(|by_key| by_key.grid().locks_of(by_key.lane(key)));
            locks.is_some_and(|locks| locks.iter().all(|lock| taken.locks.contains(lock)))
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(leased) = self.0.take() else { return };
        let Leased { shared, taken } = *leased;
        let mut line = shared.line();
        line.lanes.free(&taken);
        let has_ready = line.lanes.has_ready();
        drop(line);
        if has_ready {
            shared.arrived.notify_one();
        }
    }
}

/// Takes the front batch. One that does not fit is cut, all at once, and its pieces take its place.
fn take_front(batches: &mut VecDeque<Queued>, bounds: &BatchBounds) -> Option<Queued> {
    let queued = batches.pop_front()?;
    if queued.contents.fitting(bounds) >= queued.contents.size().records {
        return Some(queued);
    }
    let mut pieces = queued.cut(bounds).into_iter();
    let first = pieces.next();
    pieces.rev().for_each(|piece| batches.push_front(piece));
    first
}
