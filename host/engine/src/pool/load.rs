//! Records that a worker tries together: a new batch, or records that are retried.

use std::iter;
use std::mem;
use std::ops::Range;

use super::pending::Pending;
use super::retries::{Cause, Retries, Tried, Waiting};
use crate::flow::{Earlier, Reason};
use crate::record::{Batch, Lineage, Payload};
use crate::report::Activity;
use crate::time::Instant;

/// Records with their claims, and what happened to them before. Claims leave it from the front.
#[derive(Debug)]
pub(crate) struct Load {
    records: Payload,
    claims: Lineage,
    /// One for each record; empty: these are first attempts.
    tried: Vec<Tried>,
    /// The number of the first record in the stage's input; those that are tried again know their own.
    first: u64,
}

impl Load {
    /// A batch that nothing has happened to yet, whose `first` record has this number in the stage's input.
    pub(crate) fn first(batch: Batch, first: u64) -> Self {
        let (records, claims) = batch.into_parts();
        Self { records, claims, tried: Vec::new(), first }
    }

    /// Records that have waited for this.
    pub(crate) fn again(waiting: Vec<Waiting>) -> Self {
        let mut load = Self { records: Payload::default(), claims: Lineage::default(), tried: Vec::new(), first: 0 };
        for Waiting { record, claim, tried, .. } in waiting {
            load.records.append(&record);
            load.claims.append(claim);
            load.tried.push(tried);
        }
        load
    }

    pub(crate) fn records(&self) -> &Payload {
        &self.records
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether its records have been tried before.
    pub(crate) fn is_retry(&self) -> bool {
        !self.tried.is_empty()
    }

    /// What a worker does that tries these records.
    pub(super) fn activity(&self) -> Activity {
        let records = self.len() as u64;
        if self.is_retry() { Activity::Retrying { records } } else { Activity::Processing { records } }
    }

    /// The numbers of the records at `positions` in the stage's input, in ranges.
    pub(crate) fn numbers(&self, positions: Range<usize>) -> Vec<Range<u64>> {
        if self.tried.is_empty() {
            let first = self.first + positions.start as u64;
            return iter::once(first..first + positions.len() as u64).collect();
        }
        let tried = self.tried.get(positions).unwrap_or_default();
        tried.iter().map(|tried| tried.number..tried.number + 1).collect()
    }

    fn number(&self, position: usize) -> u64 {
        self.tried.get(position).map_or(self.first + position as u64, |tried| tried.number)
    }

    /// How many attempts at a record have failed.
    pub(crate) fn failures(&self, position: usize) -> u32 {
        self.tried.get(position).map_or(0, |tried| tried.earlier.count())
    }

    /// The records to try: all together, but a record that has ended an instance by itself costs no other one its own.
    pub(crate) fn pending(&self) -> Pending {
        if self.tried.is_empty() {
            return Pending::of(iter::once(0..self.len()).collect());
        }
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let mut is_open = false;
        for (position, tried) in self.tried.iter().enumerate() {
            let is_suspect = tried.cause == Cause::Crash;
            match ranges.last_mut().filter(|_| is_open && !is_suspect) {
                Some(range) => range.end = position + 1,
                None => ranges.push(position..position + 1),
            }
            is_open = !is_suspect;
        }
        Pending::of(ranges)
    }

    pub(super) fn take_claims(&mut self, records: usize) -> Lineage {
        self.claims.split_front(records)
    }

    /// The attempts at a record before this one. They are given once.
    pub(super) fn take_earlier(&mut self, position: usize) -> Earlier {
        self.tried.get_mut(position).map(|tried| mem::take(&mut tried.earlier)).unwrap_or_default()
    }

    /// The record at `position`, whose claim is the next one: it is tried again.
    pub(super) fn wait(&mut self, position: usize, cause: Cause, reason: &Reason, retries: &Retries) -> Waiting {
        let number = self.number(position);
        let mut earlier = self.take_earlier(position);
        earlier.push(reason, retries.redactor());
        let claim = self.take_claims(1);
        claim.excuse();
        Waiting {
            record: self.records.slice(position..position + 1),
            claim,
            due: Instant::now() + retries.delay(earlier.count()),
            tried: Tried { earlier, cause, number },
        }
    }

    /// The record at `position`, whose claim is the next one: it has not been tried, and waits for one of its key.
    pub(super) fn hold_back(&mut self, position: usize) -> Waiting {
        let number = self.number(position);
        let cause = self.tried.get(position).map_or(Cause::Retryable, |tried| tried.cause);
        let earlier = self.take_earlier(position);
        Waiting {
            record: self.records.slice(position..position + 1),
            claim: self.take_claims(1),
            due: Instant::now(),
            tried: Tried { earlier, cause, number },
        }
    }

    /// Divides a batch that nothing has happened to: the records that are not held back, and those that are, with their
    /// positions.
    pub(crate) fn part(self, is_held: impl Fn(usize) -> bool) -> (Self, Vec<(usize, Waiting)>) {
        let hands: Vec<u16> = (0..self.len()).map(|position| u16::from(is_held(position))).collect();
        let tried = |position: usize| Tried {
            earlier: Earlier::default(),
            cause: Cause::Retryable,
            number: self.first + position as u64,
        };
        let chosen =
            |hand: u16| (0_usize..).zip(&hands).filter(move |(_, of)| **of == hand).map(|(position, _)| position);
        let mut dealt = Batch::new(self.records, self.claims).deal(&hands, 2).into_iter();
        let (records, claims) = dealt.next().map(Batch::into_parts).unwrap_or_default();
        let free = Self { records, claims, tried: chosen(0).map(tried).collect(), first: 0 };
        let (records, mut claims) = dealt.next().map(Batch::into_parts).unwrap_or_default();
        let held = chosen(1).enumerate().map(|(index, position)| {
            let (record, claim) = (records.slice(index..index + 1), claims.split_front(1));
            (position, Waiting { record, claim, tried: tried(position), due: Instant::now() })
        });
        (free, held.collect())
    }

    /// The records from `position` on, whose turn has not come: they wait on, and are due.
    pub(crate) fn rest(mut self, position: usize) -> Vec<Waiting> {
        let rest = mem::take(&mut self.tried).into_iter().enumerate().skip(position);
        let waiting = rest.map(|(position, tried)| Waiting {
            record: self.records.slice(position..position + 1),
            claim: self.claims.split_front(1),
            due: Instant::now(),
            tried,
        });
        waiting.collect()
    }
}
