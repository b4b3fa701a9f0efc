//! A worker: the task that takes batches from its stage's queue, gives them to instances, and sends on what comes out.
//! It holds one batch and at most one instance at a time. An instance that failed is dropped, never called again.

use std::sync::Arc;
use std::time::Duration;

use super::attempts::{Attempted, Flushed, Gathered, Part, Sorted, last_words};
use super::breaker::Came;
use super::held::Held;
use super::load::Load;
use super::order::Turn;
use super::pace::{Took, flush_budget};
use super::pending::{Next, Pending};
use super::shift::Homes;
use super::stage::Stage;
use super::words::state_lost;
use crate::error::{Error, Result};
use crate::flow::{Hold, Outlet, Stopwatch};
use crate::plan::{Recycle, Reuse};
use crate::program::{GuestFailure, Instance, Outcome, WorkerId};
use crate::queue::Receiver;
use crate::record::{Kept, Payload};
use crate::report::Activity;
use crate::time::{Instant, sleep_until};

/// Outputs of one batch that wait to be sent on together. What is more, is sent on in parts: a batch of small records
/// may make large outputs, and an attempt at each may fill the guest's memory again. Arbitrary.
pub(super) const SEND_ON_BYTES: usize = 16 << 20;

/// One worker.
pub(crate) struct Worker {
    pub(super) stage: Arc<Stage>,
    id: WorkerId,
    /// Its number among the tasks of the stage.
    task: usize,
    pub(super) input: Receiver,
    pub(super) output: Outlet,
    pub(super) instance: Option<Living>,
    pub(super) homes: Homes,
    pub(super) is_shared: bool,
    /// A spare task: it works only while it is wanted.
    pub(super) is_spare: bool,
    /// Time inside guests for what it has in hand.
    pub(super) turn: Duration,
    /// Of what its instance may hold, for sources that are told what became of it.
    pub(super) kept: Kept,
}

/// An instance that is kept from batch to batch.
pub(super) struct Living {
    instance: Box<dyn Instance>,
    /// Records given to it since it was made.
    given: usize,
    /// Records given to it since it was made for which nothing came out: what it may hold, and lose when it traps.
    held: usize,
    /// While it may hold any: no checkpoint can be taken.
    hold: Option<Hold>,
}

impl Worker {
    /// A task of the stage between a queue and an outlet, that begins apart from the other stages. Those beyond one for
    /// each worker are spare ones.
    pub(crate) fn new(stage: &Arc<Stage>, task: usize, (input, output): (Receiver, Outlet), homes: Homes) -> Self {
        let id = WorkerId { stage: Arc::clone(&stage.name), worker: task % stage.workers };
        let (stage, is_spare) = (Arc::clone(stage), task >= stage.workers.get());
        let (turn, kept) = (Duration::ZERO, Kept::default());
        Self { stage, id, task, input, output, instance: None, homes, is_shared: false, is_spare, turn, kept }
    }

    /// Tells whoever watches what it is doing from now on; returns what it was doing.
    pub(super) fn does(&self, activity: Activity) -> Activity {
        self.stage.activities.get(self.task).map_or(activity, |cell| cell.replace(activity))
    }

    /// Gives every record of a load its outcome, or lets it wait for another attempt, and sends on what comes out: at
    /// its turn, all at once, or in parts when there is much of it.
    pub(super) async fn work(&mut self, mut load: Load, turn: Option<Turn>, watch: &mut Stopwatch) -> Result<()> {
        let mut pending = load.pending();
        let mut done = 0;
        while done < load.len() {
            let place = self.stage.places.take().await;
            watch.lap(&self.stage.counters.waiting);
            let begun = Instant::now();
            let mut gathered = self.gather(&load, &mut pending, done, SEND_ON_BYTES).await?;
            drop(place);
            self.stage.pace.learn_batch(begun.elapsed());
            if self.stage.pace.batches_take_long() {
                self.stage.places.call();
            }
            done = gathered.through();
            let flushed = std::mem::take(&mut gathered.flushed);
            let sorted = if gathered.waits() {
                let parts = gathered.cut(&mut load, |_| false, &self.stage.retries);
                watch.lap(&self.stage.counters.busy);
                match &turn {
                    Some(turn) => {
                        self.see_through(Held::new(parts, flushed), turn, watch).await?;
                        self.let_go();
                        continue;
                    }
                    None => self.let_wait(parts),
                }
            } else {
                gathered.sort(&mut load)
            };
            watch.lap(&self.stage.counters.busy);
            self.send_on(sorted, flushed, turn.as_ref()).await?;
            self.let_go();
            watch.lap(&self.stage.counters.blocked);
        }
        Ok(())
    }

