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
use super::Source;
use crate::error::{Error, Result};
use crate::plan::SourceKind;

/// Opens a source: finds its files and makes sure that they can be read. No record is read yet.
///
/// A component runs in the sandbox, which is not the edge's: its source is opened there.
///
/// # Errors
/// When a pattern matches no file, a file cannot be opened, or the source is a component.
pub fn open_source(kind: SourceKind) -> Result<Box<dyn Source>> {
    Ok(match kind {
        SourceKind::File(file) => Box::new(Blocking::new(FileSource::open(&file)?)),
        SourceKind::Stdin(stdin) => Box::new(Blocking::new(StdinSource::open(&stdin)?)),
        SourceKind::Generate(generate) => Box::new(Blocking::new(GenerateSource::new(&generate))),
        SourceKind::Custom(custom) => custom.0,
        SourceKind::Component(component) => {
            let path = component.component.display().to_string();
            return Err(Error::internal(format!(
                "the component \"{path}\" is to be opened as a source by the sandbox"
            )));
        }
    })
}
