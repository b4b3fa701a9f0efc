//! The task of a sink: takes batches, writes them, and settles what is written.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::desk::SinkDesk;
use crate::edge::Rejected;
use crate::error::Result;
use crate::flow::{Failed, FailurePolicy, Reason, SinkCounters, Stopwatch};
use crate::queue::{Received, Receiver};
use crate::record::{Batch, BatchBounds, Lineage};

/// What drives one sink.
pub(super) struct SinkTask {
    pub(super) desk: Arc<Mutex<SinkDesk>>,
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
        while let Some(Received { batch, .. }) = self.input.recv(&self.bounds).await {
            watch.lap(&self.counters.waiting);
            self.write(batch).await?;
            watch.lap(&self.counters.busy);
        }
        watch.lap(&self.counters.waiting);
        Ok(())
    }

    async fn write(&mut self, batch: Batch) -> Result<()> {
        let (records, claims) = batch.into_parts();
        let mut desk = self.desk.lock().await;
        let rejected = desk.write(&records).await?;
        self.counters.rejected.add(rejected.len());
        let (delivered, refused) = part(claims, &rejected);
        desk.settle(delivered).await;
        drop(desk);
        let chosen = records.select(rejected.iter().map(|record| record.index));
        let reasons = rejected.into_iter().map(|record| Reason::new("rejected", record.reason)).collect();
        self.failures.apply(Failed { records: chosen, claims: refused, reasons }).await
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
