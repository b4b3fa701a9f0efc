//! The results of the attempts at one batch, gathered until every record has an outcome or is to be tried again. Then what
//! came of the ones is separated from the others, and the claims are divided among outputs, failures and dropped records.

use std::iter;
use std::ops::Range;
use std::sync::Arc;

use super::attempted::Flushed;
use super::breaker::Came;
use super::load::Load;
use super::outcome::{Part, Sorted, append_ports};
use super::retries::{Cause, Retries, crash};
use crate::flow::{Failed, Reason};
use crate::program::{FailureKind, GuestFailure, Outcome};
use crate::record::Payload;

/// The results of attempts at parts of one batch. Indices are those of the whole batch.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// The first record of the batch that has no outcome here: what comes before has been sent on already.
    base: usize,
    /// The index after the last record that has an outcome.
    through: usize,
    emitted: Payload,
    /// As many as outputs, once anything but a single one-to-one outcome has been added.
    origins: Option<Vec<u32>>,
    ports: Option<Vec<u16>>,
    failures: Vec<Failing>,
    /// Records that were not tried, because one of their key, before them, is tried again.
    held_back: Vec<u32>,
    /// What instances returned at their end, when they lived for this batch alone.
    pub(crate) flushed: Vec<Flushed>,
}

/// One record that failed.
#[derive(Debug)]
struct Failing {
    index: u32,
    reason: Reason,
    cause: Cause,
    /// Whether it is tried again.
    again: bool,
}

/// Whether a record (by its position in the batch) that failed so is tried again.
pub(crate) type Again<'a> = &'a (dyn Fn(usize, Cause) -> bool + Sync);

impl Gathered {
    /// Nothing yet of a batch whose records before `base` are done with.
    pub(crate) fn from(base: usize) -> Self {
        Self { base, through: base, ..Self::default() }
    }

    /// The index after the last record that has an outcome.
    pub(crate) fn through(&self) -> usize {
        self.through
    }

    /// How many records were tried.
    pub(crate) fn tried(&self) -> usize {
        self.through - self.base
    }

    /// How many of them failed.
    pub(crate) fn failed(&self) -> usize {
        self.failures.len()
    }

    /// Whether any of them is tried again.
    pub(crate) fn waits(&self) -> bool {
        !self.held_back.is_empty() || self.failures.iter().any(|failing| failing.again)
    }

    /// Those of them, by their positions, that are tried again, but for the first `known` failures.
    pub(crate) fn again(&self, known: usize) -> impl Iterator<Item = usize> {
        let failures = self.failures.iter().skip(known).filter(|failing| failing.again);
        failures.map(|failing| self.base + failing.index as usize)
    }

    /// How many attempts were at records of the load that had failed before, and how many of these passed.
    pub(crate) fn retried(&self, load: &Load) -> (usize, usize) {
        let is_retry = |index: u32| load.failures(self.base + index as usize) > 0;
        let tried = (0..index(self.tried())).filter(|at| is_retry(*at)).count();
        let held_back = self.held_back.iter().filter(|at| is_retry(**at)).count();
        let failed = self.failures.iter().filter(|failing| is_retry(failing.index)).count();
        (tried - held_back, tried - held_back - failed)
    }

    /// Bytes that wait here to be sent on.
    pub(crate) fn bytes(&self) -> usize {
        self.emitted.bytes() + self.flushed.iter().map(|flushed| flushed.outcome.emitted.bytes()).sum::<usize>()
    }

