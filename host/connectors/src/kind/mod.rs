//! The kinds of sources and sinks that come with Sandmill: one file a kind, one line a kind in the lists below.
//!
//! A kind's file has its settings and their reader, its words for people and for checkpoints, and how it is opened. What
//! does the work then is in `source` and `sink`.

mod file_sink;
mod file_source;
mod folder;
mod format;
mod generate;
mod null;
mod sqlite;
mod stdin;
mod stdout;

pub use self::file_sink::FileSink;
pub use self::file_source::FileSource;
pub use self::folder::FolderSink;
pub use self::format::{CsvDialect, CsvFormat, IfExists, LineFormat, SourceFormat};
pub use self::generate::{Generate, Generated};
pub use self::null::NullSink;
pub use self::sqlite::{Column, ColumnType, ExtraColumns, SqliteSink};
pub use self::stdin::StdinSource;
pub use self::stdout::StdoutSink;

use sandmill_engine::edge::SinkSpec;
use sandmill_engine::error::{Error, Result};
use sandmill_engine::plan::SourceKind;
use sandmill_engine::settings::Kind;

/// Reads the section of one source.
pub type SourceReader = Kind<SourceKind>;

/// Reads the section of one sink.
pub type SinkReader = Kind<Box<dyn SinkSpec>>;

/// All kinds of sources, in the order in which messages name them.
pub const SOURCES: &[&SourceReader] = &[&file_source::KIND, &stdin::KIND, &generate::KIND];

/// All kinds of sinks, in the order in which messages name them.
pub const SINKS: &[&SinkReader] = &[&file_sink::KIND, &folder::KIND, &stdout::KIND, &null::KIND, &sqlite::KIND];

/// Opens on a thread that may wait for a disk.
///
/// # Errors
/// As `open`.
async fn opened<T: Send + 'static>(open: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let opened = tokio::task::spawn_blocking(open).await;
    opened.map_err(|error| Error::internal("opening a source or a sink panicked").caused_by(error))?
}
