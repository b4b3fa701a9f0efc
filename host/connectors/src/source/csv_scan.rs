//! Finds the fields of one row of CSV, eight bytes at a time.
//!
//! Strict by default: text after a closing quote, a quote within a field that does not begin with one, and a carriage
//! return without its line feed are faults, because two readers of CSV would read two different rows. Lenient, it reads
//! them as `csv-core` does. A scan can be interrupted at any byte and resumed when there are more: what it finds does
//! not depend on where the input was cut.
//!
//! Memory: the ends of as many fields as are expected and one more; the others are only counted.

use std::borrow::Cow;
use std::fmt;

use crate::format::eight::Eight;

/// A scanner's rules for the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) delimiter: u8,
    /// Whether faults are let pass.
    pub(super) lenient: bool,
    /// How many bytes a quote may stay open.
    pub(super) open_bytes_max: usize,
}

/// Finds the fields of one row after the other.
#[derive(Debug)]
pub(super) struct Scanner {
    rules: Rules,
    /// Number of bytes of the row that are scanned.
    at: usize,
    /// The field that is being scanned.
    field: Field,
    /// Whether it is within quotes, and since which byte of the row.
    opened: Option<usize>,
    fields: Vec<Field>,
    fields_max: usize,
    /// How many fields are done, kept or not.
    count: usize,
    /// Line feeds within quotes.
    feeds: u64,
    beyond_ascii: bool,
}

/// The bytes of a field in its row, quotes included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Field {
    start: usize,
    end: usize,
    form: Form,
}

/// How a field is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Form {
    /// It begins with a quote.
    quoted: bool,
    /// Something other than taking the outer quotes away has to be done to read it.
    irregular: bool,
    /// It has bytes that JSON escapes.
    escaped: bool,
}

/// How far a scan came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scanned {
    /// The row is whole.
    Row {
        /// Its length without what ends it.
        bytes: usize,
        /// Where the next row begins.
        next: usize,
    },
    /// The row is not well quoted.
    Broken {
        /// Where that shows.
        at: usize,
        /// In which way.
        fault: QuoteFault,
    },
    /// A quote has been open for longer than it may be.
    Lost {
        /// The first byte beyond the bound.
        at: usize,
        /// The field that the quote begins, from 1.
        field: usize,
    },
    /// The row may continue in what was not read yet.
    More,
}

/// Why a row is not well quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QuoteFault {
    /// The number of the field, from 1.
    pub(super) field: usize,
    pub(super) kind: QuoteFaultKind,
}

/// The ways in which a row can be badly quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QuoteFaultKind {
    /// Text follows a closing quote.
    Behind,
    /// A field that does not begin with a quote has one.
    Within,
    /// A carriage return has no line feed, outside of quotes.
    Return,
    /// The input ends within quotes.
    Unclosed,
}

impl Scanner {
    /// A scanner that expects any number of fields up to this, and keeps one more.
    pub(super) fn new(rules: Rules, fields: usize) -> Self {
        Self {
            rules,
            at: 0,
            field: Field::default(),
            opened: None,
            fields: Vec::new(),
            fields_max: fields + 1,
            count: 0,
            feeds: 0,
            beyond_ascii: false,
        }
    }

    /// Makes ready for the next row.
    pub(super) fn clear(&mut self) {
        self.fields.clear();
        (self.at, self.count, self.feeds) = (0, 0, 0);
        (self.field, self.opened, self.beyond_ascii) = (Field::default(), None, false);
    }

    /// Number of bytes of the row that are scanned.
    pub(super) fn scanned(&self) -> usize {
        self.at
    }

    /// Whether some of the row is scanned.
    pub(super) fn is_begun(&self) -> bool {
        self.at > 0
    }

    /// How many fields the row has, so far.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Line feeds within the quotes of the row.
    pub(super) fn feeds(&self) -> u64 {
        self.feeds
    }

