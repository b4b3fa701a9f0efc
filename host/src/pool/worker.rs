//! A worker: the task that takes batches from its stage's queue, gives them to instances, and sends on what comes out.
//!
//! It holds one batch and at most one instance at a time. An instance that failed is dropped, never called again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::attempts::{Gathered, Pending, Sorted};
use super::breaker::Breaker;
use super::order::{Turn, Turnstile};
use super::pace::{Pace, Took, flush_budget, whole_budget};
use super::words::state_lost;
use super::{GuestFailure, Instance, Outcome, Program, WorkerId};
use crate::error::{Error, Result};
use crate::flow::{FailurePolicy, Outlet, StageCounters, Stopwatch};
use crate::plan::{Isolation, Limits, Order, Recycle, StagePlan};
use crate::queue::{Received, Receiver};
use crate::record::{Batch, BatchBounds, Fate, Ledger, Payload, Ticket};

/// Outputs of one batch that wait to be sent on together. What is more, is sent on in parts: a batch of small records may
/// make large outputs, and an attempt at each may fill the guest's memory anew. Arbitrary.
const SEND_ON_BYTES: usize = 16 << 20;

/// What all workers of a stage share.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: Arc<str>,
    pub(crate) program: Arc<dyn Program>,
    pub(crate) bounds: BatchBounds,
    pub(crate) limits: Limits,
    pub(crate) reuse: Isolation,
    pub(crate) recycle: Recycle,
    pub(crate) breaker: Breaker,
    pub(crate) counters: Arc<StageCounters>,
    pub(crate) failures: FailurePolicy,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) turnstile: Option<Turnstile>,
    pub(crate) pace: Pace,
}

impl Stage {
    pub(crate) fn new(
        plan: &StagePlan,
        program: Arc<dyn Program>,
        failures: FailurePolicy,
        ledger: &Arc<Ledger>,
    ) -> Self {
        Self {
            name: Arc::clone(&plan.name),
            program,
            bounds: plan.batch,
            limits: plan.limits,
            reuse: plan.reuse,
            recycle: plan.recycle,
            breaker: Breaker::new(plan.breaker),
            counters: Arc::default(),
            failures,
            ledger: Arc::clone(ledger),
            turnstile: (plan.order == Order::Input).then(Turnstile::default),
            pace: Pace::default(),
        }
    }
}

/// One worker.
pub(crate) struct Worker {
    stage: Arc<Stage>,
    id: WorkerId,
    input: Receiver,
    output: Outlet,
    instance: Option<Living>,
}

/// An instance that is kept from batch to batch.
struct Living {
    instance: Box<dyn Instance>,
    /// Records given to it since it was made.
    given: usize,
    /// Records given to it since it was made for which nothing came out: what it may hold, and lose when it traps.
    held: usize,
}

impl Worker {
    pub(crate) fn new(stage: &Arc<Stage>, worker: usize, input: Receiver, output: Outlet) -> Self {
        let id = WorkerId { stage: Arc::clone(&stage.name), worker };
        Self { stage: Arc::clone(stage), id, input, output, instance: None }
    }

    /// Works until the queue is closed and empty, then gives up what a long-lived instance holds.
    ///
    /// # Errors
    /// When a failure ends the run: by the stage's error policy, because state was lost, or because no instance can be made.
    pub(crate) async fn run(mut self) -> Result<()> {
        let mut watch = Stopwatch::start();
        while let Some(Received { sequence, batch }) = self.input.recv(&self.stage.bounds).await {
            watch.lap(&self.stage.counters.waiting);
            let turn = self.stage.turnstile.as_ref().map(|turnstile| turnstile.turn(sequence));
            self.work(batch, turn, &mut watch).await?;
        }
        watch.lap(&self.stage.counters.waiting);
        let flushed = self.retire().await?;
        watch.lap(&self.stage.counters.busy);
        if let Some(outcome) = flushed {
            self.send_flushed(outcome).await?;
        }
        watch.lap(&self.stage.counters.blocked);
        Ok(())
    }

