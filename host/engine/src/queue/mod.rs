//! The bounded queue between two stages: the only channel that carries records.
//!
//! Bounded in records and in bytes. A batch holds permits for both from the moment it is admitted until a worker takes
//! it; permits are given out in the order in which senders asked, so a large batch is not overtaken for ever. A batch
//! larger than the whole queue is admitted alone. Many senders, many receivers, one shared line of batches: a slow
//! worker never holds back what an idle one could take. Receivers merge small batches and cut large ones to their own
//! bounds.
//!
//! A queue may have lanes instead of one line: then records are dealt over them by their keys, and a receiver holds a
//! lease on the lanes that its batch comes from (`lanes`).

mod lanes;
mod linger;
mod probe;
mod queued;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, TryAcquireError};

use lanes::{Dealt, Lanes};
use queued::{Contents, Queued};

pub use lanes::{ByKey, Lease};
pub use probe::{Depth, Probe, WithoutKey};

use crate::record::{Batch, BatchBounds, Lineage};

/// The bounds of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueBounds {
    /// Largest number of records.
    pub records: NonZeroUsize,
    /// Largest number of bytes (values and keys).
    pub bytes: NonZeroUsize,
}

/// Makes a queue with one sender and one receiver; both can be cloned.
#[must_use]
pub fn bounded(bounds: QueueBounds) -> (Sender, Receiver) {
    with_lanes(bounds, None)
}

/// As [`bounded`], and where records are dealt `by_key`, with lanes: records of one key are received in order, and as
/// long as the lease of a batch is held, nobody else receives records of the keys in it.
#[must_use]
pub fn with_lanes(bounds: QueueBounds, by_key: Option<ByKey>) -> (Sender, Receiver) {
    let capacity =
        Permits { records: bounds.records.get().min(PERMITS_MAX), bytes: bounds.bytes.get().min(PERMITS_MAX) };
    let shared = Arc::new(Shared {
        capacity,
        records: Arc::new(Semaphore::new(capacity.records)),
        bytes: Arc::new(Semaphore::new(capacity.bytes)),
        line: Mutex::new(Line::new(by_key.as_ref())),
        by_key,
        arrived: Notify::new(),
        senders: AtomicUsize::new(1),
        receivers: AtomicUsize::new(1),
        senders_waiting: AtomicUsize::new(0),
    });
    (Sender { shared: Arc::clone(&shared) }, Receiver { shared })
}

/// Puts batches into a queue. The queue closes when its last sender is gone.
#[derive(Debug)]
pub struct Sender {
    shared: Arc<Shared>,
}

/// Takes batches out of a queue.
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
}

/// Nobody is left to receive; the batch comes back.
#[derive(Debug)]
pub struct Closed(pub Box<Batch>);

/// A batch as a worker receives it.
#[derive(Debug)]
pub struct Received {
    /// The batch's number in this queue, from 0: the order that `order = "input"` keeps.
    pub sequence: u64,
    /// The number of its turn, from 0, where it goes [whole](ByKey::or_whole) through a queue with lanes: others may have records
    /// of its keys, so what comes of it must not leave before that of the turns before it.
    pub turn: Option<u64>,
    /// The number of its first record in this queue, from 0.
    pub first_record: u64,
    /// The records.
    pub batch: Batch,
    /// Keeps records of the same keys back from other receivers, until it is dropped.
    pub lease: Lease,
}

// The semaphore counts permits of one request in 32 bits.
const PERMITS_MAX: usize = u32::MAX as usize;

#[derive(Clone, Copy, Debug)]
struct Permits {
    records: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Shared {
    capacity: Permits,
    records: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    line: Mutex<Line>,
    /// `None`: one lane.
    by_key: Option<ByKey>,
    arrived: Notify,
    senders: AtomicUsize,
    receivers: AtomicUsize,
    /// Senders that ask for room and have not got it yet.
    senders_waiting: AtomicUsize,
}

/// A sender's wait for room.
struct Wait<'a>(&'a Shared);

#[derive(Debug)]
struct Line {
    lanes: Lanes,
    next_sequence: u64,
    next_record: u64,
    depth: Depth,
    /// Receivers that wait for a fuller batch. As long as there are any, what is here rests.
    lingering: usize,
}

impl Sender {
    /// Puts a batch at the end of the queue. An empty batch is not queued.
    ///
    /// # Backpressure
    /// Waits until the queue has room for the batch, in records and in bytes.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready drops the batch: its records count as in flight.
    ///
    /// # Errors
    /// [`Closed`] with the batch when no receiver is left.
    pub async fn send(&self, batch: Batch) -> Result<(), Closed> {
        if batch.is_empty() {
            return Ok(());
        }
        match self.shared.admit(&batch).await {
            Some((records, bytes)) => {
                self.shared.put(Queued { number: 0, contents: Contents::Whole(batch, bytes), records })
            }
            None => Err(Closed(Box::new(batch))),
        }
    }
}

