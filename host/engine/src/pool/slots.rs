//! Permits for the workers of a stage to work, and spare tasks that take them.
//!
//! Where order is kept, a task whose batch is done before its turn has come can do nothing but wait, as long as the
//! slowest batch before it takes. So there is a spare task for each worker. Who is at work on records has one of as
//! many slots as there are workers: no more guests run at a time, and no more instances live, than that. To change
//! between tasks costs as much as a short batch, though, so spare ones are woken only where batches take long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The slots of one stage.
#[derive(Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    changed: Notify,
    is_over: AtomicBool,
}

impl Slots {
    /// Slots for this many workers.
    pub(super) fn new(workers: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(workers)), changed: Notify::new(), is_over: AtomicBool::new(false) }
    }

    /// A slot, as long as it is kept. Who waits for anything but a guest keeps none.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        // `None` only if it were closed, which nobody does.
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Lets the spare tasks look again whether they are wanted.
    pub(super) fn wake_spares(&self) {
        self.changed.notify_waiters();
    }

    /// Nothing more is to come: spare tasks may go.
    pub(super) fn end(&self) {
        self.is_over.store(true, SeqCst);
        self.changed.notify_waiters();
    }

    /// Waits until a spare task is wanted; `false` when none will be.
    pub(super) async fn wait_until_wanted(&self, is_wanted: impl Fn() -> bool) -> bool {
        loop {
            // Before it looks: a change from here on is noticed.
            let changed = self.changed.notified();
            if self.is_over.load(SeqCst) {
                return false;
            }
            if is_wanted() {
                return true;
            }
            changed.await;
        }
    }
}
