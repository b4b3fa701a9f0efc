//! Decides how many records an attempt is given, and how much time.
//!
//! A batch is as large as its bounds allow, unless its records take long: then the other workers could be idle while
//! one has them all, and much would be done again after a failure. So it is cut to records that take a twentieth of a
//! second. What a call takes by itself does not count: it would come with each half as well (`line`).
//!
//! A batch's budget is the sum of its records' limits, but a single record that spins or sleeps must not burn all of
//! it: a batch of a thousand records at 30 s each would sleep for hours before anyone looked. So an attempt at several
//! records is cut short when it takes far longer than such records took before, inside the guest or in all; it is then
//! split, and every record that is left alone gets its whole limit. Nothing that keeps to its limit ever fails for it;
//! the price of a false suspicion is some work done twice.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::line::Line;
use crate::plan::Limits;
use crate::program::Budget;
use crate::record::BatchBounds;

/// How many times longer than usual an attempt may take before it is suspected. Arbitrary; large enough for uneven
/// records, small enough that a spinning one costs little.
const SUSPICION: u32 = 32;

/// The intended longest time for the records of a batch, where there is more than one. A person does not notice it, and
/// what a fresh instance costs is nothing beside it.
const BATCH_TIME: Duration = Duration::from_millis(50);

/// This many times as long as its instance took to be made and opened, when that is more.
const BATCH_OPENINGS: u32 = 20;

/// Records of a batch of which nothing is known yet: should they wait for the host, others have work as well.
/// Arbitrary.
const FIRST_BATCH: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");

/// A millisecond: some ten times what it takes to wake a task on a machine that is busy. Nanoseconds.
const LONG_BATCH: u64 = 1_000_000;

/// The times of calls that a pool has learned: inside the guest, and in all.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    cpu: Mutex<Line>,
    wall: Mutex<Line>,
    /// Time to make and open an instance.
    opening: Usual,
    /// All that a worker does with a batch before it waits for its turn.
    batch: Usual,
}

/// The time of an attempt: inside the guest, and in all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
}

impl Pace {
    /// The bounds of the next batch: those of the stage, or less of records that take long.
    pub(crate) fn batch(&self, bounds: &BatchBounds) -> BatchBounds {
        let records = locked(&self.wall).batch(BATCH_TIME.max(self.openings()));
        let most = records.map_or(FIRST_BATCH, |records| NonZeroUsize::new(records).unwrap_or(NonZeroUsize::MIN));
        BatchBounds { records: bounds.records.min(most), ..*bounds }
    }

    /// The shortest time that a batch is worth: one record, or enough to make little of its instance's opening.
    pub(crate) fn least_batch(&self) -> Duration {
        locked(&self.wall).one_record().max(self.openings())
    }

    /// The time that makes little of an instance's opening.
    fn openings(&self) -> Duration {
        Duration::from_nanos(self.opening.nanos()).saturating_mul(BATCH_OPENINGS)
    }

    /// Learns what it takes to make and open an instance that lives for one batch.
    pub(crate) fn learn_opening(&self, took: Duration) {
        self.opening.learn(took);
    }

    /// The budget of an attempt at `records` records of `bytes` together that can be split when it fails.
    pub(crate) fn budget(&self, limits: &Limits, records: usize, bytes: usize) -> Budget {
        let whole = limits.budget(records, bytes);
        let suspicious = |line| locked(line).at_most(records).saturating_mul(SUSPICION);
        Budget {
            cpu: whole.cpu.min(suspicious(&self.cpu).max(limits.cpu_of(bytes))),
            wall: whole.wall.min(suspicious(&self.wall).max(limits.wall)),
            ..whole
        }
    }

    /// Learns from an attempt that succeeded.
    pub(crate) fn learn(&self, took: Took, records: usize) {
        locked(&self.cpu).learn(took.cpu, records);
        locked(&self.wall).learn(took.wall, records);
    }

    /// Learns what all attempts at a batch took together.
    pub(crate) fn learn_batch(&self, took: Duration) {
        self.batch.learn(took);
    }

    /// Whether a batch usually takes much longer than to let another task run.
    pub(crate) fn batches_take_long(&self) -> bool {
        self.batch.nanos() >= LONG_BATCH
    }

    /// Whether batches by key should be dealt over lanes, because they take long. `None`: as they are now. Parts of a batch take less time
    /// than all of it, so what is short is far from what is long.
    pub(crate) fn deal_by_key(&self) -> Option<bool> {
        match self.batch.nanos() {
            nanos if nanos >= LONG_BATCH => Some(true),
            nanos if nanos < LONG_BATCH / 4 => Some(false),
            _ => None,
        }
    }
}

