//! Time limits of a call. `cpu` is the time its thread spent inside it, so a guest that waits for the host, or that the
//! machine put aside, is not charged; `wall` is the time that passed in all.
//!
//! The call is a future: its polls are timed, and at each tick of the engine in between the thread's clock is read. A
//! guest that never returns is met at a tick.
//!
//! The kernel is asked for the thread's clock only where it can make a difference. Between two looks at it a thread
//! cannot have used more than the time that passed, which is known without the kernel.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Within so short a time the thread's clock is taken to run as all others do, nanoseconds. If the machine did put the
/// thread aside meanwhile, it is charged that much too much or too little. A twentieth of a tick; most polls are
/// shorter.
const BRIEF: u64 = 100_000;

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

    /// Begins again, in the midst of a call that is being polled on this thread, with another budget.
    pub(super) fn begin_again(&self, limit: Duration) {
        let in_poll = thread_time().saturating_sub(self.poll_began.load(Relaxed));
        self.call_began.store(self.used.load(Relaxed).saturating_add(in_poll), Relaxed);
        self.limit.store(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Whether the call that is being polled on this thread has used up its budget. Called at a tick.
    pub(super) fn is_used_up(&self) -> bool {
        let in_poll = thread_time().saturating_sub(self.poll_began.load(Relaxed));
        let used_up = self.call_nanos(in_poll) > self.limit.load(Relaxed);
        if used_up {
            self.exceeded.store(true, Relaxed);
        }
        used_up
    }

    /// Whether the call was ended because it had used up its budget.
    pub(super) fn was_exceeded(&self) -> bool {
        self.exceeded.load(Relaxed)
    }

    /// Time that the call has used.
    pub(super) fn call_used(&self) -> Duration {
        Duration::from_nanos(self.call_nanos(0))
    }

    /// Time that all calls have used.
    pub(super) fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Relaxed))
    }

    /// Time that the call has used, with what is not charged yet.
    fn call_nanos(&self, more: u64) -> u64 {
        self.used.load(Relaxed).saturating_add(more).saturating_sub(self.call_began.load(Relaxed))
    }

    fn begin_poll(&self, now: u64) {
        self.poll_began.store(thread_time_at(now), Relaxed);
    }

    /// Charges a poll that has just ended, after this many nanoseconds in all.
    fn end_poll(&self, passed: u64) {
        let is_within = self.call_nanos(passed) <= self.limit.load(Relaxed);
        let used = if passed < BRIEF && is_within {
            passed
        } else {
            thread_time().saturating_sub(self.poll_began.load(Relaxed))
        };
        self.used.fetch_add(used, Relaxed);
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
        let began = nanos(ClockId::Monotonic);
        self.meter.begin_poll(began);
        let polled = Pin::new(&mut self.call).poll(cx);
        self.meter.end_poll(nanos(ClockId::Monotonic).saturating_sub(began));
        polled
    }
}

/// Two clocks, read together, nanoseconds.
#[derive(Clone, Copy)]
struct Seen {
    thread: u64,
    all: u64,
}

thread_local! {
    /// When this thread's clock was looked at last.
    static SEEN: Cell<Seen> = const { Cell::new(Seen { thread: 0, all: 0 }) };
}

/// Processor time of this thread, nanoseconds. A system call.
fn thread_time() -> u64 {
    let seen = Seen { thread: nanos(ClockId::ThreadCPUTime), all: nanos(ClockId::Monotonic) };
    SEEN.set(seen);
    seen.thread
}

/// The same at the moment `now`. Without a system call where the last one was a brief time ago: then it may say too
/// much, never too little, so that what is used from here on is not overstated.
fn thread_time_at(now: u64) -> u64 {
    let seen = SEEN.get();
    match now.saturating_sub(seen.all) {
        passed if passed < BRIEF => seen.thread.saturating_add(passed),
        _ => thread_time(),
    }
}

fn nanos(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::thread;

    use super::*;

    /// What a call is charged whose every poll does this.
    async fn charged(limit: Duration, polls: usize, mut work: impl FnMut() + Unpin) -> Duration {
        let meter = Arc::new(Meter::default());
        meter.arm(limit);
        let mut left = polls;
        let call = poll_fn(move |cx| {
            work();
            left -= 1;
            cx.waker().wake_by_ref();
            if left == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        Metered::new(Arc::clone(&meter), call).await;
        meter.call_used()
    }

    fn spin(time: Duration) {
        let end = nanos(ClockId::ThreadCPUTime) + u64::try_from(time.as_nanos()).unwrap();
        while nanos(ClockId::ThreadCPUTime) < end {}
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_guest_is_charged_what_its_thread_did_however_short_its_polls() {
        for (polls, each) in [(200, Duration::from_micros(10)), (5, Duration::from_millis(3))] {
            let before = nanos(ClockId::ThreadCPUTime);
            let charged = charged(HOUR, polls, || spin(each)).await;
            let spent = Duration::from_nanos(nanos(ClockId::ThreadCPUTime) - before);
            let polls = u32::try_from(polls).unwrap();
            // The machine may put the thread aside for a brief time, in or between any two polls.
            let doubt = Duration::from_nanos(BRIEF) * polls;
            assert!(charged + doubt.min(each * polls / 2) >= each * polls, "{charged:?} of {polls} times {each:?}");
            assert!(charged <= spent + doubt, "{charged:?} of {spent:?}");
        }
    }

    #[tokio::test]
    async fn a_thread_that_was_put_aside_is_not_charged_for_it() {
        let aside = Duration::from_millis(20);
        let charged = charged(HOUR, 3, || thread::park_timeout(aside)).await;
        assert!(charged < aside, "{charged:?}");
    }

    /// A limit may be shorter than what is taken for brief: it holds by the thread's own clock.
    #[tokio::test]
    async fn what_would_exceed_a_limit_is_measured_and_not_guessed() {
        let limit = Duration::from_micros(50);
        // On a busy machine even parking may take that long: not each of many times, as it would if the wall's clock
        // counted.
        let mut parked = Duration::MAX;
        for _ in 0..20 {
            parked = parked.min(charged(limit, 1, || thread::park_timeout(Duration::from_micros(60))).await);
        }
        assert!(parked < limit, "{parked:?}");
        assert!(charged(limit, 1, || spin(limit * 2)).await > limit);
    }
}
