//! The task of a writer: takes batches, writes them, and settles what is written. A sink has one, or several on one queue.

use std::sync::Arc;

use super::checkpoint::Writer;
use crate::edge::{Records, Rejected};
use crate::error::Result;
use crate::flow::{Failed, FailurePolicy, Reason, SinkCounters, Stopwatch};
use crate::program::FailureKind;
use crate::queue::{Received, Receiver};
use crate::record::{BatchBounds, Lineage};
use crate::time::{Instant, sleep_until};

/// The task of one writer.
pub(super) struct WriterTask {
    pub(super) writer: Arc<Writer>,
    pub(super) bounds: BatchBounds,
    pub(super) input: Receiver,
    pub(super) failures: FailurePolicy,
    pub(super) counters: Arc<SinkCounters>,
}

impl WriterTask {
    /// Writes until the queue is closed and empty.
    ///
    /// # Errors
    /// When the sink fails, or a record that it refuses ends the run by the sink's error policy.
    pub(super) async fn run(mut self) -> Result<()> {
        let mut watch = Stopwatch::start();
        let mut due = None;
        while let Some(next) = self.next(due).await {
            watch.lap(&self.counters.waiting);
            due = match next {
                Next::Write(received) => self.write(received).await?,
                Next::Sync => self.writer.sync().await.map(|()| None)?,
            };
            watch.lap(&self.counters.busy);
        }
        self.writer.sync().await?;
        watch.lap(&self.counters.waiting);
        Ok(())
    }

    /// What to do next; `None` when the queue is closed and empty.
    async fn next(&self, due: Option<Instant>) -> Option<Next> {
        let received = self.input.recv(&self.bounds);
        let Some(due) = due else { return received.await.map(Next::Write) };
        tokio::select! {
            // While there is something to write, the time is looked at after each write.
            biased;
            received = received => received.map(Next::Write),
            () = sleep_until(due) => Some(Next::Sync),
        }
    }

    /// Writes a batch. Gives the time by which what was written must be made to last, if there is one.
    async fn write(&mut self, Received { batch, lease, .. }: Received) -> Result<Option<Instant>> {
        let (records, claims) = batch.into_parts();
        let rejected = self.writer.write(&Records::new(&records, &claims)).await?;
        // Records of the same keys come after these, not while their write is retried.
        drop(lease);
        self.counters.rejected.add(rejected.len());
        let (delivered, refused) = part(claims, &rejected);
        let due = self.writer.settle(delivered).await?;
        let chosen = records.select(rejected.iter().map(|record| record.index));
        let reasons = rejected.into_iter().map(|record| Reason::new(FailureKind::Rejected, record.reason)).collect();
        self.failures.apply(Failed { records: chosen, claims: refused, reasons }).await?;
        Ok(due)
    }
}

/// What a writer does.
enum Next {
    Write(Received),
    /// What was written is made to last.
    Sync,
}

/// The claims of what was written, and of what was refused.
fn part(claims: Lineage, rejected: &[Rejected]) -> (Lineage, Lineage) {
    if rejected.is_empty() {
        return (claims, Lineage::default());
    }
    let mut hands = vec![0_u16; claims.len()];
    for record in rejected {
        if let Some(hand) = hands.get_mut(record.index) {
            *hand = 1;
        }
    }
    let mut dealt = claims.deal(&hands, 2).into_iter();
    (dealt.next().unwrap_or_default(), dealt.next().unwrap_or_default())
}

#[cfg(test)]
mod tests;
