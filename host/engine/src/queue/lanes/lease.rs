//! What a receiver holds as long as it works on what it has taken.

use std::sync::Arc;

use super::ByKey;
use super::phases::Phase;
use crate::queue::{Receiver, Shared};
use crate::record::KeyHash;

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
pub(in crate::queue) struct Taken {
    pub(super) lanes: Vec<usize>,
    pub(super) locks: Vec<usize>,
    /// How many of each kind.
    pub(super) of_kind: [usize; 2],
    /// The first locks of the queue that it has, as bits: those of all pairs of buckets.
    has: u128,
    /// Of a whole batch.
    pub(super) turn: Option<u64>,
    /// Whether something is taken that has to have left before batches go through the queue in the other way.
    pub(super) is_counted: bool,
}

impl Receiver {
    /// A lease on a lane, unless somebody else has one, or one of its locks. `None`, too, where there are no lanes.
    pub(crate) fn lease(&self, lane: usize) -> Option<Lease> {
        self.shared.by_key.as_ref().filter(|by_key| by_key.lanes() > 1)?;
        let taken = self.shared.line().lanes.lock(lane)?;
        Some(Lease::of(&self.shared, taken))
    }

    /// From now on, batches are dealt over the lanes, or go whole where they may.
    pub(crate) fn deal_over_lanes(&self, deal: bool) {
        if let Some(wish) = self.shared.by_key.as_ref().and_then(ByKey::wish) {
            wish.be(if deal { Phase::Dealt } else { Phase::Whole });
        }
    }

    /// The lane of a key; 0 where there are no lanes.
    pub(crate) fn lane(&self, key: KeyHash) -> usize {
        self.shared.by_key.as_ref().map_or(0, |by_key| by_key.lane(key))
    }
}

impl Taken {
    /// The turn of a whole batch.
    pub(in crate::queue) fn turn(&self) -> Option<u64> {
        self.turn
    }

    /// Where a lock may be that of several lanes, it is one of the first 128.
    pub(super) fn has(&self, lock: usize) -> bool {
        u32::try_from(lock).ok().and_then(|lock| 1_u128.checked_shl(lock)).is_some_and(|bit| self.has & bit != 0)
    }

    pub(super) fn add(&mut self, lock: usize, kind: usize) {
        self.locks.push(lock);
        self.has |= u32::try_from(lock).ok().and_then(|lock| 1_u128.checked_shl(lock)).unwrap_or(0);
        if let Some(count) = self.of_kind.get_mut(kind) {
            *count += 1;
        }
    }
}

impl Lease {
    pub(in crate::queue) fn of(shared: &Arc<Shared>, taken: Taken) -> Self {
        let is_any = taken.is_counted || !taken.lanes.is_empty();
        Self(is_any.then(|| Box::new(Leased { shared: Arc::clone(shared), taken })))
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
