//! Reads rows of CSV as JSON objects: the header's names, and the fields as strings.
//!
//! A row that is not a record (not well quoted, another number of fields than the header, bytes that are not UTF-8, too
//! long) is a bad record; [`super::csv_bad`] says where the next row begins then. A header that cannot be used ends the
//! source.
//!
//! Memory: a block of input, or twice the longest row.

use std::io::{self, Read};

use super::buffer::{BLOCK_BYTES, Buffer};
use super::csv_bad::{BadRow, RowFault};
use super::csv_scan::{Rules, Scanned, Scanner};
use super::records::{ChunkBuilder, Fault, ReadPosition, RecordReader, Shortcut};
use crate::CsvDialect;
use crate::format::json;
use sandmill_engine::edge::Header;
use sandmill_engine::plan::bounds::FIELDS_MAX;

/// Reads rows.
pub(super) struct CsvRecords {
    buffer: Buffer,
    scanner: Scanner,
    /// The row that was scanned last, as long as it is in the buffer.
    row: Option<Row>,
    bad: Option<BadRow>,
    /// The line of the next byte, from 1.
    line: u64,
    dialect: CsvDialect,
    rules: Rules,
    row_bytes_max: usize,
    columns: Option<Columns>,
    header: Header,
    eager: bool,
}

/// A whole row at the front of the buffer.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Its length without what ends it.
    bytes: usize,
    /// Where the next row begins.
    next: usize,
}

/// The columns that a row's fields become.
struct Columns {
    /// The text before each field: `{"name":"`, or after another field, `","name":"`.
    starts: Vec<Vec<u8>>,
    /// The length of all of these.
    bytes: usize,
}

/// How rows are read.
pub(super) struct CsvRows {
    pub(super) dialect: CsvDialect,
    pub(super) row_bytes_max: usize,
    /// Whether a chunk goes out as soon as the input makes its reader wait.
    pub(super) eager: bool,
}

/// The next thing in the input.
enum Next {
    Row,
    Bad(BadRow),
    NotYet,
    End,
}

impl CsvRecords {
    /// The rows of `input`. The names of its columns go to `header`.
    pub(super) fn new(input: Box<dyn Read + Send>, rows: CsvRows, header: Header) -> Self {
        Self::with_block(input, rows, header, BLOCK_BYTES)
    }

    pub(super) fn with_block(input: Box<dyn Read + Send>, rows: CsvRows, header: Header, block: usize) -> Self {
        let CsvRows { dialect, row_bytes_max, eager } = rows;
        let rules = Rules { delimiter: dialect.delimiter, lenient: dialect.lenient, open_bytes_max: row_bytes_max };
        let buffer = Buffer::new(input, block);
        Self {
            // Who is eager reads what gives nothing twice.
            buffer: if eager { buffer } else { buffer.with_digest() },
            scanner: Scanner::new(rules, FIELDS_MAX),
            row: None,
            bad: None,
            line: 1,
            dialect,
            rules,
            row_bytes_max,
            columns: None,
            header,
            eager,
        }
    }

    /// Scans until a row, or what is not one, is whole. With `wait`, reads as long as it takes.
    fn next(&mut self, wait: bool) -> io::Result<Next> {
        if self.row.is_some() {
            return Ok(Next::Row);
        }
        loop {
            let found = match self.bad.take() {
                Some(bad) => self.seek_end(bad),
                None => self.scan(),
            };
            match found {
                Some(next) => return Ok(next),
                None if !wait => return Ok(Next::NotYet),
                None => self.buffer.read()?,
            }
        }
    }

    /// Scans what is at hand. `None`: more is needed.
    fn scan(&mut self) -> Option<Next> {
        if !self.scanner.is_begun() && !self.skip_blank_lines() {
            return self.buffer.has_ended().then_some(Next::End);
        }
        match self.scanner.scan(self.buffer.rest(), self.buffer.has_ended()) {
            Scanned::Row { bytes, next } if bytes <= self.row_bytes_max => self.judge(Row { bytes, next }),
            Scanned::Broken { at, fault } => self.breaks(at, RowFault::Quoting(fault)),
            Scanned::Lost { at, field } => self.breaks(at, RowFault::Lost { field, limit: self.row_bytes_max }),
            // Here it is whole already. The same must come of it as where it is not.
            Scanned::Row { bytes, next } => {
                let mut bad = self.bad(RowFault::Overlong { limit: self.row_bytes_max });
                bad.absorb(&mut self.buffer, bytes);
                bad.absorb_end(&mut self.buffer, next - bytes);
                Some(self.give_bad(bad))
            }
            Scanned::More if self.scanner.scanned() > self.row_bytes_max => {
                let mut bad = self.bad(RowFault::Overlong { limit: self.row_bytes_max });
                bad.absorb(&mut self.buffer, self.scanner.scanned());
                self.scanner.forget_scanned();
                self.seek_end(bad)
            }
            Scanned::More => None,
        }
    }

