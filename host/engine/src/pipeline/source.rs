//! The task of a source: pulls chunks, issues their tickets, sends them on.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::admission::Admission;
use super::checkpoint::{Gate, SourcePosition};
use super::edge_retry::EdgeRetry;
use crate::edge::{BadRecord, Chunk, Source};
use crate::error::Result;
use crate::failpoint::{Failpoint, Failpoints};
use crate::flow::{Failed, FailurePolicy, Outlet, Reason, SourceCounters, Stopwatch};
use crate::program::FailureKind;
use crate::record::{Batch, BatchBounds, Issuer, Lineage, Payload, Receipt, Slip};
use crate::time::sleep;

/// The task of one source.
pub(super) struct SourceTask {
    pub(super) source: Box<dyn Source>,
    pub(super) bounds: BatchBounds,
    pub(super) output: Outlet,
    pub(super) failures: FailurePolicy,
    pub(super) failpoints: Failpoints,
    pub(super) issuer: Issuer,
    /// How much it may have on its way.
    pub(super) admission: Admission,
    pub(super) counters: Arc<SourceCounters>,
    /// Asks for a drain: nothing more is pulled.
    pub(super) stop: CancellationToken,
    /// Closed while a checkpoint is taken: no ticket is issued.
    pub(super) gate: Gate,
    /// Where the source stands, for checkpoints.
    pub(super) position: SourcePosition,
    pub(super) retry: EdgeRetry,
}

impl SourceTask {
    /// Pulls until the source is done or a drain is asked for. What has been pulled is sent on in either case.
    ///
    /// # Errors
    /// When the source fails, or a bad record ends the run by the source's error policy.
    pub(super) async fn run(mut self) -> Result<()> {
        let mut watch = Stopwatch::start();
        let Some(mut next_record) = self.position.next_record() else { return Ok(()) };
        while let Some(chunk) = self.pull(&mut watch).await? {
            self.pass_on(chunk, &mut watch, &mut next_record).await?;
        }
        watch.lap(&self.counters.busy);
        if !self.stop.is_cancelled() {
            self.position.end();
        }
        Ok(())
    }

    /// Gives a chunk its tickets, and sends it on.
    pub(super) async fn pass_on(
        &mut self,
        mut chunk: Chunk,
        watch: &mut Stopwatch,
        next_record: &mut u64,
    ) -> Result<()> {
        watch.lap(&self.counters.busy);
        // A receipt has a line for each record: what is said of more bad ones than there are would have none.
        chunk.places.gaps.truncate(chunk.bad.len());
        // Before anything can go wrong: a source that acknowledges is told of these records from here on.
        let slip = self.issuer.slip(*next_record, chunk.records.len() + chunk.bad.len());
        let gate = Arc::clone(&self.gate);
        let open = gate.read().await;
        self.failpoints.pass(Failpoint::Admit)?;
        let cursor = chunk.cursor.clone();
        self.send_on(chunk, slip, next_record).await?;
        // What has been sent on is the business of tickets; this is where the source continues.
        self.position.move_to(cursor, *next_record - 1);
        drop(open);
        watch.lap(&self.counters.blocked);
        Ok(())
    }

    /// Tells the source what became of its records; again where it fails and that is worth it.
    pub(super) async fn tell(&mut self, receipts: &[Receipt]) -> Result<()> {
        let mut failures = 0;
        while let Err(failure) = self.source.settle(receipts).await {
            failures += 1;
            sleep(self.retry.after(failures, failure, &self.counters.retries)?).await;
        }
        self.retry.succeeded();
        Ok(())
    }

    /// Nothing more will be sent: what follows may end.
    pub(super) fn close(&mut self) {
        self.output = Outlet::new(Vec::new(), self.failpoints.clone());
        self.admission.forget();
    }

    /// The next chunk, once it is let in; of a source that fails, again where that is worth it.
    pub(super) async fn pull(&mut self, watch: &mut Stopwatch) -> Result<Option<Chunk>> {
        let stop = self.stop.clone();
        let persistent = async {
            let records = self.admission.wait().await.min(self.bounds.records);
            watch.lap(&self.counters.blocked);
            let bounds = BatchBounds { records, ..self.bounds };
            let mut failures = 0;
            loop {
                let pulled = self.source.pull(&bounds).await;
                self.counters.log_bytes_cut.set(self.source.log_bytes_cut());
                let Err(failure) = pulled else {
                    self.retry.succeeded();
                    return pulled;
                };
                failures += 1;
                sleep(self.retry.after(failures, failure, &self.counters.retries)?).await;
            }
        };
        tokio::select! {
            // A drain first: a source that is always ready must not outrun it.
            biased;
            () = stop.cancelled() => Ok(None),
            pulled = persistent => pulled,
        }
    }

    async fn send_on(&mut self, chunk: Chunk, slip: Option<Arc<Slip>>, next_record: &mut u64) -> Result<()> {
        let Chunk { records, places, bad, position, cursor: _ } = chunk;
        // Where the place of bad records is not given, they count after the good ones.
        let gaps = places.gaps.iter().map(|gap| u64::from(*gap)).chain(std::iter::repeat(records.len() as u64));
        let numbers = (*next_record..).zip(gaps).map(|(number, gap)| number + gap);
        let failed = self.refuse(bad, numbers, slip.as_ref());
        let claims = self.issuer.issue_on(slip.as_ref(), *next_record, records.len(), places);
        self.admission.watch(&claims);
        *next_record += (records.len() + failed.reasons.len()) as u64;
        self.counters.read.add(records.len() + failed.reasons.len());
        self.counters.bad.add(failed.reasons.len());
        self.counters.position.set(position);
        self.failures.apply(failed).await?;
        self.output.send(Batch::new(records, claims)).await
    }

    /// Bad input is read too: each has a ticket of its own, and a fate.
    fn refuse(&self, bad: Vec<BadRecord>, numbers: impl Iterator<Item = u64>, slip: Option<&Arc<Slip>>) -> Failed {
        // They are not on their way: where they go, nothing waits.
        let issuer = Issuer { traffic: None, ..self.issuer.clone() };
        let mut failed = Failed { records: Payload::default(), claims: Lineage::default(), reasons: Vec::new() };
        for (record, number) in bad.into_iter().zip(numbers) {
            failed.records.push(None, &record.data);
            failed.claims.append(issuer.issue_on(slip, number, 1, record.places));
            failed.reasons.push(Reason::new(FailureKind::BadInput, record.reason));
        }
        failed
    }
}