    /// Whether the row may have bytes that are not ASCII. Those that follow it count, too.
    pub(super) fn may_be_beyond_ascii(&self) -> bool {
        self.beyond_ascii
    }

    /// The row's scanned bytes are taken away from its front: those that follow are now its first. Its fields cannot be
    /// read any more, only counted.
    pub(super) fn forget_scanned(&mut self) {
        self.field.start = self.field.start.wrapping_sub(self.at);
        self.opened = self.opened.map(|opened| opened.wrapping_sub(self.at));
        self.at = 0;
    }

    /// Scans the row that `bytes` begins with, from where the last scan of it came to. With `at_end`, nothing follows
    /// them.
    pub(super) fn scan(&mut self, bytes: &[u8], at_end: bool) -> Scanned {
        while self.at < bytes.len() {
            let first = self.at;
            let eight = Eight::load(bytes, first);
            self.beyond_ascii |= eight.beyond_ascii();
            for mark in eight.marks_of_json_and(self.rules.delimiter) {
                let position = first + mark;
                if position < self.at {
                    // It was looked at together with the one before it.
                    continue;
                }
                if let Some(scanned) = self.look(bytes, position, at_end) {
                    return scanned;
                }
            }
            self.at = self.at.max(bytes.len().min(first + 8));
        }
        if let Some(lost) = self.lost(bytes.len()) {
            return lost;
        }
        if at_end { self.end(bytes.len()) } else { Scanned::More }
    }

    /// Looks at a byte that may mean something. `None`: the scan continues.
    #[inline(always)]
    fn look(&mut self, bytes: &[u8], position: usize, at_end: bool) -> Option<Scanned> {
        let byte = bytes.get(position).copied().unwrap_or_default();
        if self.opened.is_some() {
            return self.look_within_quotes(bytes, position, at_end);
        }
        if byte == self.rules.delimiter {
            self.end_field(position);
            return None;
        }
        match byte {
            b'\n' => {
                self.end_field(position);
                Some(Scanned::Row { bytes: position, next: position + 1 })
            }
            b'\r' => self.look_at_return(bytes, position, at_end),
            b'"' if position == self.field.start => {
                (self.opened, self.field.form.quoted) = (Some(position), true);
                None
            }
            b'"' if !self.rules.lenient => self.broken(position, QuoteFaultKind::Within),
            _ => {
                self.field.form.escaped = true;
                None
            }
        }
    }

    fn look_within_quotes(&mut self, bytes: &[u8], position: usize, at_end: bool) -> Option<Scanned> {
        match bytes.get(position) {
            Some(b'"') => return self.look_at_closing_quote(bytes, position, at_end),
            Some(b'\n') => {
                self.feeds += 1;
                self.field.form.escaped = true;
            }
            Some(byte) => self.field.form.escaped |= *byte < 0x20 || *byte == b'\\',
            None => {}
        }
        None
    }

    /// A quote within quotes: one of a pair, or the closing one, which the next byte tells.
    fn look_at_closing_quote(&mut self, bytes: &[u8], position: usize, at_end: bool) -> Option<Scanned> {
        if let Some(lost) = self.lost(position) {
            return Some(lost);
        }
        match bytes.get(position + 1) {
            Some(b'"') => {
                (self.field.form.irregular, self.field.form.escaped) = (true, true);
                self.at = position + 2;
            }
            Some(b'\n' | b'\r') => self.opened = None,
            Some(next) if *next == self.rules.delimiter => self.opened = None,
            Some(_) if self.rules.lenient => (self.opened, self.field.form.irregular) = (None, true),
            Some(_) => return self.broken(position + 1, QuoteFaultKind::Behind),
            None if at_end => self.opened = None,
            None => {
                self.at = position;
                return Some(Scanned::More);
            }
        }
        None
    }

