//! What each worker of a stage is doing now.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// What a task of a stage is doing. A stage has a task for each worker that it may have; where order is kept, each worker has a
/// second task, which takes over while the first waits for its turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "doing")]
pub enum Activity {
    /// Waits for input, or for a retry that is due.
    #[default]
    WaitingForInput,
    /// Is not wanted: a second task, or a worker of a pool that has not grown yet or has shrunk.
    Spare,
    /// Makes an instance of the stage's program.
    MakingInstance,
    /// Gives records to an instance.
    Processing {
        /// The number of records in the batch in hand.
        records: u64,
    },
    /// Gives records to an instance that have failed before.
    Retrying {
        /// The number of such records in hand.
        records: u64,
    },
    /// Takes from an instance what it holds at its end.
    Flushing,
    /// Keeps the outputs after a record that waits for another attempt, because order is kept.
    WaitingForRetry,
    /// Waits until what came before it has been sent on, because order is kept.
    WaitingForTurn,
    /// Sends on its outputs, and waits for room in the next queue.
    WaitingForRoom,
    /// Has ended: no input is left.
    Ended,
}

/// The activity of one task: it writes, anybody reads. A line of the processor's cache of its own, so that tasks do not
/// wait for each other.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct ActivityCell(AtomicU64);

/// Bits of a cell that say what is done; the others say with how many records.
const KIND_BITS: u32 = 4;

impl ActivityCell {
    pub(crate) fn get(&self) -> Activity {
        unpacked(self.0.load(Relaxed))
    }

    pub(crate) fn set(&self, activity: Activity) {
        self.0.store(packed(activity), Relaxed);
    }

    /// Something else for a while: returns what it was.
    pub(crate) fn replace(&self, activity: Activity) -> Activity {
        let before = self.get();
        self.set(activity);
        before
    }
}

fn packed(activity: Activity) -> u64 {
    let (kind, records) = match activity {
        Activity::WaitingForInput => (0, 0),
        Activity::Spare => (1, 0),
        Activity::MakingInstance => (2, 0),
        Activity::Processing { records } => (3, records),
        Activity::Retrying { records } => (4, records),
        Activity::Flushing => (5, 0),
        Activity::WaitingForRetry => (6, 0),
        Activity::WaitingForTurn => (7, 0),
        Activity::WaitingForRoom => (8, 0),
        Activity::Ended => (9, 0),
    };
    kind | records << KIND_BITS
}

fn unpacked(cell: u64) -> Activity {
    let records = cell >> KIND_BITS;
    match cell & ((1 << KIND_BITS) - 1) {
        0 => Activity::WaitingForInput,
        1 => Activity::Spare,
        2 => Activity::MakingInstance,
        3 => Activity::Processing { records },
        4 => Activity::Retrying { records },
        5 => Activity::Flushing,
        6 => Activity::WaitingForRetry,
        7 => Activity::WaitingForTurn,
        8 => Activity::WaitingForRoom,
        _ => Activity::Ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_returns_what_was_put_into_it() {
        let (cell, records) = (ActivityCell::default(), 4_096);
        let all = [
            Activity::Spare,
            Activity::MakingInstance,
            Activity::Processing { records },
            Activity::Retrying { records },
            Activity::Flushing,
            Activity::WaitingForRetry,
            Activity::WaitingForTurn,
            Activity::WaitingForRoom,
            Activity::Ended,
            Activity::WaitingForInput,
        ];
        let mut before = Activity::WaitingForInput;
        for activity in all {
            assert_eq!((cell.replace(activity), cell.get()), (before, activity));
            before = activity;
        }
    }
}
