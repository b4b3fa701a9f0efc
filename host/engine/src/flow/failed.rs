//! Applies the error policy to records that failed.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::flow::{DeadLetters, Earlier, Settler};
use crate::plan::OnError;
use crate::program::FailureKind;
use crate::record::{Fate, Lineage, Payload};
use crate::redact::Redactor;
use crate::report::{Event, EventSender};

/// Why one record failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reason {
    pub(crate) kind: FailureKind,
    /// The reason as text.
    pub(crate) message: String,
    /// The guest's call stack at a trap, innermost first.
    pub(crate) backtrace: Vec<String>,
    /// The last lines of the guest's log, without secrets. Shared by all that failed in the same call.
    pub(crate) log: Arc<[String]>,
    /// When it had failed.
    pub(crate) at: SystemTime,
    /// The attempts before the one that this is about.
    pub(crate) earlier: Earlier,
}

impl Reason {
    /// Makes the reason of a record that failed just now, at its first attempt.
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        let (backtrace, log, earlier) = Default::default();
        Self { kind, message: message.into(), backtrace, log, at: SystemTime::now(), earlier }
    }

    /// How many attempts there were in all.
    pub(crate) fn attempts(&self) -> u32 {
        self.earlier.count() + 1
    }
}

/// Failed records with their claims and reasons: all three of one length.
#[derive(Debug, Default)]
pub(crate) struct Failed {
    pub(crate) records: Payload,
    pub(crate) claims: Lineage,
    pub(crate) reasons: Vec<Reason>,
}

impl Failed {
    /// Adds the records of `other` after its own.
    pub(crate) fn append(&mut self, other: Self) {
        self.records.append(&other.records);
        self.claims.append(other.claims);
        self.reasons.extend(other.reasons);
    }

    /// Removes secrets from the reasons, and only then shortens them to a bound: everything reported of them from here
    /// on is reported like this. From earlier attempts they were removed when these were noted.
    fn redact(&mut self, redactor: &Redactor, bytes_max: usize) {
        for reason in &mut self.reasons {
            for text in std::iter::once(&mut reason.message).chain(&mut reason.backtrace) {
                if let Cow::Owned(clean) = redactor.text(text) {
                    *text = clean;
                }
            }
            cut_middle(&mut reason.message, bytes_max);
        }
    }
}

/// Longest reason of a stage's or source's failure, bytes.
const REASON_BYTES_MAX: usize = 4 << 10;

/// Longest reason of a sink's refusal, bytes: it quotes the value that it refuses, whatever its length.
const REFUSAL_BYTES_MAX: usize = 512;

/// Shortens a text in its middle: its end says what to do about what it quotes.
fn cut_middle(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        let kept = bytes_max / 2;
        let (head, tail) = (text.floor_char_boundary(kept), text.ceil_char_boundary(text.len() - kept));
        text.replace_range(head..tail, &format!("… ({} bytes left out) …", tail - head));
    }
}

/// One node's error policy.
#[derive(Clone, Debug)]
pub(crate) struct FailurePolicy {
    pub(crate) node: Arc<str>,
    /// `stage`, `source` or `sink`.
    pub(crate) role: &'static str,
    /// SHA-256 of the stage's component.
    pub(crate) component: Option<Arc<str>>,
    pub(crate) on_error: OnError,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) settler: Settler,
    pub(crate) events: EventSender,
}

impl FailurePolicy {
    /// Gives failed records their fate.
    ///
    /// # Errors
    /// When the policy says that a failure ends the run (the records then count as in flight), and when dead letters
    /// cannot be written.
    pub(crate) async fn apply(&self, mut failed: Failed) -> Result<()> {
        if failed.reasons.is_empty() {
            return Ok(());
        }
        let bytes_max = if self.role == "sink" { REFUSAL_BYTES_MAX } else { REASON_BYTES_MAX };
        failed.redact(&self.redactor, bytes_max);
        for (index, reason) in failed.reasons.iter().enumerate() {
            self.events.send(Event::Failed {
                node: self.node.to_string(),
                place: place(&failed.claims, index),
                reason: reason.message.clone(),
            });
        }
        let fate = match self.on_error {
            OnError::Fail => return Err(self.fatal(&failed)),
            OnError::Drop => Fate::Dropped,
            OnError::DeadLetter => {
                self.dead_letters.write(&self.node, self.component.as_deref(), &failed).await?;
                Fate::DeadLettered
            }
        };
        let Failed { claims, reasons, .. } = failed;
        let reason = |index: usize| reasons.get(index).map(|reason| reason.message.clone());
        self.settler.settle_with(claims, fate, &self.node, reason).await;
        Ok(())
    }

    fn fatal(&self, failed: &Failed) -> Error {
        let reason = failed.reasons.first().map_or("", |reason| reason.message.as_str());
        let attempts = match failed.reasons.first().map_or(1, Reason::attempts) {
            1 => String::new(),
            attempts => format!(", at each of {attempts} attempts"),
        };
        let message = format!("{} \"{}\" failed on {}{attempts}", self.role, self.node, place(&failed.claims, 0));
        let error = match self.role {
            "stage" => Error::guest(message),
            _ => Error::edge(message),
        };
        error.caused_by(reason).hint(format!(
            "{} \"{}\" says on_error = \"fail\"; with \"dead-letter\" the record goes to the dead letters and the run continues",
            self.role, self.node
        ))
    }
}

fn place(claims: &Lineage, index: usize) -> String {
    claims.place(index).map(|place| place.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails when a reason is shortened before secrets are removed from it: half of one is not found any more. (12)
    #[test]
    fn a_secret_across_a_cut_does_not_show() {
        let secret = "correct horse battery staple";
        let redactor = Redactor::new(&[("KEY".to_owned(), secret.to_owned())]);
        for before in (0..600).step_by(7) {
            let value = format!("{}{secret}{}", "x".repeat(before), "y".repeat(600 - before));
            let reason =
                Reason::new(FailureKind::Rejected, format!("the field \"n\" holds {value:?}, which is not a number"));
            let mut failed = Failed { reasons: vec![reason], ..Failed::default() };
            failed.redact(&redactor, REFUSAL_BYTES_MAX);
            let told = &failed.reasons[0].message;
            assert!(told.len() < REFUSAL_BYTES_MAX + 30, "{told}");
            assert!(told.ends_with(", which is not a number"), "{told}");
            let shows = secret.as_bytes().windows(5).any(|part| told.as_bytes().windows(5).any(|here| here == part));
            assert!(!shows, "{told}");
        }
    }
}
