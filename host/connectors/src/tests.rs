//! What the tests of the edges share.

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::time::Duration;

use sandmill_engine::record::{BatchBounds, Payload};

/// Bounds on a chunk.
pub(super) fn bounds(records: usize, bytes: usize) -> BatchBounds {
    let nonzero = |n| NonZeroUsize::new(n).expect("tests give positive bounds");
    BatchBounds { records: nonzero(records), bytes: nonzero(bytes), linger: Duration::ZERO }
}

/// Records with values and no keys.
pub(super) fn records<V: AsRef<[u8]>>(values: &[V]) -> Payload {
    Payload::of_values(values.iter().collect())
}

/// Gives bytes in pieces of the given sizes, round and round; every fifth read is interrupted.
pub(super) struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    sizes: Vec<usize>,
    reads: usize,
}

impl Pieces {
    pub(super) fn new(bytes: Vec<u8>, sizes: Vec<usize>) -> Self {
        Self { bytes, at: 0, sizes, reads: 0 }
    }
}

impl Read for Pieces {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.reads % self.sizes.len()];
        self.reads += 1;
        if self.reads.is_multiple_of(5) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let size = size.min(room.len()).min(self.bytes.len() - self.at);
        room[..size].copy_from_slice(&self.bytes[self.at..self.at + size]);
        self.at += size;
        Ok(size)
    }
}
