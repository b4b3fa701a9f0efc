//! Handles a row of CSV that is not a record, and finds the next row.
//!
//! What is not well quoted can be read in more than one way, so nothing that may lie within a quote is taken for a row.
//! The rules depend on nothing but the bytes of the input:
//!
//! 1. A fault that shows outside of quotes (text after a closing quote, a quote within a field, a carriage return): the
//!    row ends with the line on which the fault is.
//! 2. A quote that is open for more than `record_max` bytes: the row ends where, after these bytes, a whole line is a
//!    well-formed row with as many fields as the header.
//! 3. A quote that is open at the end of the input: everything from the beginning of its row is the bad record.
//! 4. A row that is only too long ends where it ends.
//!
//! Memory: of a row that is too long, the head.

use std::fmt;

use super::buffer::Buffer;
use super::csv_scan::{QuoteFault, Scanned, Scanner};
use super::line_reader::HEAD_BYTES;

/// A bad row, from its first byte on.
#[derive(Debug)]
pub(super) struct BadRow {
    pub(super) fault: RowFault,
    /// The line on which it begins.
    pub(super) line: u64,
    /// At which byte of the input it begins.
    pub(super) at: u64,
    /// The line on which what was absorbed ends.
    end_line: u64,
    /// The row as it is in the input; of one that is too long, the head.
    data: Vec<u8>,
    bytes: u64,
    bytes_max: usize,
    search: Search,
    /// Whether the input ended before the end of the row was found.
    at_end: bool,
}

/// How the end of a bad row is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    /// It has been found.
    Done,
    /// At the end of the line.
    Line,
    /// Where a line is a row.
    Row,
    /// The same, from the next line on.
    RowBehindLine,
    /// Where the scanner finds it.
    Scan,
}

/// Why a row is not a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RowFault {
    /// It has another number of fields than the header.
    Fields {
        /// How many it has.
        count: usize,
        /// How many it should have.
        expected: usize,
    },
    /// A field, from 1, is not UTF-8.
    NotText {
        /// Which.
        field: usize,
    },
    /// It is too long.
    Overlong {
        /// The longest allowed.
        limit: usize,
    },
    /// It is not well quoted.
    Quoting(QuoteFault),
    /// A quote has been open for too long.
    Lost {
        /// The number of the field that begins with the quote, from 1.
        field: usize,
        /// How many bytes it may stay open.
        limit: usize,
    },
}

impl BadRow {
    /// A row that begins at a place, and of which nothing has been absorbed yet.
    pub(super) fn new(fault: RowFault, line: u64, at: u64, bytes_max: usize) -> Self {
        let search = match fault {
            RowFault::Overlong { .. } => Search::Scan,
            RowFault::Quoting(_) | RowFault::Lost { .. } | RowFault::Fields { .. } | RowFault::NotText { .. } => {
                Search::Done
            }
        };
        Self { fault, line, at, end_line: line, data: Vec::new(), bytes: 0, bytes_max, search, at_end: false }
    }

    /// The line on which what was absorbed ends.
    pub(super) fn end_line(&self) -> u64 {
        self.end_line
    }

    /// Whether its end is found.
    pub(super) fn is_done(&self) -> bool {
        self.search == Search::Done
    }

    /// Takes bytes that belong to the row.
    pub(super) fn absorb(&mut self, buffer: &mut Buffer, bytes: usize) {
        let row = buffer.rest().get(..bytes).unwrap_or_default();
        self.end_line += memchr::memchr_iter(b'\n', row).count() as u64;
        self.bytes += row.len() as u64;
        let kept = match self.bytes > self.bytes_max as u64 {
            true => row.len().min(HEAD_BYTES.saturating_sub(self.data.len())),
            false => row.len(),
        };
        self.data.extend_from_slice(row.get(..kept).unwrap_or_default());
        if self.bytes > self.bytes_max as u64 {
            self.data.truncate(HEAD_BYTES);
            self.data.shrink_to_fit();
        }
        buffer.take(bytes);
    }

    /// Takes what ends the row and does not belong to it.
    pub(super) fn absorb_end(&mut self, buffer: &mut Buffer, bytes: usize) {
        let end = buffer.rest().get(..bytes).unwrap_or_default();
        self.end_line += memchr::memchr_iter(b'\n', end).count() as u64;
        buffer.take(bytes);
    }

    /// The row turned out to be broken in a way for which its end has to be looked for.
    pub(super) fn breaks(&mut self, fault: RowFault) {
        self.search = match fault {
            RowFault::Lost { .. } => Search::RowBehindLine,
            RowFault::Fields { .. } | RowFault::NotText { .. } | RowFault::Overlong { .. } | RowFault::Quoting(_) => {
                Search::Line
            }
        };
        self.fault = fault;
    }

