//! Attempts at records: whole batches, then pieces where they fail, on pristine instances or on one that lives on.
//!
//! An attempt that fails as a whole (a trap, a limit, a broken contract) costs its instance, and its records are split
//! in halves, each tried on an instance of its own, until the guilty records stand alone: for one guilty record among
//! n, at most 2 log2(n) more attempts, and for k of them at most k times that. Outputs keep the order of the records.

use std::sync::Arc;
use std::time::Duration;

use super::Worker;
use crate::error::{Error, Result};
use crate::flow::Hold;
use crate::plan::{Recycle, Reuse};
use crate::pool::attempted::{Attempted, Flushed, last_words};
use crate::pool::breaker::Came;
use crate::pool::gathered::Gathered;
use crate::pool::load::Load;
use crate::pool::pace::{Took, flush_budget};
use crate::pool::pending::{Next, Pending};
use crate::pool::words::state_lost;
use crate::program::{GuestFailure, Instance, Outcome};
use crate::record::Payload;
use crate::report::Activity;
use crate::time::Instant;

/// An instance that is kept from batch to batch.
pub(in crate::pool) struct Living {
    instance: Box<dyn Instance>,
    /// Records given to it since it was made.
    given: usize,
    /// Records given to it since it was made for which nothing came out: what it may hold, and lose when it traps.
    pub(super) held: usize,
    /// While it may hold any: no checkpoint can be taken.
    hold: Option<Hold>,
}

impl Worker {
    /// How many records the next attempt may be given.
    fn piece_max(&self) -> usize {
        match (self.stage.reuse, self.stage.recycle.records) {
            (Reuse::Record, _) => 1,
            (Reuse::Batch, _) if self.stage.program.takes_one() => 1,
            (Reuse::Worker, Some(most)) => most.get() - self.instance.as_ref().map_or(0, |living| living.given),
            (Reuse::Batch | Reuse::Worker, _) => usize::MAX,
        }
    }

    /// Tries the records from `base` on, whole or in pieces, until each has an outcome, or this many bytes have come
    /// out: one of them at least.
    pub(super) async fn gather(
        &mut self,
        load: &Load,
        pending: &mut Pending,
        base: usize,
        bytes: usize,
    ) -> Result<Gathered> {
        let stage = Arc::clone(&self.stage);
        let records = load.records();
        self.does(load.activity());
        let again = |position: usize, cause| stage.retries.allow(cause, load.failures(position));
        let mut gathered = Gathered::from(base);
        // What an instance returns at its end goes directly after its own records: which others share a batch is
        // chance.
        while gathered.tried() == 0
            || (gathered.flushed.is_empty() && gathered.bytes() < bytes && !stage.breaker.is_open())
        {
            let range = match pending.next_free(self.piece_max(), |position| stage.key(records, position)) {
                Some(Next::Try(range)) => range,
                Some(Next::HoldBack(position)) => {
                    gathered.hold_back(position);
                    continue;
                }
                None => break,
            };
            let whole = range.len() == records.len();
            let part = (!whole).then(|| records.slice(range.clone()));
            let Attempted { came, words } = self.attempt(part.as_ref().unwrap_or(records)).await?;
            let known = gathered.failed();
            match came {
                Ok((outcome, flushed)) => {
                    gathered.add(&range, records.len(), outcome, &again);
                    stage.breaker.hear(&gathered.fates(known, &range, load));
                    gathered.flushed.extend(flushed.and_then(Flushed::unless_empty));
                }
                Err(failure) => {
                    stage.counters.failed_invocations.add(1);
                    if range.len() > 1 {
                        pending.halve(&range);
                    } else if !gathered.fail(range.start, &failure, &again) {
                        let crashed = load.numbers(range).into_iter().map(|records| (records, Came::Crashed));
                        stage.breaker.hear(&crashed.collect::<Vec<_>>());
                    }
                }
            }
            gathered.quote(known, words);
            if let Some(keys) = &stage.keys {
                pending.hold(gathered.again(known).map(|position| keys.hash(records, position)));
            }
        }
        if load.is_retry() {
            let (retries, recovered) = gathered.retried(load);
            stage.counters.retries.add(retries);
            stage.counters.recovered.add(recovered);
        }
        Ok(gathered)
    }

    /// One attempt, on a pristine instance or on the long-lived one.
    async fn attempt(&mut self, records: &Payload) -> Result<Attempted> {
        match self.stage.reuse {
            Reuse::Worker => self.attempt_living(records).await,
            Reuse::Record | Reuse::Batch => {
                let begun = Instant::now();
                let mut instance = self.instantiate().await?;
                let made = Instant::now();
                self.stage.pace.learn_opening(made - begun);
                if records.len() > 1 {
                    instance.hold_words();
                }
                let came = self.attempt_pristine(&mut *instance, records, made).await;
                // What has failed together is tried again in parts, and says it again.
                instance.let_words_go(came.is_ok() || records.len() == 1);
                self.charge(instance.time_in_guest(), came.is_err());
                Ok(Attempted::of(came, &*instance))
            }
        }
    }

