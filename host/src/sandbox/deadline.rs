//! Time limits of a call. `cpu` is the time its thread spent inside it, so a guest that waits for the host, or that the
//! machine put aside, is not charged; `wall` is the time that passed in all.
//!
//! The call is a future: the thread's clock is read when a poll begins and ends, and at each tick of the engine in
//! between. A guest that never returns is met at a tick.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time spent inside one instance, and how much more it may spend. Shared by its store and the call that is running.
#[derive(Debug, Default)]
pub(super) struct Meter {
    used: AtomicU64,
    poll_began: AtomicU64,
    call_began: AtomicU64,
    limit: AtomicU64,
    exceeded: AtomicBool,
}

impl Meter {
    /// Begins a call with a budget of its own.
    pub(super) fn arm(&self, limit: Duration) {
        self.call_began.store(self.used.load(Relaxed), Relaxed);
        self.limit.store(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        self.exceeded.store(false, Relaxed);
    }

    /// Whether the call that is being polled on this thread has used up its budget. Called at a tick.
    pub(super) fn is_used_up(&self) -> bool {
        let in_poll = thread_time().saturating_sub(self.poll_began.load(Relaxed));
        let used_up = self.call_nanos().saturating_add(in_poll) > self.limit.load(Relaxed);
        if used_up {
            self.exceeded.store(true, Relaxed);
        }
        used_up
    }

    /// Whether the call was ended because it had used up its budget.
    pub(super) fn was_exceeded(&self) -> bool {
        self.exceeded.load(Relaxed)
    }

    /// What the call has used.
    pub(super) fn call_used(&self) -> Duration {
        Duration::from_nanos(self.call_nanos())
    }

    /// What all calls have used.
    pub(super) fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Relaxed))
    }

    fn call_nanos(&self) -> u64 {
        self.used.load(Relaxed).saturating_sub(self.call_began.load(Relaxed))
    }
}

/// A call whose polls are charged to a meter.
#[derive(Debug)]
pub(super) struct Metered<F> {
    meter: Arc<Meter>,
    call: F,
}

impl<F> Metered<F> {
    pub(super) fn new(meter: Arc<Meter>, call: F) -> Self {
        Self { meter, call }
    }
}

impl<F: Future + Unpin> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let began = thread_time();
        self.meter.poll_began.store(began, Relaxed);
        let polled = Pin::new(&mut self.call).poll(cx);
        self.meter.used.fetch_add(thread_time().saturating_sub(began), Relaxed);
        polled
    }
}

/// Processor time of this thread, nanoseconds.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}