    /// A row that is whole: whether it is a record.
    fn judge(&mut self, row: Row) -> Option<Next> {
        let Some(fault) = self.fault_of(row) else {
            self.row = Some(row);
            return Some(Next::Row);
        };
        let mut bad = self.bad(fault);
        bad.absorb(&mut self.buffer, row.bytes);
        bad.absorb_end(&mut self.buffer, row.next - row.bytes);
        Some(self.give_bad(bad))
    }

    fn fault_of(&self, row: Row) -> Option<RowFault> {
        let count = self.scanner.count();
        if let Some(columns) = &self.columns
            && columns.starts.len() != count
        {
            return Some(RowFault::Fields { count, expected: columns.starts.len() });
        }
        if !self.scanner.may_be_beyond_ascii() {
            return None;
        }
        let error = std::str::from_utf8(self.row_bytes(row)).err()?;
        Some(RowFault::NotText { field: self.scanner.field_at(error.valid_up_to()) })
    }

    /// The row is broken at a byte: its end has to be looked for.
    fn breaks(&mut self, at: usize, fault: RowFault) -> Option<Next> {
        let mut bad = self.bad(fault.clone());
        bad.absorb(&mut self.buffer, at);
        bad.breaks(fault);
        self.scanner.clear();
        self.seek_end(bad)
    }

    /// A row that begins here, and of which nothing was taken yet.
    fn bad(&mut self, fault: RowFault) -> BadRow {
        self.buffer.mark();
        BadRow::new(fault, self.line, self.buffer.taken(), self.row_bytes_max)
    }

    fn seek_end(&mut self, mut bad: BadRow) -> Option<Next> {
        let fields = self.columns.as_ref().map_or(0, |columns| columns.starts.len());
        bad.seek_end(&mut self.buffer, &mut self.scanner, fields);
        if bad.is_done() {
            return Some(self.give_bad(bad));
        }
        self.bad = Some(bad);
        None
    }

    fn give_bad(&mut self, bad: BadRow) -> Next {
        self.scanner.clear();
        self.line = bad.end_line();
        Next::Bad(bad)
    }

    /// Takes lines without anything on them. `false`: nothing else is at hand.
    fn skip_blank_lines(&mut self) -> bool {
        loop {
            let blank = match self.buffer.rest() {
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                [b'\r', ..] if self.rules.lenient => 1,
                [b'\r'] if self.buffer.has_ended() => 1,
                [b'\r'] | [] => return false,
                [_, ..] => return true,
            };
            self.line += u64::from(self.buffer.rest().get(blank - 1) == Some(&b'\n'));
            self.buffer.take(blank);
        }
    }

    /// Gets to know the names of the columns; `false` when there are none, because the input is empty.
    pub(super) fn learn_columns(&mut self) -> Result<bool, Fault> {
        if self.columns.is_some() {
            return Ok(true);
        }
        self.buffer.skip_byte_order_mark()?;
        let header = if self.dialect.header { self.read_header()? } else { Some(Vec::new()) };
        let Some(header) = header else { return Ok(false) };
        let given = &self.dialect.columns;
        let names = match given.len() {
            0 => header,
            count if self.dialect.header && header.len() != count => {
                return Err(bad_header(format!(
                    "has a header of {}, but `columns` of the source names {count}",
                    count_of(header.len(), "column")
                )));
            }
            _ => given.clone(),
        };
        if let Some(twice) = repeated(&names) {
            return Err(bad_header(format!("names the column \"{twice}\" more than once in its header")));
        }
        self.scanner = Scanner::new(self.rules, names.len());
        self.columns = Some(Columns::of(&names));
        self.header.set(names);
        Ok(true)
    }

