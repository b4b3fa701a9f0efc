//! Receipts: a source that acknowledges what it gave (a broker, a request that waits for its answer) is told once what
//! became of each record, when the last claim on that record has ended.
//!
//! A [`Slip`] counts the open claims of one chunk, record by record or all together, and remembers the worst that became of
//! anything that was made of a record. A [`Keepsake`] keeps records open that an instance holds: nothing is known of them
//! before what the instance makes of them has met its fate. The [`Receipts`] of a source collect what it has to be told.
//!
//! A source that does not ask has none of these: its tickets carry an empty option, which costs a branch for each batch.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Fate, Lineage, Ticket};

/// What a receipt is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// One record: the source is told of each as soon as its fate is known.
    Record,
    /// One chunk: the source is told when the fates of all its records are known.
    Chunk,
}

/// What became of a record, or of all records of a chunk. Told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The number of the first record that this is about: which record of the source it is in this run, from 1, in the
    /// order in which the source gave them. Records that could not be read count as well.
    pub first: u64,
    /// The fate of that record, and of those after it. Of a record of which several were made, it is the worst:
    /// [`Fate::InFlight`], then [`Fate::DeadLettered`], then [`Fate::Delivered`], then [`Fate::Dropped`].
    pub fates: Box<[Fate]>,
}

impl Receipt {
    /// The number of each record, and its fate.
    pub fn records(&self) -> impl Iterator<Item = (u64, Fate)> {
        (self.first..).zip(self.fates.iter().copied())
    }
}

/// What one source has to be told, and how much it still waits for. Shared by its tickets and its task.
#[derive(Debug)]
pub struct Receipts {
    per: Per,
    untold: Mutex<Vec<Receipt>>,
    /// Records that were given, and that the source has not been told of.
    outstanding: AtomicU64,
    /// Those of them that instances hold, each time that one does.
    kept: AtomicU64,
    arrived: Notify,
}

impl Receipts {
    /// Of a source that wants a receipt for each of these.
    #[must_use]
    pub fn new(per: Per) -> Self {
        let (untold, outstanding, kept, arrived) = Default::default();
        Self { per, untold, outstanding, kept, arrived }
    }

    /// Records that were given, and that the source has not been told of.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.outstanding.load(Acquire)
    }

    /// Records that instances hold.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.kept.load(Acquire)
    }

    /// What the source has to be told now. It counts as outstanding until [`Self::tell`].
    #[must_use]
    pub fn take(&self) -> Vec<Receipt> {
        std::mem::take(&mut *self.untold())
    }

    /// The source has been told these.
    pub fn tell(&self, told: &[Receipt]) {
        let records: usize = told.iter().map(|receipt| receipt.fates.len()).sum();
        self.outstanding.fetch_sub(records as u64, AcqRel);
    }

    /// Waits until there is something to tell. For one task.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn arrived(&self) {
        while self.untold().is_empty() {
            self.arrived.notified().await;
        }
    }

    /// A slip for the next records of the source, all of which are open.
    pub(super) fn slip(self: &Arc<Self>, first: u64, records: usize) -> Slip {
        self.outstanding.fetch_add(records as u64, AcqRel);
        Slip {
            receipts: Arc::clone(self),
            first,
            open: match self.per {
                Per::Record => (0..records).map(|_| AtomicU64::new(1)).collect(),
                Per::Chunk => [AtomicU64::new(records as u64)].into(),
            },
            fates: (0..records).map(|_| AtomicU8::new(0)).collect(),
        }
    }

    fn put(&self, mut receipts: Vec<Receipt>) {
        if !receipts.is_empty() {
            self.untold().append(&mut receipts);
            self.arrived.notify_one();
        }
    }

    fn untold(&self) -> MutexGuard<'_, Vec<Receipt>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The open claims of one chunk. Shared by the tickets of its records, good and bad.
pub struct Slip {
    receipts: Arc<Receipts>,
    /// The number of the first record.
    first: u64,
    /// How many claims are open: on each record, or on all of them.
    open: Box<[AtomicU64]>,
    /// The worst that became of each record so far.
    fates: Box<[AtomicU8]>,
}

impl Slip {
    /// Another claim on record `number`, one of which is open.
    fn open(&self, number: u64) {
        if let Some(open) = self.counter(number) {
            open.fetch_add(1, AcqRel);
        }
    }

    /// Claims on these records have ended.
    fn end(&self, numbers: impl Iterator<Item = u64>, fate: Fate) {
        let last = |number: &u64| {
            if let Some(worst) = self.index(*number).and_then(|index| self.fates.get(index)) {
                worst.fetch_max(weight(fate), AcqRel);
            }
            self.counter(*number).is_some_and(|open| open.fetch_sub(1, AcqRel) == 1)
        };
        self.receipts.put(numbers.filter(last).map(|number| self.receipt(number)).collect());
    }

    /// The count of open claims on this record, or on all.
    fn counter(&self, number: u64) -> Option<&AtomicU64> {
        match self.receipts.per {
            Per::Record => self.open.get(self.index(number)?),
            Per::Chunk => self.open.first(),
        }
    }

    /// Of the record with this number, or of the whole chunk.
    fn receipt(&self, number: u64) -> Receipt {
        let (first, fates) = match self.receipts.per {
            Per::Record => (number, self.index(number).and_then(|index| self.fates.get(index..=index))),
            Per::Chunk => (self.first, Some(&*self.fates)),
        };
        let fates = fates.unwrap_or_default().iter().map(|fate| of_weight(fate.load(Acquire))).collect();
        Receipt { first, fates }
    }

    fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }
}

/// Records that were given, and for which no claims were made or left: the run was interrupted in between.
impl Drop for Slip {
    fn drop(&mut self) {
        let lost = |(open, number): (&AtomicU64, u64)| (open.load(Acquire) > 0).then_some(number);
        let lost: Vec<u64> = self.open.iter().zip(self.first..).filter_map(lost).collect();
        for number in lost {
            let worst = match self.receipts.per {
                Per::Record => self.index(number).map(|index| index..index + 1),
                Per::Chunk => Some(0..self.fates.len()),
            };
            let worst = worst.and_then(|worst| self.fates.get(worst)).unwrap_or_default();
            worst.iter().for_each(|worst| worst.store(weight(Fate::InFlight), Release));
            self.receipts.put(vec![self.receipt(number)]);
        }
    }
}

impl fmt::Debug for Slip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slip").field("first", &self.first).field("records", &self.fates.len()).finish_non_exhaustive()
    }
}

/// Who is told of a ticket's claims.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// The source that gave the chunk.
    Source(Arc<Slip>),
    /// The sources of what an instance held, and made these records of.
    Kept(Arc<Keepsake>),
}

impl Answer {
    pub(super) fn open(&self, number: u64) {
        if let Self::Source(slip) = self {
            slip.open(number);
        }
    }

    pub(super) fn end(&self, mut numbers: impl Iterator<Item = u64>, fate: Fate) {
        match self {
            Self::Source(slip) => slip.end(numbers, fate),
            // Its own end comes with the last of these claims, whose ticket has it. An instance may have given nothing.
            Self::Kept(keepsake) if numbers.next().is_some() => keepsake.note(fate),
            Self::Kept(_) => {}
        }
    }

    /// An instance may hold one more record.
    fn keep(&self) {
        if let Self::Source(slip) = self {
            slip.receipts.kept.fetch_add(1, AcqRel);
        }
    }

    /// These are held no longer.
    fn release(&self, records: usize) {
        if let Self::Source(slip) = self {
            slip.receipts.kept.fetch_sub(records as u64, AcqRel);
        }
    }
}

/// Records that an instance holds: nothing came of them yet, and what will is not theirs alone. They stay open until the
/// keepsake is dropped, and have met the worst fate that was noted by then.
#[derive(Debug, Default)]
pub struct Keepsake {
    /// Which rows of which tickets are open. These are not claims: the ledger knows nothing of them.
    rows: Vec<(Arc<Ticket>, Vec<u32>)>,
    /// Others that end with this one at the earliest.
    others: Vec<Arc<Keepsake>>,
    worst: AtomicU8,
}

impl Keepsake {
    fn note(&self, fate: Fate) {
        self.worst.fetch_max(weight(fate), AcqRel);
    }
}

impl Drop for Keepsake {
    fn drop(&mut self) {
        let fate = of_weight(self.worst.load(Acquire));
        self.others.iter().for_each(|other| other.note(fate));
        for (ticket, rows) in self.rows.drain(..) {
            if let Some(answer) = ticket.answer() {
                answer.release(rows.len());
                ticket.end(rows.into_iter(), fate);
            }
        }
    }
}

/// The keepsakes of a worker: what its instance may hold. Dropped, these records count as in flight.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    new: Keepsake,
    /// Went with what came out before, and may be held all the same.
    before: Vec<Arc<Keepsake>>,
}

impl Kept {
    /// Nothing came of these records: an instance may hold them.
    pub(crate) fn keep(&mut self, dropped: &Lineage) {
        for (ticket, row) in dropped.claims() {
            let Some(answer) = ticket.answer() else { continue };
            answer.keep();
            ticket.open_again(row);
            match self.new.rows.last_mut() {
                Some((last, rows)) if Arc::ptr_eq(last, ticket) => rows.push(row),
                _ => self.new.rows.push((Arc::clone(ticket), vec![row])),
            }
        }
    }

    /// An instance has given what it held, or a part of it: whoever is told of these records is told when that has met
    /// its fate, and not before [`Self::release`]. `None` if nobody is told.
    pub(crate) fn come_out(&mut self) -> Option<Arc<Keepsake>> {
        if !self.new.rows.is_empty() {
            self.before.push(Arc::new(std::mem::take(&mut self.new)));
        }
        match self.before.as_slice() {
            [] => None,
            [one] => Some(Arc::clone(one)),
            several => Some(Arc::new(Keepsake { rows: Vec::new(), others: several.to_vec(), worst: AtomicU8::new(0) })),
        }
    }

    /// No instance holds anything any more.
    pub(crate) fn release(&mut self) {
        drop(std::mem::take(&mut self.new));
        self.before.clear();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.new.note(Fate::InFlight);
        self.before.iter().for_each(|keepsake| keepsake.note(Fate::InFlight));
    }
}

/// The worse a fate is, the more it weighs.
fn weight(fate: Fate) -> u8 {
    match fate {
        Fate::Dropped => 0,
        Fate::Delivered => 1,
        Fate::DeadLettered => 2,
        Fate::InFlight => 3,
    }
}

fn of_weight(weight: u8) -> Fate {
    match weight {
        0 => Fate::Dropped,
        1 => Fate::Delivered,
        2 => Fate::DeadLettered,
        _ => Fate::InFlight,
    }
}

#[cfg(test)]
mod tests;
