//! Decides which failed record is retried, and when: finitely often, after a backoff that doubles.

use std::sync::Arc;
use std::time::Duration;

use crate::flow::{Backoff, Earlier, Reason};
use crate::plan::Retry;
use crate::program::GuestFailure;
use crate::record::{Lineage, Payload};
use crate::redact::Redactor;
use crate::time::Instant;

/// Whose judgement a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The stage's: the same record may succeed later.
    Retryable,
    /// The stage's: it would fail again.
    Final,
    /// Nobody's: the record ended its instance.
    Crash,
}

/// A record that failed and is to be tried again.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// One record, and its claim.
    pub(crate) record: Payload,
    pub(crate) claim: Lineage,
    pub(crate) tried: Tried,
    pub(crate) due: Instant,
}

impl Waiting {
    /// Whether it has been tried before, and does not only wait behind another record.
    pub(crate) fn is_retry(&self) -> bool {
        self.tried.earlier.count() > 0
    }
}

/// The history of a record that is to be tried again.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) earlier: Earlier,
    /// Why the last attempt failed.
    pub(crate) cause: Cause,
    /// The record's number in the stage's input.
    pub(crate) number: u64,
}

/// The rule of one stage.
#[derive(Debug)]
pub(crate) struct Retries {
    rule: Retry,
    backoff: Backoff,
    redactor: Arc<Redactor>,
}

impl Cause {
    /// The cause of a call that failed as a whole, with a single record.
    pub(crate) fn of(failure: &GuestFailure) -> Self {
        match failure {
            GuestFailure::Trap { .. }
            | GuestFailure::CpuLimit { .. }
            | GuestFailure::WallLimit { .. }
            | GuestFailure::FuelLimit { .. }
            | GuestFailure::MemoryLimit { .. }
            | GuestFailure::TableLimit { .. }
            | GuestFailure::InstancesLimit { .. }
            | GuestFailure::OutputLimit { .. }
            | GuestFailure::OutputRecordsLimit { .. }
            | GuestFailure::Contract(_) => Self::Crash,
            // Neither is a matter of the record: no instance was ready for it.
            GuestFailure::OpenLimit { .. } | GuestFailure::NoRoom(_) => Self::Final,
            // It could have said so of the record.
            GuestFailure::Returned(_) => Self::Final,
        }
    }
}

impl Retries {
    /// The retries of the stage of this name. `redactor`: for what is remembered of failures.
    pub(crate) fn new(rule: Retry, stage: &str, redactor: &Arc<Redactor>) -> Self {
        Self { rule, backoff: Backoff::new(&rule, stage), redactor: Arc::clone(redactor) }
    }

    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Whether a record that has just failed so is tried again, when it had failed `before` times already.
    pub(crate) fn allow(&self, cause: Cause, before: u32) -> bool {
        let worth_it = match cause {
            Cause::Retryable => true,
            Cause::Final => false,
            Cause::Crash => self.rule.crashes,
        };
        worth_it && before < self.rule.times
    }

    /// Wait from a record's `attempt`th failure (from 1) to its next attempt.
    pub(crate) fn delay(&self, attempt: u32) -> Duration {
        self.backoff.delay(attempt)
    }
}

/// The cause and the reason of a record that ended its instance by itself.
pub(crate) fn crash(failure: &GuestFailure) -> (Cause, Reason) {
    let backtrace = failure.backtrace().to_vec();
    (Cause::of(failure), Reason { backtrace, ..Reason::new(failure.kind(), failure.to_string()) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::bounds::{BACKOFF_MAX, RETRIES_MAX};

    fn retries(rule: Retry, stage: &str) -> Retries {
        Retries::new(rule, stage, &Arc::default())
    }

    fn rule(times: u32, backoff: Duration, backoff_max: Duration) -> Retry {
        Retry { backoff, backoff_max, ..Retry::times(times) }
    }

    proptest! {
        /// However often it fails, whatever is asked for: each delay is within its bounds, and there is a last one.
        #[test]
        fn backoff_doubles_within_its_bounds_and_comes_to_an_end(
            times in 0..=RETRIES_MAX,
            backoff in 0..=BACKOFF_MAX.as_nanos() as u64,
            longer in 0..=BACKOFF_MAX.as_nanos() as u64,
            stage in "[a-z]{1,8}",
        ) {
            let (backoff, longest) = (Duration::from_nanos(backoff.min(longer)), Duration::from_nanos(backoff.max(longer)));
            let one = retries(rule(times, backoff, longest), &stage);
            let again = retries(rule(times, backoff, longest), &stage);
            let mut made = 0;
            while one.allow(Cause::Crash, made) {
                made += 1;
                let whole = (1..made).fold(backoff, |whole, _| (whole * 2).min(longest));
                let delay = one.delay(made);
                prop_assert!(whole / 2 <= delay && delay <= whole, "attempt {made}: {delay:?} of {whole:?}");
                prop_assert_eq!(delay, again.delay(made), "the same stage");
            }
            prop_assert_eq!(made, times);
        }
    }

    #[test]
    fn what_failed_together_does_not_come_back_together() {
        let one = retries(Retry::times(3), "fetch");
        let delays: std::collections::BTreeSet<Duration> = (0..100).map(|_| one.delay(1)).collect();
        assert_eq!(delays.len(), 100);
        let spread = *delays.last().unwrap() - *delays.first().unwrap();
        assert!(spread > Duration::from_millis(40), "{spread:?}");
    }

    #[test]
    fn a_stage_decides_for_its_own_failures_and_the_pipeline_file_for_crashes() {
        let allowed = |rule, cause| retries(rule, "s").allow(cause, 0);
        for (rule, expected) in [
            (Retry::default(), [true, false, false]),
            (Retry::times(1), [true, false, true]),
            (Retry::NEVER, [false, false, false]),
            (Retry::times(0), [false, false, false]),
        ] {
            assert_eq!([Cause::Retryable, Cause::Final, Cause::Crash].map(|cause| allowed(rule, cause)), expected);
        }
    }
}
