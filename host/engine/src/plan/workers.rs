//! How many workers a stage has.

use std::fmt;
use std::num::NonZeroUsize;

use super::bounds;

/// How many instances of a stage work at once: a fixed number, or as many as there is work for, within these bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    /// The number at the start, and of a pool that is idle.
    pub min: NonZeroUsize,
    /// The number that is never exceeded.
    pub max: NonZeroUsize,
}

impl Workers {
    /// Always this number.
    #[must_use]
    pub const fn fixed(workers: NonZeroUsize) -> Self {
        Self { min: workers, max: workers }
    }

    /// Whether the pool never grows or shrinks.
    #[must_use]
    pub fn are_fixed(&self) -> bool {
        self.min == self.max
    }

    /// Whether several instances may ever work at once.
    #[must_use]
    pub fn may_be_several(&self) -> bool {
        self.max.get() > 1
    }

    /// The sentence about a number that cannot be.
    pub(super) fn excess(&self) -> Option<String> {
        if self.max.get() > bounds::WORKERS_MAX {
            return Some(format!("it may have at most {} workers", bounds::WORKERS_MAX));
        }
        (self.min > self.max).then(|| format!("it has at least {} workers and at most {}", self.min, self.max))
    }
}

impl From<NonZeroUsize> for Workers {
    fn from(workers: NonZeroUsize) -> Self {
        Self::fixed(workers)
    }
}

impl fmt::Display for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min.get(), self.max.get()) {
            (1, 1) => f.write_str("1 worker"),
            (min, max) if min == max => write!(f, "{max} workers"),
            (min, max) => write!(f, "{min} to {max} workers"),
        }
    }
}
