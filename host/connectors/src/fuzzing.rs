//! Entry points for the fuzzer to what is private: readers of bytes that nobody vouches for.

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::time::Duration;

use super::format::fields::Fields;
use super::format::json;
use super::source::read_all;
use crate::SourceFormat;
use sandmill_engine::edge::BadRecord;
use sandmill_engine::record::BatchBounds;

/// A source's reading of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The line on which it stands.
    pub line: Option<u64>,
    /// The record; or why these bytes are not one.
    pub record: Result<Vec<u8>, (Vec<u8>, String)>,
}

/// How bytes are read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// How many come at a time.
    pub piece: NonZeroUsize,
    /// How many records a chunk has.
    pub records: NonZeroUsize,
    /// The longest record, bytes.
    pub record_bytes_max: NonZeroUsize,
}

/// Reads bytes as a source does. `None`: the header cannot be used.
///
/// # Panics
/// When a chunk does not hold what it says.
#[must_use]
pub fn read(input: &[u8], format: SourceFormat, reading: Reading) -> Option<Vec<Given>> {
    let pieces = Pieces { rest: input.to_vec(), piece: reading.piece.get() };
    let bounds = BatchBounds { records: reading.records, bytes: NonZeroUsize::new(1 << 12)?, linger: Duration::ZERO };
    let chunks = read_all(Box::new(pieces), format, reading.record_bytes_max, &bounds)?;
    let mut given = Vec::new();
    for chunk in chunks {
        let mut bad = chunk.bad.into_iter().zip(&chunk.places.gaps).peekable();
        for (row, value) in (0_u32..).zip(chunk.records.values().iter()) {
            while let Some((bad, _)) = bad.next_if(|(_, gap)| **gap <= row) {
                given.push(refused(bad));
            }
            assert!(!chunk.records.are_json_lines() || is_json_line(value), "it is known to be JSON on a line");
            given.push(Given { line: chunk.places.lines.of(row), record: Ok(value.to_vec()) });
        }
        given.extend(bad.map(|(bad, _)| refused(bad)));
    }
    Some(given)
}

fn is_json_line(value: &[u8]) -> bool {
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(value).is_ok();
    is_json && !value.iter().any(|byte| matches!(byte, b'\n' | b'\r'))
}

fn refused(bad: BadRecord) -> Given {
    Given { line: bad.places.lines.of(0), record: Err((bad.data, bad.reason)) }
}

/// Whether a sink takes these bytes for JSON.
#[must_use]
pub fn is_json(data: &[u8]) -> bool {
    json::check(data).is_ok()
}

/// The names of the fields that a sink finds in a record; `None` when it is not an object.
#[must_use]
pub fn fields(record: &[u8]) -> Option<Vec<String>> {
    let Fields(fields) = Fields::parse(record).ok()?;
    Some(fields.into_iter().map(|(name, _)| name.into_owned()).collect())
}

/// Gives bytes in pieces.
struct Pieces {
    rest: Vec<u8>,
    piece: usize,
}

impl Read for Pieces {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let bytes = self.piece.min(room.len()).min(self.rest.len());
        for (slot, byte) in room.iter_mut().zip(self.rest.drain(..bytes)) {
            *slot = byte;
        }
        Ok(bytes)
    }
}
