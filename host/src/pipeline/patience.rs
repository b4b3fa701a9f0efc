//! What is done when a source or a sink fails: it is tried again, for as long as its plan says, or the run ends.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::flow::{Backoff, Counter};
use crate::plan::Retry;
use crate::redact::Redactor;
use crate::report::{Event, EventSender};

/// Of one source or sink.
#[derive(Debug)]
pub(super) struct Patience {
    /// `source` or `sink`.
    role: &'static str,
    name: Arc<str>,
    rule: Retry,
    backoff: Backoff,
    told: Told,
}

/// Where it is told.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) events: EventSender,
    pub(super) redactor: Arc<Redactor>,
}

impl Patience {
    pub(super) fn new((role, name): (&'static str, &Arc<str>), rule: Retry, told: Told) -> Self {
        Self { role, name: Arc::clone(name), rule, backoff: Backoff::new(&rule, name), told }
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
        if failures > self.rule.times {
            let spent = match failures {
                1 => failure,
                _ => {
                    failure.hint(format!("it was tried {failures} times; `retry` of {role} \"{name}\" says how often"))
                }
            };
            return Err(spent.within(format!("{role} \"{name}\"")));
        }
        retries.add(1);
        let wait = self.backoff.delay(failures);
        let reason = failure.causes().iter().fold(failure.to_string(), |reason, cause| format!("{reason}: {cause}"));
        let reason = self.told.redactor.text(&reason).into_owned();
        self.told.events.send(Event::Retrying { node: name.to_string(), reason, attempt: failures + 1, wait });
        Ok(wait)
    }
}
