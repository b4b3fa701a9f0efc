//! Sinks made ready: opened as they will be written to, and retried where an obstacle may pass.

use std::sync::Arc;

use super::checkpoint::{OpenSink, Session};
use super::edge_retry::EdgeRetry;
use crate::edge::{Sink, SinkSpec, SinkStart};
use crate::error::Result;
use crate::failpoint::Failpoints;
use crate::failpoint::wrap;
use crate::plan::{OnError, Retry, SinkPlan};
use crate::queue::QueueBounds;
use crate::record::BatchBounds;
use crate::report::{Audience, Event};

/// A sink that is open.
pub(super) struct ReadySink {
    pub(super) name: Arc<str>,
    pub(super) sink: Box<dyn Sink>,
    /// Whether it holds back what is written until it is committed with a checkpoint.
    pub(super) holds: bool,
    /// Whether a source that acknowledges feeds it.
    pub(super) answers: bool,
    pub(super) queue: QueueBounds,
    pub(super) batch: BatchBounds,
    pub(super) on_error: OnError,
    pub(super) retry: Retry,
}

/// A sink that is not open yet.
pub(super) struct SinkToOpen {
    pub(super) plan: SinkPlan,
    /// Whether a source that acknowledges feeds it.
    pub(super) answers: bool,
}

/// Opens the sinks of a run.
pub(super) struct SinkOpening<'a> {
    pub(super) failpoints: &'a Failpoints,
    pub(super) audience: &'a Audience,
}

impl SinkOpening<'_> {
    /// Opens the sinks, and takes them to where the run begins.
    ///
    /// # Errors
    /// When a sink cannot be written to, or is not where the interrupted run has left it.
    pub(super) async fn open_all(
        &self,
        sinks: Vec<SinkToOpen>,
        mut session: Option<&mut Session>,
    ) -> Result<Vec<ReadySink>> {
        let resumes = session.as_ref().is_some_and(|session| session.resumes());
        let mut open = Vec::with_capacity(sinks.len());
        for sink in sinks {
            open.push(self.open(sink, resumes).await?);
        }
        if let Some(session) = &mut session {
            session.choose_committer(&mut open).await?;
            session.place(&mut open).await?;
        }
        let is_committer = |name: &str| session.as_ref().is_some_and(|session| session.is_committed_by(name));
        let ready = open.into_iter().map(|OpenSink { plan, sink, retry: _, answers }| {
            let SinkPlan { name, queue, batch, on_error, retry, .. } = plan;
            self.remark(&name, &*sink);
            let holds = is_committer(&name);
            ReadySink { name, sink, holds, answers, queue, batch, on_error, retry }
        });
        Ok(ready.collect())
    }

    /// Opens a sink, and retries where an obstacle may pass.
    async fn open(&self, SinkToOpen { plan, answers }: SinkToOpen, resumes: bool) -> Result<OpenSink> {
        let retry = EdgeRetry::new("sink", &plan.name, plan.retry, self.audience.clone());
        let opened = open_sink(&*plan.spec, SinkStart { resumes, appends: plan.appends }, &retry).await?;
        let mut sink = wrap::sink(opened, self.failpoints);
        if answers {
            sink.expect_receipts();
        }
        Ok(OpenSink { plan, sink, retry, answers })
    }

    /// Tells a person what there is to know of a sink.
    fn remark(&self, name: &str, sink: &dyn Sink) {
        let remarks = sink.remarks().into_iter();
        remarks.for_each(|message| self.audience.events.send(Event::Remark { node: name.to_owned(), message }));
    }
}

async fn open_sink(spec: &dyn SinkSpec, start: SinkStart, retry: &EdgeRetry) -> Result<Box<dyn Sink>> {
    let mut failures = 0;
    loop {
        match spec.open(start).await {
            Ok(sink) => return Ok(sink),
            Err(failure) => retry.wait_after(failure, &mut failures).await?,
        }
    }
}
