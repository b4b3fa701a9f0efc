//! One row of CSV while it is parsed: its fields, within bounds, and its bytes as they are in the input, for the report
//! in case it is no record.

use std::fmt;

use csv_core::{ReadRecordResult, Reader};

use super::line_reader::HEAD_BYTES;

/// A row, from its first byte to its last.
#[derive(Debug)]
pub(super) struct Row {
    /// The fields back to back, unquoted. Filled with zeros or bytes that were written, throughout.
    output: Vec<u8>,
    written: usize,
    /// Where each field ends. No longer than what is expected and one more: the others are only counted.
    ends: Vec<usize>,
    ended: usize,
    /// Fields that were counted and not kept.
    surplus: usize,
    /// The row as it is in the input; of one that is too long, the head.
    raw: Vec<u8>,
    bytes: u64,
    bytes_max: usize,
    /// `None`: any number.
    expected: Option<usize>,
    line: u64,
    begun: bool,
    unclosed: bool,
}

/// Why a row is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RowFault {
    /// It has another number of fields than the header.
    Fields {
        /// How many it has.
        count: usize,
    },
    /// A field, from 1, is not UTF-8.
    NotText {
        /// Which.
        field: usize,
    },
    /// It is too long.
    Overlong {
        /// Its length.
        bytes: u64,
        /// The longest allowed.
        limit: usize,
    },
    /// The input ends within quotes.
    Unclosed,
}

impl Row {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            output: vec![0; 4096],
            written: 0,
            ends: vec![0; 64],
            ended: 0,
            surplus: 0,
            raw: Vec::new(),
            bytes: 0,
            bytes_max,
            expected: None,
            line: 0,
            begun: false,
            unclosed: false,
        }
    }

    /// From here on, rows may have any number of fields: the header.
    pub(super) fn expect_any(&mut self) {
        self.expected = None;
    }

    /// From here on, rows must have so many fields.
    pub(super) fn expect(&mut self, fields: usize) {
        self.expected = Some(fields);
        self.ends = vec![0; fields + 1];
    }

    /// Whether some of the row has been parsed.
    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    /// Notes the line on which the row begins, if it only begins now.
    pub(super) fn begin(&mut self, line: u64) {
        if !self.begun {
            (self.begun, self.line) = (true, line);
        }
    }

    /// The line on which it begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The bytes of its fields.
    pub(super) fn bytes(&self) -> usize {
        self.written
    }

    /// Parses some of the input; says how far it came, and how many bytes it took.
    pub(super) fn parse(&mut self, parser: &mut Reader, input: &[u8]) -> (ReadRecordResult, usize) {
        let output = self.output.get_mut(self.written..).unwrap_or_default();
        let ends = self.ends.get_mut(self.ended..).unwrap_or_default();
        let (result, taken, written, ended) = parser.read_record(input, output, ends);
        self.written += written;
        self.ended += ended;
        self.keep_raw(input.get(..taken).unwrap_or_default());
        match result {
            ReadRecordResult::OutputFull if self.is_overlong() => self.written = 0,
            ReadRecordResult::OutputFull => self.output.resize(self.output.len() * 2, 0),
            ReadRecordResult::OutputEndsFull if self.expected.is_none() && !self.is_overlong() => {
                self.ends.resize(self.ends.len() * 2, 0);
            }
            ReadRecordResult::OutputEndsFull => {
                self.surplus += self.ended;
                self.ended = 0;
            }
            ReadRecordResult::InputEmpty | ReadRecordResult::Record | ReadRecordResult::End => {}
        }
        (result, taken)
    }

    /// The row is whole. `at_end`: the end of the input ended it, not a line feed.
    pub(super) fn end(&mut self, at_end: bool) {
        while matches!(self.raw.last(), Some(b'\r' | b'\n')) && !at_end {
            self.raw.pop();
        }
        let quotes = memchr::memchr_iter(b'"', &self.raw).count();
        self.unclosed = at_end && quotes % 2 == 1 && self.raw.contains(&b'\n');
    }

    /// Its fields, if it is a record.
    pub(super) fn fields(&self) -> Result<impl Iterator<Item = &str>, RowFault> {
        if self.is_overlong() {
            return Err(RowFault::Overlong { bytes: self.bytes, limit: self.bytes_max });
        }
        if self.unclosed {
            return Err(RowFault::Unclosed);
        }
        let count = self.surplus + self.ended;
        if self.expected.is_some_and(|expected| expected != count) {
            return Err(RowFault::Fields { count });
        }
        let ends = self.ends.get(..self.ended).unwrap_or_default();
        let output = self.output.get(..self.written).unwrap_or_default();
        let text = match std::str::from_utf8(output) {
            Ok(text) => text,
            Err(error) => return Err(not_text(ends, error.valid_up_to())),
        };
        // A character's bytes may lie in two fields: then neither is text.
        if let Some(end) = ends.iter().find(|&&end| !text.is_char_boundary(end)) {
            return Err(not_text(ends, end.saturating_sub(1)));
        }
        let mut start = 0;
        Ok(ends.iter().map(move |&end| {
            let field = text.get(start..end).unwrap_or_default();
            start = end;
            field
        }))
    }

    /// The row as it is in the input; of one that is too long, the head.
    pub(super) fn take_raw(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.raw)
    }

    /// Makes room for the next row, and keeps the memory.
    pub(super) fn clear(&mut self) {
        (self.written, self.ended, self.surplus, self.bytes) = (0, 0, 0, 0);
        (self.begun, self.unclosed) = (false, false);
        self.raw.clear();
    }

    fn is_overlong(&self) -> bool {
        self.bytes > self.bytes_max as u64
    }

    fn keep_raw(&mut self, input: &[u8]) {
        self.bytes += input.len() as u64;
        if !self.is_overlong() {
            self.raw.extend_from_slice(input);
            return;
        }
        let kept = input.len().min(HEAD_BYTES.saturating_sub(self.raw.len()));
        self.raw.extend_from_slice(input.get(..kept).unwrap_or_default());
        self.raw.truncate(HEAD_BYTES);
        self.raw.shrink_to_fit();
    }
}

fn not_text(ends: &[usize], at: usize) -> RowFault {
    RowFault::NotText { field: ends.partition_point(|&end| end <= at) + 1 }
}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields { count } => write!(f, "it has {count} fields"),
            Self::NotText { field } => write!(f, "field {field} is not UTF-8"),
            Self::Overlong { bytes, limit } => {
                write!(
                    f,
                    "the row has {bytes} bytes, more than the {limit} that a record may have: is a quote unclosed?"
                )
            }
            Self::Unclosed => f.write_str("a quote is never closed"),
        }
    }
}