    /// Adds the outcome of the records in `range`, after those of the ranges before it.
    pub(crate) fn add(&mut self, range: &Range<usize>, whole: usize, outcome: Outcome, again: Again<'_>) {
        let Outcome { emitted, origins, ports, failures } = outcome;
        let first = index(range.start - self.base);
        self.through = range.end;
        for failure in failures {
            let cause = if failure.retryable { Cause::Retryable } else { Cause::Final };
            let again = again(range.start + failure.index as usize, cause);
            let reason = Reason::new(FailureKind::Returned, failure.message);
            self.failures.push(Failing { index: first + failure.index, reason, cause, again });
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
        append_ports(&mut self.ports, before, ports, added);
        self.emitted.append(&emitted);
    }

    /// The record at `position` failed by itself. Returns whether it is tried again.
    pub(crate) fn fail(&mut self, position: usize, failure: &GuestFailure, again: Again<'_>) -> bool {
        self.through = position + 1;
        self.origins.get_or_insert_default();
        let (cause, reason) = crash(failure);
        let again = again(position, cause);
        self.failures.push(Failing { index: index(position - self.base), reason, cause, again });
        again
    }

    /// The record at `position` is not tried now.
    pub(crate) fn hold_back(&mut self, position: usize) {
        self.through = position + 1;
        self.origins.get_or_insert_default();
        self.held_back.push(index(position - self.base));
    }

    /// What became of the records in `range`, which were tried last; their failures begin after the `known` ones.
    /// Nothing yet of those that are tried again.
    pub(crate) fn fates(&self, known: usize, range: &Range<usize>, load: &Load) -> Vec<(Range<u64>, Came)> {
        let mut fates = Vec::new();
        let mut add =
            |positions, came| fates.extend(load.numbers(positions).into_iter().map(|records| (records, came)));
        let mut next = range.start;
        for failing in self.failures.iter().skip(known) {
            let position = self.base + failing.index as usize;
            add(next..position, Came::Passed);
            if !failing.again {
                add(position..position + 1, Came::Failed);
            }
            next = position + 1;
        }
        add(next..range.end, Came::Passed);
        fates
    }

    /// Attaches the guest's last log lines to all failures but the first `first`.
    pub(crate) fn quote(&mut self, first: usize, words: Vec<String>) {
        let words: Arc<[String]> = words.into();
        self.failures.iter_mut().skip(first).for_each(|failing| failing.reason.log = Arc::clone(&words));
    }

    /// Divides the claims of the records gathered here, the next ones of `load`, among outputs, failures and dropped
    /// records. None of them is tried again.
    pub(crate) fn sort(self, load: &mut Load) -> Sorted {
        let claims = load.take_claims(self.tried());
        let Self { base, emitted, origins, ports, failures, .. } = self;
        let Some(origins) = origins else {
            let (failed, dropped) = Default::default();
            return Sorted { emitted, claims, ports, failed, dropped };
        };
        let (indices, reasons): (Vec<u32>, Vec<Reason>) = failures
            .into_iter()
            .map(|Failing { index, reason, .. }| {
                let earlier = load.take_earlier(base + index as usize);
                (index, Reason { earlier, ..reason })
            })
            .unzip();
        let divided = claims.divide(&origins, &indices);
        let failed_records = load.records().select(indices.iter().map(|index| base + *index as usize));
        let failed = Failed { records: failed_records, claims: divided.failed, reasons };
        Sorted { emitted, claims: divided.outputs, ports, failed, dropped: divided.dropped }
    }

    /// As [`Self::sort`], with the records that are tried again cut apart; and each of those at certain positions is a
    /// part of its own. Each part comes with the position of its first record in the batch.
    pub(crate) fn cut(
        mut self,
        load: &mut Load,
        is_apart: impl Fn(usize) -> bool,
        retries: &Retries,
    ) -> Vec<(usize, Part)> {
        let (again, failures): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.failures).into_iter().partition(|failing| failing.again);
        let (mut again, mut failures) = (again.into_iter().peekable(), failures.into_iter().peekable());
        let mut held_back = std::mem::take(&mut self.held_back).into_iter().peekable();
        let mut parts = Vec::new();
        let mut position = self.base;
        while position < self.through {
            let at = index(position - self.base);
            if let Some(Failing { reason, cause, .. }) = again.next_if(|failing| failing.index == at) {
                parts.push((position, Part::Waiting(load.wait(position, cause, &reason, retries))));
                position += 1;
                continue;
            }
            if held_back.next_if_eq(&at).is_some() {
                parts.push((position, Part::Waiting(load.hold_back(position))));
                position += 1;
                continue;
            }
            let next = again.peek().map(|failing| failing.index).into_iter().chain(held_back.peek().copied()).min();
            let next = next.map_or(self.through, |at| self.base + at as usize);
            let is_end = |end: &usize| *end == next || is_apart(end - 1) || is_apart(*end);
            let end = (position + 1..=next).find(is_end).unwrap_or(next);
            let before = index(end - self.base);
            let failures = iter::from_fn(|| failures.next_if(|failing| failing.index < before)).collect();
            parts.push((position, Part::Done(self.slice(position..end, failures).sort(load))));
            position = end;
        }
        parts
    }

    /// The results of the records in `range`, whose failures are these.
    fn slice(&self, range: Range<usize>, failures: Vec<Failing>) -> Self {
        let (first, end) = (index(range.start - self.base), index(range.end - self.base));
        let (outputs, origins) = match &self.origins {
            None => (first as usize..end as usize, None),
            Some(origins) => {
                let below = |end: u32| origins.partition_point(|origin| *origin < end);
                let outputs = below(first)..below(end);
                let chosen = origins.get(outputs.clone()).unwrap_or_default();
                (outputs, Some(chosen.iter().map(|origin| origin - first).collect()))
            }
        };
        let ports = self.ports.as_ref().map(|ports| ports.get(outputs.clone()).unwrap_or_default().to_vec());
        let failures = failures.into_iter().map(|failing| Failing { index: failing.index - first, ..failing });
        Self {
            base: range.start,
            through: range.end,
            emitted: self.emitted.slice(outputs),
            origins,
            ports,
            failures: failures.collect(),
            held_back: Vec::new(),
            flushed: Vec::new(),
        }
    }
}

