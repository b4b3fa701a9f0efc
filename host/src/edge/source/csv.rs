//! Rows of CSV as JSON objects: the header's names, and the fields as strings.
//!
//! `csv-core` finds the fields: unlike the `csv` crate above it, it lets a row be bounded, so that a quote that is never
//! closed does not swallow the rest of the input into memory. A row that is no record (another number of fields than the
//! header, bytes that are not UTF-8, too long) is a bad record; a header that cannot be used ends the source.

use std::io::{self, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::buffer::{BLOCK_BYTES, Buffer};
use super::csv_row::{Row, RowFault};
use super::records::{Fault, Page, RecordReader, Shortcut, Spot};
use crate::edge::format::json;
use crate::plan::CsvFormat;

/// Reads rows.
pub(super) struct CsvRecords {
    buffer: Buffer,
    parser: Reader,
    row: Row,
    /// The line of the next byte, from 1.
    line: u64,
    /// Each column's name as it begins a member of an object: `{"name":` or `,"name":`. Empty: no header was read yet.
    names: Vec<Vec<u8>>,
    /// A record for which there was no room on the last page.
    held: Option<Held>,
    /// Where the row in hand begins.
    row_at: u64,
    eager: bool,
}

/// A record that waits for the next page.
struct Held {
    line: u64,
    object: Vec<u8>,
    at: u64,
}

/// What comes next.
enum Next {
    Row,
    NotYet,
    End,
}

impl CsvRecords {
    pub(super) fn new(input: Box<dyn Read + Send>, format: CsvFormat, row_bytes_max: usize, eager: bool) -> Self {
        let buffer = Buffer::new(input, BLOCK_BYTES);
        Self {
            // Who is eager reads what gives nothing twice.
            buffer: if eager { buffer } else { buffer.with_digest() },
            parser: ReaderBuilder::new().delimiter(format.delimiter).build(),
            row: Row::new(row_bytes_max),
            line: 1,
            names: Vec::new(),
            held: None,
            row_at: 0,
            eager,
        }
    }

    /// Parses until a row is whole. With `wait`, reads as long as it takes.
    fn next(&mut self, wait: bool) -> io::Result<Next> {
        loop {
            if !self.row.is_begun() {
                self.skip_blank_lines();
            }
            if self.buffer.rest().is_empty() && !self.buffer.has_ended() {
                if !wait {
                    return Ok(Next::NotYet);
                }
                self.buffer.read()?;
                continue;
            }
            if !self.row.is_begun() {
                self.row_at = self.buffer.taken();
                self.buffer.mark();
            }
            self.row.begin(self.line);
            let input = self.buffer.rest();
            let at_end = input.is_empty();
            let (result, taken) = self.row.parse(&mut self.parser, input);
            self.line += memchr::memchr_iter(b'\n', input.get(..taken).unwrap_or_default()).count() as u64;
            self.buffer.take(taken);
            match result {
                ReadRecordResult::Record => {
                    self.row.end(at_end);
                    return Ok(Next::Row);
                }
                ReadRecordResult::End => return Ok(Next::End),
                ReadRecordResult::InputEmpty | ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
            }
        }
    }

    /// The parser would skip them too, but the line of the row behind them would be wrong.
    fn skip_blank_lines(&mut self) {
        let rest = self.buffer.rest();
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let (bytes, lines) = blank.fold((0, 0), |(bytes, lines), byte| (bytes + 1, lines + u64::from(*byte == b'\n')));
        self.buffer.take(bytes);
        self.line += lines;
    }

    /// Reads the header; `None` when there is none, because the input is empty.
    pub(super) fn read_header(&mut self) -> Result<Option<Vec<String>>, Fault> {
        self.buffer.skip_byte_order_mark()?;
        self.row.expect_any();
        let Next::Row = self.next(true)? else { return Ok(None) };
        let names = match self.row.fields() {
            Ok(fields) => fields.map(str::to_owned).collect::<Vec<_>>(),
            Err(fault) => return Err(bad_header(format!("has no usable header: {fault}"))),
        };
        let mut sorted = names.clone();
        sorted.sort_unstable();
        if let Some(twice) = sorted.iter().zip(sorted.iter().skip(1)).find_map(|(a, b)| (a == b).then_some(a)) {
            return Err(bad_header(format!("names the column \"{twice}\" more than once in its header")));
        }
        self.names = names.iter().enumerate().map(|(index, name)| member_start(index, name)).collect();
        self.row.expect(names.len());
        self.row.clear();
        Ok(Some(names))
    }

    /// Puts the row that was just read onto the page, or holds it for the next one; the latter is `false`.
    fn give(&mut self, page: &mut Page) -> bool {
        let line = self.row.line();
        let object = self.row.fields().map(|fields| {
            let mut object = Vec::with_capacity(self.row.bytes() + self.names.iter().map(Vec::len).sum::<usize>());
            write_object(&mut object, &self.names, fields);
            object
        });
        let room = match object {
            Ok(object) if page.has_room(object.len()) => {
                page.push(line, &object);
                true
            }
            Ok(object) => {
                self.held = Some(Held { line, object, at: self.row_at });
                false
            }
            Err(fault) => {
                page.push_bad(Some(line), self.row.take_raw(), reason(&fault, self.names.len()));
                true
            }
        };
        self.row.clear();
        room
    }
}

impl RecordReader for CsvRecords {
    fn fill(&mut self, page: &mut Page) -> Result<bool, Fault> {
        if self.names.is_empty() && self.read_header()?.is_none() {
            return Ok(false);
        }
        if let Some(Held { line, object, .. }) = self.held.take() {
            page.push(line, &object);
        }
        while page.has_room(0) {
            match self.next(!self.eager || page.is_empty())? {
                Next::Row if self.give(page) => {}
                Next::Row | Next::NotYet => break,
                Next::End => return Ok(false),
            }
        }
        Ok(true)
    }

    fn buffered(&self) -> usize {
        self.buffer.rest().len()
    }

    fn spot(&mut self) -> Spot {
        match &self.held {
            // It was taken from the input, and what stood before it may not be at hand any more.
            Some(Held { line, at, .. }) => {
                Spot { bytes: *at, line: *line, tail: Vec::new(), before: self.buffer.digest_at(*at) }
            }
            None => Spot::of(&mut self.buffer, self.line),
        }
    }

    fn go_to(&mut self, spot: &Spot, shortcut: Option<Shortcut>) -> Result<bool, Fault> {
        if spot.bytes == 0 {
            return Ok(true);
        }
        // The rows need their names.
        let has_header = self.read_header()?.is_some();
        self.line = spot.line;
        Ok(has_header && spot.reach(&mut self.buffer, shortcut)?)
    }
}

fn bad_header(what: String) -> Fault {
    let hint = "the first row must name every column once; is the delimiter right? (`delimiter = \";\"`)";
    Fault::Malformed { what, hint: hint.to_owned() }
}

fn member_start(index: usize, name: &str) -> Vec<u8> {
    let mut start = vec![if index == 0 { b'{' } else { b',' }];
    json::push_string(&mut start, name);
    start.push(b':');
    start
}

fn write_object<'a>(out: &mut Vec<u8>, names: &[Vec<u8>], fields: impl Iterator<Item = &'a str>) {
    for (start, field) in names.iter().zip(fields) {
        out.extend_from_slice(start);
        json::push_string(out, field);
    }
    out.push(b'}');
}

fn reason(fault: &RowFault, columns: usize) -> String {
    match fault {
        RowFault::Fields { count } => {
            let s = if *count == 1 { "" } else { "s" };
            format!("the row has {count} field{s}, but the header names {columns}")
        }
        RowFault::Unclosed => "a quote that begins a field of this row is never closed".to_owned(),
        RowFault::NotText { .. } | RowFault::Overlong { .. } => fault.to_string(),
    }
}
