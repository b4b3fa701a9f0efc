//! Taps: copies of some of the records that leave a node, for whoever looks.
//!
//! A tap changes nothing about the records. While nobody looks, it costs one relaxed load for a batch. Each tap keeps at
//! most 1,024 records and 1 MiB; what does not fit is counted, and nobody waits for its reader.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::record::Payload;

/// Records that wait for the reader of a tap. Arbitrary.
const SAMPLES_MAX: usize = 1024;
/// Their keys and values, bytes. Arbitrary.
const BYTES_MAX: usize = 1 << 20;

/// A copy of a record. Secrets are not removed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Vec<u8>,
}

/// Copies of every nth record that leaves a node. Dropping it ends the copying.
#[derive(Debug)]
pub struct Tap {
    point: Arc<TapPoint>,
    buffer: Arc<Buffer>,
}

/// The place at the end of a node where taps can be attached.
#[derive(Debug, Default)]
pub(crate) struct TapPoint {
    /// The number of taps.
    attached: AtomicUsize,
    taps: Mutex<Taps>,
}

#[derive(Debug, Default)]
struct Taps {
    open: Vec<Arc<Buffer>>,
    is_closed: bool,
}

#[derive(Debug)]
struct Buffer {
    every_nth: NonZeroUsize,
    kept: Mutex<Kept>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    samples: VecDeque<Sample>,
    bytes: usize,
    /// Records to let pass before the next copy.
    to_skip: usize,
    lost: u64,
    is_closed: bool,
}

impl Tap {
    /// The next copy; `None` when the run has ended and all are taken.
    ///
    /// # Cancel safety
    /// No copy is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Sample> {
        loop {
            // Before the look: what comes after it wakes this task.
            let news = self.buffer.news.notified();
            {
                let mut kept = self.buffer.kept();
                if let Some(sample) = kept.samples.pop_front() {
                    kept.bytes -= sample.bytes();
                    return Some(sample);
                }
                if kept.is_closed {
                    return None;
                }
            }
            news.await;
        }
    }

    /// The number of copies for which there was no room: 1,024 records or 1 MiB waited to be taken.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.buffer.kept().lost
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let mut taps = self.point.taps();
        taps.open.retain(|buffer| !Arc::ptr_eq(buffer, &self.buffer));
        self.point.attached.store(taps.open.len(), Relaxed);
    }
}

impl TapPoint {
    /// A tap that copies every nth of the records that leave the node from now on, the first of them included.
    pub(crate) fn attach(self: &Arc<Self>, every_nth: NonZeroUsize) -> Tap {
        let mut taps = self.taps();
        let kept = Mutex::new(Kept { is_closed: taps.is_closed, ..Kept::default() });
        let buffer = Arc::new(Buffer { every_nth, kept, news: Notify::new() });
        taps.open.push(Arc::clone(&buffer));
        self.attached.store(taps.open.len(), Relaxed);
        Tap { point: Arc::clone(self), buffer }
    }

    /// These records are about to leave the node.
    pub(super) fn pass(&self, records: &Payload) {
        if self.attached.load(Relaxed) > 0 {
            self.taps().open.iter().for_each(|buffer| buffer.copy(records));
        }
    }

    /// Nothing leaves the node any more.
    pub(crate) fn close(&self) {
        let mut taps = self.taps();
        taps.is_closed = true;
        for buffer in &taps.open {
            buffer.kept().is_closed = true;
            buffer.news.notify_waiters();
        }
    }

    fn taps(&self) -> MutexGuard<'_, Taps> {
        self.taps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    fn copy(&self, records: &Payload) {
        let mut kept = self.kept();
        let mut index = kept.to_skip;
        while let Some(value) = records.value(index) {
            kept.put(records.key(index), value);
            index = index.saturating_add(self.every_nth.get());
        }
        kept.to_skip = index - records.len();
        drop(kept);
        self.news.notify_waiters();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn put(&mut self, key: Option<&[u8]>, value: &[u8]) {
        let bytes = key.map_or(0, <[u8]>::len) + value.len();
        if self.samples.len() >= SAMPLES_MAX || self.bytes + bytes > BYTES_MAX {
            self.lost += 1;
            return;
        }
        self.bytes += bytes;
        self.samples.push_back(Sample { key: key.map(<[u8]>::to_vec), value: value.to_vec() });
    }
}

impl Sample {
    fn bytes(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.value.len()
    }
}
