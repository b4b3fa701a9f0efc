//! What decides what a pipeline does to its records, in words: what must be the same for a run to go on where it was cut.
//! How fast it does it (workers, queues, batches, limits) may change, and so may the folder that all of it is in.

use std::fs::canonicalize;
use std::path::{Path, PathBuf, absolute};

use super::prepare::ReadyStage;
use crate::plan::{Code, FileSource, Graph, Node, SinkKind, SinkPlan, SourceKind, SourcePlan};
use crate::state::NodePoint;

/// What is there to be described.
pub(super) struct Described<'a> {
    pub(super) sources: &'a [SourcePlan],
    pub(super) stages: &'a [ReadyStage],
    pub(super) sinks: &'a [SinkPlan],
    pub(super) graph: &'a Graph,
    /// The folder of the pipeline.
    pub(super) folder: &'a Path,
}

/// All nodes, sources first.
pub(super) fn points(Described { sources, stages, sinks, graph, folder }: Described<'_>) -> Vec<NodePoint> {
    let folder = Folder::of(folder);
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
    let of_sources =
        sources.iter().enumerate().map(|(i, plan)| point("source", Node::Source(i), folder.source(&plan.kind)));
    let of_stages = stages.iter().enumerate().map(|(i, ready)| {
        let node = Node::Stage(i);
        point("stage", node, format!("{}, of {}", folder.stage(ready), inputs(node)))
    });
    let of_sinks = sinks.iter().enumerate().map(|(i, plan)| {
        let node = Node::Sink(i);
        point("sink", node, format!("{}, of {}", folder.sink(&plan.kind), inputs(node)))
    });
    of_sources.chain(of_stages).chain(of_sinks).collect()
}

/// The folder of the pipeline: as it is written, and where it is.
struct Folder {
    written: PathBuf,
    real: PathBuf,
}

impl Folder {
    fn of(folder: &Path) -> Self {
        let written = absolute(folder).or_else(|_| absolute(".")).unwrap_or_default();
        let real = canonicalize(&written).unwrap_or_else(|_| written.clone());
        Self { written, real }
    }

    /// A path that is the same wherever the command is given from, and wherever the folder has been moved to.
    fn place(&self, path: &Path) -> String {
        let path = absolute(path).unwrap_or_else(|_| path.to_owned());
        let below = path.strip_prefix(&self.written).or_else(|_| path.strip_prefix(&self.real));
        below.unwrap_or(&path).display().to_string()
    }

    fn source(&self, kind: &SourceKind) -> String {
        match kind {
            SourceKind::File(FileSource { patterns, matter, record_bytes_max }) => {
                let patterns: Vec<_> = patterns.iter().map(|pattern| self.place(Path::new(pattern))).collect();
                format!("files {} as {matter:?}, up to {record_bytes_max} bytes", patterns.join(" "))
            }
            SourceKind::Stdin(stdin) => format!("standard input as {:?}", stdin.matter),
            SourceKind::Generate(generate) => {
                format!("{:?}, {} records, seed {}", generate.what, generate.records, generate.seed)
            }
            SourceKind::Component(component) => {
                format!("{} with {}", self.place(&component.component), component.config)
            }
            SourceKind::Custom(_) => "the host program's own".to_owned(),
        }
    }

    fn stage(&self, ReadyStage { plan, sha256, .. }: &ReadyStage) -> String {
        match (&plan.code, sha256) {
            (Code::Component(_), Some(sha256)) => format!("component {sha256} with {}", plan.config),
            (Code::Component(path), None) => format!("{} with {}", self.place(path), plan.config),
            (Code::Native(_), _) => "the host program's own".to_owned(),
        }
    }

    fn sink(&self, kind: &SinkKind) -> String {
        match kind {
            SinkKind::File(file) => format!("file {} as {:?}", self.place(&file.path), file.format),
            SinkKind::Folder(folder) => format!("folder {}", self.place(&folder.path)),
            SinkKind::Stdout(format) => format!("standard output as {format:?}"),
            SinkKind::Null => "nothing".to_owned(),
            SinkKind::Sqlite(sqlite) => format!("table {} of {}", sqlite.table, self.place(&sqlite.path)),
            SinkKind::Custom(_) => "the host program's own".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_wherever_the_command_is_given_from_and_the_folder_is() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        let real = root.join("a/b");
        let by_detour = root.join("a/../a/b");
        for folder in [&real, &by_detour] {
            let place = |path: &Path| Folder::of(folder).place(path);
            assert_eq!(place(&folder.join("in.txt")), "in.txt");
            assert_eq!(place(&folder.join("../in.txt")), "../in.txt");
            assert_eq!(place(&real.join("in.txt")), "in.txt", "written in full");
            assert_eq!(place(Path::new("/elsewhere/in.txt")), "/elsewhere/in.txt");
        }
        let here = Folder::of(Path::new(""));
        assert_eq!((here.place(Path::new("in.txt")), here.place(Path::new("./d/x"))), ("in.txt".into(), "d/x".into()));
    }
}
