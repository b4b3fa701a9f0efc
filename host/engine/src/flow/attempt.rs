//! Remembers the attempts at a record, so that a dead letter can list them.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Reason;
use crate::redact::Redactor;
use crate::state::EarlierAttempt;

/// Attempts of a record that are remembered, the last one included. The first are forgotten first, and counted.
const ATTEMPTS_KEPT: usize = 16;

/// Longest message of an attempt before the last, bytes: the last one's is kept whole. Thousands of records may wait.
const MESSAGE_BYTES_MAX: usize = 512;

/// The attempts at a record before the one that is reported.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Earlier {
    count: u32,
    kept: VecDeque<EarlierAttempt>,
}

impl Earlier {
    /// How many there were.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The remembered attempts, oldest first.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &EarlierAttempt> {
        self.kept.iter()
    }

    /// Adds one more, which failed for this reason.
    pub(crate) fn push(&mut self, reason: &Reason, redactor: &Redactor) {
        self.count += 1;
        if self.kept.len() + 1 == ATTEMPTS_KEPT {
            self.kept.pop_front();
        }
        // Secrets are removed before it is shortened: half a secret is not found any more.
        let message = redactor.text(&reason.message);
        let cut = message.floor_char_boundary(MESSAGE_BYTES_MAX);
        let text = message.get(..cut).unwrap_or_default().to_owned();
        self.kept.push_back(EarlierAttempt {
            time: since_1970(reason.at),
            kind: reason.kind.to_string(),
            reason: text,
        });
    }
}

/// Seconds.
pub(crate) fn since_1970(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::FailureKind;

    #[test]
    fn the_last_attempts_are_remembered_and_all_are_counted() {
        let redactor = Redactor::new(&[("KEY".to_owned(), "sesame".to_owned())]);
        let mut earlier = Earlier::default();
        for attempt in 0..100 {
            earlier.push(
                &Reason::new(FailureKind::Returned, format!("{attempt} with sesame {}", "ä".repeat(1000))),
                &redactor,
            );
        }
        assert_eq!((earlier.count(), earlier.kept().count()), (100, ATTEMPTS_KEPT - 1));
        let first = earlier.kept().next().unwrap();
        assert!(first.reason.starts_with("85 with [secret KEY] ä"), "{}", first.reason);
        assert!(
            earlier.kept().all(|attempt| (MESSAGE_BYTES_MAX - 2..=MESSAGE_BYTES_MAX).contains(&attempt.reason.len()))
        );
    }
}
