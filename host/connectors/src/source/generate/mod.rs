//! Records made up from a seed: the same seed makes the same records, on every machine.

mod access_log;
mod agents;
mod digits;
mod text;
mod visitors;

use std::num::NonZeroUsize;

use fastrand::Rng;

use self::access_log::AccessLog;
use self::digits::Counter;
use self::text::Text;
use super::blocking::{AHEAD, BlockingSource};
use crate::{Generate, Generated};
use sandmill_engine::edge::{Chunk, Cursor, Extent, Input, Settlement};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::record::{BatchBounds, Column, Payload, Places};

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
    Text(Text),
    AccessLog(Box<AccessLog>),
}

impl GenerateSource {
    pub(super) fn new(generate: &Generate) -> Self {
        let rng = Rng::with_seed(generate.seed);
        let maker = match generate.what {
            Generated::Numbers => Maker::Numbers(Counter::default()),
            Generated::Text { bytes } => Maker::Text(Text::new(rng, bytes.get())),
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
            cursor: Some(Cursor(self.made.to_string())),
        }))
    }

    fn ahead(&self) -> NonZeroUsize {
        AHEAD
    }

    fn extent(&self) -> Extent {
        Extent::Records(self.total)
    }

    fn settlement(&self) -> Settlement {
        Settlement::Cursor
    }

    /// What was made before is made again and forgotten.
    fn seek(&mut self, cursor: &Cursor, _inputs: &[Input]) -> Result<()> {
        let made = cursor.0.parse().map_err(|error| {
            Error::config(format!("\"{}\" is not a number of records", cursor.0.escape_default())).caused_by(error)
        })?;
        let mut forgotten = Vec::new();
        for _ in 0..made {
            forgotten.clear();
            self.maker.make(&mut forgotten);
        }
        self.made = made;
        Ok(())
    }
}

impl Maker {
    /// Appends the next record.
    #[inline]
    fn make(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Numbers(counter) => counter.push_next(out),
            Self::Text(text) => text.push_next(out),
            Self::AccessLog(log) => log.push_line(out),
        }
    }

    /// How long a record is, more or less.
    fn likely_bytes(&self) -> usize {
        match self {
            Self::Numbers(_) => 8,
            Self::Text(text) => text.bytes(),
            Self::AccessLog(_) => 256,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::tests::bounds;

    fn generate(what: Generated, records: u64, seed: u64, bounds: &BatchBounds) -> Vec<Chunk> {
        let mut source = GenerateSource::new(&Generate { what, records, seed });
        assert_eq!(source.extent(), Extent::Records(records));
        let chunks: Vec<_> = std::iter::from_fn(|| source.pull(bounds).expect("it never fails")).collect();
        let fits = |chunk: &Chunk| chunk.records.bytes() <= bounds.bytes.get() || chunk.records.len() == 1;
        assert!(chunks.iter().all(|chunk| fits(chunk) && chunk.records.len() <= bounds.records.get()));
        assert_eq!(chunks.last().map_or(0, |chunk| chunk.position), records);
        chunks
    }

    fn values(chunks: &[Chunk]) -> Vec<Vec<u8>> {
        chunks.iter().flat_map(|chunk| chunk.records.values().iter().map(<[u8]>::to_vec)).collect()
    }

    #[test]
    fn numbers_count_from_one_whatever_the_bounds() {
        for bounds in [bounds(7, 1000), bounds(100, 10), bounds(1, 1), bounds(10_000, 1 << 20)] {
            let numbers = values(&generate(Generated::Numbers, 1234, 0, &bounds));
            let expected: Vec<_> = (1..=1234).map(|n: u64| n.to_string().into_bytes()).collect();
            assert_eq!(numbers, expected);
        }
        assert!(generate(Generated::Numbers, 0, 0, &bounds(1, 1)).is_empty());
    }

    #[test]
    fn the_same_seed_makes_the_same_records_whatever_the_bounds() {
        let text = Generated::Text { bytes: NonZeroUsize::new(33).expect("positive") };
        for what in [text, Generated::AccessLog] {
            let one = values(&generate(what, 5000, 7, &bounds(1000, 1 << 20)));
            let same = values(&generate(what, 5000, 7, &bounds(33, 777)));
            let other = values(&generate(what, 5000, 8, &bounds(1000, 1 << 20)));
            assert_eq!(one.len(), 5000);
            assert!(one == same && one != other, "{what:?}");
        }
        let lengths = values(&generate(text, 10, 1, &bounds(10, 1000)));
        assert!(lengths.iter().all(|value| value.len() == 33 && value.iter().all(|byte| (b' '..b'{').contains(byte))));
    }

    #[test]
    fn an_access_log_is_like_a_real_one() {
        const LINES: usize = 100_000;
        let lines = values(&generate(Generated::AccessLog, LINES as u64, 42, &bounds(10_000, 16 << 20)));
        let share = |what: &str| {
            let hits = lines.iter().filter(|line| memchr::memmem::find(line, what.as_bytes()).is_some()).count();
            hits as f64 / LINES as f64
        };
        let within = |what: &str, low: f64, high: f64| {
            let share = share(what);
            assert!((low..high).contains(&share), "{what}: {share}");
        };
        within("GET /healthz ", 0.02, 0.08);
        within("GET /ping ", 0.01, 0.04);
        within("email=", 0.01, 0.2);
        within("token=", 0.005, 0.1);
        within("Googlebot", 0.01, 0.2);
        within("2a02:", 0.05, 0.3);
        within("\" 200 ", 0.6, 0.95);
        within("\" 404 ", 0.01, 0.15);
        within("\" 500 ", 0.0005, 0.01);
        let bots: f64 = ["bot/", "bot.htm", "curl/", "python-requests"].iter().map(|bot| share(bot)).sum();
        assert!((0.1..0.5).contains(&bots), "bots: {bots}");
        let first = String::from_utf8_lossy(&lines[0]);
        assert!(first.contains("[02/Mar/2026:00:00:00 +0000]"), "{first}");
        assert!(lines.iter().rev().take(10).any(|line| memchr::memmem::find(line, b"[03/Mar/2026:23:5").is_some()));
        let broken = lines.iter().filter(|line| !is_combined(line)).count();
        assert!((5..50).contains(&broken), "{broken} broken lines");
        assert!(lines.iter().all(|line| !line.contains(&b'\n')));
    }

    fn is_combined(line: &[u8]) -> bool {
        std::str::from_utf8(line).is_ok_and(|line| {
            line.matches('"').count() == 6
                && line.ends_with('"')
                && line.contains(" +0000] \"")
                && line.is_ascii()
                && !line.contains(|c: char| c.is_control())
        })
    }
}
