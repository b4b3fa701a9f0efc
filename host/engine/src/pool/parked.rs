//! A batch that keeps its order while some of its records wait for another attempt: what came of the others is parked, in
//! the order of the input, until those before it are through.

use std::collections::BTreeMap;

use super::attempted::Flushed;
use super::outcome::{Part, Sorted};
use super::retries::Waiting;
use crate::time::Instant;

/// The results of a batch, by the first record that each is of.
#[derive(Debug)]
pub(crate) struct ParkedBatch {
    parts: BTreeMap<usize, Part>,
    /// What instances returned at their end: it goes after the records.
    pub(crate) flushed: Vec<Flushed>,
}

impl ParkedBatch {
    /// Parts with the positions of their first records.
    pub(crate) fn new(parts: impl IntoIterator<Item = (usize, Part)>, flushed: Vec<Flushed>) -> Self {
        Self { parts: parts.into_iter().collect(), flushed }
    }

    /// Whether something can be sent on: what comes before the first record that waits.
    pub(crate) fn leads(&self) -> bool {
        matches!(self.parts.first_key_value(), Some((_, Part::Done(_))))
    }

    /// Takes what can be sent on.
    pub(crate) fn take_leading(&mut self) -> Sorted {
        let mut leading = Sorted::default();
        while let Some(first) = self.parts.first_entry()
            && matches!(first.get(), Part::Done(_))
        {
            if let Part::Done(sorted) = first.remove() {
                leading.append(sorted);
            }
        }
        leading
    }

    /// Everything that has its outcome; the records that wait are abandoned.
    pub(crate) fn into_done(self) -> Sorted {
        let mut all = Sorted::default();
        for part in self.parts.into_values() {
            match part {
                Part::Done(sorted) => all.append(sorted),
                Part::Waiting(_) => {}
            }
        }
        all
    }

    /// When the next record is due; of the foremost only, when `only_first`. `None`: nothing waits.
    pub(crate) fn next_due(&self, only_first: bool) -> Option<Instant> {
        let due = self.waiting().map(|(_, waiting)| waiting.due);
        if only_first { due.take(1).next() } else { due.min() }
    }

    /// Takes the records that are due, with their positions: at most `most`, the foremost first.
    pub(crate) fn take_due(&mut self, most: usize) -> (Vec<usize>, Vec<Waiting>) {
        let now = Instant::now();
        let due = self.waiting().filter(|(_, waiting)| waiting.due <= now).take(most);
        let positions: Vec<usize> = due.map(|(position, _)| position).collect();
        let taken = positions.iter().filter_map(|position| match self.parts.remove(position) {
            Some(Part::Waiting(waiting)) => Some(waiting),
            Some(Part::Done(_)) | None => None,
        });
        let taken = taken.collect();
        (positions, taken)
    }

    /// Puts what came of records where they were.
    pub(crate) fn put(&mut self, parts: impl IntoIterator<Item = (usize, Part)>) {
        self.parts.extend(parts);
    }

    /// Bytes of outputs that are parked.
    pub(crate) fn bytes(&self) -> usize {
        let done = self.parts.values().map(|part| match part {
            Part::Done(sorted) => sorted.emitted.bytes(),
            Part::Waiting(_) => 0,
        });
        done.sum::<usize>() + self.flushed.iter().map(|flushed| flushed.outcome.emitted.bytes()).sum::<usize>()
    }

    fn waiting(&self) -> impl Iterator<Item = (usize, &Waiting)> {
        self.parts.iter().filter_map(|(position, part)| match part {
            Part::Waiting(waiting) => Some((*position, waiting)),
            Part::Done(_) => None,
        })
    }
}
