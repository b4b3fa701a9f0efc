//! A chunk's claim on its source: where its records came from, and how many of them still have no fate.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::receipt::{Answer, Keepsake, Receipts, Slip};
use super::{Fate, Ledger, Lineage, RecordId, Traffic};

/// The places of one chunk's records in their source, so that every failure can name its place.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The file, where there is one.
    pub path: Option<Arc<Path>>,
    /// The line of each record, where lines mean something.
    pub lines: Lines,
    /// Where in the chunk something was not a record: before which rows, ascending, a row once for each. So that
    /// records are numbered by their position in the input.
    pub gaps: Vec<u32>,
    /// What the source itself calls each record, where it gives a record again under the same name: an offset, or a
    /// hash of what a broker calls it. Empty: records are counted.
    pub ids: Vec<u128>,
}

impl Places {
    /// Number of records, good and bad, in the chunk before its good record `row`.
    fn before(&self, row: u32) -> u64 {
        u64::from(row) + self.gaps.partition_point(|gap| *gap <= row) as u64
    }
}

/// The line numbers of a chunk's records, from 1.
#[derive(Clone, Debug, Default)]
pub enum Lines {
    /// The records have no lines.
    #[default]
    None,
    /// Record `i` is on this line plus `i`.
    From(u64),
    /// Record `i` is on line `lines[i]`.
    Each(Vec<u64>),
}

impl Lines {
    /// The line of the record at this position of the batch.
    pub fn of(&self, row: u32) -> Option<u64> {
        match self {
            Self::None => None,
            Self::From(first) => Some(first + u64::from(row)),
            Self::Each(lines) => lines.get(row as usize).copied(),
        }
    }
}

/// The place that a record came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The source (or the stage whose `flush` made the record).
    pub source: Arc<str>,
    /// The number of the record in that source, from 1.
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

/// Issues the tickets of one source.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The ledger in which its claims end.
    pub ledger: Arc<Ledger>,
    /// The source's name.
    pub source: Arc<str>,
    /// The counter of what is in flight; `None` if nobody asks.
    pub traffic: Option<Arc<Traffic>>,
    /// The run, for records that only the run and those that resume it can count.
    pub run: u64,
    /// Where receipts are collected; `None` if the source does not acknowledge.
    pub receipts: Option<Arc<Receipts>>,
}

impl Issuer {
    /// Claims for `records` records that the source has just given, the first of which is its `first_record`th (from
    /// 1). The ledger counts them as read.
    #[must_use]
    pub fn issue(&self, first_record: u64, records: usize, places: Places) -> Lineage {
        let slip = self.slip(first_record, records);
        self.issue_on(slip.as_ref(), first_record, records, places)
    }

    /// A slip for this many records, good and bad, for which claims will be issued; `None` if the source does not
    /// acknowledge.
    #[must_use]
    pub fn slip(&self, first_record: u64, records: usize) -> Option<Arc<Slip>> {
        let receipts = self.receipts.as_ref().filter(|_| records > 0)?;
        Some(Arc::new(receipts.slip(first_record, records)))
    }

    /// As [`Self::issue`], for records of a chunk whose slip is there already.
    #[must_use]
    pub fn issue_on(&self, slip: Option<&Arc<Slip>>, first_record: u64, records: usize, places: Places) -> Lineage {
        self.ledger.add_read(records);
        let answer = slip.map(|slip| Answer::Source(Arc::clone(slip)));
        let ticket = Ticket { answer, ..Ticket::new(self.clone(), first_record, records, places) };
        Lineage::of(Arc::new(ticket), records)
    }
}