    /// What records came to nothing did so for good, unless an instance lives on that may hold them.
    pub(super) fn let_go(&mut self) {
        if self.instance.as_ref().is_none_or(|living| living.held == 0) {
            self.kept.release();
        }
    }

    /// Puts the records that are tried again into the room; the others continue.
    fn let_wait(&self, parts: Vec<(usize, Part)>) -> Sorted {
        let (mut sorted, mut waiting) = (Sorted::default(), Vec::new());
        for (_, part) in parts {
            match part {
                Part::Done(done) => sorted.append(done),
                Part::Waiting(record) => waiting.push(record),
            }
        }
        self.stage.room.put(waiting);
        sorted
    }

    /// Tries the waiting records of a batch that keeps its order, each when it is due, until all have their outcomes.
    /// What leads is sent at the batch's turn, and what is after a waiting record is held: while that is much, only the
    /// foremost record is tried.
    async fn see_through(&mut self, mut held: Held, turn: &Turn, watch: &mut Stopwatch) -> Result<()> {
        loop {
            let is_full = held.bytes() >= SEND_ON_BYTES;
            let due = held.next_due(is_full);
            let can_go = held.leads() || (is_full && !held.flushed.is_empty());
            if due.is_none() || (can_go && (is_full || turn.has_come())) {
                let flushed = if due.is_none() || is_full { std::mem::take(&mut held.flushed) } else { Vec::new() };
                self.send_on(held.take_leading(), flushed, Some(turn)).await?;
                watch.lap(&self.stage.counters.blocked);
                if due.is_some() {
                    continue;
                }
            }
            let Some(due) = due else { return Ok(()) };
            if self.stage.breaker.is_open() {
                // What has an outcome still gets its fate: the error sends its reader to the dead letters.
                let done = held.into_done();
                let last = done.last_reason();
                self.send_on(done, Vec::new(), Some(turn)).await?;
                return Err(self.stage.breaker.error(&self.stage.name, &last));
            }
            self.does(Activity::WaitingForRetry);
            tokio::select! {
                biased;
                () = sleep_until(due) => {}
                () = turn.wait(), if held.leads() => continue,
            }
            let place = self.stage.places.take().await;
            watch.lap(&self.stage.counters.blocked);
            self.try_again(&mut held, if is_full { 1 } else { usize::MAX }).await?;
            drop(place);
            watch.lap(&self.stage.counters.busy);
        }
    }

    /// Tries the records of `held` that are due, the foremost first, at most `most` of them.
    async fn try_again(&mut self, held: &mut Held, most: usize) -> Result<()> {
        let (positions, waiting) = held.take_due(most);
        let mut load = Load::again(waiting);
        let room = SEND_ON_BYTES.saturating_sub(held.bytes());
        let mut gathered = self.gather(&load, &mut load.pending(), 0, room).await?;
        let tried = gathered.through();
        held.flushed.append(&mut gathered.flushed);
        let parts = gathered.cut(&mut load, |_| true, &self.stage.retries).into_iter().map(|(_, part)| part);
        let untried = load.rest(tried).into_iter().map(Part::Waiting);
        held.put(positions.into_iter().zip(parts.chain(untried)));
        Ok(())
    }

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
                self.stage.pace.learn_opening(begun.elapsed());
                if records.len() > 1 {
                    instance.hold_words();
                }
                let came = self.attempt_pristine(&mut *instance, records).await;
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
    ) -> Result<(Outcome, Option<Flushed>), GuestFailure> {
        let budget = self.stage.pace.budget(&self.stage.limits, records.len(), records.bytes());
        let (before, begun) = (instance.time_in_guest(), Instant::now());
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
        self.lengthen_turn(time);
        self.stage.counters.in_guest.add_time(time);
        if failed {
            self.stage.counters.in_failed.add_time(time);
        }
    }
}