fn index(position: usize) -> u32 {
    u32::try_from(position).expect("a batch has under 2^32 records")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Retry;
    use crate::program::Failure;
    use crate::record::{Batch, Column, Ledger, Lineage, Places, Ticket};

    /// What comes of a record: a number of outputs, a failure for good, or a retry.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Comes {
        To(usize),
        Fails,
        Waits,
    }

    fn comes() -> impl Strategy<Value = Comes> {
        prop_oneof![3 => (0_usize..3).prop_map(Comes::To), 1 => Just(Comes::Fails), 1 => Just(Comes::Waits)]
    }

    fn load(ledger: &Arc<Ledger>, records: usize) -> Load {
        let values: Column = (1..=records).map(|number| number.to_string()).collect();
        let claims = Ticket::issue(ledger, &"s".into(), 1, records, Places::default());
        Load::first(Batch::new(Payload::of_values(values), claims), 0)
    }

    /// Of records that come to this: the outcome of a call that is given those of `range`.
    fn outcome(all: &[Comes], range: Range<usize>) -> Outcome {
        let mut outcome = Outcome { origins: Some(Vec::new()), ports: Some(Vec::new()), ..Outcome::default() };
        for (at, position) in (0_u32..).zip(range) {
            let failure = |retryable| Failure { index: at, retryable, message: (position + 1).to_string() };
            match all[position] {
                Comes::To(outputs) => (0..outputs).for_each(|_| {
                    outcome.emitted.push(None, (position + 1).to_string().as_bytes());
                    outcome.origins.as_mut().unwrap().push(at);
                    outcome.ports.as_mut().unwrap().push(u16::try_from(position % 3).unwrap());
                }),
                Comes::Fails => outcome.failures.push(failure(false)),
                Comes::Waits => outcome.failures.push(failure(true)),
            }
        }
        outcome
    }

    /// The numbers of the records that these claims are for.
    fn numbers(claims: &Lineage) -> Vec<String> {
        (0..claims.len()).map(|index| claims.place(index).unwrap().record.to_string()).collect()
    }

    fn texts(records: &Payload) -> Vec<String> {
        records.values().iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    proptest! {
        /// However it is divided, each record has its own outputs, ports, failure and claim, in its own place.
        #[test]
        fn what_waits_is_cut_out_and_nothing_else_is_moved(
            all in prop::collection::vec(comes(), 1..20),
            middle in 0_usize..20,
            each: bool,
        ) {
            let ledger = Arc::default();
            let mut load = load(&ledger, all.len());
            let again = |_: usize, cause| cause == Cause::Retryable;
            let middle = middle.min(all.len());
            let mut gathered = Gathered::from(0);
            for range in [0..middle, middle..all.len()].into_iter().filter(|range| !range.is_empty()) {
                gathered.add(&range, all.len(), outcome(&all, range.clone()), &again);
            }
            let retries = Retries::new(Retry::default(), "s", &Arc::default());
            prop_assert_eq!(gathered.waits(), all.contains(&Comes::Waits));
            let (mut joined, mut waited) = (Sorted::default(), Vec::new());
            for (position, part) in gathered.cut(&mut load, |_| each, &retries) {
                match part {
                    Part::Waiting(waiting) => {
                        prop_assert_eq!(texts(&waiting.record), [(position + 1).to_string()]);
                        prop_assert_eq!(numbers(&waiting.claim), texts(&waiting.record));
                        prop_assert_eq!(waiting.tried.earlier.count(), 1);
                        waited.push(position);
                    }
                    Part::Done(sorted) => joined.append(sorted),
                }
            }
            let expected = outcome(&all, 0..all.len());
            prop_assert_eq!(numbers(&joined.claims), texts(&joined.emitted));
            prop_assert_eq!(numbers(&joined.failed.claims), texts(&joined.failed.records));
            let reasons: Vec<_> = joined.failed.reasons.iter().map(|reason| reason.message.clone()).collect();
            prop_assert_eq!(&reasons, &texts(&joined.failed.records));
            prop_assert_eq!(joined.ports.unwrap_or_default(), expected.ports.unwrap());
            prop_assert_eq!(joined.emitted, expected.emitted);
            let having = |wanted| (0..all.len()).filter(|index| all[*index] == wanted).collect::<Vec<_>>();
            prop_assert_eq!(waited, having(Comes::Waits));
            prop_assert_eq!(joined.dropped.len(), having(Comes::To(0)).len());
            prop_assert_eq!(reasons.len(), having(Comes::Fails).len());
        }
    }
}
