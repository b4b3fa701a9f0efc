//! Lines as records, as they are. That each is JSON, `json_lines` checks later.

use std::io;

use super::line_reader::{HEAD_BYTES, LineReader, Next, Overlong};
use super::records::{ChunkBuilder, Fault, ReadPosition, RecordReader, Shortcut};

/// The formats of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineKind {
    /// Anything, even nothing.
    Plain,
    /// One JSON value. Only a byte order mark at the start of the input is left out here.
    Json,
}

/// Reads lines.
pub(super) struct LineRecords {
    lines: LineReader,
    kind: LineKind,
    /// Whether a chunk goes out as soon as the input makes its reader wait. For what a person or a program writes while
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
    fn fill(&mut self, builder: &mut ChunkBuilder) -> Result<bool, Fault> {
        self.begin()?;
        while builder.has_room(0) {
            if builder.push_whole(&mut self.lines) {
                continue;
            }
            let number = self.lines.number();
            match self.lines.next(!self.eager || builder.is_empty())? {
                Next::Line { bytes, taken } => {
                    let line = self.lines.rest().get(..bytes).unwrap_or_default();
                    if !builder.has_room(line.len()) {
                        break;
                    }
                    builder.push(number, line);
                    self.lines.take(taken);
                }
                Next::Overlong(line) => push_overlong(builder, number, line, self.lines.line_bytes_max()),
                Next::NotYet => break,
                Next::End => return Ok(false),
            }
        }
        Ok(true)
    }

    fn buffered(&self) -> usize {
        self.lines.rest().len()
    }

    fn read_position(&mut self) -> ReadPosition {
        self.lines.read_position()
    }

    fn go_to(&mut self, read_position: &ReadPosition, shortcut: Option<Shortcut>) -> Result<bool, Fault> {
        self.begun = read_position.bytes > 0;
        Ok(self.lines.go_to(read_position, shortcut)?)
    }
}

fn push_overlong(builder: &mut ChunkBuilder, number: u64, line: Overlong, limit: usize) {
    let reason = format!("the line has {} bytes, more than the {limit} that a record may have", line.bytes);
    builder.push_bad(Some(number), line.head, reason);
}

/// The first bytes of what is not a record.
pub(super) fn head(data: &[u8]) -> Vec<u8> {
    data.get(..HEAD_BYTES).unwrap_or(data).to_vec()
}
