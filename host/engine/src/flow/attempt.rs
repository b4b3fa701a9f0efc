//! Remembers the attempts at a record, so that a dead letter can list them.

use std::collections::VecDeque;
use std::time::SystemTime;

use super::Reason;
use crate::redact::Redactor;

/// Attempts of a record that are remembered, the last one included. The first are forgotten first, and counted.
const ATTEMPTS_KEPT: usize = 16;

/// Longest message of an attempt before the last, bytes: the last one's is kept whole. Thousands of records may wait.
const MESSAGE_BYTES_MAX: usize = 512;

/// One attempt that failed, and was not the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// When it had failed.
    pub(crate) at: SystemTime,
    /// As in [`Reason`].
    pub(crate) kind: &'static str,
    /// The reason, shortened to a bound.
    pub(crate) message: String,
}

/// The attempts at a record before the one that is reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Earlier {
    count: u32,
    kept: VecDeque<Attempt>,
}

impl Earlier {
    /// How many there were.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The remembered attempts, oldest first.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &Attempt> {
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
        let message = message.get(..cut).unwrap_or_default().to_owned();
        self.kept.push_back(Attempt { at: reason.at, kind: reason.kind, message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attempts_are_remembered_and_all_are_counted() {
        let redactor = Redactor::new(&[("KEY".to_owned(), "sesame".to_owned())]);
        let mut earlier = Earlier::default();
        for attempt in 0..100 {
            earlier.push(&Reason::new("returned", format!("{attempt} with sesame {}", "ä".repeat(1000))), &redactor);
        }
        assert_eq!((earlier.count(), earlier.kept().count()), (100, ATTEMPTS_KEPT - 1));
        let first = earlier.kept().next().unwrap();
        assert!(first.message.starts_with("85 with [secret KEY] ä"), "{}", first.message);
        assert!(
            earlier.kept().all(|attempt| (MESSAGE_BYTES_MAX - 2..=MESSAGE_BYTES_MAX).contains(&attempt.message.len()))
        );
    }
}
