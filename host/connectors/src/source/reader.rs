//! Which reader reads what.

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::blocking::{Finish, as_it_is};
use super::csv::{CsvRecords, CsvRows};
use super::json_lines;
use super::line_reader::LineReader;
use super::lines::{LineKind, LineRecords};
use super::records::RecordReader;
use super::whole::WholeFile;
use crate::SourceFormat;
use sandmill_engine::edge::Header;

/// The longest record, whatever the plan allows: a column holds under 4 GiB, and a row of CSV may grow sixfold when it
/// becomes JSON.
const RECORD_BYTES_MOST: usize = 1 << 29;

/// The shape of an input's records.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    format: SourceFormat,
    record_bytes_max: usize,
    /// Filled when the first of the inputs is begun.
    header: Header,
}

/// The knowledge about an input beside its bytes.
#[derive(Debug)]
pub(super) struct Origin {
    /// The key of the record, where the whole input is one.
    pub(super) name: PathBuf,
    /// Whether records go out as soon as the input makes its reader wait.
    pub(super) eager: bool,
}

impl Shape {
    /// Records of this kind, up to this length.
    pub(super) fn new(format: SourceFormat, record_bytes_max: NonZeroUsize) -> Self {
        let record_bytes_max = record_bytes_max.get().min(RECORD_BYTES_MOST);
        Self { format, record_bytes_max, header: Header::default() }
    }

    /// The names of the columns, where records have columns.
    pub(super) fn header(&self) -> Option<Header> {
        matches!(self.format, SourceFormat::Csv(_)).then(|| self.header.clone())
    }

    /// Whether each input is one record.
    pub(super) fn is_whole_files(&self) -> bool {
        self.format == SourceFormat::Files
    }

    /// The work that is left for each chunk when it is taken.
    pub(super) fn finish(&self) -> Finish {
        match self.format {
            SourceFormat::JsonLines => json_lines::check,
            SourceFormat::Lines | SourceFormat::Csv(_) | SourceFormat::Files => as_it_is,
        }
    }

    /// A reader of one input.
    pub(super) fn reader(&self, input: Box<dyn Read + Send>, origin: Origin) -> Box<dyn RecordReader> {
        let limit = self.record_bytes_max;
        let lines = |input, kind| {
            let lines = LineReader::new(input, limit);
            // A pipe gives nothing twice.
            LineRecords::new(if origin.eager { lines } else { lines.with_digest() }, kind, origin.eager)
        };
        match &self.format {
            SourceFormat::Lines => Box::new(lines(input, LineKind::Plain)),
            SourceFormat::JsonLines => Box::new(lines(input, LineKind::Json)),
            SourceFormat::Csv(dialect) => {
                let header = self.header.clone();
                let rows = CsvRows { dialect: dialect.clone(), row_bytes_max: limit, eager: origin.eager };
                Box::new(CsvRecords::new(input, rows, header))
            }
            SourceFormat::Files => Box::new(WholeFile::new(input, origin.name, limit)),
        }
    }
}
