//! Retry rules: how often, and when, for a record in a stage, a source, a sink.

use std::time::Duration;

use super::bounds;

/// How often, and when, a failure is retried: of a record, `on_error = { retry = 3, … }`; of a source or a sink,
/// `retry = { times = 3, … }`.
///
/// Of records: a failure that the stage calls retryable is always worth a retry. A trap or an exceeded limit is only
/// where somebody has said so: by then the record had an instance of its own, and most guests trap again on what they
/// trapped on. Errors that a stage calls final are never retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Largest number of retries. 0: none.
    pub times: u32,
    /// Longest wait between the first failure and the second attempt; doubled with each further failure.
    pub backoff: Duration,
    /// The bound of the backoff.
    pub backoff_max: Duration,
    /// Whether records that ended their instance are retried too: after a trap, a limit, a broken contract. It has no
    /// meaning for sources and sinks.
    pub crashes: bool,
}

impl Retry {
    /// Never retries.
    pub const NEVER: Self = Self { times: 0, crashes: false, ..Self::DEFAULT };

    const DEFAULT: Self =
        Self { times: 2, backoff: Duration::from_millis(100), backoff_max: Duration::from_secs(10), crashes: false };

    /// The default of sources and sinks: three more attempts within about 0.7 s, for a busy database or a disk that is
    /// about to have room again.
    pub const OF_EDGES: Self = Self { times: 3, crashes: true, ..Self::DEFAULT };

    /// This many attempts beyond the first, whatever the failure, unless the stage calls it final.
    #[must_use]
    pub fn times(times: u32) -> Self {
        Self { times, crashes: true, ..Self::DEFAULT }
    }

    /// The same rule with another first backoff; the longest one is never shorter.
    #[must_use]
    pub fn backoff(self, backoff: Duration) -> Self {
        Self { backoff, backoff_max: self.backoff_max.max(backoff), ..self }
    }

    /// The same rule with another longest backoff.
    #[must_use]
    pub fn backoff_max(self, backoff_max: Duration) -> Self {
        Self { backoff_max, ..self }
    }

    /// The first number that is out of its bounds, as text; for numbers that come from code.
    pub(super) fn excess(&self) -> Option<String> {
        if self.times > bounds::RETRIES_MAX {
            return Some(format!("it may be tried again at most {} times", bounds::RETRIES_MAX));
        }
        if self.backoff_max > bounds::BACKOFF_MAX {
            return Some(format!("its backoff may grow to at most {:?}", bounds::BACKOFF_MAX));
        }
        (self.backoff > self.backoff_max)
            .then(|| "its first backoff must not be longer than its longest one".to_owned())
    }
}

impl Default for Retry {
    /// Two more attempts at what the stage calls retryable, after about 100 and 200 ms: enough for a connection that
    /// was lost, and over before anybody waits for it.
    fn default() -> Self {
        Self::DEFAULT
    }
}
