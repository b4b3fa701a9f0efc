//! Puts the outputs of a pool back into the order of its inputs: workers wait for their turn at a turnstile.
//!
//! What waits is what the workers and their spare tasks (`slots`) hold, so order needs no buffer. A worker that drops
//! its turn (it failed, or its task was dropped) still lets the next one through: nobody waits for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Lets one batch through after the other, in the order of their sequence numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turnstile {
    shared: Arc<Shared>,
}

/// One batch's place in the order. Dropping it, used or not, lets the next one through.
#[derive(Debug)]
pub(crate) struct Turn {
    shared: Arc<Shared>,
    sequence: u64,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    given_up: BTreeSet<u64>,
    /// Who waits. Only the one whose turn has come is woken: there may be a thousand.
    waiting: BTreeMap<u64, Arc<Notify>>,
}

impl Turnstile {
    /// The place of the batch with this sequence number; each number is used once, from 0 on without a gap.
    pub(crate) fn turn(&self, sequence: u64) -> Turn {
        Turn { shared: Arc::clone(&self.shared), sequence }
    }
}

impl Turn {
    /// Whether all batches before this one are through.
    pub(crate) fn has_come(&self) -> bool {
        self.shared.state().next == self.sequence
    }

    /// Waits until all batches before this one are through.
    pub(crate) async fn wait(&self) {
        loop {
            let come = {
                let mut state = self.shared.state();
                if state.next == self.sequence {
                    return;
                }
                Arc::clone(state.waiting.entry(self.sequence).or_default())
            };
            // Should it come in between, that is remembered.
            come.notified().await;
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.given_up.insert(self.sequence);
        let mut next = state.next;
        while state.given_up.remove(&next) {
            next += 1;
        }
        state.next = next;
        state.waiting.remove(&self.sequence);
        let come = state.waiting.remove(&next);
        drop(state);
        if let Some(come) = come {
            come.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_waited_for_twice_still_comes() {
        let turnstile = Turnstile::default();
        let [first, second] = [0, 1].map(|sequence| turnstile.turn(sequence));
        let given_up = tokio::time::timeout(std::time::Duration::from_secs(1), second.wait()).await;
        assert!(given_up.is_err(), "the second went before the first");
        drop(first);
        second.wait().await;
        second.wait().await;
    }

    #[tokio::test(start_paused = true)]
    async fn turns_come_in_order_even_when_some_are_given_up() {
        let turnstile = Turnstile::default();
        let turns: Vec<Turn> = (0..4).map(|sequence| turnstile.turn(sequence)).collect();
        let [first, second, third, fourth] = turns.try_into().expect("four turns");
        first.wait().await;
        drop(third);
        let waits = async { tokio::time::timeout(std::time::Duration::from_secs(1), fourth.wait()).await };
        assert!(waits.await.is_err(), "the fourth went before the first and second");
        drop(first);
        second.wait().await;
        drop(second);
        fourth.wait().await;
    }
}
