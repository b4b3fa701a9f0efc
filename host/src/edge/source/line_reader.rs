//! Finds lines in anything that is read, in bounded memory.
//!
//! Of a line that is too long, the first bytes are kept for the report; the rest is counted and skipped.

use std::io::{self, Read};

use super::buffer::{BLOCK_BYTES, Buffer};

/// How much of a record that is too long is kept for the report. Arbitrary: enough to recognise it by.
pub(super) const HEAD_BYTES: usize = 1024;

/// Gives line after line.
pub(super) struct LineReader {
    buffer: Buffer,
    /// So many bytes at the start of the buffer hold no line feed.
    searched: usize,
    line_bytes_max: usize,
    number: u64,
    overlong: Option<Overlong>,
}

/// A line that is too long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Overlong {
    /// Its first bytes.
    pub(super) head: Vec<u8>,
    /// Its length, without what ends it.
    pub(super) bytes: u64,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line of so many bytes: the first of [`LineReader::rest`].
    Line {
        /// Its length, without what ends it.
        bytes: usize,
        /// What [`LineReader::take`] takes to go on behind it.
        taken: usize,
    },
    /// A line that is too long. It has been taken.
    Overlong(Overlong),
    /// No whole line is at hand, and the caller would not wait for one.
    NotYet,
    /// The end of the input.
    End,
}

impl LineReader {
    pub(super) fn new(input: Box<dyn Read + Send>, line_bytes_max: usize) -> Self {
        Self::with_block(input, line_bytes_max, BLOCK_BYTES)
    }

    pub(super) fn with_block(input: Box<dyn Read + Send>, line_bytes_max: usize, block: usize) -> Self {
        Self { buffer: Buffer::new(input, block), searched: 0, line_bytes_max, number: 1, overlong: None }
    }

    /// The number of the next line to be taken, from 1.
    #[inline]
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// How long a line may be, bytes.
    pub(super) fn line_bytes_max(&self) -> usize {
        self.line_bytes_max
    }

    /// What was read and not taken.
    #[inline]
    pub(super) fn rest(&self) -> &[u8] {
        self.buffer.rest()
    }

    /// Skips a UTF-8 byte-order mark. Only at the start of the input.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(super) fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        self.buffer.skip_byte_order_mark()
    }

    /// The next line. It is not taken: the next call finds it again. With `wait`, reads until there is one.
    ///
    /// # Errors
    /// When the input cannot be read. An unfinished line stays.
    #[inline]
    pub(super) fn next(&mut self, wait: bool) -> io::Result<Next> {
        loop {
            let rest = self.buffer.rest();
            let unsearched = rest.get(self.searched..).unwrap_or_default();
            if let Some(feed) = memchr::memchr(b'\n', unsearched) {
                let bytes = self.searched + feed;
                let returned = bytes > 0 && rest.get(bytes - 1) == Some(&b'\r');
                self.searched = bytes;
                return Ok(self.found(bytes - usize::from(returned), bytes + 1));
            }
            self.searched = rest.len();
            self.give_up_overlong();
            if self.buffer.has_ended() {
                return Ok(self.last());
            }
            if !wait {
                return Ok(Next::NotYet);
            }
            self.buffer.read()?;
        }
    }

    /// Goes on behind a line that [`Self::next`] has just found.
    #[inline]
    pub(super) fn take(&mut self, taken: usize) {
        self.buffer.take(taken);
        self.searched = 0;
        self.number += 1;
    }

    #[inline]
    fn found(&mut self, bytes: usize, taken: usize) -> Next {
        if bytes <= self.line_bytes_max && self.overlong.is_none() {
            return Next::Line { bytes, taken };
        }
        let mut overlong = self.overlong.take().unwrap_or_default();
        overlong.add(self.rest().get(..bytes).unwrap_or_default());
        self.take(taken);
        Next::Overlong(overlong)
    }

    fn last(&mut self) -> Next {
        match self.rest().len() {
            0 if self.overlong.is_none() => Next::End,
            bytes => self.found(bytes, bytes),
        }
    }

    /// Gives up what was read of a line that is already too long, whatever else it holds. One byte more than the longest
    /// line may be a carriage return.
    fn give_up_overlong(&mut self) {
        let bytes = self.rest().len();
        if self.overlong.is_some() || bytes > self.line_bytes_max.saturating_add(1) {
            let mut overlong = self.overlong.take().unwrap_or_default();
            overlong.add(self.rest());
            self.overlong = Some(overlong);
            self.buffer.take(bytes);
            self.searched = 0;
        }
    }
}

impl Overlong {
    fn add(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(HEAD_BYTES.saturating_sub(self.head.len()));
        self.head.extend_from_slice(bytes.get(..kept).unwrap_or_default());
        self.bytes += bytes.len() as u64;
    }
}
