//! What decides what a pipeline does to its records, as the pipeline file says it: what must be the same for a run to be
//! resumed. How fast it does it (workers, queues, batches, limits) may change, and so may the folder that all of it is in.
//!
//! Each node is described by lines such as `format = "lines"`, so that a refusal can name those that differ.

use std::fmt::Display;
use std::fs::canonicalize;
use std::path::{Path, PathBuf, absolute};

use super::stages::ReadyStage;
use crate::plan::bounds::size_text;
use crate::plan::{
    Code, CsvDialect, Feed, FileSource, Generate, Generated, Graph, LineFormat, Matter, Node, Order, SinkKind,
    SinkPlan, SourceKind, SourcePlan, StagePlan,
};
use crate::record::RecordKey;
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
        what: lines.join("\n"),
    };
    let of_sources =
        sources.iter().enumerate().map(|(i, plan)| point("source", Node::Source(i), folder.source(&plan.kind)));
    let of_stages = stages.iter().enumerate().map(|(i, ready)| {
        let node = Node::Stage(i);
        point("stage", node, [folder.stage(ready), vec![from(node)]].concat())
    });
    let of_sinks = sinks.iter().enumerate().map(|(i, plan)| {
        let node = Node::Sink(i);
        point("sink", node, [folder.sink(&plan.kind), vec![from(node)]].concat())
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
        (gone, "") => format!("{node} had {gone}, and has not any more"),
        ("", new) => format!("{node} now has {new}"),
        (gone, new) => format!("{node} had {gone}; it now has {new}"),
    }
}

/// `key = value`.
fn setting(key: &str, value: impl Display) -> String {
    format!("{key} = {value}")
}

/// A text, or several in an array.
fn texts(of: &[String]) -> String {
    match of {
        [one] => format!("{one:?}"),
        several => format!("{several:?}"),
    }
}

fn kind(word: &str) -> String {
    setting("kind", format_args!("{word:?}"))
}

/// The host program's own: nothing is known of it.
fn of_the_program() -> Vec<String> {
    vec!["code of the host program".to_owned()]
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

    fn path(&self, path: &Path) -> String {
        setting("path", format_args!("{:?}", self.place(path)))
    }

    fn source(&self, of: &SourceKind) -> Vec<String> {
        match of {
            SourceKind::File(FileSource { patterns, matter, record_bytes_max }) => {
                let patterns: Vec<_> = patterns.iter().map(|pattern| self.place(Path::new(pattern))).collect();
                let path = setting("path", texts(&patterns));
                let most = setting("record_max", format_args!("{:?}", size_text(record_bytes_max.get() as u64)));
                [vec![kind("file"), path], source_format(matter), vec![most]].concat()
            }
            SourceKind::Stdin(stdin) => [vec![kind("stdin")], source_format(&stdin.matter)].concat(),
            SourceKind::Generate(generate) => generated(generate),
            SourceKind::Component(component) => {
                let path = setting("component", format_args!("{:?}", self.place(&component.component)));
                [vec![kind("component"), path], config(&component.config)].concat()
            }
            SourceKind::Custom(_) => of_the_program(),
        }
    }

    fn stage(&self, ready: &ReadyStage) -> Vec<String> {
        [self.code(ready), order(&ready.plan)].concat()
    }

    fn code(&self, ReadyStage { plan, sha256, .. }: &ReadyStage) -> Vec<String> {
        match (&plan.code, sha256) {
            (Code::Component(_), Some(sha256)) => {
                [vec![format!("a component with sha256 {sha256}")], config(&plan.config)].concat()
            }
            (Code::Component(path), None) => {
                let path = setting("component", format_args!("{:?}", self.place(path)));
                [vec![path], config(&plan.config)].concat()
            }
            (Code::Native(_), _) => of_the_program(),
        }
    }

    fn sink(&self, of: &SinkKind) -> Vec<String> {
        match of {
            SinkKind::File(file) => [vec![kind("file"), self.path(&file.path)], sink_format(file.format)].concat(),
            SinkKind::Folder(folder) => vec![kind("folder"), self.path(&folder.path)],
            SinkKind::Stdout(format) => [vec![kind("stdout")], sink_format(*format)].concat(),
            SinkKind::Null => vec![kind("null")],
            SinkKind::Sqlite(sqlite) => {
                let table = setting("table", format_args!("{:?}", sqlite.table));
                vec![kind("sqlite"), self.path(&sqlite.path), table]
            }
            SinkKind::Custom(_) => of_the_program(),
        }
    }
}

