//! What is still to be tried of a batch.

use std::collections::HashSet;
use std::ops::Range;

use crate::record::KeyHash;

/// The ranges of a batch that are still to be tried, the first on top.
#[derive(Debug)]
pub(crate) struct Pending {
    ranges: Vec<Range<usize>>,
    /// Keys of records that are tried again: later records of these wait for them.
    held: HashSet<KeyHash>,
}

/// What is to be tried next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// These records.
    Try(Range<usize>),
    /// Not this one: it waits for one of its key.
    HoldBack(usize),
}

impl Pending {
    /// These ranges, in order.
    pub(crate) fn of(mut ranges: Vec<Range<usize>>) -> Self {
        ranges.reverse();
        Self { ranges, held: HashSet::new() }
    }

    /// From now on, records of these keys are not tried.
    pub(crate) fn hold(&mut self, keys: impl Iterator<Item = KeyHash>) {
        self.held.extend(keys);
    }

    /// Whether records of this key are not tried.
    pub(crate) fn holds(&self, key: KeyHash) -> bool {
        self.held.contains(&key)
    }

    /// The next range of records that may be tried, whose keys are these; as [`Self::next`] where none is held.
    pub(crate) fn next_free(&mut self, most: usize, key: impl Fn(usize) -> KeyHash) -> Option<Next> {
        let range = self.next(most)?;
        if self.held.is_empty() {
            return Some(Next::Try(range));
        }
        let Some(held) = range.clone().find(|position| self.holds(key(*position))) else {
            return Some(Next::Try(range));
        };
        let is_first = held == range.start;
        let rest = if is_first { held + 1 } else { held }..range.end;
        if !rest.is_empty() {
            self.ranges.push(rest);
        }
        Some(if is_first { Next::HoldBack(held) } else { Next::Try(range.start..held) })
    }

    /// The next range, at most `most` records of it: at least one.
    fn next(&mut self, most: usize) -> Option<Range<usize>> {
        let range = self.ranges.pop()?;
        if range.len() <= most {
            return Some(range);
        }
        let cut = range.start + most.max(1);
        self.ranges.push(cut..range.end);
        Some(range.start..cut)
    }

    /// Puts a range back, in halves.
    pub(crate) fn halve(&mut self, range: &Range<usize>) {
        let middle = usize::midpoint(range.start, range.end);
        self.ranges.push(middle..range.end);
        self.ranges.push(range.start..middle);
    }
}
