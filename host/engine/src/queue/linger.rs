//! A receiver's wait for a fuller batch. The user asked for it, so what is in the queue meanwhile does not count among
//! what a source has on its way: else a source that is let in for little would wait for the receiver, and it for the
//! source.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;

use super::lanes::Pieces;
use super::queued::Queued;
use super::{Receiver, Shared};
use crate::record::{BatchBounds, Lineage};
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
    let records = NonZeroUsize::new(bounds.records.get().saturating_sub(pieces.size.records));
    let bytes = NonZeroUsize::new(bounds.bytes.get().saturating_sub(pieces.size.bytes()));
    let (Some(records), Some(bytes), Some(next)) = (records, bytes, batches.front_mut()) else { return };
    let room = BatchBounds { records, bytes, ..*bounds };
    let count = next.contents.fitting(&room);
    let is_part = count < next.contents.size().records;
    // A record that is larger than the room counts as fitting, because it would fit nowhere else.
    let is_within = next.contents.bytes_of(count) <= bytes.get();
    if is_part && is_within {
        let number = next.number;
        pieces.add(number, next.split_front(count));
    }
}

impl<'a> Linger<'a> {
    /// What waits in the queue rests from here on: it waits by the user's wish.
    fn begin(shared: &'a Shared) -> Self {
        let mut line = shared.line();
        line.lingering += 1;
        if line.lingering == 1 {
            line.lanes.iter().for_each(|queued| queued.contents.claims(Lineage::rest));
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
            line.lanes.iter().for_each(|queued| queued.contents.claims(Lineage::wake));
        }
    }
}

impl Drop for Linger<'_> {
    fn drop(&mut self) {
        self.stop();
        self.0.arrived.notify_one();
    }
}
