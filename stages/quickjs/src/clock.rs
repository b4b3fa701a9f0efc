//! The time of scripts: it stands at 0, the beginning of 1970, until somebody gives them a clock.

use std::cell::Cell;

thread_local! {
    /// A component has one thread.
    static CLOCK: Cell<fn() -> f64> = const { Cell::new(|| 0.0) };
}

/// Gives scripts a clock, in microseconds since 1970.
pub fn set_clock(microseconds: fn() -> f64) {
    CLOCK.set(microseconds);
}

#[cfg(target_arch = "wasm32")]
pub(crate) fn microseconds() -> f64 {
    CLOCK.get()()
}
