//! Where batches may go whole through a queue with lanes, as long as that is better: nothing is hashed and nothing is copied.
//!
//! Whole batches may have records of one key in several hands at once, so each has a turn, in the order of the queue: what comes
//! of it leaves at its turn. Dealt ones leave as soon as they are done, because the lanes keep their keys apart. So the two
//! never overlap: what went in dealt has been taken, and its leases have ended, before a whole batch is taken, and the other
//! way around.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// How a batch goes through a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::queue) enum Phase {
    /// It takes its turn.
    #[default]
    Whole,
    /// Dealt over the lanes.
    Dealt,
}

/// What receivers want. Shared by them and the senders.
#[derive(Debug, Default)]
pub(super) struct Wish(AtomicBool);

/// How batches go in and out now.
#[derive(Debug, Default)]
pub(super) struct Phases {
    /// What goes in.
    entering: Phase,
    /// What is taken.
    leaving: Phase,
    /// Senders that are about to put a batch in.
    senders: usize,
    /// Leases on what was taken.
    leases: usize,
    next_turn: u64,
}

impl Wish {
    pub(super) fn be(&self, phase: Phase) {
        let deal = phase == Phase::Dealt;
        if self.0.load(Relaxed) != deal {
            self.0.store(deal, Relaxed);
        }
    }

    fn phase(&self) -> Phase {
        if self.0.load(Relaxed) { Phase::Dealt } else { Phase::Whole }
    }
}

impl Phases {
    /// How a sender puts its next batch in; it does so before anything changes. As is wished, unless the change before
    /// has not come through yet: there is never more than one under way.
    pub(super) fn begin_to_send(&mut self, wish: &Wish) -> Phase {
        if !self.is_changing() && self.senders == 0 {
            self.entering = wish.phase();
        }
        self.senders += 1;
        self.entering
    }

    /// The sender has put it in, or has not because nobody is left.
    pub(super) fn end_to_send(&mut self) {
        self.senders -= 1;
    }

    /// Whether a change is under way.
    pub(super) fn is_changing(&self) -> bool {
        self.entering != self.leaving
    }

    /// What can be taken now.
    pub(super) fn leaving(&self) -> Phase {
        self.leaving
    }

    /// Something is taken. Its turn, if it is whole.
    pub(super) fn take(&mut self) -> Option<u64> {
        self.leases += 1;
        (self.leaving == Phase::Whole).then(|| {
            self.next_turn += 1;
            self.next_turn - 1
        })
    }

    /// A lease has ended.
    pub(super) fn free(&mut self) {
        self.leases -= 1;
    }

    /// Changes what is taken, if everything before the change has left. `is_empty`: nothing is there of what is taken now.
    pub(super) fn turn_over(&mut self, is_empty: bool) {
        if is_empty && self.leases == 0 {
            self.leaving = self.entering;
        }
    }
}
