//! The lanes of a queue: batches side by side, dealt by the keys of their records.
//!
//! Whoever takes from lanes locks them until its lease is dropped, so records of one key are never in two hands. A lease has
//! at most a share of the locks, so one receiver does not lock out the others. Lanes wait in line, and the one that has waited
//! longest is taken first. Where a lane needs two locks, one that waits for them is overtaken by those that need neither of
//! them, and by no others: so none starves. A queue with one lane knows no locks: any number of receivers take from it.
//! Where batches may go whole (`phases`), they have a line of their own.

mod deal;
mod grid;
mod lease;
mod phases;

use std::collections::VecDeque;

use self::grid::Grid;
use self::phases::Phases;
use super::linger;
use super::queued::{Contents, Queued};
use crate::record::{BatchBounds, PayloadSize};

pub use self::deal::ByKey;
pub(super) use self::deal::Dealt;
pub use self::lease::Lease;
pub(super) use self::lease::Taken;
pub(super) use self::phases::Phase;

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
    /// Whole batches, where there may be any.
    whole: Lane,
    phases: Option<Phases>,
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

impl Lanes {
    pub(super) fn new(by_key: Option<&ByKey>) -> Self {
        let (grid, share) = by_key.map_or((Grid::Keys(1), 1), |by_key| (by_key.grid(), by_key.share()));
        let lanes = std::iter::repeat_with(Lane::default).take(grid.lanes()).collect();
        let (locked, whole) = (vec![false; grid.locks()], Lane::default());
        let phases = by_key.and_then(ByKey::wish).map(|_| Phases::default());
        Self { lanes, grid, locked, waiting: VecDeque::new(), share, whole, phases }
    }

    /// How a sender's next batch goes through the queue. It [ends](Self::end_to_send) that when it has put the batch in.
    pub(super) fn begin_to_send(&mut self, by_key: &ByKey) -> Phase {
        let (Some(phases), Some(wish)) = (&mut self.phases, by_key.wish()) else { return Phase::Dealt };
        let phase = phases.begin_to_send(wish);
        self.turn_over();
        phase
    }

    pub(super) fn end_to_send(&mut self) {
        self.phases.iter_mut().for_each(Phases::end_to_send);
    }

    /// What can be taken now.
    fn leaving(&self) -> Phase {
        self.phases.as_ref().map_or(Phase::Dealt, Phases::leaving)
    }

    fn turn_over(&mut self) {
        if !self.phases.as_ref().is_some_and(Phases::is_changing) {
            return;
        }
        let is_empty = match self.leaving() {
            Phase::Whole => self.whole.batches.is_empty(),
            Phase::Dealt => self.lanes.iter().all(|lane| lane.batches.is_empty()),
        };
        self.phases.iter_mut().for_each(|phases| phases.turn_over(is_empty));
    }

    /// Whether something can be taken.
    pub(super) fn has_ready(&self) -> bool {
        match self.lanes.as_slice() {
            _ if self.leaving() == Phase::Whole => !self.whole.batches.is_empty(),
            [only] => !only.batches.is_empty(),
            _ => {
                let mut kept = None;
                self.waiting.iter().any(|&index| self.may_take(index, &Taken::default(), &mut kept))
            }
        }
    }

    /// Puts a batch at the end of a lane, or of the line of whole ones.
    pub(super) fn put(&mut self, index: Option<usize>, queued: Queued) {
        let Some(index) = index else { return self.whole.batches.push_back(queued) };
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
        let is_whole = self.leaving() == Phase::Whole;
        let (pieces, mut taken) = match self.lanes.as_mut_slice() {
            _ if is_whole => (self.whole.take(bounds), Taken::default()),
            [only] => (only.take(bounds), Taken::default()),
            _ => self.take_parts(bounds),
        };
        if let Some(phases) = self.phases.as_mut().filter(|_| !pieces.taken.is_empty()) {
            (taken.turn, taken.is_counted) = (phases.take(), true);
        }
        (pieces, taken)
    }

    fn take_parts(&mut self, bounds: &BatchBounds) -> (Pieces, Taken) {
        let (mut pieces, mut taken) = (Pieces::default(), Taken::default());
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
        if let Some(phases) = self.phases.as_mut().filter(|_| taken.is_counted) {
            phases.free();
            self.turn_over();
        }
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
        self.lanes.iter().chain([&self.whole]).flat_map(|lane| &lane.batches)
    }

    /// Takes all batches out, whoever has a lease.
    pub(super) fn drain(&mut self) -> Vec<Queued> {
        self.waiting.clear();
        self.lanes.iter_mut().chain([&mut self.whole]).flat_map(|lane| lane.batches.drain(..)).collect()
    }
}

impl Lane {
    /// Takes what fits, from the front.
    fn take(&mut self, bounds: &BatchBounds) -> Pieces {
        let mut pieces = Pieces::default();
        while self.take_part(&mut pieces, bounds) {}
        self.top_up(&mut pieces, bounds);
        pieces
    }

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

impl Pieces {
    pub(super) fn add(&mut self, number: u64, contents: Contents) {
        self.size += contents.size();
        self.taken.push((number, contents));
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
