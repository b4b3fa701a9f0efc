//! The dead letters of a run: a JSON Lines file, one failed record a line, made when the first one comes.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::sync::Mutex;

use super::Failed;
use super::attempt::Attempt;
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
}

/// One line of the file.
#[derive(Serialize)]
struct Letter<'a> {
    /// When it had failed: seconds since 1970, UTC.
    time: f64,
    node: &'a str,
    place: String,
    source: String,
    record: u64,
    kind: &'static str,
    reason: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    backtrace: &'a [String],
    attempts: u32,
    /// Those before the last, the latest of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<EarlierAttempt<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Text<'a>>,
    value: Text<'a>,
    /// Whether a secret was struck out of key or value: they are not what the record was.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    redacted: bool,
}

/// An attempt before the last one.
#[derive(Serialize)]
struct EarlierAttempt<'a> {
    /// Seconds since 1970, UTC.
    time: f64,
    kind: &'static str,
    reason: &'a str,
}

/// Bytes as text where they are text, else as hexadecimal: nothing is lost, and what can be read stays readable.
#[derive(Serialize)]
#[serde(untagged)]
enum Text<'a> {
    Utf8(Cow<'a, str>),
    Bytes { hex: String },
}

impl DeadLetters {
    pub(crate) fn new(path: PathBuf, redactor: &Arc<Redactor>) -> Self {
        Self { path: path.into(), redactor: Arc::clone(redactor), file: Arc::default(), any: Arc::default() }
    }

    /// Writes the failed records. When this returns the operating system has them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) async fn write(&self, node: &str, failed: &Failed) -> Result<()> {
        let lines = lines(node, failed, &self.redactor);
        let mut file = Arc::clone(&self.file).lock_owned().await;
        let path = Arc::clone(&self.path);
        let written = tokio::task::spawn_blocking(move || append(&mut file, &path, &lines)).await;
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
    let mut lines = Vec::new();
    for (index, reason) in failed.reasons.iter().enumerate() {
        let place = failed.claims.place(index);
        let key = failed.records.key(index).map(|key| redactor.bytes(key));
        let value = redactor.bytes(failed.records.value(index).unwrap_or_default());
        let redacted = [key.as_ref(), Some(&value)].into_iter().flatten().any(|bytes| matches!(bytes, Cow::Owned(_)));
        let letter = Letter {
            time: seconds(reason.at),
            node,
            place: place.as_ref().map(ToString::to_string).unwrap_or_default(),
            source: place.as_ref().map(|place| place.source.to_string()).unwrap_or_default(),
            record: place.map_or(0, |place| place.record),
            kind: reason.kind,
            reason: &reason.message,
            backtrace: &reason.backtrace,
            attempts: reason.attempts(),
            earlier: reason.earlier.kept().map(EarlierAttempt::of).collect(),
            key: key.map(text),
            value: text(value),
            redacted,
        };
        serde_json::to_writer(&mut lines, &letter).expect("a letter is made of strings and numbers");
        lines.push(b'\n');
    }
    lines
}

impl<'a> EarlierAttempt<'a> {
    fn of(attempt: &'a Attempt) -> Self {
        Self { time: seconds(attempt.at), kind: attempt.kind, reason: &attempt.message }
    }
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
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
