//! The pipeline's account of records: what was read, what was made on the way, and what became of each.
//!
//! `read + created = delivered + dropped + dead-lettered + in flight` holds by construction of [`Lineage`], whose
//! claims end here exactly once; where no stage makes two records of one, `created` is 0. In flight is counted, not
//! derived: a claim that nobody settled adds itself when it is dropped, so a batch that vanished by mistake shows in
//! every run.
//!
//! [`Lineage`]: super::Lineage

use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Latency;
use super::latency::Histogram;

/// The fates of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// A sink has written it.
    Delivered,
    /// A stage gave no output for it, or it failed and the error policy says `drop`.
    Dropped,
    /// It failed, and is in the dead letters.
    DeadLettered,
    /// It was in flight when the run was interrupted.
    InFlight,
}

/// Counts shared by everything that settles records. Counters only grow, and each is exact once the run has ended.
#[derive(Debug, Default)]
pub struct Ledger {
    read: AtomicU64,
    created: AtomicU64,
    delivered: AtomicU64,
    dropped: AtomicU64,
    dead_lettered: AtomicU64,
    abandoned: AtomicU64,
    moving: AtomicU64,
    latency: Histogram,
}

impl Ledger {
    /// Reads the counts now. While records move, in flight is what no fate has met yet; once all claims are gone, it is
    /// the count of claims that were abandoned.
    #[must_use]
    pub fn accounting(&self) -> Accounting {
        // Fates first, and each seen with what came before it: a record may be read between two loads, and then counts
        // as in flight; the other way round it would have met its fate without having been read.
        let fates = [&self.delivered, &self.dropped, &self.dead_lettered, &self.abandoned];
        let [delivered, dropped, dead_lettered, in_flight] = fates.map(|counter| counter.load(Acquire));
        let [read, created] = [&self.read, &self.created].map(|counter| counter.load(Acquire));
        Accounting { read, created, delivered, dropped, dead_lettered, in_flight }
    }

    /// Counts what a checkpoint has to wait for: claims without a fate, except those that a sink keeps until its
    /// commit, and instances that hold records. The count only grows while a source issues tickets or while it is above
    /// 0, so once no source does, 0 is final.
    ///
    /// It is a counter of its own because sums of other counters are not enough. They are read one after the other, and
    /// what moves in between from one counter to another can be missing in both readings. What takes over work is added
    /// here before what hands it over is subtracted, so this number is never 0 while there is work. Claims that were
    /// abandoned are not subtracted: after a lost record there must not be another checkpoint.
    #[must_use]
    pub fn moving(&self) -> u64 {
        // A reader that sees 0 also sees everything that was done to the records before.
        self.moving.load(Acquire)
    }

    /// How long the settled records took. In the account and here, each of them counts once.
    #[must_use]
    pub fn latency(&self) -> Option<Latency> {
        self.latency.latency()
    }

    /// More claims or instances that a checkpoint waits for.
    pub(crate) fn start(&self, count: usize) {
        self.moving.fetch_add(count as u64, Relaxed);
    }

    /// Claims or instances that no checkpoint waits for any more.
    pub(crate) fn stop(&self, count: usize) {
        self.moving.fetch_sub(count as u64, Release);
    }

    pub(super) fn add_read(&self, records: usize) {
        self.read.fetch_add(records as u64, Relaxed);
        self.start(records);
    }

    pub(super) fn add_created(&self, records: usize) {
        self.created.fetch_add(records as u64, Relaxed);
        self.start(records);
    }

    /// These records were settled after this time.
    pub(super) fn add_latency(&self, took: Duration, records: usize) {
        self.latency.add(took, records);
    }

    pub(super) fn add(&self, fate: Fate, records: usize) {
        let counter = match fate {
            Fate::Delivered => &self.delivered,
            Fate::Dropped => &self.dropped,
            Fate::DeadLettered => &self.dead_lettered,
            Fate::InFlight => &self.abandoned,
        };
        counter.fetch_add(records as u64, Release);
        if fate != Fate::InFlight {
            self.stop(records);
        }
    }
}

/// The account of a run: how many records met which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounting {
    /// Records that sources gave, bad ones included.
    pub read: u64,
    /// Records made on the way: outputs beyond the first of an input, what `flush` gave, copies for a second consumer.
    pub created: u64,
    /// Records that a sink has written.
    pub delivered: u64,
    /// Records that a stage gave no output for, or that failed under the policy `drop`.
    pub dropped: u64,
    /// Records that failed and are in the dead letters.
    pub dead_lettered: u64,
    /// Records abandoned in flight when a run is interrupted. 0 in a run that ended by itself.
    pub in_flight: u64,
}

impl Accounting {
    /// Whether every record is accounted for.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.read + self.created == self.settled() + self.in_flight
    }

    /// The sum of two accounts: of a run, and of the one that continued it.
    #[must_use]
    pub fn plus(&self, other: Self) -> Self {
        Self {
            read: self.read + other.read,
            created: self.created + other.created,
            delivered: self.delivered + other.delivered,
            dropped: self.dropped + other.dropped,
            dead_lettered: self.dead_lettered + other.dead_lettered,
            in_flight: self.in_flight + other.in_flight,
        }
    }

    /// Records that have met their fate.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.delivered + self.dropped + self.dead_lettered
    }

    /// Records without a fate, while the run lasts.
    #[must_use]
    pub fn unsettled(&self) -> u64 {
        (self.read + self.created).saturating_sub(self.settled())
    }
}
