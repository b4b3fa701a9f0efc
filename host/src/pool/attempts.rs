//! One batch's way through the instances: attempts, splitting where they fail, until every record has an outcome.
//!
//! An attempt that fails as a whole (a trap, a limit, a broken contract) costs its instance, and its records are split in
//! halves, each tried on an instance of its own, until the guilty records stand alone: for one guilty record among n,
//! at most 2 log2(n) more attempts, and for k of them at most k times that. Outputs keep the order of the records.

use std::iter;
use std::ops::Range;

use super::{GuestFailure, Outcome};
use crate::flow::{Held, Reason};
use crate::record::{Lineage, Payload};

/// What attempts at parts of one batch came to. Indices are those of the whole batch.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// The first record of the batch that has no outcome here: what comes before has been sent on already.
    base: usize,
    /// The record behind the last one that has an outcome.
    through: usize,
    emitted: Payload,
    /// As many as outputs, once anything but a single one-to-one outcome has been added.
    origins: Option<Vec<u32>>,
    ports: Option<Vec<u16>>,
    failures: Vec<(u32, Reason)>,
    /// What instances gave up at their end, when they lived for this batch alone.
    pub(crate) flushed: Vec<Flushed>,
}

/// What became of a whole batch.
#[derive(Debug)]
pub(crate) struct Sorted {
    pub(crate) emitted: Payload,
    pub(crate) claims: Lineage,
    pub(crate) ports: Option<Vec<u16>>,
    pub(crate) failed: crate::flow::Failed,
    pub(crate) dropped: Lineage,
}

impl Gathered {
    /// Nothing yet of a batch whose records before `base` are done with.
    pub(crate) fn from(base: usize) -> Self {
        Self { base, through: base, ..Self::default() }
    }

    /// The record behind the last one that has an outcome.
    pub(crate) fn through(&self) -> usize {
        self.through
    }

    /// Bytes that wait here to be sent on.
    pub(crate) fn bytes(&self) -> usize {
        self.emitted.bytes() + self.flushed.iter().map(|flushed| flushed.outcome.emitted.bytes()).sum::<usize>()
    }

    /// Adds the outcome of the records in `range`, behind those of the ranges before it.
    pub(crate) fn add(&mut self, range: &Range<usize>, whole: usize, outcome: Outcome) {
        let Outcome { emitted, origins, ports, failures } = outcome;
        let first = index(range.start - self.base);
        self.through = range.end;
        for failure in failures {
            let reason = Reason { kind: "returned", message: failure.message, backtrace: Vec::new() };
            self.failures.push((first + failure.index, reason));
        }
        if range.len() == whole {
            // The common case: one attempt for the whole batch, moved as it is.
            self.emitted = emitted;
            self.origins = origins;
            self.ports = ports;
            return;
        }
        let (before, added) = (self.emitted.len(), emitted.len());
        let all = self.origins.get_or_insert_default();
        match origins {
            Some(origins) => all.extend(origins.iter().map(|origin| first + origin)),
            None => all.extend(first..first + index(added)),
        }
        if ports.is_some() || self.ports.is_some() {
            let all = self.ports.get_or_insert_with(|| vec![0; before]);
            all.extend(ports.unwrap_or_else(|| vec![0; added]));
        }
        self.emitted.append(&emitted);
    }

    /// The record at `position` failed by itself.
    pub(crate) fn fail(&mut self, position: usize, failure: &GuestFailure) {
        self.through = position + 1;
        self.origins.get_or_insert_default();
        self.failures.push((index(position - self.base), reason(failure)));
    }

    /// Divides the claims of the records gathered here, which are those of `records` from the base on, among outputs,
    /// failures and dropped records.
    pub(crate) fn sort(self, records: &Payload, claims: Lineage) -> Sorted {
        let Self { base, emitted, origins, ports, failures, .. } = self;
        let Some(origins) = origins else {
            let (failed, dropped) = Default::default();
            return Sorted { emitted, claims, ports, failed, dropped };
        };
        let (indices, reasons): (Vec<u32>, Vec<Reason>) = failures.into_iter().unzip();
        let divided = claims.divide(&origins, &indices);
        let failed_records = records.select(indices.iter().map(|index| base + *index as usize));
        let failed = crate::flow::Failed { records: failed_records, claims: divided.failed, reasons };
        Sorted { emitted, claims: divided.outputs, ports, failed, dropped: divided.dropped }
    }
}

/// What an instance gave up at its end. Until it is sent on, its records are nowhere else.
#[derive(Debug)]
pub(crate) struct Flushed {
    pub(crate) outcome: Outcome,
    /// Keeps checkpoints off.
    pub(crate) hold: Option<Held>,
}

/// The ranges of a batch that are still to be tried, the first on top.
#[derive(Debug)]
pub(crate) struct Pending(Vec<Range<usize>>);

impl Pending {
    /// All `records` records.
    pub(crate) fn all(records: usize) -> Self {
        Self(iter::once(0..records).collect())
    }

    /// The next range, at most `most` records of it: at least one.
    pub(crate) fn next(&mut self, most: usize) -> Option<Range<usize>> {
        let range = self.0.pop()?;
        if range.len() <= most {
            return Some(range);
        }
        let cut = range.start + most.max(1);
        self.0.push(cut..range.end);
        Some(range.start..cut)
    }

    /// Puts a range back, in halves.
    pub(crate) fn halve(&mut self, range: &Range<usize>) {
        let middle = usize::midpoint(range.start, range.end);
        self.0.push(middle..range.end);
        self.0.push(range.start..middle);
    }
}

pub(crate) fn reason(failure: &GuestFailure) -> Reason {
    Reason { kind: failure.kind(), message: failure.to_string(), backtrace: failure.backtrace().to_vec() }
}

fn index(position: usize) -> u32 {
    u32::try_from(position).expect("a batch has under 2^32 records")
}
