//! Retries a source or a sink that failed, as often as its plan says; then the run ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::flow::{Backoff, Counter};
use crate::plan::Retry;
use crate::report::{Audience, Event};
use crate::time::sleep;

/// The weight of a failure, compared to a success.
const FAILURE: u32 = 2;
/// This many times as many failures as in a row are accepted when there are successes between them.
const BORNE: u32 = 2;

/// The retries of one source or sink.
///
/// `times` bounds the failures in a row. Twice as many are borne beyond those that successes make up for, and it takes
/// two successes to make up for one failure. So a source that fails after each good pull ends its run sooner or later,
/// and one that fails now and then does not.
#[derive(Debug)]
pub(super) struct EdgeRetry {
    /// `source` or `sink`.
    role: &'static str,
    name: Arc<str>,
    rule: Retry,
    backoff: Backoff,
    /// Half failures that nothing has made up for.
    debt: AtomicU32,
    audience: Audience,
}

impl EdgeRetry {
    pub(super) fn new(role: &'static str, name: &Arc<str>, rule: Retry, audience: Audience) -> Self {
        Self {
            role,
            name: Arc::clone(name),
            rule,
            backoff: Backoff::new(&rule, name),
            debt: AtomicU32::new(0),
            audience,
        }
    }

    /// The same for a further writer of a sink: it waits for other times than the others do.
    pub(super) fn of_writer(self, number: usize) -> Self {
        Self { backoff: Backoff::new(&self.rule, &format!("{} {number}", self.name)), ..self }
    }

    /// Notes a success.
    pub(super) fn succeeded(&self) {
        // One task at a time; a source or sink that never fails does not write.
        let debt = self.debt.load(Relaxed);
        if debt > 0 {
            self.debt.store(debt - 1, Relaxed);
        }
    }

    /// Waits after a failure to open, until the next attempt; `failures` in a row came before it.
    ///
    /// # Errors
    /// The failure, when there is no next attempt.
    pub(super) async fn wait_after(&self, failure: Error, failures: &mut u32) -> Result<()> {
        *failures += 1;
        sleep(self.after(*failures, failure, &Counter::default())?).await;
        Ok(())
    }

    /// After the `failures`th failure in a row: how long to wait before the next attempt, which `retries` counts.
    ///
    /// # Errors
    /// The failure, when there is no next attempt.
    pub(super) fn after(&self, failures: u32, failure: Error, retries: &Counter) -> Result<Duration> {
        let Self { role, name, .. } = self;
        if !failure.is_retryable() {
            return Err(failure.within(format!("{role} \"{name}\"")));
        }
        let debt = self.debt.load(Relaxed).saturating_add(FAILURE);
        self.debt.store(debt, Relaxed);
        if failures > self.rule.times {
            let spent = match failures {
                1 => failure,
                _ => {
                    failure.hint(format!("it was tried {failures} times; `retry` of {role} \"{name}\" says how often"))
                }
            };
            return Err(spent.within(format!("{role} \"{name}\"")));
        }
        let unpaid = debt.div_ceil(FAILURE);
        if debt > self.rule.times.saturating_mul(FAILURE * BORNE) {
            return Err(failure
                .within(format!("{role} \"{name}\""))
                .hint(format!("it works again after each attempt, but fails too often: {unpaid} more failures than its successes make up for"))
                .hint(format!("if that is expected, raise `retry` of {role} \"{name}\"")));
        }
        retries.add(1);
        let wait = self.backoff.delay(unpaid);
        let reason = failure.causes().iter().fold(failure.to_string(), |reason, cause| format!("{reason}: {cause}"));
        let reason = self.audience.redactor.text(&reason).into_owned();
        self.audience.events.send(Event::Retrying { node: name.to_string(), reason, attempt: failures + 1, wait });
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::event_channel;

    fn edge_retry(times: u32) -> EdgeRetry {
        let audience = Audience { events: event_channel().0, redactor: Arc::default() };
        let rule = Retry { times, backoff: Duration::ZERO, ..Retry::OF_EDGES };
        EdgeRetry::new("source", &"wheel".into(), rule, audience)
    }

    /// How many failures end it, when this many good pulls come between two of them.
    fn lasts(times: u32, between: u32) -> Option<u32> {
        let (retry, retries) = (edge_retry(times), Counter::default());
        (1..1_000).find(|_| {
            let failed = retry.after(1, Error::edge("no").retryable(true), &retries).is_err();
            (0..between).for_each(|_| retry.succeeded());
            failed
        })
    }

    /// Were the count begun again by each success, a source that traps after every good pull would be tried for ever.
    #[test]
    fn a_success_between_two_failures_does_not_make_up_for_a_whole_one() {
        assert_eq!([1, 3, 10].map(|times| lasts(times, 1)), [Some(4), Some(12), Some(40)]);
        assert_eq!([1, 3, 10].map(|times| lasts(times, 2)), [None; 3]);
        let (retry, retries) = (edge_retry(1), Counter::default());
        let ended = (1..20).find_map(|_| {
            retry.succeeded();
            retry.after(1, Error::edge("no").retryable(true), &retries).err()
        });
        let error = ended.unwrap();
        assert_eq!(error.to_string(), "source \"wheel\": no");
        assert!(error.hints()[1].ends_with("raise `retry` of source \"wheel\""), "{:?}", error.hints());
    }

    proptest! {
        /// Failures in a row are as many as were asked for, after whatever else.
        #[test]
        fn as_many_failures_in_a_row_are_borne_as_were_asked_for(times in 0_u32..20, good in 0_u32..100) {
            let (retry, retries) = (edge_retry(times), Counter::default());
            (0..good).for_each(|_| retry.succeeded());
            let failed = |failures| retry.after(failures, Error::edge("no").retryable(true), &retries).is_err();
            prop_assert_eq!((1..100).find(|failures| failed(*failures)), Some(times + 1));
            prop_assert_eq!(retries.get(), u64::from(times));
        }
    }
}
