//! Sources and sinks as meant.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Grants, Limits, OnError, Retry};
use crate::edge::{CustomSink, CustomSource};

/// One source.
#[derive(Debug)]
pub struct SourcePlan {
    /// Unique among sources, stages and sinks.
    pub name: Arc<str>,
    /// Where its records come from.
    pub kind: SourceKind,
    /// What a bad record (a line that is no JSON, a row with too few fields) leads to.
    pub on_error: OnError,
    /// How often it is tried again when it cannot be read for a reason that may pass.
    pub retry: Retry,
}

/// Where records come from.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a pipeline has a handful")]
pub enum SourceKind {
    /// Files.
    File(FileSource),
    /// Standard input.
    Stdin(StdinSource),
    /// Records made up from a seed.
    Generate(Generate),
    /// A component that exports `sandmill:stage/source`.
    Component(ComponentSource),
    /// A source of the host program's own.
    Custom(CustomSource),
}

/// Files, read one after the other in the order of their names. `.gz` and `.zst` are read as what they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSource {
    /// Paths and glob patterns, absolute or relative to the working folder (the pipeline file's own relative paths have
    /// been joined to its folder). Each must match at least one file.
    pub patterns: Vec<String>,
    /// What a record is.
    pub matter: Matter,
    /// Longest record, bytes; a longer one is a bad record.
    pub record_bytes_max: NonZeroUsize,
}

/// Standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StdinSource {
    /// What a record is. Never [`Matter::Files`].
    pub matter: Matter,
    /// Longest record, bytes; a longer one is a bad record.
    pub record_bytes_max: NonZeroUsize,
}

/// What a record of a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matter {
    /// A line, without its line feed (and without the carriage return before it). An empty line is a record too.
    Lines,
    /// A line that holds one JSON value. Blank lines are skipped.
    JsonLines,
    /// A row, as a JSON object whose names are the header's.
    Csv(CsvDialect),
    /// The whole file; its key is the file's name.
    Files,
}

/// How CSV is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvDialect {
    /// Between two fields, `,` by default.
    pub delimiter: u8,
    /// Whether rows that are not well quoted are read all the same, in the way that programs commonly do. Otherwise they
    /// are bad records.
    pub lenient: bool,
    /// Whether the first row is a header: `true` by default.
    pub header: bool,
    /// The names of the columns; empty: those of the header. Without a header, there must be some.
    pub columns: Vec<String>,
}

impl Default for CsvDialect {
    fn default() -> Self {
        Self { delimiter: b',', lenient: false, header: true, columns: Vec::new() }
    }
}

/// How CSV is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvFormat {
    /// Between two fields, `,` by default.
    pub delimiter: u8,
}

/// Records made up from a seed: for demos and benches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generate {
    /// What is made.
    pub what: Generated,
    /// How many.
    pub records: u64,
    /// The same seed makes the same records.
    pub seed: u64,
}

/// What `generate` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    /// `1`, `2`, `3` …
    Numbers,
    /// Printable text of so many bytes.
    Text {
        /// Length of each record, bytes.
        bytes: NonZeroUsize,
    },
    /// Lines as a web server writes them ("combined" format), bots and health checks included, and now and then a line
    /// that is broken.
    AccessLog,
}

/// A component that makes records.
#[derive(Clone, Debug)]
pub struct ComponentSource {
    /// A `.wasm` file, or a folder that `sandmill build` compiles.
    pub component: PathBuf,
    /// What `open` is given: JSON text.
    pub config: String,
    /// What it may use up; `cpu`, `wall`, `fuel` and `output_records` are per call of `pull`.
    pub limits: Limits,
    /// What it may reach.
    pub grants: Grants,
}

/// One sink.
#[derive(Debug)]
pub struct SinkPlan {
    /// Unique among sources, stages and sinks.
    pub name: Arc<str>,
    /// Where its records go.
    pub kind: SinkKind,
    /// How much waits before it.
    pub queue: crate::queue::QueueBounds,
    /// How much is written at once.
    pub batch: crate::record::BatchBounds,
    /// What a record that the sink refuses leads to.
    pub on_error: OnError,
    /// How often it is tried again when it cannot be written for a reason that may pass.
    pub retry: Retry,
}

/// Where records go.
#[derive(Debug)]
pub enum SinkKind {
    /// A file.
    File(FileSink),
    /// A folder: one file per record.
    Folder(FolderSink),
    /// Standard output.
    Stdout(LineFormat),
    /// Nowhere: they are counted.
    Null,
    /// A table of an SQLite database.
    Sqlite(SqliteSink),
    /// A sink of the host program's own.
    Custom(CustomSink),
}

impl SinkKind {
    /// The same once more; `None` for a sink of the host program's own, of which there is one.
    pub(crate) fn again(&self) -> Option<Self> {
        Some(match self {
            Self::File(file) => Self::File(file.clone()),
            Self::Folder(folder) => Self::Folder(folder.clone()),
            Self::Stdout(format) => Self::Stdout(*format),
            Self::Null => Self::Null,
            Self::Sqlite(sqlite) => Self::Sqlite(sqlite.clone()),
            Self::Custom(_) => return None,
        })
    }
}

/// How records are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFormat {
    /// Each record and a line feed.
    Lines,
    /// Each record, which must be one JSON value, on one line.
    JsonLines,
    /// Each record, which must be a JSON object, as a row; the first record's names are the header.
    Csv(CsvFormat),
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSink {
    /// Where; missing folders are made.
    pub path: PathBuf,
    /// How.
    pub format: LineFormat,
    /// What to do with what is there.
    pub if_exists: IfExists,
}

/// One file per record, named by the record's key, which must be a plain relative path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderSink {
    /// The folder; made when missing.
    pub path: PathBuf,
}

/// A table of an SQLite database; one transaction per batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteSink {
    /// The database file; made when missing.
    pub path: PathBuf,
    /// The table; made when missing.
    pub table: String,
    /// Its columns; empty: taken from the first records, up to 1,000 of them.
    pub columns: Vec<Column>,
    /// What becomes of a field that has no column. When nobody says: it is given one where the columns are taken from the
    /// records, and refused elsewhere.
    pub extra_columns: Option<ExtraColumns>,
    /// What to do with what is there.
    pub if_exists: IfExists,
}

/// What becomes of a field that has no column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExtraColumns {
    /// It is given one, which takes anything.
    Add,
    /// Its record is refused.
    Refuse,
}

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, which is also the name of the record's field.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnType {
    /// 64-bit integers.
    Integer,
    /// 64-bit floating point.
    Real,
    /// Text; arrays and objects are stored as their JSON.
    Text,
    /// Anything, as it comes: the column is declared without a type.
    Any,
}

/// What a sink does with what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IfExists {
    /// Begin anew: the file is emptied, the table is dropped.
    Replace,
    /// Add to it.
    Append,
    /// Refuse to run.
    Fail,
}
