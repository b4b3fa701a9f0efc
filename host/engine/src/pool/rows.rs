//! Failures in a row, in the order of a stage's input, whichever of its workers hears of them first.
//!
//! A record whose fate is not known yet separates those before it from those after it; when it fails, the two rows
//! become one. What is kept is bounded by the records that the workers have in hand or let wait: a row between two
//! records that fared better cannot grow, and is forgotten.

use std::collections::BTreeMap;
use std::ops::Range;

/// The known fates of a stage's records, by their numbers in its input.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Stretches by their first record. No two of one kind touch each other.
    stretches: BTreeMap<u64, Stretch>,
    longest: u64,
}

/// Records beside each other of which the same is known.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// The record after the last one.
    end: u64,
    /// Whether it is a row of failures that may grow. Otherwise it is of no further interest.
    is_row: bool,
}

impl Rows {
    /// The length of the longest row so far.
    pub(super) fn longest(&self) -> u64 {
        self.longest
    }

    /// Hears that all of `records` failed, or that none of them did. Each record is heard of once.
    pub(super) fn hear(&mut self, records: Range<u64>, failed: bool) {
        if records.is_empty() {
            return;
        }
        let known = self.join(records, failed);
        if failed {
            self.longest = self.longest.max(known.end - known.start);
            self.forget_closed(known);
            return;
        }
        let before = self.before(known.start).filter(|(_, stretch)| stretch.is_row);
        let after = self.stretches.get(&known.end).filter(|stretch| stretch.is_row).map(|stretch| stretch.end);
        if let Some((start, _)) = before {
            self.forget_closed(start..known.start);
        }
        if let Some(end) = after {
            self.forget_closed(known.end..end);
        }
    }

    /// Adds a stretch to those of its kind that it touches. Returns the whole.
    fn join(&mut self, records: Range<u64>, is_row: bool) -> Range<u64> {
        let mut whole = records;
        if let Some((start, _)) = self.before(whole.start).filter(|(_, stretch)| stretch.is_row == is_row) {
            self.stretches.remove(&start);
            whole.start = start;
        }
        if self.stretches.get(&whole.end).is_some_and(|stretch| stretch.is_row == is_row)
            && let Some(stretch) = self.stretches.remove(&whole.end)
        {
            whole.end = stretch.end;
        }
        self.stretches.insert(whole.start, Stretch { end: whole.end, is_row });
        whole
    }

    /// Forgets a row that cannot grow.
    fn forget_closed(&mut self, row: Range<u64>) {
        let begins = row.start == 0 || self.before(row.start).is_some();
        if begins && self.stretches.contains_key(&row.end) {
            self.stretches.remove(&row.start);
            self.join(row, false);
        }
    }

    /// The stretch that ends where `start` begins.
    fn before(&self, start: u64) -> Option<(u64, Stretch)> {
        let (first, stretch) = self.stretches.range(..start).next_back()?;
        (stretch.end == start).then_some((*first, *stretch))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn longest_row(fates: &[Option<bool>]) -> u64 {
        fates.split(|fate| *fate != Some(true)).map(|row| row.len() as u64).max().unwrap_or(0)
    }

    proptest! {
        /// Workers take batches in order and hear of their records in any order among each other: at each moment it is
        /// as if somebody looked at the whole list. What is kept does not grow with the input. (Counts that each worker
        /// raises or sets to zero, as it hears of its records, add up rows that others have ended.)
        #[test]
        fn rows_are_those_of_the_input_whichever_worker_is_first(
            fates in prop::collection::vec(prop::bool::weighted(0.7), 1..200),
            batch in 1_usize..9,
            workers in 1_usize..5,
            choices in prop::collection::vec(0_usize..100, 400),
        ) {
            let mut rows = Rows::default();
            let mut known: Vec<Option<bool>> = vec![None; fates.len()];
            let mut batches = (0..fates.len()).step_by(batch).map(|start| start..(start + batch).min(fates.len()));
            let mut in_hand: Vec<Range<usize>> = batches.by_ref().take(workers).collect();
            for choice in choices {
                if in_hand.is_empty() { break }
                let chosen = choice % in_hand.len();
                let record = in_hand[chosen].start;
                in_hand[chosen].start += 1;
                known[record] = Some(fates[record]);
                rows.hear(record as u64..record as u64 + 1, fates[record]);
                prop_assert_eq!(rows.longest(), longest_row(&known));
                if in_hand[chosen].is_empty() {
                    in_hand.remove(chosen);
                    in_hand.extend(batches.next());
                }
                prop_assert!(rows.stretches.len() <= 3 * workers + 1, "{rows:?}");
            }
        }
    }

    #[test]
    fn records_are_heard_of_in_ranges_too() {
        let mut rows = Rows::default();
        rows.hear(0..1_000, false);
        rows.hear(1_060..1_100, true);
        rows.hear(1_000..1_050, true);
        assert_eq!(rows.longest(), 50);
        rows.hear(1_050..1_060, true);
        assert_eq!(rows.longest(), 100);
        rows.hear(1_100..2_000, false);
        assert_eq!(rows.stretches.len(), 1, "{rows:?}");
    }
}
