//! Lines as records: as they are, or each checked to be one JSON value.

use std::io;

use super::line_reader::{HEAD_BYTES, LineReader, Next, Overlong};
use super::records::{Fault, Page, RecordReader, Shortcut, Spot};
use crate::edge::format::json::{self, Checked};

/// What a line must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineKind {
    /// Anything, even nothing.
    Plain,
    /// One JSON value. A blank line is skipped.
    Json,
}

/// Reads lines.
pub(super) struct LineRecords {
    lines: LineReader,
    kind: LineKind,
    /// Whether a page goes out as soon as the input makes its reader wait. For what a person or a program writes while
    /// it is read.
    eager: bool,
    begun: bool,
}

impl LineRecords {
    pub(super) fn new(lines: LineReader, kind: LineKind, eager: bool) -> Self {
        Self { lines, kind, eager, begun: false }
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.kind == LineKind::Json && !self.begun {
            self.lines.skip_byte_order_mark()?;
        }
        self.begun = true;
        Ok(())
    }
}

impl RecordReader for LineRecords {
    fn fill(&mut self, page: &mut Page) -> Result<bool, Fault> {
        self.begin()?;
        while page.has_room(0) {
            if self.kind == LineKind::Plain && page.push_whole(&mut self.lines) {
                continue;
            }
            let number = self.lines.number();
            match self.lines.next(!self.eager || page.is_empty())? {
                Next::Line { bytes, taken } => {
                    let line = self.lines.rest().get(..bytes).unwrap_or_default();
                    if !page.has_room(line.len()) {
                        break;
                    }
                    match self.kind {
                        LineKind::Plain => page.push(number, line),
                        LineKind::Json => push_json(page, number, line),
                    }
                    self.lines.take(taken);
                }
                Next::Overlong(line) => push_overlong(page, number, line, self.lines.line_bytes_max()),
                Next::NotYet => break,
                Next::End => return Ok(false),
            }
        }
        Ok(true)
    }

    fn buffered(&self) -> usize {
        self.lines.rest().len()
    }

    fn spot(&mut self) -> Spot {
        self.lines.spot()
    }

    fn go_to(&mut self, spot: &Spot, shortcut: Option<Shortcut>) -> Result<bool, Fault> {
        self.begun = spot.bytes > 0;
        Ok(self.lines.go_to(spot, shortcut)?)
    }
}

fn push_json(page: &mut Page, number: u64, line: &[u8]) {
    if line.iter().all(u8::is_ascii_whitespace) {
        return;
    }
    match json::check(line) {
        Ok(Checked::Line) => page.push_json(number, line),
        Ok(Checked::Lines(_)) => page.push(number, line),
        Err(reason) => page.push_bad(Some(number), line.to_vec(), reason),
    }
}

fn push_overlong(page: &mut Page, number: u64, line: Overlong, limit: usize) {
    let reason = format!("the line has {} bytes, more than the {limit} that a record may have", line.bytes);
    page.push_bad(Some(number), line.head, reason);
}

/// The first bytes of what is no record.
pub(super) fn head(data: &[u8]) -> Vec<u8> {
    data.get(..HEAD_BYTES).unwrap_or(data).to_vec()
}
