//! Sinks made ready: opened as they will be written to, and retried where an obstacle may pass.

use std::sync::Arc;

use super::checkpoint::Keeping;
use super::edge_retry::Patience;
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

/// Opens the sinks, and takes them to where the run begins. `answered` says which of them are fed by a source that
/// acknowledges.
///
/// # Errors
/// When a sink cannot be written to, or is not where the interrupted run has left it.
pub(super) async fn ready_sinks(
    plans: Vec<SinkPlan>,
    mut keeping: Option<Keeping>,
    answered: &[bool],
    (failpoints, audience): (&Failpoints, &Audience),
) -> Result<(Vec<ReadySink>, Option<Keeping>)> {
    let resumes = keeping.as_ref().is_some_and(|keeping| keeping.resumes);
    let (mut sinks, mut rest, mut patience) = (Vec::new(), Vec::new(), Vec::new());
    for (SinkPlan { name, spec, appends, queue, batch, on_error, retry }, answered) in plans.into_iter().zip(answered) {
        let again = Patience::new(("sink", &name), retry, audience.clone());
        let opened = open_sink(&*spec, SinkStart { resumes, appends }, &again).await?;
        let mut sink = wrap::sink(opened, failpoints);
        if *answered {
            sink.expect_receipts();
        }
        sinks.push(sink);
        patience.push(again);
        rest.push((name, queue, batch, (on_error, retry)));
    }
    if let Some(keeping) = &mut keeping {
        keeping.consult(answered, &mut sinks, &patience).await?;
        keeping.place(&mut sinks, &patience).await?;
    }
    for (sink, (name, ..)) in sinks.iter().zip(&rest) {
        let remarks = sink.remarks().into_iter();
        remarks.for_each(|message| audience.events.send(Event::Remark { node: name.to_string(), message }));
    }
    let ledger = keeping.as_ref().and_then(|keeping| keeping.ledger);
    let ready =
        sinks.into_iter().zip(rest).enumerate().map(|(index, (sink, (name, queue, batch, (on_error, retry))))| {
            let (holds, answers) = (ledger == Some(index), answered.get(index) == Some(&true));
            ReadySink { name, sink, holds, answers, queue, batch, on_error, retry }
        });
    Ok((ready.collect(), keeping))
}

/// Opens a sink, and retries where an obstacle may pass.
async fn open_sink(spec: &dyn SinkSpec, start: SinkStart, patience: &Patience) -> Result<Box<dyn Sink>> {
    let mut failures = 0;
    loop {
        match spec.open(start).await {
            Ok(sink) => return Ok(sink),
            Err(failure) => patience.wait_after(failure, &mut failures).await?,
        }
    }
}
