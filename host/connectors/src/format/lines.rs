//! A batch of records as text, one line (of CSV: one row) per record.

use super::csv::CsvWriter;
use super::json::{self, Checked};
use crate::{CsvFormat, LineFormat};
use sandmill_engine::edge::{Header, Rejected};
use sandmill_engine::record::Payload;

/// Writes records as text into a buffer.
#[derive(Clone, Debug)]
pub(crate) enum TextWriter {
    Lines,
    JsonLines,
    Csv(CsvWriter),
}

impl TextWriter {
    pub(crate) fn new(format: LineFormat) -> Self {
        match format {
            LineFormat::Lines => Self::Lines,
            LineFormat::JsonLines => Self::JsonLines,
            LineFormat::Csv(csv) => Self::Csv(CsvWriter::new(csv.delimiter)),
        }
    }

    /// How rows are written, where it writes rows.
    pub(crate) fn csv(&self) -> Option<CsvFormat> {
        match self {
            Self::Csv(csv) => Some(CsvFormat { delimiter: csv.delimiter() }),
            Self::Lines | Self::JsonLines => None,
        }
    }

    /// The output holds these columns already: rows follow them, and no header is written.
    pub(crate) fn follow(&mut self, header: Vec<String>) {
        if let Self::Csv(csv) = self {
            csv.follow(header);
        }
    }

    /// The columns of the source whose records these are, for when there is no record to take them from.
    pub(crate) fn expect(&mut self, header: &Header) {
        if let Self::Csv(csv) = self {
            csv.expect(header);
        }
    }

    /// There are no more records: appends what is to be written all the same.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        if let Self::Csv(csv) = self {
            csv.end(out);
        }
    }

    /// Appends all records but those it returns.
    pub(crate) fn push_all(&mut self, out: &mut Vec<u8>, records: &Payload) -> Vec<Rejected> {
        out.reserve(records.values().bytes() + records.len());
        if let (Self::JsonLines, true) = (&*self, records.are_json_lines()) {
            push_checked(out, records);
            return Vec::new();
        }
        let mut rejected = Vec::new();
        for (index, value) in records.values().iter().enumerate() {
            let pushed = match self {
                Self::Lines => push_line(out, value),
                Self::JsonLines => push_json(out, value),
                Self::Csv(csv) => csv.push(out, value),
            };
            if let Err(reason) = pushed {
                rejected.push(Rejected { index, reason });
            }
        }
        rejected
    }
}

#[inline]
fn push_line(out: &mut Vec<u8>, value: &[u8]) -> Result<(), String> {
    if let Some(at) = memchr::memchr(b'\n', value) {
        return Err(format!(
            "there is a line feed at byte {} of the record, which would split it into two lines: write JSON Lines instead",
            at + 1
        ));
    }
    out.extend_from_slice(value);
    out.push(b'\n');
    Ok(())
}

fn push_json(out: &mut Vec<u8>, value: &[u8]) -> Result<(), String> {
    match json::check(value)? {
        Checked::Line => out.extend_from_slice(value),
        Checked::Lines(text) => json::push_compact(out, text),
    }
    out.push(b'\n');
    Ok(())
}

/// Appends values that are known to be JSON on one line each.
fn push_checked(out: &mut Vec<u8>, records: &Payload) {
    for value in records.values().iter() {
        out.extend_from_slice(value);
        out.push(b'\n');
    }
}
