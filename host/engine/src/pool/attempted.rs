//! What one attempt came to, and what an instance returned at its end.

use crate::flow::Hold;
use crate::program::{GuestFailure, Instance, Outcome};

/// The result of an attempt.
pub(crate) struct Attempted {
    /// The error is the guest's.
    pub(crate) came: Result<(Outcome, Option<Flushed>), GuestFailure>,
    /// The guest's last log lines, where something failed.
    pub(crate) words: Vec<String>,
}

impl Attempted {
    pub(crate) fn of(came: Result<(Outcome, Option<Flushed>), GuestFailure>, instance: &dyn Instance) -> Self {
        let words = last_words(came.as_ref().map(|(outcome, _)| outcome), instance);
        Self { came, words }
    }
}

/// The guest's last log lines, where something failed.
pub(crate) fn last_words<E>(came: Result<&Outcome, E>, instance: &dyn Instance) -> Vec<String> {
    if came.is_ok_and(|outcome| outcome.failures.is_empty()) { Vec::new() } else { instance.last_words() }
}

/// What an instance returned at its end. Until it is sent on, its records are nowhere else.
#[derive(Debug)]
pub(crate) struct Flushed {
    pub(crate) outcome: Outcome,
    /// Keeps checkpoints off.
    pub(crate) hold: Option<Hold>,
}

impl Flushed {
    /// Itself, if there is anything in it; else nothing was held.
    pub(crate) fn unless_empty(self) -> Option<Self> {
        if !self.outcome.emitted.is_empty() {
            return Some(self);
        }
        self.hold.into_iter().for_each(Hold::release);
        None
    }
}
