//! Ends a run whose stage only fails, or fails too often, instead of burning through the input.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use super::rows::Rows;
use crate::error::Error;
use crate::plan::{self, Share};

/// The outcomes that the breaker counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// They passed, with outputs or without.
    Passed,
    /// They failed for good, by the stage's own judgement.
    Failed,
    /// Each ended its instance by itself, and is not tried again.
    Crashed,
}

/// Failures over all workers of a stage. A record counts once, whatever the number of its attempts.
///
/// *In a row* refers to the order of the stage's input: this many records one after the other, none of which fared
/// better, whichever worker had them and whenever it heard. A share is of the records that had their fates last,
/// whichever worker heard.
#[derive(Debug)]
pub(crate) struct Breaker {
    crashes: Option<Row>,
    failures: Option<Row>,
    /// Where a share of the records is bounded.
    window: Option<Mutex<Window>>,
}

/// Failures of one kind, in a row.
#[derive(Debug)]
struct Row {
    bound: u64,
    rows: Mutex<Rows>,
    /// Length of the longest row: asked for at every attempt.
    longest: AtomicU64,
}

impl Row {
    fn of(bound: Option<NonZeroU64>) -> Option<Self> {
        bound.map(|bound| Self { bound: bound.get(), rows: Mutex::default(), longest: AtomicU64::new(0) })
    }

    fn hear(&self, fates: &[(Range<u64>, Came)], failed: impl Fn(Came) -> bool) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        fates.iter().for_each(|(records, came)| rows.hear(records.clone(), failed(*came)));
        self.longest.store(rows.longest(), Relaxed);
    }

    fn is_full(&self) -> bool {
        self.longest.load(Relaxed) >= self.bound
    }
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
        Self { crashes: Row::of(bounds.crashes), failures: Row::of(bounds.failures), window }
    }

    /// Hears what became of records, by their numbers in the stage's input.
    pub(crate) fn hear(&self, fates: &[(Range<u64>, Came)]) {
        if let Some(crashes) = &self.crashes {
            crashes.hear(fates, |came| came == Came::Crashed);
        }
        if let Some(failures) = &self.failures {
            failures.hear(fates, |came| came != Came::Passed);
        }
        if let Some(window) = &self.window {
            let count = |passed: bool| {
                let chosen = fates.iter().filter(|(_, came)| (*came == Came::Passed) == passed);
                chosen.map(|(records, _)| records.end - records.start).sum()
            };
            window.lock().unwrap_or_else(PoisonError::into_inner).see(count(true), count(false));
        }
    }

    /// Whether nothing more is to be tried.
    pub(crate) fn is_open(&self) -> bool {
        [&self.crashes, &self.failures].into_iter().flatten().any(Row::is_full) || self.too_many().is_some()
    }

    /// The error that ends the run.
    pub(crate) fn error(&self, stage: &str, last: &str) -> Error {
        let full = |row: &Option<Row>| row.as_ref().filter(|row| row.is_full()).map(|row| row.bound);
        let in_a_row = |bound, what| format!("stage \"{stage}\" only fails: {bound} records in a row {what}");
        let (message, key) = match (full(&self.crashes), full(&self.failures), self.too_many()) {
            (Some(bound), ..) => (in_a_row(bound, "ended their instances"), "crashes"),
            (_, Some(bound), _) => (in_a_row(bound, "failed"), "failures"),
            (.., Some((failed, of))) => {
                (format!("stage \"{stage}\" fails too often: {failed} of the last {of} records failed"), "more_than")
            }
            (..) => (format!("stage \"{stage}\" only fails"), "failures"),
        };
        Error::guest(message)
            .caused_by(last.to_owned())
            .hint("the failed records are in the dead letters; fix the stage, its configuration or its input")
            .hint(format!("if this is expected, raise breaker.{key} of stage \"{stage}\", or write breaker = \"off\""))
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

    /// Two workers with a batch each, of 60 records that pass and 60 that crash: both are done with the first halves
    /// before either has come to the second. As they hear of them there are 120 crashes in a row, in the input 60.
    #[test]
    fn what_two_workers_hear_one_after_the_other_is_in_no_row() {
        let breaker = Breaker::new(plan::Breaker { crashes: NonZeroU64::new(100), ..plan::Breaker::OFF });
        breaker.hear(&[(0..60, Came::Passed)]);
        breaker.hear(&[(120..180, Came::Passed)]);
        for record in (60..120).chain(180..240) {
            breaker.hear(&[(record..record + 1, Came::Crashed)]);
            assert!(!breaker.is_open(), "{record}");
        }
        breaker.hear(&[(240..279, Came::Crashed), (279..280, Came::Failed)]);
        assert!(!breaker.is_open(), "99, and one that did not end its instance");
        (280..380).for_each(|record| breaker.hear(&[(record..record + 1, Came::Crashed)]));
        let message = "stage \"s\" only fails: 100 records in a row ended their instances";
        assert_eq!(breaker.error("s", "why").to_string(), message);
    }

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
                let first = fates.len() as u64;
                let behind = first + passed as u64;
                breaker.hear(&[(first..behind, Came::Passed), (behind..behind + failed as u64, Came::Failed)]);
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
