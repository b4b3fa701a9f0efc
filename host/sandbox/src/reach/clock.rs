//! A clock that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// The same time whenever it is asked; as a monotonic clock it moves on by a nanosecond each time, because guests wait
/// for it to move.
#[derive(Clone, Debug)]
pub(super) struct FixedClock {
    wall: Duration,
    monotonic: Arc<AtomicU64>,
}

impl FixedClock {
    pub(super) fn new(time: SystemTime) -> Self {
        // The plan has none before 1970.
        Self { wall: time.duration_since(UNIX_EPOCH).unwrap_or_default(), monotonic: Arc::default() }
    }

    /// Puts the monotonic clock forward, as if the guest had slept until then.
    pub(super) fn sleep_until(&self, instant: u64) {
        self.monotonic.fetch_max(instant, Relaxed);
    }
}

impl HostWallClock for FixedClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.wall
    }
}

impl HostMonotonicClock for FixedClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        // At its end it stands still: a monotonic clock never starts again.
        let step = |now: u64| Some(now.saturating_add(1));
        self.monotonic.fetch_update(Relaxed, Relaxed, step).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A guest that sleeps until the end of time would see its clock go back to 0.
    #[test]
    fn a_monotonic_clock_never_goes_back() {
        let clock = FixedClock::new(UNIX_EPOCH);
        clock.sleep_until(u64::MAX - 1);
        let told: Vec<u64> = (0..4).map(|_| HostMonotonicClock::now(&clock)).collect();
        assert_eq!(told, [u64::MAX - 1, u64::MAX, u64::MAX, u64::MAX]);
    }
}
