//! The instances of a stage that keeps state by key: one for each lane, with whoever has the lane's lease.
//!
//! As many as there are lanes, and there is a lane for each worker. An instance that is not in its place is in the hands of the
//! worker that has the lease; when it has ended, the next one that has the lease makes another.

use std::fmt;
use std::mem;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::worker::Living;
use crate::record::Kept;

/// Of one stage, by lane.
pub(super) struct LaneInstances(Mutex<Vec<Resident>>);

/// The instance of a lane, if there is one, and the records that it may hold.
#[derive(Default)]
pub(super) struct Resident {
    pub(super) instance: Option<Living>,
    pub(super) kept: Kept,
}

impl LaneInstances {
    /// Places for the instances of this number of lanes.
    pub(super) fn new(lanes: NonZeroUsize) -> Self {
        Self(Mutex::new(std::iter::repeat_with(Resident::default).take(lanes.get()).collect()))
    }

    /// Takes the instance of a lane.
    pub(super) fn take(&self, lane: usize) -> Resident {
        self.residents().get_mut(lane).map(mem::take).unwrap_or_default()
    }

    /// Puts it back.
    pub(super) fn put(&self, lane: usize, resident: Resident) {
        if let Some(place) = self.residents().get_mut(lane) {
            *place = resident;
        }
    }

    /// How many lanes there are.
    pub(super) fn len(&self) -> usize {
        self.residents().len()
    }

    fn residents(&self) -> MutexGuard<'_, Vec<Resident>> {
        // Nothing panics while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LaneInstances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LaneInstances")
    }
}
