//! Describes what decides what a pipeline does to its records, in the words of the pipeline file: what must be the same
//! for a run to be resumed. How fast it does it (workers, queues, batches, limits) may change, and so may the folder
//! that all of it is in.
//!
//! Each node is described by lines such as `format = "lines"`, so that a refusal can name those that differ.

use std::path::Path;

use super::stages::ReadyStage;
use crate::edge::{PipelineFolder, setting, texts};
use crate::plan::{Code, Feed, Graph, Node, Order, SinkPlan, SourceKind, SourcePlan, StagePlan};
use crate::record::{Pairing, RecordKey};
use crate::redact::Redactor;
use crate::state::NodePoint;

/// The parts of a pipeline that are described.
pub(super) struct Described<'a> {
    pub(super) sources: &'a [SourcePlan],
    pub(super) stages: &'a [ReadyStage],
    pub(super) sinks: &'a [SinkPlan],
    pub(super) graph: &'a Graph,
    /// The folder of the pipeline.
    pub(super) folder: &'a Path,
}

/// All nodes, sources first. A secret is never one of the settings.
pub(super) fn points(described: &Described<'_>, redactor: &Redactor) -> Vec<NodePoint> {
    let Described { sources, stages, sinks, graph, folder } = described;
    let folder = &PipelineFolder::of(folder);
    let name = |node: Node| -> String {
        let name = match node {
            Node::Source(index) => sources.get(index).map(|source| &source.name),
            Node::Stage(index) => stages.get(index).map(|stage| &stage.plan.name),
            Node::Sink(index) => sinks.get(index).map(|sink| &sink.name),
        };
        name.map(ToString::to_string).unwrap_or_default()
    };
    let port = |Feed { node, port }: Feed| match node {
        Node::Stage(index) => stages.get(index).and_then(|stage| stage.plan.ports.get(usize::from(port))),
        Node::Source(_) | Node::Sink(_) => None,
    };
    let feed = |feed: Feed| port(feed).map_or_else(|| name(feed.node), |port| format!("{}.{port}", name(feed.node)));
    let from = |node: Node| {
        let feeds = graph.wires.iter().filter(|wire| wire.to == node).map(|wire| feed(wire.from));
        setting("from", texts(&feeds.collect::<Vec<_>>()))
    };
    let point = |role: &str, node: Node, lines: Vec<String>| NodePoint {
        role: role.to_owned(),
        name: name(node),
        what: redactor.text(&lines.join("\n")).into_owned(),
    };
    let of_sources =
        sources.iter().enumerate().map(|(i, plan)| point("source", Node::Source(i), source(&plan.kind, folder)));
    let of_stages = stages.iter().enumerate().map(|(i, ready)| {
        let node = Node::Stage(i);
        point("stage", node, [stage(ready, folder), vec![from(node)]].concat())
    });
    let of_sinks = sinks.iter().enumerate().map(|(i, plan)| {
        let node = Node::Sink(i);
        point("sink", node, [plan.spec.identity(folder), vec![from(node)]].concat())
    });
    of_sources.chain(of_stages).chain(of_sinks).collect()
}

/// How a node that is in both pipelines differs: only the lines that are not the same.
pub(super) fn difference(then: &NodePoint, now: &NodePoint) -> String {
    let only = |of: &NodePoint, other: &NodePoint| {
        let lines = of.what.lines().filter(|line| !other.what.lines().any(|same| same == *line));
        lines.collect::<Vec<_>>().join(", ")
    };
    let (gone, new) = (only(then, now), only(now, then));
    let node = format!("{} \"{}\"", now.role, now.name);
    match (gone.as_str(), new.as_str()) {
        (gone, "") => format!("{node} had {gone}, and no longer has it"),
        ("", new) => format!("{node} now has {new}"),
        (gone, new) => format!("{node} had {gone}; it now has {new}"),
    }
}