fn locked(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nanoseconds, as they were lately.
#[derive(Debug, Default)]
struct Usual(AtomicU64);

impl Usual {
    /// 0: nothing is known.
    fn nanos(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn learn(&self, used: Duration) {
        let nanos = u64::try_from(used.as_nanos()).unwrap_or(u64::MAX);
        let before = self.0.load(Relaxed);
        // A lost update of two workers at once costs nothing: the next attempt says the same.
        let learnt = if before == 0 { nanos } else { before - before / 8 + nanos / 8 };
        self.0.store(learnt, Relaxed);
    }
}

/// What a long-lived instance may take to flush what it holds of `held` records: the sum of their limits, but no more
/// than a minute inside the guest and ten in all, so that a drain ends; and never less than one record may take.
pub(crate) fn flush_budget(limits: &Limits, held: usize) -> Budget {
    let whole = limits.budget(held, 0);
    Budget {
        cpu: whole.cpu.min(FLUSH_CPU_MAX).max(limits.cpu),
        wall: whole.wall.min(FLUSH_WALL_MAX).max(limits.wall),
        ..whole
    }
}

const FLUSH_CPU_MAX: Duration = Duration::from_secs(60);
const FLUSH_WALL_MAX: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { cpu: Duration::from_millis(100), wall: Duration::from_secs(30), ..Limits::default() }
    }

    fn took(cpu: Duration, wall: Duration) -> Took {
        Took { cpu, wall }
    }

    #[test]
    fn a_batch_is_as_large_as_it_may_be_unless_its_records_take_long() {
        let bounds = BatchBounds {
            records: NonZeroUsize::new(1024).unwrap(),
            bytes: NonZeroUsize::new(1 << 20).unwrap(),
            linger: Duration::ZERO,
        };
        let after = |micros, opening| {
            let pace = Pace::default();
            pace.learn(took(Duration::ZERO, Duration::from_micros(micros)), 1);
            pace.learn_opening(Duration::from_millis(opening));
            pace.batch(&bounds).records.get()
        };
        assert_eq!(Pace::default().batch(&bounds).records.get(), 64, "nothing is known");
        assert_eq!([1, 48, 50, 1_000, 50_000, 5_000_000].map(|micros| after(micros, 0)), [1024, 1024, 1000, 50, 2, 1]);
        assert_eq!(after(1_000, 25), 500, "its opening is to be a twentieth of it");
    }

    #[test]
    fn batches_take_long_when_they_usually_do() {
        let pace = Pace::default();
        assert!(!pace.batches_take_long(), "nothing is known");
        pace.learn_batch(Duration::from_millis(2));
        assert!(pace.batches_take_long());
        (0..20).for_each(|_| pace.learn_batch(Duration::from_micros(50)));
        assert!(!pace.batches_take_long());
        pace.learn_batch(Duration::from_millis(5));
        assert!(!pace.batches_take_long(), "the machine put it aside once");
    }

    #[test]
    fn batches_are_dealt_from_when_they_take_long_until_they_are_far_from_it() {
        let pace = Pace::default();
        assert_eq!(pace.deal_by_key(), Some(false));
        pace.learn_batch(Duration::from_millis(2));
        assert_eq!(pace.deal_by_key(), Some(true));
        (0..40).for_each(|_| pace.learn_batch(Duration::from_micros(500)));
        assert_eq!(pace.deal_by_key(), None);
        (0..40).for_each(|_| pace.learn_batch(Duration::from_micros(200)));
        assert_eq!(pace.deal_by_key(), Some(false));
    }

    #[test]
    fn a_lone_record_always_gets_its_whole_limit() {
        let pace = Pace::default();
        for usual in [Duration::ZERO, Duration::from_nanos(10), Duration::from_secs(500)] {
            pace.learn(took(usual, usual), 1000);
            let budget = pace.budget(&limits(), 1, 0);
            assert_eq!((budget.cpu, budget.wall), (limits().cpu, limits().wall));
        }
    }

    /// A value of 10 MB failed in interpreters that would have been done with it soon.
    #[test]
    fn a_large_record_has_more_time_inside_the_guest() {
        let pace = Pace::default();
        (0..20).for_each(|_| pace.learn(took(Duration::from_nanos(10), Duration::from_nanos(10)), 1));
        let cpu = |records, bytes| pace.budget(&limits(), records, bytes).cpu.as_millis();
        assert_eq!([0, (1 << 20) - 1, 1 << 20, 10 << 20].map(|bytes| cpu(1, bytes)), [100, 100, 150, 600]);
        assert_eq!(limits().budget(3, 10 << 20).cpu, Duration::from_millis(800));
        assert_eq!(cpu(3, 10 << 20), 600, "until it is split");
    }

    #[test]
    fn a_batch_is_suspected_early_and_never_given_more_than_the_sum() {
        let pace = Pace::default();
        assert_eq!(pace.budget(&limits(), 1000, 0).cpu, limits().cpu, "nothing known: one record's limit");
        pace.learn(took(Duration::from_secs(1), Duration::from_secs(1)), 1000);
        assert_eq!(pace.budget(&limits(), 1000, 0).cpu, Duration::from_secs(32), "32 times what 1000 records took");
        // Twice: once is an accident.
        (0..2).for_each(|_| pace.learn(took(Duration::from_secs(1000), Duration::from_secs(1000)), 1));
        assert_eq!(pace.budget(&limits(), 1000, 0).cpu, Duration::from_secs(100), "the sum");
    }

    /// A record that sleeps would hold its worker for the sum of a batch's `wall`, which is hours by default, were only
    /// the time inside the guest suspected.
    #[test]
    fn a_batch_that_only_waits_is_suspected_too() {
        let pace = Pace::default();
        assert_eq!(pace.budget(&limits(), 1000, 0).wall, limits().wall, "nothing known: one record's limit");
        pace.learn(took(Duration::ZERO, Duration::from_secs(2)), 1000);
        assert_eq!(pace.budget(&limits(), 1000, 0).wall, Duration::from_secs(64), "32 times what 1000 records took");
        (0..2).for_each(|_| pace.learn(took(Duration::ZERO, Duration::from_secs(9_000)), 1));
        assert_eq!(pace.budget(&limits(), 1000, 0).wall, Duration::from_secs(30_000), "the sum");
    }
}
