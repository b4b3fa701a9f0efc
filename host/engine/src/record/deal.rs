//! Which rows of a batch go to which hand, where its records are dealt out.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Range};

/// How large some records are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PayloadSize {
    pub(crate) records: usize,
    /// Bytes of their values.
    pub(crate) values: usize,
    /// Bytes of their keys.
    pub(crate) keys: usize,
}

/// The rows of a batch, those of the first hand first; those of one hand in their order.
#[derive(Debug)]
pub(crate) struct RowsByHand {
    rows: Vec<u32>,
    /// Where the rows of each hand end.
    ends: Vec<usize>,
}

impl PayloadSize {
    pub(crate) fn bytes(&self) -> usize {
        self.values + self.keys
    }

    /// What is left without a part of it.
    pub(crate) fn without(self, part: Self) -> Self {
        let Self { records, values, keys } = part;
        Self { records: self.records - records, values: self.values - values, keys: self.keys - keys }
    }
}

impl Add for PayloadSize {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let Self { records, values, keys } = other;
        Self { records: self.records + records, values: self.values + values, keys: self.keys + keys }
    }
}

impl AddAssign for PayloadSize {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for PayloadSize {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::default(), Add::add)
    }
}

impl RowsByHand {
    /// Row `i` goes to `hands[i]`. What each hand gets is this large.
    ///
    /// # Panics
    /// When there is no size for a hand, or there are 2^32 rows.
    pub(crate) fn new(hands: &[u16], sizes: &[PayloadSize]) -> Self {
        let mut start = 0;
        let start_after = |size: &PayloadSize| {
            start += size.records;
            start - size.records
        };
        let mut ends: Vec<usize> = sizes.iter().map(start_after).collect();
        // Until all rows are in place, an end is where the next row of its hand comes.
        let mut rows = vec![0_u32; hands.len()];
        let all = u32::try_from(hands.len()).expect("a batch has under 2^32 records");
        for (row, hand) in (0..all).zip(hands) {
            let next = ends.get_mut(usize::from(*hand)).expect("a hand is below the count");
            if let Some(place) = rows.get_mut(*next) {
                *place = row;
            }
            *next += 1;
        }
        Self { rows, ends }
    }

    /// For each hand, which of the rows are its own.
    pub(crate) fn windows(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| start..*end)
    }

    /// The rows in a window.
    pub(crate) fn get(&self, window: Range<usize>) -> &[u32] {
        self.rows.get(window).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_row_is_in_one_hand_and_those_of_a_hand_are_in_order(hands in prop::collection::vec(0_u16..5, 0..200)) {
            let records = |hand| hands.iter().filter(|of| **of == hand).count();
            let sizes = [0, 1, 2, 3, 4].map(|hand| PayloadSize { records: records(hand), ..PayloadSize::default() });
            let by_hand = RowsByHand::new(&hands, &sizes);
            let windows: Vec<_> = by_hand.windows().collect();
            prop_assert_eq!(windows.len(), 5);
            for (hand, window) in (0..5).zip(windows) {
                let expected = (0..).zip(&hands).filter(|(_, of)| **of == hand).map(|(row, _)| row);
                prop_assert_eq!(by_hand.get(window), expected.collect::<Vec<u32>>());
            }
        }
    }
}
