//! Where records go: one file per noun.
//!
//! Every sink but `null` writes on a thread of its own. Opening one checks what can be checked, and changes nothing: what
//! is there is replaced when the first batch is written, or at the end when there was none.

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
use super::Sink;
use crate::error::Result;
use crate::plan::SinkKind;

/// Opens a sink: makes sure that it can be written to. Nothing is changed yet. With `resumes`, what is there is an earlier
/// run's, and [`Sink::return_to`] will be called.
///
/// # Errors
/// When the destination cannot be written to, or is there and must not be.
pub fn open_sink(kind: SinkKind, resumes: bool) -> Result<Box<dyn Sink>> {
    Ok(match kind {
        SinkKind::File(file) => Box::new(Blocking::new(FileSink::open(file, resumes)?)),
        SinkKind::Folder(folder) => Box::new(Blocking::new(FolderSink::open(folder)?)),
        SinkKind::Sqlite(sqlite) => Box::new(Blocking::new(SqliteSink::open(sqlite, resumes)?)),
        SinkKind::Stdout(format) => Box::new(Blocking::new(StdoutSink::open(format)?)),
        SinkKind::Null => Box::new(Null),
        SinkKind::Custom(custom) => custom.0,
    })
}
