//! What a connector is: one value that knows its settings, its words for people and for checkpoints, what it reads or
//! writes, its secrets, and how it is opened.

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{PipelineFolder, Sink, Source};
use crate::error::{Error, Result};

/// A source with its settings.
#[async_trait]
pub trait SourceSpec: Any + fmt::Debug + Send + Sync {
    /// One line for people, as `sandmill check` shows it: `log/*.gz (lines)`.
    fn summary(&self) -> String;

    /// The settings that decide which records the source gives, one line each, as the pipeline file has them:
    /// `format = "lines"`. A run resumes only where they are the same. Paths are named from the pipeline's folder, and a
    /// secret is never one of them.
    fn identity(&self, folder: &PipelineFolder) -> Vec<String>;

    /// What it will read, as far as the settings say that.
    fn reads(&self) -> Vec<Reads> {
        Vec::new()
    }

    /// Names and values of what no report, message or log may show: passwords, tokens. Each has at least 4 bytes.
    fn secrets(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Opens the source: makes sure that it can be read. It reads no record yet.
    ///
    /// # Cancel safety
    /// The future may be dropped; nothing is left behind.
    ///
    /// # Errors
    /// When the input is not there or cannot be read.
    async fn open(&self) -> Result<Box<dyn Source>>;
}

/// A sink with its settings.
#[async_trait]
pub trait SinkSpec: Any + fmt::Debug + Send + Sync {
    /// One line for people, as `sandmill check` shows it: `out.db (SQLite, table visits)`.
    fn summary(&self) -> String;

    /// The settings that decide where and how records are written, one line each, as the pipeline file has them. A run
    /// resumes only where they are the same. Paths are named from the pipeline's folder, and a secret is never one of them.
    fn identity(&self, folder: &PipelineFolder) -> Vec<String>;

    /// What it will write to, as far as that is on this machine.
    fn writes(&self) -> Option<Writes> {
        None
    }

    /// Names and values of what no report, message or log may show: passwords, tokens. Each has at least 4 bytes.
    fn secrets(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// How many writers may write at the same time. Asked for before the sink is opened.
    fn writers(&self) -> Writers {
        Writers::One("its kind does not say that it can have several")
    }

    /// Opens the sink: makes sure that it can be written to. Nothing is changed before the first write. Called again
    /// after an error that [`Error::is_retryable`].
    ///
    /// # Cancel safety
    /// The future may be dropped; nothing is left behind.
    ///
    /// # Errors
    /// When the destination cannot be written to, or is there and must not be.
    async fn open(&self, start: SinkStart) -> Result<Box<dyn Sink>>;
}

/// How many writers a sink may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// One, and why, to follow "because": `one file is written from one place`.
    One(&'static str),
    /// As many as the pipeline asks for. The open sink gives the others: [`Sink::writer`].
    Many,
}

/// How a sink begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkStart {
    /// What is there was written by an earlier run, and [`Sink::return_to`] will be called.
    pub resumes: bool,
    /// What is there stays, whatever the settings say: this run adds to it.
    pub appends: bool,
}

/// What a source reads of the machine's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Files: a path, or a glob pattern.
    Files(String),
    /// Standard input.
    Stdin,
}

/// What a sink writes to of the machine's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writes {
    /// One file.
    File(PathBuf),
    /// One table of a database, which has files of its own beside it.
    Table {
        /// The file.
        database: PathBuf,
        /// The table's name, in lower case.
        table: String,
    },
    /// Files of any name in a folder.
    Folder(PathBuf),
    /// Standard output.
    Stdout,
}

/// A source that the host program has already opened. It can be opened once.
pub struct OpenedSource(Mutex<Option<Box<dyn Source>>>);

/// A sink that the host program has already opened. It can be opened once.
pub struct OpenedSink(Mutex<Option<Box<dyn Sink>>>);

/// Nothing more is known of what the host program has made.
const SUMMARY: &str = "of the host program";
const IDENTITY: &str = "code of the host program";

impl OpenedSource {
    /// Of a source that is open.
    pub fn new(source: Box<dyn Source>) -> Self {
        Self(Mutex::new(Some(source)))
    }
}

impl OpenedSink {
    pub(crate) fn new(sink: Box<dyn Sink>) -> Self {
        Self(Mutex::new(Some(sink)))
    }
}

fn taken<T>(cell: &Mutex<Option<T>>) -> Result<T> {
    let taken = cell.lock().unwrap_or_else(PoisonError::into_inner).take();
    taken.ok_or_else(|| Error::internal("what the host program has opened was opened a second time"))
}

#[async_trait]
impl SourceSpec for OpenedSource {
    fn summary(&self) -> String {
        SUMMARY.to_owned()
    }

    fn identity(&self, _folder: &PipelineFolder) -> Vec<String> {
        vec![IDENTITY.to_owned()]
    }

    async fn open(&self) -> Result<Box<dyn Source>> {
        taken(&self.0)
    }
}

#[async_trait]
impl SinkSpec for OpenedSink {
    fn summary(&self) -> String {
        SUMMARY.to_owned()
    }

    fn identity(&self, _folder: &PipelineFolder) -> Vec<String> {
        vec![IDENTITY.to_owned()]
    }

    async fn open(&self, _start: SinkStart) -> Result<Box<dyn Sink>> {
        taken(&self.0)
    }
}

impl fmt::Debug for OpenedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenedSource")
    }
}

impl fmt::Debug for OpenedSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenedSink")
    }
}
