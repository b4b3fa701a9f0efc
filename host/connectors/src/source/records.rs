//! What a reader of records fills: a chunk, within its bounds, with the line of each record.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::buffer::Buffer;
use super::digest::Prefix;
use super::line_reader::LineReader;
use sandmill_engine::edge::{BadRecord, Chunk, Cursor};
use sandmill_engine::record::{BatchBounds, Column, Lines, Payload, Places};

/// Reads one input, be it a file or standard input.
pub(super) trait RecordReader: Send {
    /// Reads what comes before the first record.
    ///
    /// # Errors
    /// When the input cannot be read, or is nothing that this reads.
    fn begin(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// Adds records to the chunk until it is full or the input is at its end; the latter is `false`.
    ///
    /// # Errors
    /// When the input cannot be read, or is nothing that this reads. What is in the chunk by then is good.
    fn fill(&mut self, builder: &mut ChunkBuilder) -> Result<bool, Fault>;

    /// Bytes that were read from the input, and are not in a chunk yet.
    fn buffered(&self) -> usize;

    /// Where the input continues after what is in the chunk.
    fn read_position(&mut self) -> ReadPosition;

    /// The prefix of the input that was read, unpacked, once it is at its end; `None` where it is not known.
    fn seen(&mut self) -> Option<Prefix> {
        let ReadPosition { bytes, before, .. } = self.read_position();
        (before.bytes == bytes).then_some(before)
    }

    /// Goes to such a place, before anything is read. `shortcut` is the same input, opened at a byte before that place.
    /// `false` when the input is not what it was then.
    ///
    /// # Errors
    /// When the input cannot be read, or is nothing that this reads.
    fn go_to(&mut self, read_position: &ReadPosition, shortcut: Option<Shortcut>) -> Result<bool, Fault>;
}

/// A place in an input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReadPosition {
    /// Number of bytes before it, unpacked.
    pub(super) bytes: u64,
    /// The line that begins there, from 1.
    pub(super) line: u64,
    /// Some of the bytes before it.
    #[serde(with = "hex")]
    pub(super) tail: Vec<u8>,
    /// All of the bytes before it, or most.
    pub(super) before: Prefix,
}

/// An input, opened not at its beginning.
pub(super) struct Shortcut {
    pub(super) stream: Box<dyn io::Read + Send>,
    /// At which byte.
    pub(super) at: u64,
}

impl ReadPosition {
    /// Where the rest of `buffer` begins.
    pub(super) fn of(buffer: &mut Buffer, line: u64) -> Self {
        let bytes = buffer.taken();
        Self { bytes, line, tail: buffer.tail().to_vec(), before: buffer.digest_at(bytes) }
    }

    /// The last byte at which an input may be opened that is known to be the same: from there on it is read.
    pub(super) fn shortcut(&self) -> u64 {
        self.before.bytes.min(self.bytes.saturating_sub(self.tail.len() as u64))
    }

    /// Moves `buffer` there; `false` when what stands before it is something else than it was. With a `shortcut`, only
    /// what stands right before it is looked at.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(super) fn reach(&self, buffer: &mut Buffer, shortcut: Option<Shortcut>) -> io::Result<bool> {
        let bytes = self.before.bytes;
        match shortcut.filter(|shortcut| shortcut.at > buffer.taken()) {
            Some(Shortcut { stream, at }) => {
                buffer.go_on_with(stream, at);
                if !buffer.skip_to(bytes)? {
                    return Ok(false);
                }
                buffer.set_digest(self.before);
            }
            // Of the part that was read by now, its reader makes sure.
            None if bytes < buffer.taken() => {}
            None if buffer.skip_to(bytes)? && buffer.digest_at(bytes) == self.before => {}
            None => return Ok(false),
        }
        Ok(buffer.skip_to(self.bytes)? && is_end_of(buffer.tail(), &self.tail))
    }
}

/// Whether one of two is the end of the other: how much of it is at hand depends on how it was read.
fn is_end_of(a: &[u8], b: &[u8]) -> bool {
    a.ends_with(b) || b.ends_with(a)
}

/// Bytes as hexadecimal digits.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |four: u8| char::from(DIGITS.get(usize::from(four)).copied().unwrap_or_default());
        let text: String = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let pairs = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap_or_default());
        pairs.map(|pair| u8::from_str_radix(pair, 16).map_err(de::Error::custom)).collect()
    }
}

/// Why an input cannot be read further.
#[derive(Debug)]
pub(super) enum Fault {
    /// It fails.
    Io(io::Error),
    /// It is not what it should be: what is wrong, and what to do.
    Malformed {
        /// The fault, to follow the name of the input.
        what: String,
        /// What to do.
        hint: String,
    },
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A chunk that is being filled.
pub(super) struct ChunkBuilder {
    values: Column,
    keys: Column,
    lines: Lines,
    gaps: Vec<u32>,
    bad: Vec<BadRecord>,
    bad_bytes: usize,
    /// Whether each value is known to be JSON on one line.
    are_json_lines: bool,
    path: Option<Arc<Path>>,
    records_max: usize,
    bytes_max: usize,
}

impl ChunkBuilder {
    /// An empty chunk; `like` tells how much room is likely to be needed.
    pub(super) fn new(bounds: &BatchBounds, path: Option<Arc<Path>>, like: Size) -> Self {
        Self {
            // A little more than the last one took: growing would copy all of it.
            values: Column::with_capacity(like.records, like.bytes + like.bytes / 16),
            keys: Column::default(),
            lines: Lines::None,
            gaps: Vec::new(),
            bad: Vec::new(),
            bad_bytes: 0,
            are_json_lines: true,
            path,
            records_max: bounds.records.get(),
            bytes_max: bounds.bytes.get(),
        }
    }

