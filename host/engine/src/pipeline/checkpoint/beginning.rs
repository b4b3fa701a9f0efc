//! The point at which a run begins: the beginning of its sources, or the last checkpoint of an interrupted run.

use crate::edge::{Cursor, Input};
use crate::error::{Error, Result};
use crate::pipeline::fingerprint::difference;
use crate::plan::{Start, StatePlan};
use crate::record::Accounting;
use crate::state::{Checkpoint, NodePoint, SinkPoint, SourcePoint, now};

/// Where a source resumes.
pub(in crate::pipeline) struct Resumption {
    pub(in crate::pipeline) cursor: Cursor,
    /// The inputs of the earlier run.
    pub(in crate::pipeline) inputs: Vec<Input>,
    /// Whether what comes after that may be another one.
    pub(in crate::pipeline) accepts_changes: bool,
}

/// The first point of a run that begins; `owner` is the name under which a sink may know an earlier run of the pipeline.
pub(super) fn first(pipeline: Vec<NodePoint>, owner: Option<String>) -> Checkpoint {
    let begun = now();
    let drawn = || format!("{:016x}", fastrand::u64(..));
    let sources = named(&pipeline, "source").map(|name| SourcePoint { name, ..SourcePoint::default() }).collect();
    let sinks = named(&pipeline, "sink").map(|name| SinkPoint { name, mark: None, by_several: false }).collect();
    Checkpoint {
        run: drawn(),
        owner: owner.filter(|owner| !owner.is_empty()).unwrap_or_else(drawn),
        finished: false,
        begun,
        epoch: 0,
        taken: begun,
        sources,
        sinks,
        pipeline,
        accounting: Accounting::default(),
    }
}

/// A run that was interrupted after its end: nothing of the pipeline as it is now is read or written.
pub(super) fn over(last: Checkpoint, pipeline: Vec<NodePoint>) -> Checkpoint {
    let Checkpoint { sources, sinks, pipeline, .. } = first(pipeline, None);
    let sources = sources.into_iter().map(|point| SourcePoint { done: true, ..point }).collect();
    Checkpoint { sources, sinks, pipeline, ..last }
}

/// The last checkpoint of the interrupted run, if it was one of this pipeline.
///
/// # Errors
/// When the pipeline has changed in a way that is not accepted.
pub(super) fn resumed(last: Checkpoint, pipeline: Vec<NodePoint>, plan: &StatePlan) -> Result<Checkpoint> {
    let may_change = |node: &NodePoint| plan.start == Start::ResumeChanged && node.role == "stage";
    let changes: Vec<String> = differences(&last.pipeline, &pipeline, may_change);
    if changes.is_empty() {
        return Ok(Checkpoint { pipeline, ..last });
    }
    let only_stages = differences(&last.pipeline, &pipeline, |node| node.role == "stage").is_empty();
    let error = Error::config("this pipeline has an interrupted run, and the pipeline has changed since")
        .caused_by(changes.join("\n"));
    let error = if only_stages {
        error.hint("--resume continues from the last checkpoint, with the stages as they are now")
    } else {
        error
    };
    Err(error.hint("--fresh starts over; or undo the changes and finish the run first"))
}

/// The names of all nodes of a role.
fn named(pipeline: &[NodePoint], role: &'static str) -> impl Iterator<Item = String> {
    pipeline.iter().filter(move |node| node.role == role).map(|node| node.name.clone())
}

/// The differences, as text.
fn differences(then: &[NodePoint], now: &[NodePoint], may_change: impl Fn(&NodePoint) -> bool) -> Vec<String> {
    let same = |a: &NodePoint, b: &NodePoint| a.role == b.role && a.name == b.name;
    let gone = then.iter().filter(|a| !now.iter().any(|b| same(a, b)));
    let gone = gone.filter(|node| !may_change(node)).map(|node| format!("{} \"{}\" is gone", node.role, node.name));
    let others = now.iter().filter(|node| !may_change(node)).filter_map(|b| match then.iter().find(|a| same(a, b)) {
        None => Some(format!("{} \"{}\" is new", b.role, b.name)),
        Some(a) if a.what != b.what => Some(difference(a, b)),
        Some(_) => None,
    });
    gone.chain(others).collect()
}
