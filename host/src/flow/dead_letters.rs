//! The dead letters of a run: a JSON Lines file, one failed record a line, made when the first one comes.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use super::Failed;
use crate::error::{Error, Result};
use crate::redact::Redactor;

/// Where failed records are set aside. Cloned for every node; lines of different nodes never mix.
#[derive(Clone, Debug)]
pub(crate) struct DeadLetters {
    path: Arc<Path>,
    redactor: Arc<Redactor>,
    /// Open once something has been written.
    file: Arc<Mutex<Option<File>>>,
    /// Asked at the end of a run, when a write may still be stuck and hold the file.
    any: Arc<AtomicBool>,
    /// Where they are written: not beside the files of guests, whose work may take up all threads that it finds.
    io: Handle,
}

/// One line of the file.
#[derive(Serialize)]
struct Letter<'a> {
    /// Seconds since 1970, UTC.
    time: f64,
    node: &'a str,
    place: String,
    source: String,
    record: u64,
    kind: &'static str,
    reason: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    backtrace: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Text<'a>>,
    value: Text<'a>,
    /// Whether a secret was struck out of key or value: they are not what the record was.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    redacted: bool,
}

/// Bytes as text where they are text, else as hexadecimal: nothing is lost, and what can be read stays readable.
#[derive(Serialize)]
#[serde(untagged)]
enum Text<'a> {
    Utf8(Cow<'a, str>),
    Bytes { hex: String },
}

impl DeadLetters {
    /// Writes will be done on threads of `io`.
    pub(crate) fn new(path: PathBuf, redactor: &Arc<Redactor>, io: &Handle) -> Self {
        let (file, any) = Default::default();
        Self { path: path.into(), redactor: Arc::clone(redactor), file, any, io: io.clone() }
    }

    /// Writes the failed records. When this returns the operating system has them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) async fn write(&self, node: &str, failed: &Failed) -> Result<()> {
        let lines = lines(node, failed, &self.redactor);
        let mut file = Arc::clone(&self.file).lock_owned().await;
        let path = Arc::clone(&self.path);
        let written = self.io.spawn_blocking(move || append(&mut file, &path, &lines)).await;
        written
            .map_err(|error| Error::internal("writing dead letters panicked").caused_by(error))?
            .map_err(|error| self.unwritable(error))?;
        self.any.store(true, Ordering::Release);
        Ok(())
    }

    /// Where they are, if there are any.
    pub(crate) fn written_to(&self) -> Option<PathBuf> {
        self.any.load(Ordering::Acquire).then(|| self.path.to_path_buf())
    }

    fn unwritable(&self, error: std::io::Error) -> Error {
        Error::edge(format!("dead letters cannot be written to \"{}\"", self.path.display()))
            .caused_by(error)
            .hint("name another place in the pipeline file: [dead_letters] path = \"…\"")
    }
}

fn append(file: &mut Option<File>, path: &Path, lines: &[u8]) -> std::io::Result<()> {
    let open = match file.take() {
        Some(open) => open,
        None => {
            if let Some(folder) = path.parent() {
                make_folder(folder)?;
            }
            OpenOptions::new().create(true).append(true).open(path)?
        }
    };
    file.insert(open).write_all(lines)
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    // What "exists" is a file, where the path needs a folder.
    let in_words = |error: std::io::Error| {
        if error.kind() == ErrorKind::AlreadyExists { ErrorKind::NotADirectory.into() } else { error }
    };
    std::fs::create_dir_all(folder).map_err(in_words)
}

fn lines(node: &str, failed: &Failed, redactor: &Redactor) -> Vec<u8> {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let mut lines = Vec::new();
    for (index, reason) in failed.reasons.iter().enumerate() {
        let place = failed.claims.place(index);
        let key = failed.records.key(index).map(|key| redactor.bytes(key));
        let value = redactor.bytes(failed.records.value(index).unwrap_or_default());
        let redacted = [key.as_ref(), Some(&value)].into_iter().flatten().any(|bytes| matches!(bytes, Cow::Owned(_)));
        let letter = Letter {
            time,
            node,
            place: place.as_ref().map(ToString::to_string).unwrap_or_default(),
            source: place.as_ref().map(|place| place.source.to_string()).unwrap_or_default(),
            record: place.map_or(0, |place| place.record),
            kind: reason.kind,
            reason: &reason.message,
            backtrace: &reason.backtrace,
            key: key.map(text),
            value: text(value),
            redacted,
        };
        serde_json::to_writer(&mut lines, &letter).expect("a letter is made of strings and numbers");
        lines.push(b'\n');
    }
    lines
}

fn text(bytes: Cow<'_, [u8]>) -> Text<'_> {
    let hex = |bytes: &[u8]| Text::Bytes { hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map_or_else(|_| hex(bytes), |text| Text::Utf8(text.into())),
        Cow::Owned(bytes) => {
            String::from_utf8(bytes).map_or_else(|error| hex(error.as_bytes()), |text| Text::Utf8(text.into()))
        }
    }
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
        let path = folder.path().join("dead.jsonl");
        let letters = DeadLetters::new(path.clone(), &Arc::new(Redactor::new(&[])), io.handle());
        let claims = Ticket::issue(&Arc::<Ledger>::default(), &Arc::from("source"), 1, 1, Places::default());
        let reason = Reason { kind: "trap", message: "why".to_owned(), backtrace: Vec::new() };
        let failed =
            Failed { records: Payload::of_values(["value"].into_iter().collect()), claims, reasons: vec![reason] };
        let writing = async { tokio::time::timeout(Duration::from_secs(20), letters.write("stage", &failed)).await };
        guests.block_on(writing).expect("nothing is in its way").unwrap();
        assert!(std::fs::read_to_string(path).unwrap().contains("\"why\""));
        failed.claims.settle(Fate::DeadLettered);
        drop(stuck);
    }
}
