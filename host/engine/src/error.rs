//! The error of the library: whose fault it is, what happened, and what to do about it.
//!
//! `Display` says what happened and never contains its cause: printers walk the chain of sources. Hints are data, so
//! that the command line, a JSON report and a program can each show them in their own way.

use std::error::Error as StdError;
use std::fmt;

/// Whose fault an error is, and so what may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The pipeline file, the command line, a stage folder or a toolchain is not right. Not worth a retry unchanged.
    Config,
    /// A stage failed and its error policy says that this ends the run. Mend the stage, its input or the policy.
    Guest,
    /// A source or a sink failed: a file, a disk, a database. May pass by itself.
    Edge,
    /// Somebody asked the run to stop at once.
    Cancelled,
    /// A bug in Sandmill itself. Please report it.
    Internal,
}

/// Any failure of the library.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hints: Vec<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    retryable: bool,
}

/// A result with the library's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Makes an error of the given kind. The message is lowercase, names things in quotes, and has no final stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hints: Vec::new(), source: None, retryable: false }
    }

    /// Makes an error of the kind [`ErrorKind::Config`].
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// Makes an error of the kind [`ErrorKind::Guest`].
    pub fn guest(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Guest, message)
    }

    /// Makes an error of the kind [`ErrorKind::Edge`].
    pub fn edge(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Edge, message)
    }

    /// Makes an error of the kind [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what it comes from.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Marks the error as retryable: what failed left nothing behind, so the same call may be made again.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// Says where it happened: `stage "parse": …`.
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// Marks an error that keeps a run from starting: nothing was read or written, and somebody has to fix something
    /// first.
    #[must_use]
    pub fn before_the_run(mut self) -> Self {
        self.kind = match self.kind {
            ErrorKind::Guest | ErrorKind::Edge => ErrorKind::Config,
            kind @ (ErrorKind::Config | ErrorKind::Cancelled | ErrorKind::Internal) => kind,
        };
        self
    }

    /// Whose fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Suggestions of what to do about it, most likely first.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Whether the failed call may be made again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// Whether the cause is a pipe whose reader is gone: the reader has seen enough, and nobody needs a report.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        std::iter::successors(self.source(), |&error| error.source())
            .filter_map(|error| error.downcast_ref::<std::io::Error>())
            .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// The messages of the error's causes, nearest first.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        std::iter::successors(self.source(), |&error| error.source()).map(ToString::to_string).collect()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
