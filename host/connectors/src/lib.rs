//! The sources and sinks that come with Sandmill.
//!
//! `kind` has one value for each kind, which is all that the rest of the program knows of it; `source` and `sink` do the
//! work, `format` reads and writes text.

mod fault;
mod format;
pub mod fuzzing;
pub(crate) mod kind;
mod sink;
mod source;
#[cfg(test)]
mod tests;
mod thread;

pub use self::kind::{
    Column, ColumnType, CsvDialect, CsvFormat, ExtraColumns, FileSink, FileSource, FolderSink, Generate, Generated,
    IfExists, LineFormat, NullSink, SINKS, SOURCES, SinkReader, SourceFormat, SourceReader, SqliteSink, StdinSource,
    StdoutSink,
};
