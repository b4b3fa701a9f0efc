//! A receiver's wait for a fuller batch. The user asked for it, so what is in the queue meanwhile does not count among
//! what a source has on its way: else a source that is let in for little would wait for the receiver, and it for the
//! source.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;

use super::lanes::{Pieces, portion};
use super::{Queued, Receiver, Shared};
use crate::record::{Batch, BatchBounds};
use crate::time::{Instant, timeout_at};

/// A receiver's wait for a batch to fill. One that is dropped passes its wake-up on: there is a batch to be taken.
struct Linger<'a>(&'a Shared);

impl Receiver {
    /// Waits for a full batch, for as long as the bounds allow.
    pub(super) async fn linger(&self, bounds: &BatchBounds) {
        if bounds.linger.is_zero() {
            return;
        }
        let deadline = Instant::now() + bounds.linger;
        let given_up = Linger::begin(&self.shared);
        loop {
            let arrived = self.shared.arrived.notified();
            if self.shared.is_closed() || self.shared.fills(bounds) || timeout_at(deadline, arrived).await.is_err() {
                break;
            }
        }
        given_up.end();
    }
}

impl Shared {
    fn fills(&self, bounds: &BatchBounds) -> bool {
        let depth = self.line().depth;
        // A sender that waits for room ends the wait for more: nothing more can come.
        let is_blocked = self.senders_waiting.load(Ordering::Acquire) > 0;
        is_blocked || depth.records >= bounds.records.get() || depth.bytes >= bounds.bytes.get()
    }
}

/// Fills the batch from the front of the queue, however the source divided what lies there: a receiver that waits for
/// full batches gets them full.
pub(super) fn top_up(batches: &mut VecDeque<Queued>, pieces: &mut Pieces, bounds: &BatchBounds) {
    let records = NonZeroUsize::new(bounds.records.get().saturating_sub(pieces.records));
    let bytes = NonZeroUsize::new(bounds.bytes.get().saturating_sub(pieces.bytes));
    let (Some(records), Some(bytes), Some(next)) = (records, bytes, batches.front_mut()) else { return };
    let room = BatchBounds { records, bytes, ..*bounds };
    let count = next.batch.payload().fitting(&room);
    let is_part = count < next.batch.len();
    // A record that is larger than the room counts as fitting, because it would fit nowhere else.
    let is_within = next.batch.payload().slice(0..count).bytes() <= bytes.get();
    if is_part && is_within {
        pieces.add(next.split_front(count));
    }
}

impl Queued {
    /// Takes the first records off a batch. It gives back the permits that the rest does not need.
    fn split_front(&mut self, count: usize) -> Batch {
        let front = self.batch.split_front(count);
        let spare = |permits: usize, needed: usize| permits.saturating_sub(needed);
        let records = spare(self.records.num_permits(), self.batch.len());
        let bytes = spare(self.bytes.num_permits(), self.batch.bytes());
        drop((portion(&mut self.records, records), portion(&mut self.bytes, bytes)));
        front
    }
}

impl<'a> Linger<'a> {
    /// What waits in the queue rests from here on: it waits by the user's wish.
    fn begin(shared: &'a Shared) -> Self {
        let mut line = shared.line();
        line.lingering += 1;
        if line.lingering == 1 {
            line.lanes.iter().for_each(|queued| queued.batch.lineage().rest());
        }
        Self(shared)
    }

    /// The wait is over, and a batch will be taken.
    fn end(self) {
        self.stop();
        std::mem::forget(self);
    }

    fn stop(&self) {
        let mut line = self.0.line();
        line.lingering -= 1;
        if line.lingering == 0 {
            line.lanes.iter().for_each(|queued| queued.batch.lineage().wake());
        }
    }
}

impl Drop for Linger<'_> {
    fn drop(&mut self) {
        self.stop();
        self.0.arrived.notify_one();
    }
}
