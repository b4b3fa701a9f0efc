//! Where records come from: one file per noun.
//!
//! Every source here reads on a thread of its own, ahead of what is taken (`blocking`); what it holds in memory is bounded by
//! the batch, the longest record and a block of input. That lines are JSON is checked where a chunk is taken (`json_lines`), so
//! that the thread reads on meanwhile.

mod again;
mod blocking;
mod buffer;
mod csv;
mod csv_bad;
mod csv_header;
mod csv_scan;
#[cfg(test)]
mod csv_tests;
mod digest;
mod expand;
mod file;
mod find;
mod generate;
mod gzip;
mod input;
mod json_lines;
mod line_reader;
mod lines;
mod packed;
mod reader;
mod records;
mod sniff;
mod stamp;
mod stdin;
mod steady;
#[cfg(test)]
mod tests;
mod whole;

pub(super) use self::csv_header::csv_header;
pub(super) use self::stdin::read_all;

use self::blocking::Blocking;
use self::file::FileSource;
use self::generate::GenerateSource;
use self::stdin::StdinSource;
use super::kind;
use sandmill_engine::edge::Source;
use sandmill_engine::error::Result;

/// Files: finds them, and makes sure that they can be read.
///
/// # Errors
/// When a pattern matches no file, or one cannot be opened.
pub(super) fn files(spec: &kind::FileSource) -> Result<Box<dyn Source>> {
    Ok(Box::new(Blocking::new(FileSource::open(spec)?)))
}

/// Standard input.
///
/// # Errors
/// When it is closed.
pub(super) fn stdin(spec: &kind::StdinSource) -> Result<Box<dyn Source>> {
    Ok(Box::new(Blocking::new(StdinSource::open(spec)?)))
}

/// Records made up from a seed.
pub(super) fn generated(spec: &kind::Generate) -> Box<dyn Source> {
    Box::new(Blocking::new(GenerateSource::new(spec)))
}
