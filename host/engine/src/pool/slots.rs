//! Permits for the workers of a stage to work, and the tasks that wait until they are wanted.
//!
//! Where order is kept, a task whose batch is done before its turn has come can do nothing but wait, as long as the
//! slowest batch before it takes. So there is a spare task for each worker. Who is at work on records has one of as
//! many slots as there are workers: no more guests run at a time, and no more instances live, than that. To change
//! between tasks costs as much as a short batch, though, so spare ones are woken only where batches take long.
//!
//! A pool that grows and shrinks has a task for each worker that it may have, and as many slots as it has workers now.
//! The first of its workers are wanted; the others hold no instance, and wait until the pool grows ([`Growth`] decides).
//! A slot is taken away only while nobody has it, so no work is interrupted. Once the input has ended, all are wanted:
//! whoever let a record wait comes back for it. By then the slots alone bound how many work.
//!
//! [`Growth`]: super::growth::Growth

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::plan::Workers;
use crate::report::PoolStats;
use crate::time::Instant;

/// The slots of one stage.
#[derive(Debug)]
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    workers: Workers,
    /// How many there are: as many as workers are wanted.
    present: AtomicUsize,
    /// The most that were taken at a time since it was last [asked for](Self::most_taken); not counted for a pool of
    /// fixed size.
    most_taken: AtomicUsize,
    history: Mutex<History>,
    wake_spares: Notify,
    resized: Notify,
    is_over: AtomicBool,
}

/// What the size of a pool was.
#[derive(Debug)]
struct History {
    begun: Instant,
    /// When the time of its workers was last added up.
    counted: Instant,
    worker_time: Duration,
    is_over: bool,
    most: usize,
    grown: u64,
    shrunk: u64,
}

impl Slots {
    /// Slots for these workers; as few as there may be.
    pub(super) fn new(workers: Workers) -> Self {
        let (present, now) = (workers.min.get(), Instant::now());
        let (worker_time, is_over) = (Duration::ZERO, false);
        Self {
            free: Arc::new(Semaphore::new(present)),
            workers,
            present: AtomicUsize::new(present),
            most_taken: AtomicUsize::new(0),
            history: Mutex::new(History {
                begun: now,
                counted: now,
                worker_time,
                is_over,
                most: present,
                grown: 0,
                shrunk: 0,
            }),
            wake_spares: Notify::new(),
            resized: Notify::new(),
            is_over: AtomicBool::new(false),
        }
    }

    /// A slot, as long as it is kept. Who waits for anything but a guest keeps none.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        // `None` only if it were closed, which nobody does.
        let slot = Arc::clone(&self.free).acquire_owned().await.ok();
        if !self.workers.are_fixed() {
            self.note_taken();
        }
        slot
    }

    /// How many there are now.
    pub(crate) fn present(&self) -> usize {
        self.present.load(SeqCst)
    }

    /// How many are taken now.
    pub(super) fn taken(&self) -> usize {
        self.present().saturating_sub(self.free.available_permits())
    }

    /// The most that were taken at a time since the last call.
    pub(super) fn most_taken(&self) -> usize {
        self.note_taken();
        self.most_taken.swap(self.taken(), SeqCst)
    }

    fn note_taken(&self) {
        let taken = self.taken();
        if taken > self.most_taken.load(SeqCst) {
            self.most_taken.fetch_max(taken, SeqCst);
        }
    }

    /// Makes them more, or fewer as far as they are free. Only [`Growth`](super::growth::Growth) calls it. Returns how
    /// many there are.
    pub(super) fn resize(&self, wanted: usize) -> usize {
        let before = self.present();
        let wanted = wanted.clamp(self.workers.min.get(), self.workers.max.get());
        let now = match wanted.checked_sub(before) {
            Some(more) => {
                self.free.add_permits(more);
                wanted
            }
            None => before - self.free.forget_permits(before - wanted),
        };
        self.history().resize(before, now);
        self.present.store(now, SeqCst);
        self.resized.notify_waiters();
        now
    }

    /// Whether this worker is wanted now.
    pub(super) fn want(&self, worker: usize) -> bool {
        worker < self.present() || self.is_over.load(SeqCst)
    }

    /// Waits until a worker is wanted.
    pub(super) async fn wait_until_present(&self, worker: usize) {
        loop {
            // Before it looks: a change from here on is noticed.
            let resized = self.resized();
            if self.want(worker) {
                return;
            }
            resized.await;
        }
    }

    /// Ready when the number has changed since this call, or nothing more is to come.
    pub(super) fn resized(&self) -> Notified<'_> {
        self.resized.notified()
    }

    /// Lets the spare tasks look again whether they are wanted.
    pub(super) fn wake_spares(&self) {
        self.wake_spares.notify_waiters();
    }

    /// Nothing more is to come: spare tasks may go.
    pub(super) fn end(&self) {
        self.history().end(self.present());
        self.is_over.store(true, SeqCst);
        self.wake_spares.notify_waiters();
        self.resized.notify_waiters();
    }

    /// Waits until nothing more is to come.
    pub(super) async fn over(&self) {
        loop {
            let resized = self.resized();
            if self.is_over.load(SeqCst) {
                return;
            }
            resized.await;
        }
    }

    /// Waits until a spare task is wanted; `false` when none will be.
    pub(super) async fn wait_until_wanted(&self, is_wanted: impl Fn() -> bool) -> bool {
        loop {
            // Before it looks: who wakes it from here on is heard.
            let woken = self.wake_spares.notified();
            if self.is_over.load(SeqCst) {
                return false;
            }
            if is_wanted() {
                return true;
            }
            woken.await;
        }
    }

    /// What the size was; `None` where it is fixed.
    pub(crate) fn stats(&self) -> Option<PoolStats> {
        let Workers { min, max } = self.workers;
        (!self.workers.are_fixed()).then(|| self.history().stats(min.get(), max.get(), self.present()))
    }

    fn history(&self) -> MutexGuard<'_, History> {
        // Nothing panics while the lock is held.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History {
    fn resize(&mut self, before: usize, now: usize) {
        self.count(before);
        self.most = self.most.max(now);
        self.grown += u64::from(now > before);
        self.shrunk += u64::from(now < before);
    }

    fn end(&mut self, present: usize) {
        self.count(present);
        self.is_over = true;
    }

    /// Adds up the time of this number of workers since it was last done.
    fn count(&mut self, workers: usize) {
        let now = Instant::now();
        if !self.is_over {
            let workers = u32::try_from(workers).unwrap_or(u32::MAX);
            self.worker_time += (now - self.counted).saturating_mul(workers);
            self.counted = now;
        }
    }

    fn stats(&mut self, min: usize, max: usize, present: usize) -> PoolStats {
        self.count(present);
        let lasted = (self.counted - self.begun).as_secs_f64();
        let average = if lasted > 0.0 { self.worker_time.as_secs_f64() / lasted } else { present as f64 };
        let Self { most, grown, shrunk, .. } = *self;
        PoolStats { min, max, most, average, grown, shrunk }
    }
}
