//! How a worker sends on what came of its records: each of them meets its fate here, or goes to the next queue.

use super::Worker;
use crate::error::Result;
use crate::flow::Hold;
use crate::pool::attempted::Flushed;
use crate::pool::gathered::Gathered;
use crate::pool::load::Load;
use crate::pool::order::Turn;
use crate::pool::outcome::{Part, Sorted};
use crate::record::{Fate, Lineage, Ticket};
use crate::report::Activity;

/// What an instance returned at its end, with claims of its own.
pub(super) struct ClaimedFlush {
    flushed: Flushed,
    claims: Lineage,
}

impl Worker {
    /// Divides what was gathered, where no record is tried again.
    pub(super) fn sort(&mut self, gathered: Gathered, load: &mut Load) -> Sorted {
        let sorted = gathered.sort(load);
        self.keep(&sorted);
        sorted
    }

    /// Divides what was gathered, with the records that are tried again apart, and those at certain positions.
    pub(super) fn cut(
        &mut self,
        gathered: Gathered,
        load: &mut Load,
        is_apart: impl Fn(usize) -> bool,
    ) -> Vec<(usize, Part)> {
        let parts = gathered.cut(load, is_apart, &self.stage.retries);
        for (_, part) in &parts {
            if let Part::Done(sorted) = part {
                self.keep(sorted);
            }
        }
        parts
    }

    /// What came to nothing may be held by the instance, and be in what that gives at its end. So it is noted before that is
    /// claimed, whenever the rest of these records is sent on: they may wait behind one that is tried again.
    fn keep(&mut self, sorted: &Sorted) {
        self.kept.keep(&sorted.dropped);
    }

    /// Settles what was dropped, gives failures to the error policy, and sends outputs on: at its turn, if order is kept.
    pub(super) async fn send_on(&mut self, sorted: Sorted, flushed: Vec<Flushed>, turn: Option<&Turn>) -> Result<()> {
        let last = sorted.last_reason();
        let Sorted { emitted, claims, ports, failed, dropped } = sorted;
        let flushed: Vec<ClaimedFlush> = flushed.into_iter().map(|flushed| self.claim(flushed)).collect();
        let counters = &self.stage.counters;
        counters.records_out.add(emitted.len());
        counters.failed.add(failed.reasons.len());
        counters.dropped.add(dropped.len());
        if let Some(turn) = turn {
            self.does(Activity::WaitingForTurn);
            turn.wait().await;
        }
        self.does(Activity::WaitingForRoom);
        self.stage.failures.settler.settle(dropped, Fate::Dropped, &self.stage.name).await;
        self.stage.failures.apply(failed).await?;
        self.output.send_to_ports(emitted, claims, ports.as_deref()).await?;
        for flushed in flushed {
            self.send_flushed(flushed).await?;
        }
        match self.stage.breaker.is_open() {
            true => Err(self.stage.breaker.error(&self.stage.name, &last)),
            false => Ok(()),
        }
    }

    /// Claims for what an instance returned at its end. They are made before those of the records that it was made of
    /// end: in between, a checkpoint would be taken without both.
    pub(super) fn claim(&mut self, flushed: Flushed) -> ClaimedFlush {
        let (records, keepsake) = (flushed.outcome.emitted.len(), self.kept.come_out());
        let claims = Ticket::issue_created(&self.stage.ledger, &self.stage.name, records, keepsake);
        ClaimedFlush { flushed, claims }
    }

    pub(super) async fn send_flushed(&mut self, claimed: ClaimedFlush) -> Result<()> {
        self.does(Activity::WaitingForRoom);
        let ClaimedFlush { flushed: Flushed { outcome, hold }, claims } = claimed;
        // What was held is on its way now, with claims of its own.
        hold.into_iter().for_each(Hold::release);
        self.stage.counters.records_out.add(claims.len());
        self.stage.counters.flushed.add(usize::from(!claims.is_empty()));
        self.output.send_to_ports(outcome.emitted, claims, outcome.ports.as_deref()).await
    }
}
