//! The bounded queue between two stages: the only channel that carries records.
//!
//! Bounded in records and in bytes. A batch holds permits for both from the moment it is admitted until a worker takes
//! it; permits are given out in the order in which senders asked, so a large batch is not overtaken for ever. A batch
//! larger than the whole queue is admitted alone. Many senders, many receivers, one shared line of batches: a slow worker
//! never holds back what an idle one could take. Receivers merge small batches and cut large ones to their own bounds.

mod linger;

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::record::{Batch, BatchBounds};

/// How much a queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueBounds {
    /// Most records.
    pub records: NonZeroUsize,
    /// Most bytes (values and keys).
    pub bytes: NonZeroUsize,
}

/// Makes a queue with one sender and one receiver; both can be cloned.
#[must_use]
pub fn bounded(bounds: QueueBounds) -> (Sender, Receiver) {
    let capacity =
        Permits { records: bounds.records.get().min(PERMITS_MAX), bytes: bounds.bytes.get().min(PERMITS_MAX) };
    let shared = Arc::new(Shared {
        capacity,
        records: Arc::new(Semaphore::new(capacity.records)),
        bytes: Arc::new(Semaphore::new(capacity.bytes)),
        line: Mutex::new(Line::default()),
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

/// Looks at a queue. It is neither a sender nor a receiver.
#[derive(Debug)]
pub struct Probe {
    shared: Arc<Shared>,
}

/// Nobody is left to receive; the batch comes back.
#[derive(Debug)]
pub struct Closed(pub Box<Batch>);

/// A batch as a worker receives it.
#[derive(Debug)]
pub struct Received {
    /// Which batch of this queue it is, from 0: the order that `order = "input"` keeps.
    pub sequence: u64,
    /// Which record of this queue its first one is, from 0.
    pub first_record: u64,
    /// The records.
    pub batch: Batch,
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Records in the queue now.
    pub records: usize,
    /// Bytes in the queue now.
    pub bytes: usize,
    /// Most records that were in the queue at one time.
    pub records_high_water: usize,
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
    arrived: Notify,
    senders: AtomicUsize,
    receivers: AtomicUsize,
    /// Senders that ask for room and have not got it yet.
    senders_waiting: AtomicUsize,
}

/// A sender's wait for room.
struct Wait<'a>(&'a Shared);

#[derive(Debug, Default)]
struct Line {
    batches: VecDeque<Queued>,
    next_sequence: u64,
    next_record: u64,
    depth: Depth,
    /// Receivers that wait for a fuller batch. As long as there are any, what is here rests.
    lingering: usize,
}

/// A batch in the queue, with the room that it takes up.
#[derive(Debug)]
struct Queued {
    batch: Batch,
    records: OwnedSemaphorePermit,
    bytes: OwnedSemaphorePermit,
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
            Some((records, bytes)) => self.shared.put(Queued { batch, records, bytes }),
            None => Err(Closed(Box::new(batch))),
        }
    }
}

impl Probe {
    /// How full the queue is.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.shared.line().depth
    }

    /// Most records it holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity.records
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
            if !self.shared.line().batches.is_empty() {
                self.linger(bounds).await;
                if let Some(received) = self.shared.take(bounds) {
                    return Some(received);
                }
            } else if closed {
                // Wakes the next receiver, which does the same: all of them end.
                self.shared.arrived.notify_one();
                return None;
            } else {
                arrived.await;
            }
        }
    }

    /// Something to look at the queue with, that keeps neither end open.
    #[must_use]
    pub fn probe(&self) -> Probe {
        Probe { shared: Arc::clone(&self.shared) }
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
        let mut line = self.line();
        // The last receiver may have left since the batch was admitted. It empties the line under this lock: behind that,
        // a batch would lie here for as long as anybody looks at the queue, and be missing in the account of the run.
        if self.receivers.load(Ordering::Acquire) == 0 {
            return Err(Closed(Box::new(queued.batch)));
        }
        line.depth.records += queued.batch.len();
        line.depth.bytes += queued.batch.bytes();
        line.depth.records_high_water = line.depth.records_high_water.max(line.depth.records);
        if line.lingering > 0 {
            queued.batch.lineage().rest();
        }
        line.batches.push_back(queued);
        drop(line);
        self.arrived.notify_one();
        Ok(())
    }

    fn take(&self, bounds: &BatchBounds) -> Option<Received> {
        let mut line = self.line();
        let mut batch = take_front(&mut line, bounds)?;
        while let Some(next) = line.batches.front() {
            let room = bounds.records.get().saturating_sub(batch.len());
            if next.batch.len() > room || next.batch.bytes() + batch.bytes() > bounds.bytes.get() {
                break;
            }
            batch.append(take_front(&mut line, bounds)?);
        }
        if !bounds.linger.is_zero() {
            linger::top_up(&mut line, &mut batch, bounds);
        }
        if line.lingering > 0 {
            batch.lineage().wake();
        }
        let (sequence, first_record) = (line.next_sequence, line.next_record);
        line.next_sequence += 1;
        line.next_record += batch.len() as u64;
        line.depth.records -= batch.len();
        line.depth.bytes -= batch.bytes();
        let more = !line.batches.is_empty();
        drop(line);
        if more {
            self.arrived.notify_one();
        }
        Some(Received { sequence, first_record, batch })
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
        // Whoever lingers for a full batch looks again: it may be all that fits.
        shared.arrived.notify_one();
        Self(shared)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.0.senders_waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Takes the front batch. One that does not fit is cut, all at once, and its pieces take its place.
fn take_front(line: &mut Line, bounds: &BatchBounds) -> Option<Batch> {
    let Queued { batch, mut records, mut bytes } = line.batches.pop_front()?;
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
        line.batches.push_front(queued);
    }
    first
}

/// As much of a permit as there is, up to `wanted`.
fn portion(permit: &mut OwnedSemaphorePermit, wanted: usize) -> OwnedSemaphorePermit {
    let available = wanted.min(permit.num_permits());
    permit.split(available).expect("no more is split off than there is")
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
            let orphans = std::mem::take(&mut self.shared.line().batches);
            drop(orphans);
        }
    }
}

#[cfg(test)]
mod tests;
