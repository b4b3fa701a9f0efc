//! The task of a sink: takes batches, writes them, and settles what is written.

use std::sync::Arc;

use super::checkpoint::CommittedSink;
use crate::edge::{Records, Rejected};
use crate::error::Result;
use crate::flow::{Failed, FailurePolicy, Reason, SinkCounters, Stopwatch};
use crate::program::FailureKind;
use crate::queue::{Received, Receiver};
use crate::record::{Batch, BatchBounds, Lineage};
use crate::time::{Instant, sleep_until};

/// The task of one sink.
pub(super) struct SinkTask {
    pub(super) sink: Arc<CommittedSink>,
    pub(super) bounds: BatchBounds,
    pub(super) input: Receiver,
    pub(super) failures: FailurePolicy,
    pub(super) counters: Arc<SinkCounters>,
}

impl SinkTask {
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
                Next::Write(batch) => self.write(batch).await?,
                Next::Sync => self.sink.sync().await.map(|()| None)?,
            };
            watch.lap(&self.counters.busy);
        }
        self.sink.sync().await?;
        watch.lap(&self.counters.waiting);
        Ok(())
    }

    /// What to do next; `None` when the queue is closed and empty.
    async fn next(&self, due: Option<Instant>) -> Option<Next> {
        let received = self.input.recv(&self.bounds);
        let Some(due) = due else { return received.await.map(Next::of) };
        tokio::select! {
            // While there is something to write, the time is looked at after each write.
            biased;
            received = received => received.map(Next::of),
            () = sleep_until(due) => Some(Next::Sync),
        }
    }

    /// Writes a batch. Gives the time by which what was written must be made to last, if there is one.
    async fn write(&mut self, batch: Batch) -> Result<Option<Instant>> {
        let (records, claims) = batch.into_parts();
        let rejected = self.sink.write(&Records::new(&records, &claims)).await?;
        self.counters.rejected.add(rejected.len());
        let (delivered, refused) = part(claims, &rejected);
        let due = self.sink.settle(delivered).await?;
        let chosen = records.select(rejected.iter().map(|record| record.index));
        let reasons = rejected.into_iter().map(|record| Reason::new(FailureKind::Rejected, record.reason)).collect();
        self.failures.apply(Failed { records: chosen, claims: refused, reasons }).await?;
        Ok(due)
    }
}

/// What a sink's task does.
enum Next {
    Write(Batch),
    /// What was written is made to last.
    Sync,
}

impl Next {
    fn of(received: Received) -> Self {
        Self::Write(received.batch)
    }
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
