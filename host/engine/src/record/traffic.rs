//! Counts how much of one source is in flight, and waits until it is less.

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use tokio::sync::Notify;

/// Counts the claims on one source that somebody has to work for: those without a fate, except what waits by the user's
/// wish. Shared by its tickets; only its source waits.
#[derive(Debug)]
pub struct Traffic {
    /// Signed: when a run is interrupted, claims end that were at rest.
    moving: AtomicI64,
    /// At how many the source wants to be woken.
    wake_at: AtomicI64,
    eased: Notify,
}

/// Nobody waits.
const NEVER: i64 = i64::MIN;

impl Default for Traffic {
    fn default() -> Self {
        Self { moving: AtomicI64::new(0), wake_at: AtomicI64::new(NEVER), eased: Notify::new() }
    }
}

impl Traffic {
    /// Claims that move.
    #[must_use]
    pub fn moving(&self) -> u64 {
        u64::try_from(self.moving.load(SeqCst)).unwrap_or(0)
    }

    /// Waits until at most `most` claims move.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn fall_to(&self, most: u64) {
        loop {
            // Announced before the look: a task that changes the count after it sees that somebody waits.
            self.wake_at.store(i64::try_from(most).unwrap_or(i64::MAX), SeqCst);
            if self.moving() <= most {
                self.wake_at.store(NEVER, SeqCst);
                return;
            }
            // A wake-up that comes in between is remembered.
            self.eased.notified().await;
        }
    }

    pub(super) fn enter(&self, claims: usize) {
        self.moving.fetch_add(signed(claims), SeqCst);
    }

    pub(super) fn leave(&self, claims: usize) {
        let left = self.moving.fetch_sub(signed(claims), SeqCst) - signed(claims);
        if left <= self.wake_at.load(SeqCst) {
            self.eased.notify_one();
        }
    }
}

fn signed(claims: usize) -> i64 {
    i64::try_from(claims).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn soon(wait: impl Future<Output = ()>) -> bool {
        timeout(Duration::from_secs(1), wait).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_is_woken_when_little_enough_moves_and_not_before() {
        let traffic = Traffic::default();
        traffic.enter(10);
        let mut wait = pin!(traffic.fall_to(4));
        assert!(!soon(wait.as_mut()).await);
        traffic.leave(5);
        assert!(!soon(wait.as_mut()).await);
        traffic.leave(1);
        assert!(soon(wait.as_mut()).await);
        assert_eq!(traffic.moving(), 4);
        traffic.leave(4);
        assert!(!soon(pin!(traffic.eased.notified())).await, "nobody waits, so nobody is woken");
    }
}