    /// An empty chunk that takes everything, with room for this much.
    pub(super) fn without_bounds(path: Option<Arc<Path>>, records: usize, bytes: usize) -> Self {
        let all = NonZeroUsize::MAX;
        Self::new(&BatchBounds { records: all, bytes: all, linger: Duration::ZERO }, path, Size { records, bytes })
    }

    /// Whether nothing is in the chunk.
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.bad.is_empty()
    }

    /// Whether there is room for one more record of this many bytes. Always, as long as the chunk is empty.
    #[inline]
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let (records, held) = (self.values.len() + self.bad.len(), self.values.bytes() + self.bad_bytes);
        (records < self.records_max && held + bytes <= self.bytes_max) || records == 0
    }

    /// Adds a record that has a line.
    #[inline]
    pub(super) fn push(&mut self, line: u64, value: &[u8]) {
        self.are_json_lines = false;
        self.push_json(line, value);
    }

    /// Adds a record that is JSON on one line.
    #[inline]
    pub(super) fn push_json(&mut self, line: u64, value: &[u8]) {
        self.note(line, self.values.len() as u64);
        self.values.push(value);
    }

    /// Adds a record that `write` appends, and that is JSON on one line. `false`: there is no room for it.
    #[inline]
    pub(super) fn push_json_with(&mut self, line: u64, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let before = self.values.len();
        self.values.push_with(write);
        let is_first = before + self.bad.len() == 0;
        if !is_first && self.values.bytes() + self.bad_bytes > self.bytes_max {
            self.values.truncate(before);
            return false;
        }
        self.note(line, before as u64);
        true
    }

    /// Adds the lines that are at hand, as they are, as long as there is room; whether there were any.
    pub(super) fn push_whole(&mut self, lines: &mut LineReader) -> bool {
        let (first, before) = (lines.number(), self.values.len());
        let records = self.records_max.saturating_sub(before + self.bad.len());
        let bytes = self.bytes_max.saturating_sub(self.values.bytes() + self.bad_bytes);
        let moved = lines.move_whole(records, bytes, &mut self.values) as u64;
        if moved == 0 {
            return false;
        }
        self.are_json_lines = false;
        self.note(first, before as u64);
        // The others directly follow it: only where each has its number, there is more to note.
        if let Lines::Each(lines) = &mut self.lines {
            lines.extend(first + 1..first + moved);
        }
        true
    }

    /// Adds a record that has a key and no line. Its value is moved in where it is the first: a whole file may
    /// be large.
    pub(super) fn push_keyed(&mut self, key: &[u8], value: Vec<u8>) {
        self.are_json_lines = false;
        self.keys.push(key);
        if self.values.is_empty() {
            let end = u32::try_from(value.len()).expect("records are kept under 4 GiB");
            self.values = Column::from_parts(value, vec![end]).expect("the only end is the length");
        } else {
            self.values.push(&value);
        }
    }

    /// Adds what is not a record.
    pub(super) fn push_bad(&mut self, line: Option<u64>, data: Vec<u8>, reason: String) {
        let lines = line.map_or(Lines::None, Lines::From);
        let places = Places { path: self.path.clone(), lines, ..Places::default() };
        self.push_bad_record(BadRecord { data, places, reason });
    }

    /// Adds what is not a record, with its place.
    pub(super) fn push_bad_record(&mut self, record: BadRecord) {
        self.bad_bytes += record.data.len();
        self.gaps.push(u32::try_from(self.values.len()).expect("a chunk has far fewer records"));
        self.bad.push(record);
    }

    /// The size of what is in the chunk.
    pub(super) fn size(&self) -> Size {
        Size { records: self.values.len(), bytes: self.values.bytes() }
    }

    /// The chunk.
    pub(super) fn into_chunk(self, position: u64, cursor: Option<Cursor>) -> Chunk {
        let places = Places { path: self.path, lines: self.lines, gaps: self.gaps, ..Places::default() };
        let mut records = Payload::new(self.values, self.keys).expect("every record has a key, or none has");
        if self.are_json_lines {
            records.vouch_for_json_lines();
        }
        Chunk { records, places, bad: self.bad, position, cursor }
    }

    /// Notes the line of the record after the first `count`: one number for the chunk as long as no line is left out.
    #[inline]
    fn note(&mut self, line: u64, count: u64) {
        match &mut self.lines {
            Lines::From(first) if *first + count == line => {}
            Lines::From(first) if count > 0 => {
                self.lines = Lines::Each((*first..*first + count).chain([line]).collect());
            }
            Lines::Each(lines) => lines.push(line),
            Lines::None | Lines::From(_) => self.lines = Lines::From(line),
        }
    }
}

/// How large a chunk was, or is likely to be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    /// Records.
    pub(super) records: usize,
    /// Bytes of their values.
    pub(super) bytes: usize,
}