impl Receiver {
    /// Takes the next batch, at most as large as `bounds`: batches at the front are merged while they fit, and a batch
    /// that does not fit is cut. `None` when the queue is closed and empty.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped: a batch is taken in the last step, which does not wait.
    pub async fn recv(&self, bounds: &BatchBounds) -> Option<Received> {
        loop {
            let arrived = self.shared.arrived.notified();
            let closed = self.shared.is_closed();
            let (is_ready, is_empty) = self.shared.line().state();
            if is_ready {
                self.linger(bounds).await;
                if let Some(received) = self.shared.take(bounds) {
                    return Some(received);
                }
            } else if closed && is_empty {
                // Wakes the next receiver, which does the same: all of them end.
                self.shared.arrived.notify_one();
                return None;
            } else {
                arrived.await;
            }
        }
    }
}

impl Shared {
    /// Permits for the batch, or `None` when the queue is closed.
    async fn admit(&self, batch: &Batch) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let records = permits(batch.len(), self.capacity.records);
        let bytes = permits(batch.bytes(), self.capacity.bytes);
        // Records first, then bytes, by every sender: no two of them can hold what the other waits for.
        let records = self.acquire(&self.records, records).await?;
        let bytes = self.acquire(&self.bytes, bytes).await?;
        Some((records, bytes))
    }

    async fn acquire(&self, room: &Arc<Semaphore>, permits: u32) -> Option<OwnedSemaphorePermit> {
        // Nobody is overtaken: while somebody waits, nothing is free.
        match Arc::clone(room).try_acquire_many_owned(permits) {
            Ok(permit) => Some(permit),
            Err(TryAcquireError::Closed) => None,
            Err(TryAcquireError::NoPermits) => {
                let _wait = Wait::begin(self);
                Arc::clone(room).acquire_many_owned(permits).await.ok()
            }
        }
    }

    fn put(&self, queued: Queued) -> Result<(), Closed> {
        let size = queued.contents.size();
        let dealt = match &self.by_key {
            None => Dealt::One(0, queued),
            Some(by_key) => {
                let phase = self.line().lanes.begin_to_send(by_key);
                by_key.deal(queued, phase)
            }
        };
        let mut line = self.line();
        line.lanes.end_to_send();
        // The last receiver may have left since the batch was admitted. It empties the line under this lock: after
        // that, a batch would lie here for as long as anybody looks at the queue, and be missing in the account of the
        // run.
        if self.receivers.load(Ordering::Acquire) == 0 {
            let whole = dealt.into_whole();
            return Err(Closed(Box::new(whole)));
        }
        line.depth.records += size.records;
        line.depth.bytes += size.bytes();
        line.depth.records_high_water = line.depth.records_high_water.max(line.depth.records);
        for (lane, queued) in dealt.into_parts() {
            if line.lingering > 0 {
                queued.contents.claims(Lineage::rest);
            }
            line.lanes.put(lane, queued);
        }
        drop(line);
        self.arrived.notify_one();
        Ok(())
    }

    fn take(self: &Arc<Self>, bounds: &BatchBounds) -> Option<Received> {
        let mut line = self.line();
        let (pieces, taken) = line.lanes.take(bounds);
        if pieces.taken.is_empty() {
            return None;
        }
        if line.lingering > 0 {
            pieces.taken.iter().for_each(|(_, contents)| contents.claims(Lineage::wake));
        }
        let (sequence, first_record) = (line.next_sequence, line.next_record);
        line.next_sequence += 1;
        line.next_record += pieces.size.records as u64;
        line.depth.records -= pieces.size.records;
        line.depth.bytes -= pieces.size.bytes();
        let (is_ready, is_empty) = line.state();
        drop(line);
        // Whoever waits for a lane to be free has to hear, too, that there will be none.
        if is_ready || (is_empty && self.is_closed()) {
            self.arrived.notify_one();
        }
        // Copied without the lock: nobody waits for it.
        let batch = Contents::join(pieces.taken);
        let turn = taken.turn();
        Some(Received { sequence, turn, first_record, batch, lease: Lease::of(self, taken) })
    }

    fn is_closed(&self) -> bool {
        self.senders.load(Ordering::Acquire) == 0
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing panics while the lock is held; if something did, the line itself is still whole.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Wait<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.senders_waiting.fetch_add(1, Ordering::AcqRel);
        // A receiver that lingers for a full batch looks again: it may be all that fits.
        shared.arrived.notify_one();
        Self(shared)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.0.senders_waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Line {
    fn new(by_key: Option<&ByKey>) -> Self {
        let lanes = Lanes::new(by_key);
        Self { lanes, next_sequence: 0, next_record: 0, depth: Depth::default(), lingering: 0 }
    }

    /// Whether something can be taken, and whether nothing is here at all.
    fn state(&self) -> (bool, bool) {
        (self.lanes.has_ready(), self.depth.records == 0)
    }
}

fn permits(wanted: usize, capacity: usize) -> u32 {
    u32::try_from(wanted.min(capacity)).expect("a capacity fits into 32 bits")
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.arrived.notify_one();
            self.shared.arrived.notify_waiters();
        }
    }
}

impl Clone for Receiver {
    fn clone(&self) -> Self {
        self.shared.receivers.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if self.shared.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.records.close();
            self.shared.bytes.close();
            // What is still queued has no one to go to: it counts as in flight now, not when the last sender leaves.
            let orphans = self.shared.line().lanes.drain();
            drop(orphans);
        }
    }
}

#[cfg(test)]
mod tests;
