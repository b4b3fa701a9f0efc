//! How a worker works on a batch of a stage that keeps the order of its input, or none.

use std::time::Duration;

use super::{SEND_ON_BYTES, Worker};
use crate::error::Result;
use crate::flow::Stopwatch;
use crate::pool::gathered::Gathered;
use crate::pool::load::Load;
use crate::pool::order::Turn;
use crate::pool::outcome::{Part, Sorted};
use crate::pool::parked::ParkedBatch;
use crate::pool::pending::Pending;
use crate::report::Activity;
use crate::time::{Instant, sleep_until};

/// How far a worker is with a batch.
pub(super) struct InWork {
    pub(super) pending: Pending,
    /// The first record that has no outcome.
    pub(super) done: usize,
    /// Time that its attempts have taken.
    took: Duration,
}

impl InWork {
    pub(super) fn of(load: &Load) -> Self {
        Self { pending: load.pending(), done: 0, took: Duration::ZERO }
    }
}

impl Worker {
    /// As [`Self::gather`], for a batch: waits for a slot, and lets the stage learn how long the batch took until then.
    pub(super) async fn gather_in_a_slot(
        &mut self,
        batch: &mut InWork,
        load: &Load,
        watch: &mut Stopwatch,
    ) -> Result<Gathered> {
        let slot = self.stage.slots.take().await;
        watch.lap(&self.stage.counters.waiting);
        let begun = Instant::now();
        let gathered = self.gather(load, &mut batch.pending, batch.done, SEND_ON_BYTES).await?;
        drop(slot);
        batch.done = gathered.through();
        // Where it comes in parts, each of them is short, and the batch is not.
        batch.took += begun.elapsed();
        self.stage.pace.learn_batch(batch.took);
        // By key: batches that take long would hold up those of other keys behind them.
        if let Some(deal) = self.stage.pace.deal_by_key() {
            self.input.deal_over_lanes(deal);
        }
        Ok(gathered)
    }

    /// Gives every record of a load its outcome, or lets it wait for another attempt, and sends on what comes out: at
    /// its turn, all at once, or in parts when there is much of it.
    pub(super) async fn work(&mut self, mut load: Load, turn: Option<Turn>, watch: &mut Stopwatch) -> Result<()> {
        let mut batch = InWork::of(&load);
        while batch.done < load.len() {
            let mut gathered = self.gather_in_a_slot(&mut batch, &load, watch).await?;
            if self.stage.pace.batches_take_long() {
                self.stage.slots.wake_spares();
            }
            let flushed = std::mem::take(&mut gathered.flushed);
            let sorted = if gathered.waits() {
                let parts = self.cut(gathered, &mut load, |_| false);
                watch.lap(&self.stage.counters.busy);
                match &turn {
                    Some(turn) => {
                        self.see_through(ParkedBatch::new(parts, flushed), turn, watch).await?;
                        self.let_go();
                        continue;
                    }
                    None => self.let_wait(parts),
                }
            } else {
                self.sort(gathered, &mut load)
            };
            watch.lap(&self.stage.counters.busy);
            self.send_on(sorted, flushed, turn.as_ref()).await?;
            self.let_go();
            watch.lap(&self.stage.counters.blocked);
        }
        Ok(())
    }

    /// Puts the records that are tried again into the retry queue; the others continue.
    fn let_wait(&self, parts: Vec<(usize, Part)>) -> Sorted {
        let (mut sorted, mut waiting) = (Sorted::default(), Vec::new());
        for (_, part) in parts {
            match part {
                Part::Done(done) => sorted.append(done),
                Part::Waiting(record) => waiting.push(record),
            }
        }
        self.stage.retry_queue.put(waiting);
        sorted
    }

    /// Tries the waiting records of a batch that keeps its order, each when it is due, until all have their outcomes.
    /// What leads is sent at the batch's turn, and what is after a waiting record is parked: while that is much, only the
    /// foremost record is tried.
    async fn see_through(&mut self, mut parked: ParkedBatch, turn: &Turn, watch: &mut Stopwatch) -> Result<()> {
        loop {
            let is_full = parked.bytes() >= SEND_ON_BYTES;
            let due = parked.next_due(is_full);
            let can_go = parked.leads() || (is_full && !parked.flushed.is_empty());
            if due.is_none() || (can_go && (is_full || turn.has_come())) {
                let flushed = if due.is_none() || is_full { std::mem::take(&mut parked.flushed) } else { Vec::new() };
                self.send_on(parked.take_leading(), flushed, Some(turn)).await?;
                watch.lap(&self.stage.counters.blocked);
                if due.is_some() {
                    continue;
                }
            }
            let Some(due) = due else { return Ok(()) };
            if self.stage.breaker.is_open() {
                // What has an outcome still gets its fate: the error sends its reader to the dead letters.
                let done = parked.into_done();
                let last = done.last_reason();
                self.send_on(done, Vec::new(), Some(turn)).await?;
                return Err(self.stage.breaker.error(&self.stage.name, &last));
            }
            self.does(Activity::WaitingForRetry);
            tokio::select! {
                biased;
                () = sleep_until(due) => {}
                () = turn.wait(), if parked.leads() => continue,
            }
            let slot = self.stage.slots.take().await;
            watch.lap(&self.stage.counters.blocked);
            self.try_again(&mut parked, if is_full { 1 } else { usize::MAX }).await?;
            drop(slot);
            watch.lap(&self.stage.counters.busy);
        }
    }

    /// Tries the records of `parked` that are due, the foremost first, at most `most` of them.
    async fn try_again(&mut self, parked: &mut ParkedBatch, most: usize) -> Result<()> {
        let (positions, waiting) = parked.take_due(most);
        let mut load = Load::again(waiting);
        let left = SEND_ON_BYTES.saturating_sub(parked.bytes());
        let mut gathered = self.gather(&load, &mut load.pending(), 0, left).await?;
        let tried = gathered.through();
        parked.flushed.append(&mut gathered.flushed);
        let parts = self.cut(gathered, &mut load, |_| true).into_iter().map(|(_, part)| part);
        let untried = load.rest(tried).into_iter().map(Part::Waiting);
        parked.put(positions.into_iter().zip(parts.chain(untried)));
        Ok(())
    }
}
