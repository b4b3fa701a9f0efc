//! Computes how long to wait before the next attempt: doubled from one to the next, with jitter.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;

use crate::plan::Retry;

/// The backoff of one node. The same name draws the same jitter.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    chance: Mutex<Rng>,
}

impl Backoff {
    pub(crate) fn new(rule: &Retry, name: &str) -> Self {
        Self { first: rule.backoff, longest: rule.backoff_max, chance: Mutex::new(Rng::with_seed(seed_of(name))) }
    }

    /// Wait from the `attempt`th failure (from 1) to the next attempt: between half the backoff and all of it, so that
    /// what failed together does not come back together.
    pub(crate) fn delay(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let backoff = self.first.saturating_mul(1 << doublings).min(self.longest);
        // An hour, which is the most, has far fewer nanoseconds than 64 bits hold.
        let half = u64::try_from(backoff.as_nanos() / 2).unwrap_or(u64::MAX);
        let jitter = self.chance.lock().unwrap_or_else(PoisonError::into_inner).u64(..=half);
        backoff - Duration::from_nanos(jitter)
    }
}

/// A seed out of a name: the nodes of a pipeline draw differently, and a run like the run before it.
fn seed_of(name: &str) -> u64 {
    // FNV-1a: the same on every machine, whatever the standard library's hash becomes.
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
