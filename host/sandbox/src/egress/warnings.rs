//! What a person learns about requests that were refused or interrupted. A guest sees only a code, and may well hide
//! it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::log::GuestOutput;
use sandmill_engine::program::WorkerId;
use sandmill_engine::time::Instant;

/// Warnings of one stage that are shown in a second; more are counted as lost. A guest that asks in a loop for what it
/// is not granted should be seen, not heard all day.
const WARNINGS_MAX: u32 = 8;
const PERIOD: Duration = Duration::from_secs(1);

/// Lets this many warnings of a stage through.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Option<(Instant, u32)>>);

impl Gate {
    fn lets_through(&self) -> bool {
        let now = Instant::now();
        let mut period = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (begun, told) = period.filter(|(begun, _)| now - *begun < PERIOD).unwrap_or((now, 0));
        *period = Some((begun, told.saturating_add(1)));
        told < WARNINGS_MAX
    }
}

/// Warns in the name of one instance.
#[derive(Clone, Debug)]
pub(super) struct Warnings {
    pub(super) gate: Arc<Gate>,
    pub(super) worker: WorkerId,
    pub(super) guest_output: GuestOutput,
}

impl Warnings {
    /// Shows `message` as a line of the stage's log. It may contain text of the guest.
    pub(super) fn warn(&self, message: &str) {
        if self.gate.lets_through() {
            self.guest_output.warn(&self.worker, message);
        } else {
            self.guest_output.lose();
        }
    }
}
