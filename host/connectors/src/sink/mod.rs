//! The sinks: one file per noun.
//!
//! Every sink but `null` writes on a thread of its own. Opening one checks what can be checked, and changes nothing:
//! what is there is replaced when the first batch is written, or at the end when there was none.

mod blocking;
mod file;
mod folder;
mod key;
mod null;
mod own;
mod sole;
mod sqlite;
mod stdout;
#[cfg(test)]
mod tests;
mod torn;
mod writable;
mod written;

use self::blocking::Blocking;
use self::file::FileSink;
use self::folder::FolderSink;
use self::null::Null;
use self::sqlite::SqliteSink;
use self::stdout::StdoutSink;
use super::kind;
use sandmill_engine::edge::Sink;
use sandmill_engine::error::Result;

/// One file. With `resumes`, what is there is an earlier run's, and [`Sink::return_to`] will be called.
///
/// # Errors
/// When it cannot be written to, or is there and must not be.
pub(super) fn file(spec: kind::FileSink, resumes: bool) -> Result<Box<dyn Sink>> {
    Ok(Box::new(Blocking::new(FileSink::open(spec, resumes)?)))
}

/// One file for each record.
///
/// # Errors
/// When the folder cannot be made or written to.
pub(super) fn folder(spec: kind::FolderSink) -> Result<Box<dyn Sink>> {
    Ok(Box::new(Blocking::new(FolderSink::open(spec)?)))
}

/// A table. With `resumes`, as [`file`].
///
/// # Errors
/// When the database cannot be written to, or the table is there and must not be.
pub(super) fn sqlite(spec: kind::SqliteSink, resumes: bool) -> Result<Box<dyn Sink>> {
    Ok(Box::new(Blocking::new(SqliteSink::open(spec, resumes)?)))
}

/// Standard output.
///
/// # Errors
/// When it is closed.
pub(super) fn stdout(spec: kind::StdoutSink) -> Result<Box<dyn Sink>> {
    Ok(Box::new(Blocking::new(StdoutSink::open(spec.format)?)))
}

/// Nowhere.
pub(super) fn null() -> Box<dyn Sink> {
    Box::new(Null)
}
