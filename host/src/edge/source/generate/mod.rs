//! Records made up from a seed: the same seed makes the same records, on every machine.

mod access_log;
mod agents;
mod digits;
mod visitors;

use std::iter::repeat_with;

use fastrand::Rng;

use self::access_log::AccessLog;
use self::digits::Counter;
use super::blocking::BlockingSource;
use crate::edge::{Chunk, Extent};
use crate::error::Result;
use crate::plan::{Generate, Generated};
use crate::record::{BatchBounds, Column, Payload, Places};

/// Makes records up.
pub(super) struct GenerateSource {
    maker: Maker,
    total: u64,
    made: u64,
    /// A record for which there was no room in the last chunk.
    held: Vec<u8>,
    holds: bool,
}

enum Maker {
    Numbers(Counter),
    Text { rng: Rng, bytes: usize },
    AccessLog(Box<AccessLog>),
}

impl GenerateSource {
    pub(super) fn new(generate: &Generate) -> Self {
        let rng = Rng::with_seed(generate.seed);
        let maker = match generate.what {
            Generated::Numbers => Maker::Numbers(Counter::default()),
            Generated::Text { bytes } => Maker::Text { rng, bytes: bytes.get() },
            Generated::AccessLog => Maker::AccessLog(Box::new(AccessLog::new(rng, generate.records))),
        };
        Self { maker, total: generate.records, made: 0, held: Vec::new(), holds: false }
    }

    /// Whether the last record fitted, or was the only one; else it is held.
    fn fits(&mut self, values: &mut Column, bounds: &BatchBounds) -> bool {
        if values.bytes() <= bounds.bytes.get() || values.len() == 1 {
            return true;
        }
        let last = values.len() - 1;
        self.held.clear();
        self.held.extend_from_slice(values.get(last).unwrap_or_default());
        self.holds = true;
        values.truncate(last);
        false
    }
}

impl BlockingSource for GenerateSource {
    fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>> {
        let room = usize::try_from(self.total - self.made).unwrap_or(usize::MAX).min(bounds.records.get());
        if room == 0 {
            return Ok(None);
        }
        let likely = self.maker.likely_bytes();
        let mut values = Column::with_capacity(room.min(1 << 20), room.saturating_mul(likely).min(bounds.bytes.get()));
        if std::mem::take(&mut self.holds) {
            values.push(&self.held);
        }
        while values.len() < room {
            values.push_with(|out| self.maker.make(out));
            if !self.fits(&mut values, bounds) {
                break;
            }
        }
        self.made += values.len() as u64;
        Ok(Some(Chunk {
            records: Payload::of_values(values),
            places: Places::default(),
            bad: Vec::new(),
            position: self.made,
        }))
    }

    fn extent(&self) -> Extent {
        Extent::Records(self.total)
    }
}

impl Maker {
    /// Appends the next record.
    #[inline]
    fn make(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Numbers(counter) => counter.push_next(out),
            Self::Text { rng, bytes } => push_text(out, rng, *bytes),
            Self::AccessLog(log) => log.push_line(out),
        }
    }

    /// How long a record is, more or less.
    fn likely_bytes(&self) -> usize {
        match self {
            Self::Numbers(_) => 8,
            Self::Text { bytes, .. } => *bytes,
            Self::AccessLog(_) => 256,
        }
    }
}

/// Letters about as often as in English, and spaces: six bits choose one.
const LETTERS: &[u8; 64] = b"          eeeeeeetttttaaaaoooiiinnnsssrrrhhhdddlluccmmffyywgpbvk";

/// Appends printable text.
fn push_text(out: &mut Vec<u8>, rng: &mut Rng, bytes: usize) {
    const LETTERS_PER_DRAW: usize = 10;
    let letters = repeat_with(|| rng.u64(..)).flat_map(|bits| {
        (0..LETTERS_PER_DRAW).map(move |at| {
            let choice = (bits >> (6 * at)) & 63;
            LETTERS.get(usize::try_from(choice).unwrap_or(0)).copied().unwrap_or(b' ')
        })
    });
    out.extend(letters.take(bytes));
}
