//! Sinks made ready: opened as they will be written to, and retried where an obstacle may pass.

use super::checkpoint::{OpenSink, Session};
use super::edge_retry::EdgeRetry;
use crate::edge::{Settles, Sink, SinkSpec, SinkStart};
use crate::error::{Error, Result};
use crate::failpoint::Failpoints;
use crate::failpoint::wrap;
use crate::plan::SinkPlan;
use crate::report::{Audience, Event};

/// A sink that is open.
pub(super) struct ReadySink {
    pub(super) sink: Box<dyn Sink>,
    /// Its further writers.
    pub(super) others: Vec<Box<dyn Sink>>,
    /// Whether several writers wrote in the run that this one resumes.
    pub(super) was_by_several: bool,
    /// Whether it holds back what is written until it is committed with a checkpoint.
    pub(super) holds: bool,
    /// Whether a source that acknowledges feeds it.
    pub(super) answers: bool,
    pub(super) plan: SinkPlan,
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
        let mut ready = Vec::with_capacity(open.len());
        for OpenSink { plan, sink, others, retry: _, answers, was_by_several } in open {
            self.remark(&plan.name, &*sink);
            let holds = session.as_ref().is_some_and(|session| session.is_committed_by(&plan.name));
            ready.push(ReadySink { plan, sink, others, was_by_several, holds, answers });
        }
        Ok(ready)
    }

    /// Opens a sink, and retries where an obstacle may pass.
    async fn open(&self, SinkToOpen { plan, answers }: SinkToOpen, resumes: bool) -> Result<OpenSink> {
        let retry = EdgeRetry::new("sink", &plan.name, plan.retry, self.audience.clone());
        let opened = open_sink(&*plan.spec, SinkStart { resumes, appends: plan.appends }, &retry).await?;
        let mut sink = wrap::sink(opened, self.failpoints);
        if sink.settles() == Settles::OnCommit && plan.writers.get() > 1 {
            return Err(Error::config(format!(
                "sink \"{}\" cannot have several writers, because it commits what it has written, and they could not commit as one",
                plan.name
            ))
            .hint("leave \"writers\" out"));
        }
        if answers {
            sink.expect_receipts();
        }
        let others = other_writers(&mut *sink, plan.writers.get() - 1, &retry).await?;
        Ok(OpenSink { plan, sink, others, retry, answers, was_by_several: false })
    }

    /// Tells a person what there is to know of a sink.
    fn remark(&self, name: &str, sink: &dyn Sink) {
        let remarks = sink.remarks().into_iter();
        remarks.for_each(|message| self.audience.events.send(Event::Remark { node: name.to_owned(), message }));
    }
}

/// The writers of a sink beyond the first.
async fn other_writers(sink: &mut dyn Sink, number: usize, retry: &EdgeRetry) -> Result<Vec<Box<dyn Sink>>> {
    let (mut others, mut failures) = (Vec::new(), 0);
    while others.len() < number {
        match sink.writer().await {
            Ok(writer) => others.push(writer),
            Err(failure) => retry.wait_after(failure, &mut failures).await?,
        }
    }
    Ok(others)
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
