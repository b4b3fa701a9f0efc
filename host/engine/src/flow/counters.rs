//! The counters behind [`Stats`](crate::report::Stats): one relaxed addition per batch, none per record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::time::Instant;

use crate::record::Ledger;

/// A count. It only grows, but for what is held.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Relaxed);
    }

    pub(crate) fn add_time(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// For what is known in all, not by what it grew.
    pub(crate) fn set(&self, total: u64) {
        self.0.store(total, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub(crate) fn time(&self) -> Duration {
        Duration::from_nanos(self.get())
    }
}

/// Marks an instance that holds records: as long as it exists, no checkpoint is taken. One that is dropped instead of
/// released stays counted, as a claim does: what the instance held is lost, and the run is about to end.
#[derive(Debug)]
#[must_use]
pub(crate) struct Hold {
    holding: Arc<Counter>,
    ledger: Arc<Ledger>,
}

impl Hold {
    /// Counts one more of the `holding`, in a run with this account.
    pub(crate) fn begin(holding: &Arc<Counter>, ledger: &Arc<Ledger>) -> Self {
        ledger.start(1);
        holding.add(1);
        Self { holding: Arc::clone(holding), ledger: Arc::clone(ledger) }
    }

    /// Ends the hold: what the instance held has claims of its own now, or there was nothing.
    pub(crate) fn release(self) {
        self.holding.0.fetch_sub(1, Relaxed);
        self.ledger.stop(1);
    }
}

/// Cuts time into laps, each charged to one counter: no moment is charged twice, and none is left out unless it is skipped.
#[derive(Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Charges the time since the last lap to nobody.
    pub(crate) fn skip(&mut self) {
        self.0 = Instant::now();
    }

    pub(crate) fn lap(&mut self, counter: &Counter) {
        let now = Instant::now();
        counter.add_time(now - self.0);
        self.0 = now;
    }
}

/// Counters of one source.
#[derive(Debug, Default)]
pub(crate) struct SourceCounters {
    pub(crate) read: Counter,
    pub(crate) bad: Counter,
    pub(crate) position: Counter,
    pub(crate) retries: Counter,
    pub(crate) log_bytes_cut: Counter,
    pub(crate) busy: Counter,
    pub(crate) blocked: Counter,
}

/// Counters of one stage, all workers together.
#[derive(Debug, Default)]
pub(crate) struct StageCounters {
    pub(crate) records_in: Counter,
    pub(crate) records_out: Counter,
    pub(crate) dropped: Counter,
    pub(crate) failed: Counter,
    pub(crate) retries: Counter,
    pub(crate) recovered: Counter,
    pub(crate) invocations: Counter,
    pub(crate) failed_invocations: Counter,
    pub(crate) instances: Counter,
    pub(crate) in_guest: Counter,
    pub(crate) in_failed: Counter,
    pub(crate) busy: Counter,
    pub(crate) waiting: Counter,
    pub(crate) blocked: Counter,
    /// Instances that gave results at their end.
    pub(crate) flushed: Counter,
    /// Instances that hold records until their flush.
    pub(crate) holding: Arc<Counter>,
}

/// Counters of one sink.
#[derive(Debug, Default)]
pub(crate) struct SinkCounters {
    pub(crate) delivered: Counter,
    /// Now, not in all.
    pub(crate) held: Counter,
    pub(crate) rejected: Counter,
    pub(crate) retries: Counter,
    pub(crate) busy: Counter,
    pub(crate) waiting: Counter,
}
