//! What time it is (feature `clock`).
//!
//! ```toml
//! [stage.grant]
//! clock = "real"              # or "2026-01-01T00:00:00Z": always that, for a stage that gives the same in every run
//! ```
//!
//! `std::time` does not know of it: `Instant::now()` and `SystemTime::now()` panic in a guest.

use std::time::Duration;

/// The time since the beginning of 1970, UTC.
#[must_use]
pub fn now() -> Duration {
    host::now()
}

/// The time since a moment that is the same for the whole life of an instance. It never goes back.
#[must_use]
pub fn monotonic() -> Duration {
    host::monotonic()
}

/// Waits. It costs no `cpu`, but counts towards the limit `wall`, and the worker does nothing else meanwhile.
pub fn sleep(time: Duration) {
    host::sleep(time);
}

#[cfg(target_arch = "wasm32")]
mod host {
    use std::time::Duration;

    use super::wasi::wasi::clocks::{monotonic_clock, wall_clock};

    pub(super) fn now() -> Duration {
        let now = wall_clock::now();
        Duration::new(now.seconds, now.nanoseconds)
    }

    pub(super) fn monotonic() -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    pub(super) fn sleep(time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        monotonic_clock::subscribe_duration(nanoseconds).block();
    }
}

#[cfg(not(target_arch = "wasm32"))]
#[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a stage's test has no runtime to hold up")]
mod host {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant, SystemTime};

    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub(super) fn now() -> Duration {
        SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
    }

    pub(super) fn monotonic() -> Duration {
        BEGUN.elapsed()
    }

    pub(super) fn sleep(time: Duration) {
        std::thread::sleep(time);
    }
}

#[cfg(target_arch = "wasm32")]
#[expect(clippy::all, clippy::restriction, reason = "generated")]
mod wasi {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package sandmill:reach-clock; world clock {
            import wasi:clocks/monotonic-clock@0.2.12;
            import wasi:clocks/wall-clock@0.2.12;
        }",
        generate_all,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_takes_its_time_on_both_clocks() {
        let (began, at) = (monotonic(), now());
        sleep(Duration::from_millis(5));
        assert!(monotonic() - began >= Duration::from_millis(5));
        assert!(now() > at && at > Duration::from_secs(1_700_000_000));
    }
}
