//! Writes records that failed for good to the dead letters in the state file, without secrets.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;

use super::Failed;
use super::attempt::since_1970;
use crate::error::{Error, Result};
use crate::program::FailureKind;
use crate::redact::Redactor;
use crate::state::{DeadLetter, StateFile};

/// Where failed records are dead-lettered. Cloned for every node.
#[derive(Clone, Debug)]
pub(crate) struct DeadLetters {
    state: StateFile,
    redactor: Arc<Redactor>,
    /// Asked at the end of a run, when a write may still be stuck.
    any: Arc<AtomicBool>,
    /// Writes are done on its threads: guests must not be able to occupy them all.
    io: Handle,
}

impl DeadLetters {
    /// Writes will be done on threads of `io`.
    pub(crate) fn new(state: StateFile, redactor: &Arc<Redactor>, io: &Handle) -> Self {
        Self { state, redactor: Arc::clone(redactor), any: Arc::default(), io: io.clone() }
    }

    /// Writes the records that failed in `node`, whose `component` (its SHA-256) may be to blame. When this returns the
    /// operating system has them.
    ///
    /// # Errors
    /// When the state file cannot be written.
    pub(crate) async fn write(&self, node: &str, component: Option<&str>, failed: &Failed) -> Result<()> {
        let mut letters = letters(node, component, failed, &self.redactor).into_iter();
        // A source that acknowledges does not give them again: no resumed run takes them back.
        let is_settled = failed.claims.claims().map(|(ticket, _)| ticket.is_answered());
        let (mut settled, mut others) = (Vec::new(), Vec::new());
        for is_settled in is_settled {
            if is_settled { &mut settled } else { &mut others }.extend(letters.next());
        }
        let state = self.state.clone();
        let written = self.io.spawn_blocking(move || add(&state, &settled, &others)).await;
        written
            .map_err(|error| Error::internal("writing dead letters panicked").caused_by(error))?
            .map_err(|error| error.within("dead letters"))?;
        self.any.store(true, Ordering::Release);
        Ok(())
    }

    /// The state file, if any dead letters were written.
    pub(crate) fn written_to(&self) -> Option<PathBuf> {
        self.any.load(Ordering::Acquire).then(|| self.path())
    }

    /// The state file, whether any dead letters were written or not.
    pub(crate) fn path(&self) -> PathBuf {
        self.state.path().to_path_buf()
    }
}

fn add(state: &StateFile, settled: &[DeadLetter], others: &[DeadLetter]) -> Result<()> {
    if !settled.is_empty() {
        state.add_settled(settled)?;
    }
    if others.is_empty() { Ok(()) } else { state.add(others) }
}

fn letters(node: &str, component: Option<&str>, failed: &Failed, redactor: &Redactor) -> Vec<DeadLetter> {
    let letter = |(index, reason): (usize, &super::Reason)| {
        let place = failed.claims.place(index);
        let key = failed.records.key(index).map(|key| redactor.bytes(key));
        let value = failed.records.value(index).unwrap_or_default();
        // A source keeps the start of what is too long to be a record.
        let value = if reason.kind == FailureKind::BadInput { redactor.cut(value) } else { redactor.bytes(value) };
        let redacted = [key.as_ref(), Some(&value)].into_iter().flatten().any(|bytes| matches!(bytes, Cow::Owned(_)));
        DeadLetter {
            id: 0,
            time: since_1970(reason.at),
            node: node.to_owned(),
            component: component.map(str::to_owned),
            place: place.as_ref().map(ToString::to_string).unwrap_or_default(),
            source: place.as_ref().map(|place| place.source.to_string()).unwrap_or_default(),
            record: place.map_or(0, |place| place.record),
            kind: reason.kind.to_string(),
            reason: reason.message.clone(),
            backtrace: reason.backtrace.clone(),
            log: reason.log.to_vec(),
            attempts: reason.attempts(),
            earlier: reason.earlier.kept().cloned().collect(),
            key: key.map(Cow::into_owned),
            value: value.into_owned(),
            redacted,
        }
    };
    failed.reasons.iter().enumerate().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::runtime::Builder;

    use super::*;
    use crate::flow::Reason;
    use crate::record::{Fate, Ledger, Payload, Places, Ticket};

    /// Were they written beside the work of guests, a few files that do not open would keep a run from saying why.
    #[test]
    fn dead_letters_are_written_while_all_work_of_guests_is_stuck() {
        let runtime = || Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).enable_time().build();
        let (guests, io) = (runtime().unwrap(), runtime().unwrap());
        let (stuck, free) = std::sync::mpsc::sync_channel::<()>(0);
        guests.spawn_blocking(move || free.recv());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.db");
        let letters = DeadLetters::new(StateFile::at(&path), &Arc::new(Redactor::new(&[])), io.handle());
        let claims = Ticket::issue(&Arc::<Ledger>::default(), &Arc::from("source"), 1, 1, Places::default());
        let reason = Reason::new(FailureKind::Trap, "why");
        let failed =
            Failed { records: Payload::of_values(["value"].into_iter().collect()), claims, reasons: vec![reason] };
        let writing =
            async { tokio::time::timeout(Duration::from_secs(20), letters.write("stage", None, &failed)).await };
        guests.block_on(writing).expect("nothing is in its way").unwrap();
        let mut written = Vec::new();
        let read = StateFile::at(&path).letters(|letter| {
            written.push(letter.reason);
            Ok(())
        });
        read.unwrap();
        assert_eq!(written, ["why"]);
        failed.claims.settle(Fate::DeadLettered);
        drop(stuck);
    }
}
