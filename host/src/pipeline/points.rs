//! What decides what a pipeline does to its records, in words: what must be the same for a run to go on where it was cut.
//! How fast it does it (workers, queues, batches, limits) may change.

use std::path::{Path, absolute};

use super::prepare::ReadyStage;
use crate::plan::{Code, FileSource, Graph, Node, SinkKind, SinkPlan, SourceKind, SourcePlan};
use crate::state::NodePoint;

/// All nodes, sources first.
pub(super) fn points(
    sources: &[SourcePlan],
    stages: &[ReadyStage],
    sinks: &[SinkPlan],
    graph: &Graph,
) -> Vec<NodePoint> {
    let name = |node: Node| -> String {
        let name = match node {
            Node::Source(index) => sources.get(index).map(|source| &source.name),
            Node::Stage(index) => stages.get(index).map(|stage| &stage.plan.name),
            Node::Sink(index) => sinks.get(index).map(|sink| &sink.name),
        };
        name.map(ToString::to_string).unwrap_or_default()
    };
    let inputs = |node: Node| {
        let feeds = graph.wires.iter().filter(|wire| wire.to == node).map(|wire| wire.from);
        feeds.map(|feed| format!("{}.{}", name(feed.node), feed.port)).collect::<Vec<_>>().join(" ")
    };
    let point = |role: &str, node: Node, what: String| NodePoint { role: role.to_owned(), name: name(node), what };
    let of_sources = sources.iter().enumerate().map(|(i, plan)| point("source", Node::Source(i), source(&plan.kind)));
    let of_stages = stages.iter().enumerate().map(|(i, ready)| {
        let node = Node::Stage(i);
        point("stage", node, format!("{}, of {}", stage(ready), inputs(node)))
    });
    let of_sinks = sinks.iter().enumerate().map(|(i, plan)| {
        let node = Node::Sink(i);
        point("sink", node, format!("{}, of {}", sink(&plan.kind), inputs(node)))
    });
    of_sources.chain(of_stages).chain(of_sinks).collect()
}

fn source(kind: &SourceKind) -> String {
    match kind {
        SourceKind::File(FileSource { patterns, matter, record_bytes_max }) => {
            let patterns: Vec<_> = patterns.iter().map(|pattern| place(Path::new(pattern))).collect();
            format!("files {} as {matter:?}, up to {record_bytes_max} bytes", patterns.join(" "))
        }
        SourceKind::Stdin(stdin) => format!("standard input as {:?}", stdin.matter),
        SourceKind::Generate(generate) => {
            format!("{:?}, {} records, seed {}", generate.what, generate.records, generate.seed)
        }
        SourceKind::Component(component) => format!("{} with {}", place(&component.component), component.config),
        SourceKind::Custom(_) => "the host program's own".to_owned(),
    }
}

fn stage(ReadyStage { plan, sha256, .. }: &ReadyStage) -> String {
    match (&plan.code, sha256) {
        (Code::Component(_), Some(sha256)) => format!("component {sha256} with {}", plan.config),
        (Code::Component(path), None) => format!("{} with {}", place(path), plan.config),
        (Code::Native(_), _) => "the host program's own".to_owned(),
    }
}

fn sink(kind: &SinkKind) -> String {
    match kind {
        SinkKind::File(file) => format!("file {} as {:?}", place(&file.path), file.format),
        SinkKind::Folder(folder) => format!("folder {}", place(&folder.path)),
        SinkKind::Stdout(format) => format!("standard output as {format:?}"),
        SinkKind::Null => "nothing".to_owned(),
        SinkKind::Sqlite(sqlite) => format!("table {} of {}", sqlite.table, place(&sqlite.path)),
        SinkKind::Custom(_) => "the host program's own".to_owned(),
    }
}

/// Wherever the command is given from.
fn place(path: &Path) -> String {
    absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
