//! Ends a run whose stage only ever fails, instead of burning through the input.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::error::Error;
use crate::plan;

/// Failures in a row, over all workers of a stage. A record counts once, whatever the number of attempts. Counts may be off by what the other workers do at the same moment.
#[derive(Debug)]
pub(crate) struct Breaker {
    bounds: plan::Breaker,
    crashes: AtomicU64,
    failures: AtomicU64,
}

impl Breaker {
    pub(crate) fn new(bounds: plan::Breaker) -> Self {
        Self { bounds, crashes: AtomicU64::new(0), failures: AtomicU64::new(0) }
    }

    /// A record ended its instance by itself, and is not tried again.
    pub(crate) fn crashed(&self) {
        self.crashes.fetch_add(1, Relaxed);
        self.failed(1);
    }

    /// An instance did what it was asked to: of `records` records, `failed` failed for good by the stage's own judgement,
    /// and `waiting` are tried again: nothing is known of them yet.
    pub(crate) fn returned(&self, records: usize, failed: usize, waiting: usize) {
        self.crashes.store(0, Relaxed);
        if failed + waiting < records {
            self.failures.store(0, Relaxed);
        } else {
            self.failed(failed);
        }
    }

    /// Whether nothing more is to be tried.
    pub(crate) fn is_open(&self) -> bool {
        let reached = |bound: Option<std::num::NonZeroU64>, count: &AtomicU64| {
            bound.is_some_and(|bound| count.load(Relaxed) >= bound.get())
        };
        reached(self.bounds.crashes, &self.crashes) || reached(self.bounds.failures, &self.failures)
    }

    /// Why the run ends.
    pub(crate) fn error(&self, stage: &str, last: &str) -> Error {
        let crashes = self.crashes.load(Relaxed);
        let (what, key, bound) = match self.bounds.crashes {
            Some(bound) if crashes >= bound.get() => ("ended its instance", "crashes", bound),
            _ => ("failed", "failures", self.bounds.failures.unwrap_or(std::num::NonZeroU64::MIN)),
        };
        Error::guest(format!("stage \"{stage}\" only fails: each of the last {bound} records {what}"))
            .caused_by(last.to_owned())
            .hint("what failed is in the dead letters; mend the stage, its configuration, or what it is given")
            .hint(format!(
                "if so many are to be expected, raise breaker.{key} of stage \"{stage}\", or say breaker = \"off\""
            ))
    }

    fn failed(&self, records: usize) {
        self.failures.fetch_add(records as u64, Relaxed);
    }
}
