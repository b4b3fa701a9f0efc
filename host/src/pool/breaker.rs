//! Ends a run whose stage only ever fails, or too often, instead of burning through the input.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::error::Error;
use crate::plan::{self, Share};

/// Failures over all workers of a stage. A record counts once, whatever the number of attempts. Counts in a row may be off
/// by what the other workers do at the same moment.
#[derive(Debug)]
pub(crate) struct Breaker {
    bounds: plan::Breaker,
    crashes: AtomicU64,
    failures: AtomicU64,
    /// Where a share of the records is bounded.
    window: Option<Mutex<Window>>,
}

/// The fates of the last records, in runs of one kind.
#[derive(Debug)]
struct Window {
    share: Share,
    /// Whether they failed, and how many there are.
    runs: VecDeque<(bool, u64)>,
    records: u64,
    failed: u64,
}

impl Breaker {
    pub(crate) fn new(bounds: plan::Breaker) -> Self {
        let window = bounds.share.map(|share| Mutex::new(Window::of(share)));
        Self { bounds, crashes: AtomicU64::new(0), failures: AtomicU64::new(0), window }
    }

    /// A record ended its instance by itself, and is not tried again.
    pub(crate) fn crashed(&self) {
        self.crashes.fetch_add(1, Relaxed);
        self.failed(1);
        self.see(0, 1);
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
        self.see(records - failed - waiting, failed);
    }

    /// Whether nothing more is to be tried.
    pub(crate) fn is_open(&self) -> bool {
        let reached = |bound: Option<NonZeroU64>, count: &AtomicU64| {
            bound.is_some_and(|bound| count.load(Relaxed) >= bound.get())
        };
        reached(self.bounds.crashes, &self.crashes)
            || reached(self.bounds.failures, &self.failures)
            || self.too_many().is_some()
    }

    /// Why the run ends.
    pub(crate) fn error(&self, stage: &str, last: &str) -> Error {
        let (crashes, failures) = (self.crashes.load(Relaxed), self.failures.load(Relaxed));
        let in_a_row = |bound, what| format!("stage \"{stage}\" only fails: each of the last {bound} records {what}");
        let (message, key) = match (self.bounds.crashes, self.bounds.failures, self.too_many()) {
            (Some(bound), ..) if crashes >= bound.get() => (in_a_row(bound, "ended its instance"), "crashes"),
            (_, Some(bound), _) if failures >= bound.get() => (in_a_row(bound, "failed"), "failures"),
            (.., Some((failed, of))) => {
                (format!("stage \"{stage}\" fails too often: {failed} of the last {of} records failed"), "more_than")
            }
            (..) => (format!("stage \"{stage}\" only fails"), "failures"),
        };
        Error::guest(message)
            .caused_by(last.to_owned())
            .hint("what failed is in the dead letters; mend the stage, its configuration, or what it is given")
            .hint(format!(
                "if so many are to be expected, raise breaker.{key} of stage \"{stage}\", or say breaker = \"off\""
            ))
    }

    fn failed(&self, records: usize) {
        self.failures.fetch_add(records as u64, Relaxed);
    }

    fn see(&self, passed: usize, failed: usize) {
        if let Some(window) = &self.window {
            window.lock().unwrap_or_else(PoisonError::into_inner).see(passed as u64, failed as u64);
        }
    }

    /// How many of how many records failed, when that is more than is borne.
    fn too_many(&self) -> Option<(u64, u64)> {
        let window = self.window.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        (window.failed > window.share.more_than).then_some((window.failed, window.records))
    }
}

impl Window {
    fn of(share: Share) -> Self {
        Self { share, runs: VecDeque::new(), records: 0, failed: 0 }
    }

    /// Records that had their fates in one call: which of them failed first is not told.
    fn see(&mut self, passed: u64, failed: u64) {
        // Once open it stays so, with the counts that have opened it.
        if self.failed > self.share.more_than {
            return;
        }
        self.push(false, passed);
        self.push(true, failed);
        while self.records > self.share.of.get() {
            let Some((is_failed, count)) = self.runs.front_mut() else { return };
            let gone = (*count).min(self.records - self.share.of.get());
            *count -= gone;
            self.records -= gone;
            self.failed -= if *is_failed { gone } else { 0 };
            if *count == 0 {
                self.runs.pop_front();
            }
        }
    }

    fn push(&mut self, is_failed: bool, count: u64) {
        match self.runs.back_mut() {
            Some((same, run)) if *same == is_failed => *run += count,
            _ if count == 0 => {}
            Some(_) | None => self.runs.push_back((is_failed, count)),
        }
        self.records += count;
        self.failed += if is_failed { count } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the list of all fates.
        #[test]
        fn a_share_opens_when_more_than_so_many_of_the_last_so_many_failed(
            more_than in 0_u64..8,
            beyond in 1_u64..30,
            calls in prop::collection::vec((0_usize..12, 0_usize..4), 1..40),
        ) {
            let of = more_than + beyond;
            let share = NonZeroU64::new(of).map(|of| Share { more_than, of });
            let breaker = Breaker::new(plan::Breaker { share, ..plan::Breaker::OFF });
            let mut fates = Vec::new();
            for (passed, failed) in calls {
                breaker.returned(passed + failed, failed, 0);
                fates.extend(std::iter::repeat_n(false, passed).chain(std::iter::repeat_n(true, failed)));
                let last = &fates[fates.len().saturating_sub(usize::try_from(of).unwrap())..];
                let count = last.iter().filter(|failed| **failed).count() as u64;
                prop_assert_eq!(breaker.is_open(), count > more_than);
                if breaker.is_open() {
                    let message = format!("stage \"s\" fails too often: {count} of the last {} records failed", last.len());
                    prop_assert_eq!(breaker.error("s", "why").to_string(), message);
                    return Ok(());
                }
            }
        }
    }
}