    /// Looks for the end in the bytes at hand. When it is not found, more have to be read.
    pub(super) fn seek_end(&mut self, buffer: &mut Buffer, scanner: &mut Scanner, fields: usize) {
        while self.search != Search::Done {
            let found = match self.search {
                Search::Done => true,
                Search::Line | Search::RowBehindLine => self.seek_line_end(buffer),
                Search::Row => self.seek_row(buffer, scanner, fields),
                Search::Scan => self.scan_on(buffer, scanner),
            };
            if !found {
                return;
            }
        }
    }

    /// Takes the rest of the line. `false`: its end is not at hand.
    fn seek_line_end(&mut self, buffer: &mut Buffer) -> bool {
        match memchr::memchr(b'\n', buffer.rest()) {
            Some(feed) if self.search == Search::Line => {
                let returned = feed > 0 && buffer.rest().get(feed - 1) == Some(&b'\r');
                self.absorb(buffer, feed - usize::from(returned));
                self.absorb_end(buffer, 1 + usize::from(returned));
                self.search = Search::Done;
                true
            }
            Some(feed) => {
                self.absorb(buffer, feed + 1);
                self.search = Search::Row;
                true
            }
            None => {
                // A carriage return may belong to the end of the line.
                let returned = buffer.rest().ends_with(b"\r") && !buffer.has_ended();
                self.absorb(buffer, buffer.rest().len() - usize::from(returned));
                self.ends_with_input(buffer)
            }
        }
    }

    /// Takes lines until one of them is a row. `false`: the line at hand is not whole.
    fn seek_row(&mut self, buffer: &mut Buffer, scanner: &mut Scanner, fields: usize) -> bool {
        let rest = buffer.rest();
        let feed = memchr::memchr(b'\n', rest);
        let bytes = feed.unwrap_or(rest.len());
        if bytes > self.bytes_max {
            self.search = Search::RowBehindLine;
        } else if feed.is_none() && !buffer.has_ended() {
            return false;
        } else if is_row(scanner, rest.get(..bytes).unwrap_or_default(), fields) {
            self.search = Search::Done;
        } else {
            self.absorb(buffer, bytes + usize::from(feed.is_some()));
            if feed.is_none() {
                return self.ends_with_input(buffer);
            }
        }
        true
    }

    /// Takes what the scanner finds to be of the row. `false`: its end is not at hand.
    fn scan_on(&mut self, buffer: &mut Buffer, scanner: &mut Scanner) -> bool {
        match scanner.scan(buffer.rest(), buffer.has_ended()) {
            Scanned::Row { bytes, next } => {
                self.absorb(buffer, bytes);
                self.absorb_end(buffer, next - bytes);
                self.search = Search::Done;
            }
            Scanned::Broken { at, fault } => {
                self.absorb(buffer, at);
                self.breaks(RowFault::Quoting(fault));
            }
            Scanned::Lost { at, field } => {
                self.absorb(buffer, at);
                self.breaks(RowFault::Lost { field, limit: self.bytes_max });
            }
            Scanned::More => {
                self.absorb(buffer, scanner.scanned());
                scanner.forget_scanned();
                return false;
            }
        }
        true
    }

    fn ends_with_input(&mut self, buffer: &Buffer) -> bool {
        if buffer.has_ended() {
            (self.search, self.at_end) = (Search::Done, true);
        }
        buffer.has_ended()
    }

    /// The row's bytes, and why it is not a record.
    pub(super) fn into_parts(self) -> (Vec<u8>, String) {
        let reason = match &self.fault {
            RowFault::Overlong { limit } => {
                format!("the row has {} bytes, more than the {limit} that a record may have", self.bytes)
            }
            RowFault::Lost { .. } if self.at_end => format!("{}; no row was found after it", self.fault),
            RowFault::Lost { .. } => format!("{}; the next row was found on line {}", self.fault, self.end_line),
            RowFault::Fields { .. } | RowFault::NotText { .. } | RowFault::Quoting(_) => self.fault.to_string(),
        };
        (self.data, reason)
    }
}

/// Whether a line is a row by itself, with this many fields.
fn is_row(scanner: &mut Scanner, line: &[u8], fields: usize) -> bool {
    scanner.clear();
    let whole = match scanner.scan(line, true) {
        Scanned::Row { bytes, next } => bytes > 0 && next == line.len(),
        Scanned::Broken { .. } | Scanned::Lost { .. } | Scanned::More => false,
    };
    let count = scanner.count();
    scanner.clear();
    whole && count == fields
}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields { count, expected } => {
                let s = if *count == 1 { "" } else { "s" };
                write!(f, "the row has {count} field{s}, but the header names {expected}")
            }
            Self::NotText { field } => write!(f, "field {field} is not UTF-8"),
            Self::Overlong { limit } => write!(f, "the row has more than {limit} bytes"),
            Self::Quoting(fault) => fault.fmt(f),
            Self::Lost { field, limit } => {
                write!(f, "the quote that begins field {field} is not closed within {limit} bytes")
            }
        }
    }
}