    /// Reads the header row; `None` when the input is empty.
    fn read_header(&mut self) -> Result<Option<Vec<String>>, Fault> {
        let row = match (self.next(true)?, self.row) {
            (Next::Row, Some(row)) => row,
            (Next::Bad(bad), _) => return Err(bad_header(format!("has no usable header: {}", bad.into_parts().1))),
            (Next::Row | Next::NotYet | Next::End, _) => return Ok(None),
        };
        let count = self.scanner.count();
        if count > FIELDS_MAX {
            return Err(bad_header(format!(
                "has a header of {count} columns, more than the {FIELDS_MAX} there may be"
            )));
        }
        let name = |(name, _): (std::borrow::Cow<'_, [u8]>, bool)| String::from_utf8_lossy(&name).into_owned();
        let names = self.scanner.fields(self.row_bytes(row)).map(name).collect();
        self.take(row);
        Ok(Some(names))
    }

    /// The names of the columns, as in the input; `None` when it is empty.
    ///
    /// # Errors
    /// When it cannot be read, or the header cannot be used.
    pub(super) fn names(&mut self) -> Result<Option<Vec<String>>, Fault> {
        Ok(if self.learn_columns()? { self.header.get() } else { None })
    }

    /// Puts the row that was just scanned into the chunk; `false` when there is no room for it, and it stays.
    fn give(&mut self, builder: &mut ChunkBuilder) -> bool {
        let (Some(row), Some(columns)) = (self.row, &self.columns) else { return false };
        let raw = self.row_bytes(row);
        let scanner = &self.scanner;
        let has_room = builder.push_json_with(self.line, |out| {
            // Where nothing has to be escaped, this is enough; quotes in the row are room for some escapes.
            out.reserve(columns.bytes + raw.len() + 2);
            for (start, (field, escaped)) in columns.starts.iter().zip(scanner.fields(raw)) {
                out.extend_from_slice(start);
                match escaped {
                    true => json::push_string_body(out, &field),
                    false => out.extend_from_slice(&field),
                }
            }
            out.extend_from_slice(b"\"}");
        });
        if has_room {
            self.take(row);
        }
        has_room
    }

    fn row_bytes(&self, row: Row) -> &[u8] {
        self.buffer.rest().get(..row.bytes).unwrap_or_default()
    }

    /// Continues after a row.
    fn take(&mut self, row: Row) {
        let feed = self.buffer.rest().get(row.next.saturating_sub(1)) == Some(&b'\n') && row.next > row.bytes;
        self.line += self.scanner.feeds() + u64::from(feed);
        self.buffer.take(row.next);
        self.scanner.clear();
        self.row = None;
    }
}

impl RecordReader for CsvRecords {
    fn begin(&mut self) -> Result<(), Fault> {
        self.learn_columns().map(drop)
    }

    fn fill(&mut self, builder: &mut ChunkBuilder) -> Result<bool, Fault> {
        if !self.learn_columns()? {
            return Ok(false);
        }
        while builder.has_room(0) {
            match self.next(!self.eager || builder.is_empty())? {
                Next::Row if self.give(builder) => {}
                Next::Row | Next::NotYet => break,
                Next::Bad(bad) => {
                    let line = bad.line;
                    let (data, reason) = bad.into_parts();
                    builder.push_bad(Some(line), data, reason);
                }
                Next::End => return Ok(false),
            }
        }
        Ok(true)
    }

    fn buffered(&self) -> usize {
        self.buffer.rest().len()
    }

    fn read_position(&mut self) -> ReadPosition {
        match &self.bad {
            // Some of it was taken from the input, and what stood before it may not be at hand any more.
            Some(bad) => {
                ReadPosition { bytes: bad.at, line: bad.line, tail: Vec::new(), before: self.buffer.digest_at(bad.at) }
            }
            None => ReadPosition::of(&mut self.buffer, self.line),
        }
    }

    fn go_to(&mut self, read_position: &ReadPosition, shortcut: Option<Shortcut>) -> Result<bool, Fault> {
        if read_position.bytes == 0 {
            return Ok(true);
        }
        // The rows need their names.
        let has_header = self.learn_columns()?;
        self.line = read_position.line;
        Ok(has_header && read_position.reach(&mut self.buffer, shortcut)?)
    }
}

impl Columns {
    fn of(names: &[String]) -> Self {
        let start = |(index, name): (usize, &String)| {
            let mut start = if index == 0 { b"{".to_vec() } else { b"\",".to_vec() };
            json::push_string(&mut start, name);
            start.extend_from_slice(b":\"");
            start
        };
        let starts: Vec<Vec<u8>> = names.iter().enumerate().map(start).collect();
        let bytes = starts.iter().map(Vec::len).sum();
        Self { starts, bytes }
    }
}

fn bad_header(what: String) -> Fault {
    let hint = "the first row must name every column once: name them in `columns = [\"…\"]` of the source if it does \
                not, with `header = false` if there is no such row; is the delimiter right? (`delimiter = \";\"`)";
    Fault::Malformed { what, hint: hint.to_owned() }
}

fn repeated(names: &[String]) -> Option<&String> {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    sorted.iter().zip(sorted.iter().skip(1)).find_map(|(a, b)| (a == b).then_some(*a))
}

fn count_of(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}