/// One chunk's claim on its source. Held by the [`Lineage`] of every record derived from the chunk.
#[derive(Debug)]
pub struct Ticket {
    of: Issuer,
    first_record: u64,
    places: Places,
    issued: Instant,
    /// The same, as time in which the process ran.
    begun: crate::time::Instant,
    open: AtomicU64,
    /// Nanoseconds from its issue to the end of its last claim; 0: not yet.
    took: AtomicU64,
    /// One of its records has waited for another attempt.
    is_excused: AtomicBool,
    /// Its records were made by a stage, of what it held.
    is_created: bool,
    /// Who is told what became of its records.
    answer: Option<Answer>,
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
        let of =
            Issuer { ledger: Arc::clone(ledger), source: Arc::clone(source), traffic: None, run: 0, receipts: None };
        of.issue(first_record, records, places)
    }

    /// Claims for records that a stage made out of what it held: of the records in `keepsake`, where anybody is told of
    /// them. The ledger counts them as created.
    #[must_use]
    pub fn issue_created(
        ledger: &Arc<Ledger>,
        stage: &Arc<str>,
        records: usize,
        keepsake: Option<Arc<Keepsake>>,
    ) -> Lineage {
        ledger.add_created(records);
        let of =
            Issuer { ledger: Arc::clone(ledger), source: Arc::clone(stage), traffic: None, run: 0, receipts: None };
        let ticket = Self { is_created: true, ..Self::new(of, 1, records, Places::default()) };
        Lineage::of(Arc::new(Self { answer: keepsake.map(Answer::Kept), ..ticket }), records)
    }

    fn new(of: Issuer, first_record: u64, records: usize, places: Places) -> Self {
        of.traffic.iter().for_each(|traffic| traffic.enter(records));
        Self {
            of,
            first_record,
            places,
            issued: Instant::now(),
            begun: crate::time::Instant::now(),
            open: AtomicU64::new(records as u64),
            took: AtomicU64::new(0),
            is_excused: AtomicBool::new(false),
            is_created: false,
            answer: None,
        }
    }

    /// The place that record `row` of the chunk came from.
    #[must_use]
    pub fn place(&self, row: u32) -> Place {
        Place {
            source: Arc::clone(&self.of.source),
            record: self.number(row),
            path: self.places.path.clone(),
            line: self.places.lines.of(row),
        }
    }

    /// Who the `part`th record is that was made of record `row`. `None` if a stage made it of several.
    pub(super) fn id(&self, row: u32, part: u64) -> Option<RecordId> {
        let own = self.places.ids.get(row as usize);
        let (scope, number) = own.map_or((self.of.run, u128::from(self.number(row))), |own| (0, *own));
        let id = RecordId { scope, source: Arc::clone(&self.of.source), number, part };
        (!self.is_created).then_some(id)
    }

    /// The time at which the chunk was read.
    #[must_use]
    pub fn issued(&self) -> Instant {
        self.issued
    }

    /// The time until nothing of the chunk was in flight any more, if that is so and was watched.
    #[must_use]
    pub fn took(&self) -> Option<Duration> {
        let took = self.took.load(Acquire);
        (took > 0).then(|| Duration::from_nanos(took))
    }

    /// Whether the chunk's time does not show how fast the work is: one of its records waits for another attempt, or
    /// has.
    #[must_use]
    pub fn is_excused(&self) -> bool {
        self.is_excused.load(Relaxed)
    }

    /// Records derived from the chunk that are on their way.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open.load(Acquire)
    }

    /// Whether a source is told what becomes of these records, or of what they were made of.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.answer.is_some()
    }

    pub(super) fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref()
    }

    /// Whoever is told of this record has to wait for another claim on it.
    pub(super) fn open_again(&self, row: u32) {
        if let Some(answer) = &self.answer {
            answer.open(self.number(row));
        }
    }

    /// Claims on these records have ended, for whoever is told.
    pub(super) fn end(&self, rows: impl Iterator<Item = u32>, fate: Fate) {
        if let Some(answer) = &self.answer {
            answer.end(rows.map(|row| self.number(row)), fate);
        }
    }

    fn number(&self, row: u32) -> u64 {
        self.first_record + self.places.before(row)
    }

    /// These claims end now. The account knows how long their records took, unless they were in flight at the end.
    pub(super) fn settle(&self, fate: Fate, records: usize, now: crate::time::Instant) {
        if fate != Fate::InFlight {
            self.of.ledger.add_latency(now - self.begun, records);
        }
        self.of.ledger.add(fate, records);
        self.leave(records, || now);
    }

    pub(super) fn stop(&self, records: usize) {
        self.of.ledger.stop(records);
        self.leave(records, crate::time::Instant::now);
    }

    pub(super) fn start(&self, records: usize) {
        self.of.ledger.start(records);
        self.enter(records);
    }

    pub(super) fn create(&self, records: usize) {
        self.of.ledger.add_created(records);
        self.enter(records);
    }

    /// Nobody has to work for these records for now.
    pub(super) fn rest(&self, records: usize) {
        self.of.traffic.iter().for_each(|traffic| traffic.leave(records));
    }

    /// Somebody has to again.
    pub(super) fn wake(&self, records: usize) {
        self.of.traffic.iter().for_each(|traffic| traffic.enter(records));
    }

    pub(super) fn excuse(&self) {
        self.is_excused.store(true, Relaxed);
    }

    fn enter(&self, records: usize) {
        self.open.fetch_add(records as u64, AcqRel);
        self.wake(records);
    }

    fn leave(&self, records: usize, now: impl FnOnce() -> crate::time::Instant) {
        let records_left = self.open.fetch_sub(records as u64, AcqRel) - records as u64;
        if records_left == 0 && self.of.traffic.is_some() {
            let took = u64::try_from((now() - self.begun).as_nanos()).unwrap_or(u64::MAX).max(1);
            // Only the first time: claims that a sink kept until its commit end once more.
            let _was = self.took.compare_exchange(0, took, AcqRel, Relaxed);
        }
        self.rest(records);
    }
}
