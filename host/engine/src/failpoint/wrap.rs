//! Wraps sources, stages and sinks so that they fail where [`Failpoints`] say so.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::edge::{
    Chunk, Cursor, Delivery, Extent, Header, Input, Mark, Records, Rejected, Settlement, Settles, Sink, Source,
};
use crate::error::Result;
use crate::failpoint::{Breakage, Failpoint, Failpoints};
use crate::program::Warmth;
use crate::program::{Budget, GuestFailure, Instance, Outcome, Program, WorkerId};
use crate::record::{BatchBounds, Payload, Receipt};

/// `source`, failing where it is to.
pub(crate) fn source(source: Box<dyn Source>, failpoints: &Failpoints) -> Box<dyn Source> {
    if failpoints.is_set() { Box::new(Failing { inner: source, failpoints: failpoints.clone() }) } else { source }
}

/// `sink`, failing where it is to.
pub(crate) fn sink(sink: Box<dyn Sink>, failpoints: &Failpoints) -> Box<dyn Sink> {
    if failpoints.is_set() { Box::new(Failing { inner: sink, failpoints: failpoints.clone() }) } else { sink }
}

/// `program`, whose instances fail where they are to.
pub(crate) fn program(program: Arc<dyn Program>, failpoints: &Failpoints) -> Arc<dyn Program> {
    if failpoints.is_set() { Arc::new(Failing { inner: program, failpoints: failpoints.clone() }) } else { program }
}

#[derive(Debug)]
struct Failing<T> {
    inner: T,
    failpoints: Failpoints,
}

impl<T> Failing<T> {
    /// After work that is done, nothing may be tried again: it would be done twice.
    fn pass_after(&self, point: Failpoint) -> Result<()> {
        self.failpoints.pass(point).map_err(|error| error.retryable(false))
    }

    fn trap(&self, point: Failpoint) -> Result<(), GuestFailure> {
        match self.failpoints.ask(point) {
            None => Ok(()),
            Some(Breakage::Passing | Breakage::Lasting | Breakage::Panic) => Err(GuestFailure::Trap {
                reason: format!("made to trap at {point:?}"),
                panic: None,
                backtrace: Vec::new(),
            }),
        }
    }
}

#[async_trait]
impl Source for Failing<Box<dyn Source>> {
    async fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>> {
        self.failpoints.pass(Failpoint::Pull)?;
        self.inner.pull(bounds).await
    }

    fn extent(&self) -> Extent {
        self.inner.extent()
    }

    fn settlement(&self) -> Settlement {
        self.inner.settlement()
    }

    async fn settle(&mut self, receipts: &[Receipt]) -> Result<()> {
        self.failpoints.pass(Failpoint::Settle)?;
        self.inner.settle(receipts).await
    }

    fn header(&self) -> Option<Header> {
        self.inner.header()
    }

    fn inputs(&mut self) -> Result<Vec<Input>> {
        self.inner.inputs()
    }

    fn accept_changes(&mut self) {
        self.inner.accept_changes();
    }

    async fn seek(&mut self, cursor: &Cursor, inputs: &[Input]) -> Result<()> {
        self.inner.seek(cursor, inputs).await
    }

    fn log_bytes_cut(&self) -> u64 {
        self.inner.log_bytes_cut()
    }
}

#[async_trait]
impl Sink for Failing<Box<dyn Sink>> {
    async fn write(&mut self, records: &Records<'_>) -> Result<Vec<Rejected>> {
        self.failpoints.pass(Failpoint::BeforeWrite)?;
        let written = self.inner.write(records).await?;
        self.pass_after(Failpoint::AfterWrite)?;
        Ok(written)
    }

    async fn finish(&mut self) -> Result<()> {
        self.inner.finish().await
    }

    async fn writer(&mut self) -> Result<Box<dyn Sink>> {
        let inner = self.inner.writer().await?;
        Ok(Box::new(Failing { inner, failpoints: self.failpoints.clone() }))
    }

    fn expect_header(&mut self, header: &Header) {
        self.inner.expect_header(header);
    }

    fn delivery(&self) -> Delivery {
        self.inner.delivery()
    }

    async fn mark(&mut self) -> Result<Option<Mark>> {
        self.failpoints.pass(Failpoint::BeforeCommit)?;
        let mark = self.inner.mark().await?;
        self.pass_after(Failpoint::AfterCommit)?;
        Ok(mark)
    }

    async fn return_to(&mut self, mark: Option<&Mark>) -> Result<()> {
        self.inner.return_to(mark).await
    }

    fn remarks(&self) -> Vec<String> {
        self.inner.remarks()
    }

    fn settles(&self) -> Settles {
        self.inner.settles()
    }

    fn expect_receipts(&mut self) {
        self.inner.expect_receipts();
    }

    async fn hold(&mut self, owner: &str) -> Result<Option<String>> {
        self.inner.hold(owner).await
    }

    async fn commit(&mut self, note: Option<&str>) -> Result<()> {
        if note.is_none() {
            // Only tidies up: by then the run has ended.
            return self.inner.commit(note).await;
        }
        self.failpoints.pass(Failpoint::BeforeCommit)?;
        self.inner.commit(note).await?;
        self.pass_after(Failpoint::AfterCommit)
    }
}

#[async_trait]
impl Program for Failing<Arc<dyn Program>> {
    async fn instantiate(&self, worker: &WorkerId) -> Result<Box<dyn Instance>, GuestFailure> {
        let inner = self.inner.instantiate(worker).await?;
        Ok(Box::new(Failing { inner, failpoints: self.failpoints.clone() }))
    }

    fn takes_one(&self) -> bool {
        self.inner.takes_one()
    }

    fn warmth(&self) -> Warmth {
        self.inner.warmth()
    }

    fn log_bytes_cut(&self) -> u64 {
        self.inner.log_bytes_cut()
    }
}

#[async_trait]
impl Instance for Failing<Box<dyn Instance>> {
    async fn process(&mut self, records: &Payload, budget: Budget) -> Result<Outcome, GuestFailure> {
        self.trap(Failpoint::BeforeInvocation)?;
        let outcome = self.inner.process(records, budget).await?;
        self.trap(Failpoint::AfterInvocation)?;
        Ok(outcome)
    }

    async fn flush(&mut self, budget: Budget) -> Result<Outcome, GuestFailure> {
        self.inner.flush(budget).await
    }

    fn time_in_guest(&self) -> Duration {
        self.inner.time_in_guest()
    }

    fn hold_words(&mut self) {
        self.inner.hold_words();
    }

    fn let_words_go(&mut self, told: bool) {
        self.inner.let_words_go(told);
    }

    fn last_words(&self) -> Vec<String> {
        self.inner.last_words()
    }

    fn memory_bytes(&self) -> u64 {
        self.inner.memory_bytes()
    }
}
