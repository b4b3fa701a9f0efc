//! Which reader reads what.

use std::io::Read;
use std::path::PathBuf;

use super::csv::CsvRecords;
use super::line_reader::LineReader;
use super::lines::{LineKind, LineRecords};
use super::records::RecordReader;
use super::whole::WholeFile;
use crate::plan::Matter;

/// What the records of an input are.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// What a record is.
    pub(super) matter: Matter,
    /// Longest record, bytes.
    pub(super) record_bytes_max: usize,
}

/// What there is to know of an input beside its bytes.
#[derive(Debug)]
pub(super) struct Origin {
    /// The key of the record, where the whole input is one.
    pub(super) name: PathBuf,
    /// Whether records go out as soon as the input makes its reader wait.
    pub(super) eager: bool,
}

impl Shape {
    /// A reader of one input.
    pub(super) fn reader(&self, input: Box<dyn Read + Send>, origin: Origin) -> Box<dyn RecordReader> {
        let limit = self.record_bytes_max;
        let lines = |input, kind| LineRecords::new(LineReader::new(input, limit), kind, origin.eager);
        match &self.matter {
            Matter::Lines => Box::new(lines(input, LineKind::Plain)),
            Matter::JsonLines => Box::new(lines(input, LineKind::Json)),
            Matter::Csv(format) => Box::new(CsvRecords::new(input, *format, limit, origin.eager)),
            Matter::Files => Box::new(WholeFile::new(input, origin.name, limit)),
        }
    }
}
