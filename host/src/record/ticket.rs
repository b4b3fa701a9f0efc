//! A chunk's claim on its source: where its records came from, and how many of them still have no fate.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire};

use tokio::time::Instant;

use super::{Fate, Ledger, Lineage};

/// Where the records of one chunk stand in their source, so that every failure can name its place.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The file, where there is one.
    pub path: Option<Arc<Path>>,
    /// The line of each record, where lines mean something.
    pub lines: Lines,
    /// Where in the chunk something stood that was no record: before which rows, ascending, a row once for each. So that
    /// records are numbered as they stand in the input.
    pub gaps: Vec<u32>,
}

impl Places {
    /// How many records, good and bad, stand in the chunk before its good record `row`.
    fn before(&self, row: u32) -> u64 {
        u64::from(row) + self.gaps.partition_point(|gap| *gap <= row) as u64
    }
}

/// The line numbers of a chunk's records, from 1.
#[derive(Clone, Debug, Default)]
pub enum Lines {
    /// The records stand on no lines.
    #[default]
    None,
    /// Record `i` stands on this line plus `i`.
    From(u64),
    /// Record `i` stands on line `lines[i]`.
    Each(Vec<u64>),
}

impl Lines {
    fn of(&self, row: u32) -> Option<u64> {
        match self {
            Self::None => None,
            Self::From(first) => Some(first + u64::from(row)),
            Self::Each(lines) => lines.get(row as usize).copied(),
        }
    }
}

/// Where one record came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The source (or the stage whose `flush` made the record).
    pub source: Arc<str>,
    /// Which record of that source, from 1.
    pub record: u64,
    /// The file, where there is one.
    pub path: Option<Arc<Path>>,
    /// The line, from 1, where there is one.
    pub line: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.path, self.line) {
            (Some(path), Some(line)) => write!(f, "{}:{line}", path.display()),
            (Some(path), None) => write!(f, "{}", path.display()),
            (None, Some(line)) => write!(f, "{} line {line}", self.source),
            (None, None) => write!(f, "{} record {}", self.source, self.record),
        }
    }
}

/// One chunk's claim on its source. Held by the [`Lineage`] of every record derived from the chunk.
#[derive(Debug)]
pub struct Ticket {
    ledger: Arc<Ledger>,
    source: Arc<str>,
    first_record: u64,
    places: Places,
    issued: Instant,
    open: AtomicU64,
}

impl Ticket {
    /// Claims for `records` records that `source` has just given, the first of which is its `first_record`th (from 1).
    /// The ledger counts them as read.
    #[must_use]
    pub fn issue(
        ledger: &Arc<Ledger>,
        source: &Arc<str>,
        first_record: u64,
        records: usize,
        places: Places,
    ) -> Lineage {
        ledger.add_read(records);
        Self::claims(ledger, source, first_record, records, places)
    }

    /// Claims for records that a stage made out of what it held. The ledger counts them as created.
    #[must_use]
    pub fn issue_created(ledger: &Arc<Ledger>, stage: &Arc<str>, records: usize) -> Lineage {
        ledger.add_created(records);
        Self::claims(ledger, stage, 1, records, Places::default())
    }

    fn claims(ledger: &Arc<Ledger>, source: &Arc<str>, first_record: u64, records: usize, places: Places) -> Lineage {
        let ticket = Self {
            ledger: Arc::clone(ledger),
            source: Arc::clone(source),
            first_record,
            places,
            issued: Instant::now(),
            open: AtomicU64::new(records as u64),
        };
        Lineage::of(Arc::new(ticket), records)
    }

    /// Where record `row` of the chunk came from.
    #[must_use]
    pub fn place(&self, row: u32) -> Place {
        Place {
            source: Arc::clone(&self.source),
            record: self.first_record + self.places.before(row),
            path: self.places.path.clone(),
            line: self.places.lines.of(row),
        }
    }

    /// When the chunk was read.
    #[must_use]
    pub fn issued(&self) -> Instant {
        self.issued
    }

    /// Records derived from the chunk that have met no fate yet.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open.load(Acquire)
    }

    pub(super) fn settle(&self, fate: Fate, records: usize) {
        self.ledger.add(fate, records);
        self.open.fetch_sub(records as u64, AcqRel);
    }

    pub(super) fn stop(&self, records: usize) {
        self.ledger.stop(records);
    }

    pub(super) fn start(&self, records: usize) {
        self.ledger.start(records);
    }

    pub(super) fn create(&self, records: usize) {
        self.ledger.add_created(records);
        self.open.fetch_add(records as u64, AcqRel);
    }
}
