//! Which lanes a queue has, and which locks each of them needs.
//!
//! For keys, each lane has a lock of its own. For pairs of ids (mix-and-batch), ids are dealt over buckets, there is a lane for
//! each pair of buckets, and it needs the locks of both: what shares a bucket is never in two hands.

use std::num::NonZeroUsize;

use crate::record::{KeyHash, Pairing, RecordKey};

/// Most lanes of a queue by key. Arbitrary: as many as a stage may have workers.
const LANES_MAX: usize = 1024;

/// The lanes of a queue, and their locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grid {
    /// This number of lanes, each with a lock of its own.
    Keys(usize),
    /// A lane for each pair of buckets of ids of two kinds; each kind has its own locks.
    TwoKinds(usize),
    /// A lane for each pair of buckets of ids of one kind, which have one set of locks.
    OneKind(usize),
}

impl Grid {
    /// The lanes for `receivers`: with one, no lane is needed; with more, `per_receiver` for each, or those of the buckets.
    pub(super) fn new(key: &RecordKey, receivers: NonZeroUsize, per_receiver: NonZeroUsize) -> Self {
        match key {
            _ if receivers.get() == 1 => Self::Keys(1),
            RecordKey::Own | RecordKey::Json(_) => {
                Self::Keys(receivers.get().saturating_mul(per_receiver.get()).min(LANES_MAX))
            }
            RecordKey::Pair(Pairing { buckets, same_nodes, .. }) => {
                let buckets = usize::from(buckets.get());
                if *same_nodes { Self::OneKind(buckets) } else { Self::TwoKinds(buckets) }
            }
        }
    }

    /// How many lanes there are.
    pub(super) fn lanes(self) -> usize {
        match self {
            Self::Keys(lanes) => lanes,
            Self::TwoKinds(buckets) | Self::OneKind(buckets) => buckets * buckets,
        }
    }

    /// How many locks there are.
    pub(super) fn locks(self) -> usize {
        match self {
            Self::Keys(lanes) => lanes,
            Self::TwoKinds(buckets) => 2 * buckets,
            Self::OneKind(buckets) => buckets,
        }
    }

    /// Most locks of each kind in one lease, so that the others find some free.
    pub(super) fn share(self, receivers: NonZeroUsize) -> usize {
        match self {
            Self::Keys(locks) | Self::TwoKinds(locks) => (locks / receivers).max(1),
            // A lane may need two of them.
            Self::OneKind(locks) => (locks / receivers).max(2),
        }
    }

    /// Of which kind a lock is, 0 or 1.
    pub(super) fn kind(self, lock: usize) -> usize {
        match self {
            Self::TwoKinds(buckets) => lock / buckets,
            Self::Keys(_) | Self::OneKind(_) => 0,
        }
    }

    /// Whether one lock may be that of several lanes.
    pub(super) fn shares_locks(self) -> bool {
        !matches!(self, Self::Keys(_))
    }

    /// The lane of a key.
    pub(super) fn lane(self, key: KeyHash) -> usize {
        match self {
            Self::Keys(lanes) => key.lane(lanes),
            Self::TwoKinds(buckets) | Self::OneKind(buckets) => {
                let [left, right] = key.buckets(buckets);
                left * buckets + right
            }
        }
    }

    /// The locks of a lane; twice the same where it needs only one.
    pub(super) fn locks_of(self, lane: usize) -> [usize; 2] {
        match self {
            Self::Keys(_) => [lane, lane],
            Self::TwoKinds(buckets) => [lane / buckets, buckets + lane % buckets],
            Self::OneKind(buckets) => [lane / buckets, lane % buckets],
        }
    }
}