fn source(of: &SourceKind, folder: &PipelineFolder) -> Vec<String> {
    match of {
        SourceKind::Connector(spec) => spec.identity(folder),
        SourceKind::Component(component) => {
            let lines = vec![setting("kind", "\"component\""), folder.path("component", &component.component)];
            [lines, config(&component.config)].concat()
        }
    }
}

fn stage(ready: &ReadyStage, folder: &PipelineFolder) -> Vec<String> {
    [code(ready, folder), order(&ready.plan)].concat()
}

fn code(ReadyStage { plan, sha256, .. }: &ReadyStage, folder: &PipelineFolder) -> Vec<String> {
    match (&plan.code, sha256) {
        (Code::Component(_), Some(sha256)) => {
            [vec![format!("a component with sha256 {sha256}")], config(&plan.config)].concat()
        }
        (Code::Component(path), None) => [vec![folder.path("component", path)], config(&plan.config)].concat(),
        (Code::Native(_), _) => vec!["code of the host program".to_owned()],
    }
}

/// What a stage keeps of the order, unless it keeps all of it.
fn order(plan: &StagePlan) -> Vec<String> {
    let order = |word: &str| setting("order", format_args!("{word:?}"));
    match (plan.order, &plan.key) {
        (Order::Input, _) => Vec::new(),
        (Order::None, _) => vec![order("none")],
        (Order::Key, RecordKey::Own) => vec![order("key")],
        (Order::Key, RecordKey::Json(pointer)) => {
            vec![order("key"), setting("key", format_args!("{:?}", pointer.to_string()))]
        }
        // Not by how many buckets: that bounds what is done at once, as the number of workers does, and follows from it.
        (Order::Key, RecordKey::Pair(Pairing { left, right, same_nodes, .. })) => vec![
            setting("partition.left", format_args!("{:?}", left.to_string())),
            setting("partition.right", format_args!("{:?}", right.to_string())),
            setting("partition.same_nodes", same_nodes),
        ],
    }
}

/// The configuration that `open` receives, if it is not empty.
fn config(json: &str) -> Vec<String> {
    if json == "{}" { Vec::new() } else { vec![setting("config", json)] }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;
    use crate::program::{NativeStage, Verdict};
    use crate::testing::{Nowhere, Numbers};
    use crate::{PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};

    /// They follow from the number of workers, which may change before a run is resumed.
    #[test]
    fn a_run_can_be_resumed_with_other_buckets() {
        let of = |buckets, left: &str| {
            let [left, right] = [left, "/b"].map(|id| id.parse().unwrap());
            let buckets = NonZeroU16::new(buckets).unwrap();
            let pairing = Pairing { left, right, buckets, same_nodes: false };
            let stage = StageBuilder::native("load", NativeStage::new(|_, _, _| Verdict::Done));
            let plan = PipelineBuilder::new("p")
                .source(SourceBuilder::new("source", Numbers(1)))
                .stage(stage.order(Order::Key).key(RecordKey::Pair(pairing)))
                .sink(SinkBuilder::new("sink", Nowhere))
                .plan()
                .unwrap();
            order(&plan.stages[0])
        };
        assert_eq!(of(10, "/a"), of(12, "/a"));
        assert_ne!(of(10, "/a"), of(10, "/c"));
    }

    #[test]
    fn only_what_differs_is_named() {
        let point = |what: &str| NodePoint { role: "source".into(), name: "log".into(), what: what.into() };
        let (lines, csv) = (point("kind = 1\nformat = \"lines\""), point("kind = 1\nformat = \"csv\"\nheader = true"));
        assert_eq!(
            difference(&lines, &csv),
            r#"source "log" had format = "lines"; it now has format = "csv", header = true"#
        );
        assert_eq!(
            difference(&lines, &point("kind = 1")),
            r#"source "log" had format = "lines", and no longer has it"#
        );
        assert_eq!(difference(&point("kind = 1"), &lines), r#"source "log" now has format = "lines""#);
    }
}