    /// Gives every record of a batch its outcome, and sends on what comes out: at its turn, all at once, or in parts when
    /// there is much of it.
    async fn work(&mut self, batch: Batch, turn: Option<Turn>, watch: &mut Stopwatch) -> Result<()> {
        let (records, mut claims) = batch.into_parts();
        self.stage.counters.records_in.add(records.len());
        let mut pending = Pending::all(records.len());
        let mut done = 0;
        while done < records.len() {
            let mut gathered = self.gather(&records, &mut pending, done).await?;
            let through = gathered.through();
            let flushed = std::mem::take(&mut gathered.flushed);
            let sorted = gathered.sort(&records, claims.split_front(through - done));
            done = through;
            watch.lap(&self.stage.counters.busy);
            let last = sorted.failed.reasons.last().map(|reason| reason.message.clone());
            self.send_on(sorted, flushed, turn.as_ref()).await?;
            watch.lap(&self.stage.counters.blocked);
            if self.stage.breaker.is_open() {
                return Err(self.stage.breaker.error(&self.stage.name, last.as_deref().unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// How many records the next attempt may be given.
    fn piece_max(&self) -> usize {
        match (self.stage.reuse, self.stage.recycle.records) {
            (Isolation::Record, _) => 1,
            (Isolation::Worker, Some(most)) => most.get() - self.instance.as_ref().map_or(0, |living| living.given),
            (Isolation::Batch | Isolation::Worker, _) => usize::MAX,
        }
    }

    /// Tries the records from `base` on, whole or in pieces, until each has an outcome, or enough has come out.
    async fn gather(&mut self, records: &Payload, pending: &mut Pending, base: usize) -> Result<Gathered> {
        let mut gathered = Gathered::from(base);
        // What an instance gives up at its end goes right behind its own records: which others share a batch is chance.
        while gathered.flushed.is_empty()
            && gathered.bytes() < SEND_ON_BYTES
            && !(gathered.through() > base && self.stage.breaker.is_open())
        {
            let Some(range) = pending.next(self.piece_max()) else { break };
            let whole = range.len() == records.len();
            let part = (!whole).then(|| records.slice(range.clone()));
            match self.attempt(part.as_ref().unwrap_or(records)).await? {
                Ok((outcome, flushed)) => {
                    self.stage.breaker.returned(range.len(), outcome.failures.len());
                    gathered.add(&range, records.len(), outcome);
                    gathered.flushed.extend(flushed.filter(|outcome| !outcome.emitted.is_empty()));
                }
                Err(failure) => {
                    self.stage.counters.failed_invocations.add(1);
                    if range.len() == 1 {
                        self.stage.breaker.crashed();
                        gathered.fail(range.start, &failure);
                    } else {
                        pending.halve(&range);
                    }
                }
            }
        }
        Ok(gathered)
    }

    /// One attempt, on a pristine instance or on the long-lived one. The inner error is the guest's.
    async fn attempt(&mut self, records: &Payload) -> Result<Result<(Outcome, Option<Outcome>), GuestFailure>> {
        match self.stage.reuse {
            Isolation::Worker => self.attempt_living(records).await,
            Isolation::Record | Isolation::Batch => {
                let mut instance = self.instantiate().await?;
                let attempted = self.attempt_pristine(&mut *instance, records).await;
                self.charge(instance.time_in_guest(), attempted.is_err());
                Ok(attempted)
            }
        }
    }

    async fn attempt_pristine(
        &mut self,
        instance: &mut dyn Instance,
        records: &Payload,
    ) -> Result<(Outcome, Option<Outcome>), GuestFailure> {
        let budget = self.stage.pace.budget(&self.stage.limits, records.len());
        let (before, begun) = (instance.time_in_guest(), Instant::now());
        self.stage.counters.invocations.add(1);
        let outcome = instance.process(records, budget).await?;
        // The instance ends here, so what it holds comes out now, or never.
        self.stage.counters.invocations.add(1);
        let flushed = instance.flush(budget).await?;
        // Some stages do their work in `flush`: what both took is what these records take.
        let cpu = instance.time_in_guest().saturating_sub(before);
        self.stage.pace.learn(Took { cpu, wall: begun.elapsed() }, records.len());
        Ok((outcome, Some(flushed)))
    }

    async fn attempt_living(&mut self, records: &Payload) -> Result<Result<(Outcome, Option<Outcome>), GuestFailure>> {
        let mut living = match self.instance.take() {
            Some(living) => living,
            None => Living { instance: self.instantiate().await?, given: 0, held: 0 },
        };
        // State cannot be taken back, so nothing is cut short on a suspicion where there may be some: the sum holds.
        let budget = match living.given {
            0 => self.stage.pace.budget(&self.stage.limits, records.len()),
            _ => whole_budget(&self.stage.limits, records.len()),
        };
        let (before, begun) = (living.instance.time_in_guest(), Instant::now());
        self.stage.counters.invocations.add(1);
        let attempted = living.instance.process(records, budget).await;
        let cpu = living.instance.time_in_guest().saturating_sub(before);
        self.charge(cpu, attempted.is_err());
        match attempted {
            Ok(outcome) => {
                self.stage.pace.learn(Took { cpu, wall: begun.elapsed() }, records.len());
                living.given += records.len();
                living.held += outcome.silent(records.len());
                let is_due = self.is_due(&living);
                self.instance = Some(living);
                let flushed = if is_due { self.retire().await? } else { None };
                Ok(Ok((outcome, flushed)))
            }
            Err(failure) if living.held > 0 => Err(state_lost(&self.stage.name, living.held, failure)),
            Err(failure) => Ok(Err(failure)),
        }
    }

    /// Whether an instance has been given, or has taken, as much as one may before it is recycled.
    fn is_due(&self, living: &Living) -> bool {
        let Recycle { records, memory } = self.stage.recycle;
        records.is_some_and(|most| living.given >= most.get())
            || memory.is_some_and(|most| living.instance.memory_bytes() >= most.get())
    }

    async fn send_on(&mut self, sorted: Sorted, flushed: Vec<Outcome>, turn: Option<&Turn>) -> Result<()> {
        let Sorted { emitted, claims, ports, failed, dropped } = sorted;
        let counters = &self.stage.counters;
        counters.records_out.add(emitted.len());
        counters.failed.add(failed.reasons.len());
        counters.dropped.add(dropped.len());
        if let Some(turn) = turn {
            turn.wait().await;
        }
        self.stage.failures.settler.settle(dropped, Fate::Dropped, &self.stage.name).await;
        self.stage.failures.apply(failed).await?;
        self.output.send_to_ports(emitted, claims, ports.as_deref()).await?;
        for outcome in flushed {
            self.send_flushed(outcome).await?;
        }
        Ok(())
    }

    async fn send_flushed(&mut self, outcome: Outcome) -> Result<()> {
        let records = outcome.emitted.len();
        self.stage.counters.records_out.add(records);
        let claims = Ticket::issue_created(&self.stage.ledger, &self.stage.name, records);
        self.output.send_to_ports(outcome.emitted, claims, outcome.ports.as_deref()).await
    }

    /// Ends a long-lived instance, and returns what it held.
    async fn retire(&mut self) -> Result<Option<Outcome>> {
        let Some(mut living) = self.instance.take() else {
            return Ok(None);
        };
        let before = living.instance.time_in_guest();
        self.stage.counters.invocations.add(1);
        let flushed = living.instance.flush(flush_budget(&self.stage.limits, living.held)).await;
        self.charge(living.instance.time_in_guest().saturating_sub(before), flushed.is_err());
        match flushed {
            Ok(outcome) => Ok(Some(outcome)),
            Err(failure) => Err(state_lost(&self.stage.name, living.held, failure)),
        }
    }

    async fn instantiate(&mut self) -> Result<Box<dyn Instance>> {
        self.stage.counters.instances.add(1);
        self.stage.program.instantiate(&self.id).await.map_err(|failure| {
            // It could be made before the run began: neither configuration nor component is at fault now.
            Error::guest(format!("another instance of stage \"{}\" cannot be made", self.stage.name)).caused_by(failure)
        })
    }

    fn charge(&self, time: Duration, failed: bool) {
        self.stage.counters.in_guest.add_time(time);
        if failed {
            self.stage.counters.in_failed.add_time(time);
        }
    }
}
