//! A worker: the task that takes batches from its stage's queue, gives them to instances, and sends on what comes out.
//!
//! It holds one batch and at most one instance at a time. An instance that failed is dropped, never called again.

use std::sync::Arc;
use std::time::Duration;

use super::attempts::{Gathered, Pending, Sorted};
use super::order::{Turn, Turnstile};
use super::pace::{Pace, flush_budget, whole_budget};
use super::{GuestFailure, Instance, Outcome, Program, WorkerId};
use crate::error::{Error, Result};
use crate::flow::{FailurePolicy, Outlet, StageCounters, Stopwatch};
use crate::plan::{Isolation, Limits, Order, StagePlan};
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
        let piece = if self.stage.reuse == Isolation::Record { 1 } else { records.len() };
        let mut pending = Pending::in_pieces(records.len(), piece);
        let mut done = 0;
        while done < records.len() {
            let mut gathered = self.gather(&records, &mut pending, done).await?;
            let through = gathered.through();
            let flushed = std::mem::take(&mut gathered.flushed);
            let sorted = gathered.sort(&records, claims.split_front(through - done));
            done = through;
            watch.lap(&self.stage.counters.busy);
            self.send_on(sorted, flushed, turn.as_ref()).await?;
            watch.lap(&self.stage.counters.blocked);
        }
        Ok(())
    }

    /// Tries the records from `base` on, whole or in pieces, until each has an outcome, or enough has come out.
    async fn gather(&mut self, records: &Payload, pending: &mut Pending, base: usize) -> Result<Gathered> {
        let mut gathered = Gathered::from(base);
        while gathered.bytes() < SEND_ON_BYTES {
            let Some(range) = pending.next() else { break };
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
        self.stage.counters.invocations.add(1);
        let outcome = instance.process(records, budget).await?;
        self.stage.pace.learn(instance.time_in_guest().saturating_sub(before), records.len());
        // The instance ends here, so what it holds comes out now, or never.
        self.stage.counters.invocations.add(1);
        let flushed = instance.flush(budget).await?;
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
                living.held += outcome.silent(records.len());
                self.instance = Some(living);
                Ok(Ok((outcome, None)))
            }
            Err(failure) if living.held > 0 => Err(self.state_lost(living.held, failure)),
            Err(failure) => Ok(Err(failure)),
        }
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
        self.charge(living.instance.time_in_guest().saturating_sub(before));
        match flushed {
            Ok(outcome) => Ok(Some(outcome)),
            Err(failure) => Err(self.state_lost(living.held, failure)),
        }
    }

    async fn instantiate(&mut self) -> Result<Box<dyn Instance>> {
        self.stage.counters.instances.add(1);
        self.stage.program.instantiate(&self.id).await.map_err(|failure| {
            // It could be made before the run began: neither configuration nor component is at fault now.
            Error::guest(format!("another instance of stage \"{}\" cannot be made", self.stage.name)).caused_by(failure)
        })
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
        let advice = match &failure {
            GuestFailure::Returned(_) => "it refused a whole batch: a stage names the records that fail, one by one",
            GuestFailure::Trap { .. }
            | GuestFailure::CpuLimit { .. }
            | GuestFailure::WallLimit { .. }
            | GuestFailure::MemoryLimit { .. }
            | GuestFailure::OpenLimit { .. }
            | GuestFailure::NoRoom(_)
            | GuestFailure::Contract(_) => {
                "return an error for a record that cannot be processed: then only that one fails"
            }
        };
        Error::guest(format!("an instance of stage \"{}\" failed, and {held}", self.stage.name))
            .caused_by(failure)
            .hint(advice)
            .hint(
                "a stage that keeps nothing between batches should say reuse = \"batch\": then a trap costs one record",
            )
    }
}

/// No instance of the stage can be made: its configuration is refused, or it fails before it sees a record.
pub(crate) fn cannot_open(stage: &str, failure: GuestFailure) -> Error {
    match failure {
        GuestFailure::Returned(refusal) => Error::config(format!("stage \"{stage}\" refuses its configuration"))
            .caused_by(refusal)
            .hint(format!("mend \"config\" of stage \"{stage}\" in the pipeline file")),
        GuestFailure::MemoryLimit { .. } => Error::config(format!("stage \"{stage}\" does not start"))
            .caused_by(failure)
            .hint(format!("raise limits.memory of stage \"{stage}\"")),
        GuestFailure::NoRoom(_) => Error::config(format!("stage \"{stage}\" does not start"))
            .caused_by(failure)
            .hint(format!("give the process more address space (ulimit -v), or stage \"{stage}\" fewer workers")),
        GuestFailure::Trap { .. }
        | GuestFailure::CpuLimit { .. }
        | GuestFailure::WallLimit { .. }
        | GuestFailure::OpenLimit { .. }
        | GuestFailure::Contract(_) => Error::guest(format!("stage \"{stage}\" does not start"))
            .caused_by(failure)
            .hint(format!("it fails in `open`, before its first record: mend it, or \"config\" of stage \"{stage}\"")),
    }
}