    async fn attempt_pristine(
        &mut self,
        instance: &mut dyn Instance,
        records: &Payload,
        begun: Instant,
    ) -> Result<(Outcome, Option<Flushed>), GuestFailure> {
        let budget = self.stage.pace.budget(&self.stage.limits, records.len(), records.bytes());
        let before = instance.time_in_guest();
        self.stage.counters.invocations.add(1);
        let outcome = instance.process(records, budget).await?;
        // The instance ends here, so what it holds comes out now, or never.
        self.stage.counters.invocations.add(1);
        let flushed = instance.flush(budget).await?;
        // Some stages do their work in `flush`: what both took is what these records take.
        let cpu = instance.time_in_guest().saturating_sub(before);
        self.stage.pace.learn(Took { cpu, wall: begun.elapsed() }, records.len());
        Ok((outcome, Some(Flushed { outcome: flushed, hold: None })))
    }

    async fn attempt_living(&mut self, records: &Payload) -> Result<Attempted> {
        let mut living = match self.instance.take() {
            Some(living) => living,
            None => Living { instance: self.instantiate().await?, given: 0, held: 0, hold: None },
        };
        // State cannot be taken back, so no attempt is stopped on a suspicion where there may be some: the sum holds.
        let budget = match living.given {
            0 => self.stage.pace.budget(&self.stage.limits, records.len(), records.bytes()),
            _ => self.stage.limits.budget(records.len(), records.bytes()),
        };
        let (before, begun) = (living.instance.time_in_guest(), Instant::now());
        self.stage.counters.invocations.add(1);
        if records.len() > 1 {
            living.instance.hold_words();
        }
        let attempted = living.instance.process(records, budget).await;
        // As above; but where state is lost, nothing is tried again.
        living.instance.let_words_go(attempted.is_ok() || records.len() == 1 || living.held > 0);
        let cpu = living.instance.time_in_guest().saturating_sub(before);
        self.charge(cpu, attempted.is_err());
        let words = last_words(attempted.as_ref(), &*living.instance);
        match attempted {
            Ok(outcome) => {
                self.stage.pace.learn(Took { cpu, wall: begun.elapsed() }, records.len());
                living.given += records.len();
                living.held += outcome.silent(records.len());
                if living.held > 0 && living.hold.is_none() {
                    living.hold = Some(Hold::begin(&self.stage.counters.holding, &self.stage.ledger));
                }
                let is_due = self.is_due(&living);
                self.instance = Some(living);
                let flushed = if is_due { self.retire().await? } else { None };
                Ok(Attempted { came: Ok((outcome, flushed)), words })
            }
            Err(failure) if living.held > 0 => Err(state_lost(&self.stage.name, living.held, failure)),
            Err(failure) => Ok(Attempted { came: Err(failure), words }),
        }
    }

    /// Whether an instance has been given, or has taken, as much as one may before it is recycled.
    fn is_due(&self, living: &Living) -> bool {
        let Recycle { records, memory } = self.stage.recycle;
        records.is_some_and(|most| living.given >= most.get())
            || memory.is_some_and(|most| living.instance.memory_bytes() >= most.get())
    }

    /// Ends a long-lived instance, and returns what it held.
    pub(super) async fn retire(&mut self) -> Result<Option<Flushed>> {
        let Some(mut living) = self.instance.take() else {
            return Ok(None);
        };
        let before = living.instance.time_in_guest();
        let was = self.does(Activity::Flushing);
        self.stage.counters.invocations.add(1);
        let flushed = living.instance.flush(flush_budget(&self.stage.limits, living.held)).await;
        self.charge(living.instance.time_in_guest().saturating_sub(before), flushed.is_err());
        self.does(was);
        match flushed {
            Ok(outcome) => Ok(Some(Flushed { outcome, hold: living.hold.take() })),
            Err(failure) => Err(state_lost(&self.stage.name, living.held, failure)),
        }
    }

    async fn instantiate(&mut self) -> Result<Box<dyn Instance>> {
        self.stage.counters.instances.add(1);
        let was = self.does(Activity::MakingInstance);
        let made = self.stage.program.instantiate(&self.id).await;
        self.does(was);
        made.map_err(|failure| {
            // It could be made before the run began: neither configuration nor component is at fault now.
            Error::guest(format!("another instance of stage \"{}\" cannot be made", self.stage.name)).caused_by(failure)
        })
    }

    fn charge(&mut self, time: Duration, failed: bool) {
        self.lengthen_slice(time);
        self.stage.counters.in_guest.add_time(time);
        if failed {
            self.stage.counters.in_failed.add_time(time);
        }
    }
}
