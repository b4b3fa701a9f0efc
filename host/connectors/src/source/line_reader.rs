//! Finds lines in anything that is read, in bounded memory.
//!
//! Of a line that is too long, the first bytes are kept for the report; the rest is counted and skipped.

use std::io::{self, Read};

use super::buffer::{BLOCK_BYTES, Buffer};
use super::records::{ReadPosition, Shortcut};
use sandmill_engine::record::Column;

/// How much of a record that is too long is kept for the report. Arbitrary: enough to recognise it by.
pub(super) const HEAD_BYTES: usize = 1024;

/// Gives line after line.
pub(super) struct LineReader {
    buffer: Buffer,
    /// This many bytes at the start of the buffer contain no line feed.
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

/// The next thing in the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line of this many bytes: the first of [`LineReader::rest`].
    Line {
        /// Its length, without what ends it.
        bytes: usize,
        /// What [`LineReader::take`] needs to continue after it.
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

    /// The same, of an input that a later run may have to find again.
    pub(super) fn with_digest(self) -> Self {
        Self { buffer: self.buffer.with_digest(), ..self }
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

    /// The bytes that were read and not taken.
    #[inline]
    pub(super) fn rest(&self) -> &[u8] {
        self.buffer.rest()
    }

    /// Where the next line begins.
    pub(super) fn read_position(&mut self) -> ReadPosition {
        ReadPosition::of(&mut self.buffer, self.number)
    }

    /// Goes to where a line begins; `false` when that place is not in the input any more.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(super) fn go_to(&mut self, read_position: &ReadPosition, shortcut: Option<Shortcut>) -> io::Result<bool> {
        self.number = read_position.line;
        self.searched = 0;
        read_position.reach(&mut self.buffer, shortcut)
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

    /// Continues after a line that [`Self::next`] has just found.
    #[inline]
    pub(super) fn take(&mut self, taken: usize) {
        self.buffer.take(taken);
        self.searched = 0;
        self.number += 1;
    }

    /// Moves lines to `out`, as long as whole ones are at hand and there is room for them: this many lines, and this
    /// many bytes of them. Says how many it were; what is in the way then, [`Self::next`] tells.
    pub(super) fn move_whole(&mut self, lines_max: usize, bytes_max: usize, out: &mut Column) -> usize {
        if self.overlong.is_some() {
            return 0;
        }
        let rest = self.buffer.rest();
        let unsearched = rest.get(self.searched..).unwrap_or_default();
        let (mut begin, mut moved, mut room) = (0, 0, bytes_max);
        for feed in memchr::memchr_iter(b'\n', unsearched).take(lines_max) {
            let end = self.searched + feed;
            let line = rest.get(begin..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > room.min(self.line_bytes_max) {
                break;
            }
            out.push(line);
            room -= line.len();
            begin = end + 1;
            moved += 1;
        }
        if moved > 0 {
            self.buffer.take(begin);
            self.searched = 0;
            self.number += moved as u64;
        }
        moved
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

    /// Gives up what was read of a line that is already too long, whatever else it holds. One byte more than the
    /// longest line may be a carriage return.
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

#[cfg(test)]
mod tests {
    use std::io;

    use proptest::prelude::*;

    use super::*;
    use crate::tests::Pieces;

    /// The same as [`read`], with as many lines as possible moved.
    fn moved(mut reader: LineReader, lines_max: usize, bytes_max: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        loop {
            let (first, mut lines) = (reader.number(), Column::default());
            let moved = reader.move_whole(lines_max, bytes_max, &mut lines);
            assert!(moved == lines.len() && moved <= lines_max && lines.bytes() <= bytes_max);
            assert_eq!(reader.number(), first + moved as u64);
            seen.extend((first..).zip(lines.iter().map(|line| Ok(line.to_vec()))));
            let number = reader.number();
            match reader.next(true).expect("the input never fails") {
                Next::Line { bytes, taken } => {
                    seen.push((number, Ok(reader.rest()[..bytes].to_vec())));
                    reader.take(taken);
                }
                Next::Overlong(line) => seen.push((number, Err(line.bytes))),
                Next::NotYet => panic!("it was told to wait"),
                Next::End => return seen,
            }
        }
    }

    /// A line, or the length of one that is too long; and its number.
    type Seen = (u64, Result<Vec<u8>, u64>);

    fn read(mut reader: LineReader) -> Vec<Seen> {
        let mut seen = Vec::new();
        loop {
            let number = reader.number();
            match reader.next(true).expect("the input never fails") {
                Next::Line { bytes, taken } => {
                    seen.push((number, Ok(reader.rest()[..bytes].to_vec())));
                    reader.take(taken);
                }
                Next::Overlong(line) => {
                    assert!(line.head.len() <= HEAD_BYTES);
                    seen.push((number, Err(line.bytes)));
                }
                Next::NotYet => panic!("it was told to wait"),
                Next::End => return seen,
            }
        }
    }

    fn naive(bytes: &[u8], max: usize) -> Vec<Seen> {
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        let unended = lines.pop().expect("a split gives at least one part");
        let mut lines: Vec<&[u8]> = lines.iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
        if !unended.is_empty() {
            lines.push(unended);
        }
        let judged =
            lines.into_iter().map(|line| if line.len() <= max { Ok(line.to_vec()) } else { Err(line.len() as u64) });
        (1..).zip(judged).collect()
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![6 => prop::sample::select(b"abc".to_vec()), 2 => Just(b'\n'), 1 => Just(b'\r')];
        prop::collection::vec(byte, 0..300)
    }

    proptest! {
        #[test]
        fn any_blocks_give_the_same_lines_as_a_naive_splitter(
            bytes in text(),
            sizes in prop::collection::vec(1_usize..20, 1..8),
            block in 1_usize..64,
            max in prop_oneof![3 => Just(1000_usize), 1 => 1_usize..12],
        ) {
            let expected = naive(&bytes, max);
            let input = Pieces::new(bytes, sizes);
            let seen = read(LineReader::with_block(Box::new(input), max, block));
            prop_assert_eq!(seen.len(), expected.len());
            for ((number, line), (expected_number, expected_line)) in seen.into_iter().zip(expected) {
                prop_assert_eq!(number, expected_number);
                match (line, expected_line) {
                    // The carriage return at the end of a line that was abandoned in between counts.
                    (Err(bytes), Err(expected)) => prop_assert!(bytes == expected || bytes == expected + 1),
                    (line, expected) => prop_assert_eq!(line, expected),
                }
            }
        }
    }

    proptest! {
        #[test]
        fn lines_that_are_moved_are_those_that_are_found_one_by_one(
            bytes in text(),
            sizes in prop::collection::vec(1_usize..200, 1..8),
            block in 1_usize..200,
            max in prop_oneof![3 => Just(1000_usize), 1 => 1_usize..12],
            most in (1_usize..20, 0_usize..60),
        ) {
            let reader = || {
                let input = Pieces::new(bytes.clone(), sizes.clone());
                LineReader::with_block(Box::new(input), max, block)
            };
            prop_assert_eq!(moved(reader(), most.0, most.1), read(reader()));
        }
    }

    #[test]
    fn a_line_of_100_mb_is_skipped_in_bounded_memory() {
        const LONG: u64 = 100 << 20;
        const MAX: usize = 64 << 10;
        let input = io::Cursor::new("first\n").chain(io::repeat(b'x').take(LONG)).chain(io::Cursor::new("\nlast"));
        let mut reader = LineReader::new(Box::new(input), MAX);
        let Ok(Next::Line { bytes: 5, taken }) = reader.next(true) else { panic!("the first line is whole") };
        reader.take(taken);
        let Ok(Next::Overlong(line)) = reader.next(true) else { panic!("the second line is too long") };
        assert_eq!((line.bytes, line.head.len()), (LONG, HEAD_BYTES));
        let Ok(Next::Line { bytes: 4, .. }) = reader.next(true) else { panic!("reading goes on at the next line") };
        assert_eq!(reader.number(), 3);
        let held = reader.buffer.capacity();
        assert!(held <= 4 * BLOCK_BYTES, "{held} bytes are held for a line that was given up");
    }

    #[test]
    fn a_line_that_is_allowed_is_whole_however_long() {
        const LONG: usize = 5 << 20;
        let input = io::repeat(b'x').take(LONG as u64).chain(io::Cursor::new("\r\nlast\n"));
        let mut reader = LineReader::new(Box::new(input), LONG);
        let Ok(Next::Line { bytes: LONG, taken }) = reader.next(true) else { panic!("it is as long as a line may be") };
        reader.take(taken);
        assert!(matches!(reader.next(true), Ok(Next::Line { bytes: 4, .. })));
        assert!(reader.buffer.capacity() <= 3 * LONG);
    }
}
