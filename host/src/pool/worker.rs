//! A worker: the task that takes batches from its stage's queue, gives them to instances, and sends on what comes out.
//!
//! It holds one batch and at most one instance at a time. An instance that failed is dropped, never called again.

use std::sync::Arc;
use std::time::Duration;

use super::attempts::{Gathered, Pending, Sorted};
use super::order::{Turn, Turnstile};
use super::pace::{Pace, whole_budget};
use super::{GuestFailure, Instance, Outcome, Program, WorkerId};
use crate::error::{Error, Result};
use crate::flow::{FailurePolicy, Outlet, StageCounters, Stopwatch};
use crate::plan::{Isolation, Limits, Order, StagePlan};
use crate::queue::{Received, Receiver};
use crate::record::{BatchBounds, Fate, Ledger, Payload, Ticket};

/// What all workers of a stage share.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: Arc<str>,
    pub(crate) program: Arc<dyn Program>,
    pub(crate) bounds: BatchBounds,
    pub(crate) limits: Limits,
    pub(crate) reuse: Isolation,
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
            let (records, claims) = batch.into_parts();
            self.stage.counters.records_in.add(records.len());
            let mut gathered = self.gather(&records).await?;
            let flushed = std::mem::take(&mut gathered.flushed);
            let sorted = gathered.sort(&records, claims);
            drop(records);
            if let Some(living) = &mut self.instance {
                living.held += sorted.dropped.len();
            }
            watch.lap(&self.stage.counters.busy);
            self.send_on(sorted, flushed, turn).await?;
            watch.lap(&self.stage.counters.blocked);
        }
        watch.lap(&self.stage.counters.waiting);
        self.retire().await?;
        watch.lap(&self.stage.counters.busy);
        Ok(())
    }

    /// Tries the records, whole or in pieces, until each has an outcome.
    async fn gather(&mut self, records: &Payload) -> Result<Gathered> {
        let mut gathered = Gathered::default();
        let piece = if self.stage.reuse == Isolation::Record { 1 } else { records.len() };
        let mut pending = Pending::in_pieces(records.len(), piece);
        while let Some(range) = pending.next() {
            let whole = range.len() == records.len();
            let part = (!whole).then(|| records.slice(range.clone()));
            match self.attempt(part.as_ref().unwrap_or(records)).await? {
                Ok((outcome, flushed)) => {
                    gathered.add(&range, records.len(), outcome);
                    gathered.flushed.extend(flushed.filter(|outcome| !outcome.emitted.is_empty()));
                }
                Err(failure) => {
                    self.stage.counters.failed_invocations.add(1);
                    if range.len() == 1 {
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
                self.charge(instance.time_in_guest());
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
        let before = instance.time_in_guest();
        self.stage.counters.invocations.add(2);
        let outcome = instance.process(records, budget).await?;
        self.stage.pace.learn(instance.time_in_guest().saturating_sub(before), records.len());
        // The instance ends here, so what it holds comes out now, or never.
        let flushed = instance.flush(whole_budget(&self.stage.limits, records.len())).await?;
        Ok((outcome, Some(flushed)))
    }

    async fn attempt_living(&mut self, records: &Payload) -> Result<Result<(Outcome, Option<Outcome>), GuestFailure>> {
        let mut living = match self.instance.take() {
            Some(living) => living,
            None => Living { instance: self.instantiate().await?, held: 0 },
        };
        // State cannot be taken back, so nothing is cut short on a suspicion: the sum of the limits holds.
        let budget = whole_budget(&self.stage.limits, records.len());
        let before = living.instance.time_in_guest();
        self.stage.counters.invocations.add(1);
        let attempted = living.instance.process(records, budget).await;
        self.charge(living.instance.time_in_guest().saturating_sub(before));
        match attempted {
            Ok(outcome) => {
                self.instance = Some(living);
                Ok(Ok((outcome, None)))
            }
            Err(failure) if living.held > 0 => Err(self.state_lost(living.held, failure)),
            Err(failure) => Ok(Err(failure)),
        }
    }

    async fn send_on(&mut self, sorted: Sorted, flushed: Vec<Outcome>, turn: Option<Turn>) -> Result<()> {
        let Sorted { emitted, claims, ports, failed, dropped } = sorted;
        let counters = &self.stage.counters;
        counters.records_out.add(emitted.len());
        counters.failed.add(failed.reasons.len());
        counters.dropped.add(dropped.len());
        if let Some(turn) = &turn {
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

    /// Ends a long-lived instance: it gives up what it holds.
    async fn retire(&mut self) -> Result<()> {
        let Some(mut living) = self.instance.take() else {
            return Ok(());
        };
        let before = living.instance.time_in_guest();
        self.stage.counters.invocations.add(1);
        let flushed = living.instance.flush(whole_budget(&self.stage.limits, living.held)).await;
        self.charge(living.instance.time_in_guest().saturating_sub(before));
        match flushed {
            Ok(outcome) => self.send_flushed(outcome).await,
            Err(failure) => Err(self.state_lost(living.held, failure)),
        }
    }

    async fn instantiate(&mut self) -> Result<Box<dyn Instance>> {
        self.stage.counters.instances.add(1);
        self.stage.program.instantiate(&self.id).await.map_err(|failure| cannot_open(&self.stage.name, failure))
    }

    fn charge(&self, time: Duration) {
        self.stage.counters.in_guest.add_time(time);
    }

    fn state_lost(&self, held: usize, failure: GuestFailure) -> Error {
        let held = match held {
            0 => "what it held is lost".to_owned(),
            1 => "what it held of 1 record is lost".to_owned(),
            _ => format!("what it held of {held} records is lost"),
        };
        Error::guest(format!("an instance of stage \"{}\" failed, and {held}", self.stage.name))
            .caused_by(failure)
            .hint("return an error for a record that cannot be processed: then only that record fails")
            .hint(
                "a stage that keeps nothing between batches should say reuse = \"batch\": then a trap costs one record",
            )
    }
}

/// No instance of the stage can be made: its configuration is refused, or it fails before it sees a record.
pub(crate) fn cannot_open(stage: &str, failure: GuestFailure) -> Error {
    match failure {
        GuestFailure::Returned(refusal) => {
            Error::config(format!("stage \"{stage}\" refuses its configuration")).caused_by(refusal)
        }
        GuestFailure::MemoryLimit { .. } => Error::config(format!("stage \"{stage}\" does not start"))
            .caused_by(failure)
            .hint(format!("raise limits.memory of stage \"{stage}\"")),
        GuestFailure::NoRoom(_) => Error::config(format!("stage \"{stage}\" does not start"))
            .caused_by(failure)
            .hint(format!("give the process more address space (ulimit -v), or stage \"{stage}\" fewer workers")),
        GuestFailure::Trap { .. }
        | GuestFailure::CpuLimit { .. }
        | GuestFailure::WallLimit { .. }
        | GuestFailure::Contract(_) => Error::guest(format!("stage \"{stage}\" does not start")).caused_by(failure),
    }
}
