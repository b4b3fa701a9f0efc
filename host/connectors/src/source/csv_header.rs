//! The header of a file of CSV, for a sink that appends rows to it.

use std::fs::File;
use std::path::Path;

use super::csv::{CsvRecords, CsvRows};
use super::file::unopened;
use crate::fault;
use crate::{CsvDialect, CsvFormat};
use sandmill_engine::edge::Header;
use sandmill_engine::error::Result;

/// The longest header that rows may be appended under. Arbitrary: ten thousand columns.
const HEADER_BYTES_MAX: usize = 1 << 20;

/// The header of a CSV file; `None` when the file is empty.
///
/// # Errors
/// When it cannot be read, or has no usable header.
pub(crate) fn csv_header(path: &Path, format: CsvFormat) -> Result<Option<Vec<String>>> {
    let file = File::open(path).map_err(|error| fault::unreadable(path, error))?;
    let dialect = CsvDialect { delimiter: format.delimiter, ..CsvDialect::default() };
    let rows = CsvRows { dialect, row_bytes_max: HEADER_BYTES_MAX, eager: false };
    let mut records = CsvRecords::new(Box::new(file), rows, Header::default());
    records.names().map_err(|fault| unopened(path, fault))
}