    fn look_at_return(&mut self, bytes: &[u8], position: usize, at_end: bool) -> Option<Scanned> {
        let next = match bytes.get(position + 1) {
            Some(b'\n') => position + 2,
            Some(_) if !self.rules.lenient => return self.broken(position, QuoteFaultKind::Return),
            Some(_) => position + 1,
            None if at_end => position + 1,
            None => {
                self.at = position;
                return Some(Scanned::More);
            }
        };
        self.end_field(position);
        Some(Scanned::Row { bytes: position, next })
    }

    /// The input ends after these bytes.
    fn end(&mut self, bytes: usize) -> Scanned {
        if self.opened.is_some() && !self.rules.lenient {
            let fault = QuoteFault { field: self.count + 1, kind: QuoteFaultKind::Unclosed };
            return Scanned::Broken { at: bytes, fault };
        }
        self.field.form.irregular |= self.opened.take().is_some();
        self.end_field(bytes);
        Scanned::Row { bytes, next: bytes }
    }

    /// Whether a quote has been open for too long by now.
    fn lost(&self, at: usize) -> Option<Scanned> {
        let opened = self.opened?;
        let most = self.rules.open_bytes_max;
        // Of a row whose beginning was taken away, the quote may have been opened before byte 0.
        let lost = Scanned::Lost { at: opened.wrapping_add(most).wrapping_add(1), field: self.count + 1 };
        (at.wrapping_sub(opened) > most).then_some(lost)
    }

    fn broken(&self, at: usize, kind: QuoteFaultKind) -> Option<Scanned> {
        Some(Scanned::Broken { at, fault: QuoteFault { field: self.count + 1, kind } })
    }

    #[inline(always)]
    fn end_field(&mut self, end: usize) {
        if self.count < self.fields_max {
            self.fields.push(Field { end, ..self.field });
        }
        self.count += 1;
        self.field = Field { start: end + 1, ..Field::default() };
    }

    /// The fields that were kept, as they are in the row, each with whether JSON has to escape something in it.
    #[inline]
    pub(super) fn fields<'a>(&'a self, row: &'a [u8]) -> impl Iterator<Item = (Cow<'a, [u8]>, bool)> {
        self.fields.iter().map(|field| (field.read(row), field.form.escaped))
    }

    /// Which field, from 1, a byte of the row belongs to.
    pub(super) fn field_at(&self, at: usize) -> usize {
        self.fields.partition_point(|field| field.end <= at) + 1
    }
}

impl Field {
    /// What is written there.
    #[inline(always)]
    fn read(self, row: &[u8]) -> Cow<'_, [u8]> {
        if self.form.irregular {
            return Cow::Owned(unquoted(row.get(self.start..self.end).unwrap_or_default()));
        }
        let (start, end) = match self.form.quoted {
            true => (self.start + 1, self.end.saturating_sub(1)),
            false => (self.start, self.end),
        };
        Cow::Borrowed(row.get(start..end).unwrap_or_default())
    }
}

/// Reads a field that begins with a quote: pairs of quotes are one, and what follows the closing one belongs to it.
fn unquoted(field: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(field.len());
    let mut rest = field.strip_prefix(b"\"").unwrap_or(field);
    while let Some(at) = memchr::memchr(b'"', rest) {
        let (before, from) = rest.split_at(at);
        text.extend_from_slice(before);
        match from.strip_prefix(b"\"\"") {
            Some(behind) => {
                text.push(b'"');
                rest = behind;
            }
            None => {
                text.extend_from_slice(from.get(1..).unwrap_or_default());
                return text;
            }
        }
    }
    text.extend_from_slice(rest);
    text
}

impl fmt::Display for QuoteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field;
        match self.kind {
            QuoteFaultKind::Behind => write!(f, "text follows the closing quote of field {field}"),
            QuoteFaultKind::Within => write!(f, "field {field} has a quote, but does not begin with one"),
            QuoteFaultKind::Return => write!(f, "field {field} has a carriage return outside of quotes"),
            QuoteFaultKind::Unclosed => write!(f, "the quote that begins field {field} is never closed"),
        }
    }
}