/// What a stage keeps of the order, unless it keeps all of it.
fn order(plan: &StagePlan) -> Vec<String> {
    let word = match plan.order {
        Order::Input => return Vec::new(),
        Order::None => "none",
        Order::Key => "key",
    };
    let key = match &plan.key {
        RecordKey::Own => None,
        RecordKey::Json(pointer) => Some(setting("key", format_args!("{:?}", pointer.to_string()))),
    };
    std::iter::once(setting("order", format_args!("{word:?}"))).chain(key).collect()
}

fn format(word: &str) -> String {
    setting("format", format_args!("{word:?}"))
}

fn delimiter(byte: u8) -> String {
    setting("delimiter", format_args!("{:?}", char::from(byte).to_string()))
}

fn source_format(of: &Matter) -> Vec<String> {
    match of {
        Matter::Lines => vec![format("lines")],
        Matter::JsonLines => vec![format("jsonl")],
        Matter::Files => vec![format("bytes")],
        Matter::Csv(CsvDialect { delimiter: byte, lenient, header, columns }) => {
            let mut lines = vec![format("csv"), delimiter(*byte)];
            lines.extend([setting("lenient", lenient), setting("header", header)]);
            lines.extend((!columns.is_empty()).then(|| setting("columns", format_args!("{columns:?}"))));
            lines
        }
    }
}

fn sink_format(of: LineFormat) -> Vec<String> {
    match of {
        LineFormat::Lines => vec![format("lines")],
        LineFormat::JsonLines => vec![format("jsonl")],
        LineFormat::Csv(csv) => vec![format("csv"), delimiter(csv.delimiter)],
    }
}

fn generated(Generate { what, records, seed }: &Generate) -> Vec<String> {
    let (what, bytes) = match what {
        Generated::Numbers => ("numbers", None),
        Generated::AccessLog => ("access-log", None),
        Generated::Text { bytes } => ("text", Some(bytes)),
    };
    let mut lines = vec![kind("generate"), setting("what", format_args!("{what:?}"))];
    lines.extend([setting("records", records), setting("seed", seed)]);
    lines.extend(bytes.map(|bytes| setting("record_bytes", bytes)));
    lines
}

/// What `open` is given, where that is anything.
fn config(json: &str) -> Vec<String> {
    if json == "{}" { Vec::new() } else { vec![setting("config", json)] }
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
    fn lines_of(source: &SourceKind) -> String {
        Folder::of(Path::new("")).source(source).join(", ")
    }

    /// Issue 12: a refusal said "files *.bz2 as Lines, up to 16777216 bytes".
    #[test]
    fn a_node_is_described_as_the_pipeline_file_says_it() {
        let file = |matter| {
            SourceKind::File(FileSource {
                patterns: vec!["*.bz2".into()],
                matter,
                record_bytes_max: (16 << 20).try_into().unwrap(),
            })
        };
        assert_eq!(
            lines_of(&file(Matter::Lines)),
            r#"kind = "file", path = "*.bz2", format = "lines", record_max = "16MiB""#
        );
        let csv = Matter::Csv(CsvDialect { delimiter: b'\t', columns: vec!["a".into()], ..CsvDialect::default() });
        let csv = lines_of(&file(csv));
        let expected = r#"format = "csv", delimiter = "\t", lenient = false, header = true, columns = ["a"]"#;
        assert!(csv.contains(expected), "{csv}");
        let text = Generated::Text { bytes: 100.try_into().unwrap() };
        let text = SourceKind::Generate(Generate { what: text, records: 7, seed: 1 });
        assert_eq!(lines_of(&text), r#"kind = "generate", what = "text", records = 7, seed = 1, record_bytes = 100"#);
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
            r#"source "log" had format = "lines", and has not any more"#
        );
        assert_eq!(difference(&point("kind = 1"), &lines), r#"source "log" now has format = "lines""#);
    }
}
