//! Where records go: one file per noun.
//!
//! Every sink but `null` writes on a thread of its own. Opening one checks what can be checked, and changes nothing: what
//! is there is replaced when the first batch is written, or at the end when there was none.

mod blocking;
mod file;
mod null;
mod stdout;
mod writable;

use self::blocking::Blocking;
use self::file::FileSink;
use self::null::Null;
use self::stdout::StdoutSink;
use super::Sink;
use crate::error::Result;
use crate::plan::SinkKind;

/// Opens a sink: makes sure that it can be written to. Nothing is changed yet.
///
/// # Errors
/// When the destination cannot be written to, or is there and must not be.
pub fn open_sink(kind: SinkKind) -> Result<Box<dyn Sink>> {
    Ok(match kind {
        SinkKind::File(file) => Box::new(Blocking::new(FileSink::open(file)?)),
        SinkKind::Stdout(format) => Box::new(Blocking::new(StdoutSink::new(format))),
        SinkKind::Null => Box::new(Null),
        SinkKind::Custom(custom) => custom.0,
        SinkKind::Folder(_) | SinkKind::Sqlite(_) => {
            return Err(crate::error::Error::config("this sink is not part of this build"));
        }
    })
}
