//! The retry queue of a stage that keeps no order: records between two attempts. They hold no worker up, and workers
//! take those that are due before any new input.
//!
//! Bounded: while it is full, workers take no new input. What they have in hand by then may still come in, so it holds
//! at most its bound and a batch for each worker. One that is dropped drops its records: they count as in flight.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::retries::Waiting;
use crate::record::BatchBounds;
use crate::time::Instant;

/// Records at which it is full. Arbitrary.
pub(super) const RECORDS_MAX: usize = 1024;

/// Shared by the workers of a stage.
#[derive(Debug)]
pub(crate) struct RetryQueue {
    bytes_max: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Waiting records by the time at which they are due; those of one moment in the order in which they came.
    waiting: BTreeMap<(Instant, u64), Waiting>,
    bytes: usize,
    next: u64,
}

/// A worker's look at the retry queue.
#[derive(Debug)]
pub(crate) struct Look {
    /// Records that were due, and are the worker's now.
    pub(crate) due: Vec<Waiting>,
    /// When the next one is due; `None` when it is empty.
    pub(crate) next: Option<Instant>,
    /// Whether no new input may be taken.
    pub(crate) is_full: bool,
    /// Whether records are due that somebody else keeps from being taken. Until these are done, no worker ends.
    pub(crate) is_kept: bool,
}

impl RetryQueue {
    /// An empty queue, which is full at this many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, state: Mutex::default(), changed: Notify::new() }
    }

    /// Lets records wait.
    pub(crate) fn put(&self, waiting: Vec<Waiting>) {
        let mut state = self.state();
        for record in waiting {
            state.bytes += record.record.bytes();
            record.claim.rest();
            let key = (record.due, state.next);
            state.next += 1;
            state.waiting.insert(key, record);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Takes what is due, at most as much as `bounds` allow, and looks at the rest.
    pub(crate) fn look(&self, bounds: &BatchBounds) -> Look {
        let now = Instant::now();
        let mut state = self.state();
        let (mut due, mut bytes) = (Vec::new(), 0);
        while let Some(first) = state.waiting.first_entry() {
            let size = first.get().record.bytes();
            let fits = due.is_empty() || (due.len() < bounds.records.get() && bytes + size <= bounds.bytes.get());
            if first.key().0 > now || !fits {
                break;
            }
            let record = first.remove();
            record.claim.wake();
            due.push(record);
            bytes += size;
        }
        state.bytes -= bytes;
        let next = state.waiting.first_key_value().map(|((due, _), _)| *due);
        let is_full = state.waiting.len() >= RECORDS_MAX || state.bytes >= self.bytes_max;
        drop(state);
        if !due.is_empty() {
            self.changed.notify_waiters();
        }
        Look { due, next, is_full, is_kept: false }
    }

    /// Ready when somebody has put something in or taken something out since this call.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
