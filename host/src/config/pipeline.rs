//! Reads the file as a whole.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use super::contradiction::{linger, queue_and_batch};
use super::kind::on_error;
use super::order;
use super::retry::of_edge;
use super::{keys, source, stage, state};
use crate::connector::SINKS;
use crate::plan::bounds::{SINK_QUEUE_DEFAULT, WRITERS_MAX};
use crate::plan::{Flaw, Inputs, Node, Part, Parts, Plan, SinkPlan, SourcePlan, StagePlan, name};
use crate::settings::Fault;
use crate::settings::Kind;
use crate::settings::Table;

/// What a file does not say by itself.
pub(super) struct Setting<'a> {
    /// Where relative paths begin.
    pub(super) folder: &'a Path,
    /// The file itself, and its text.
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
    /// How many workers a stage has that does not say.
    pub(super) workers: NonZeroUsize,
}

/// Reads a whole file.
pub(super) fn read(root: &DeTable<'_>, setting: &Setting<'_>) -> Result<Plan, Fault> {
    let root = Table { entries: root, span: 0..0, label: "the pipeline file".to_owned() };
    root.refuse_unknown(keys::FILE)?;
    let file = Sections {
        sources: root.or("source", Vec::new(), |value| value.sections("source"))?,
        stages: root.or("stage", Vec::new(), |value| value.sections("stage"))?,
        sinks: root.or("sink", Vec::new(), |value| value.sections("sink"))?,
        root,
    };
    let parts = file.parts(setting)?;
    Plan::assemble(parts).map_err(|flaw| file.fault(flaw))
}

struct Sections<'a> {
    root: Table<'a>,
    sources: Vec<Table<'a>>,
    stages: Vec<Table<'a>>,
    sinks: Vec<Table<'a>>,
}

impl Sections<'_> {
    fn parts(&self, setting: &Setting<'_>) -> Result<Parts, Fault> {
        let name = self.root.require("name")?.name()?.to_owned();
        let mut names = Names::taken_in(self);
        let source = |section| read_source(section, &mut names, setting.folder);
        let sources = self.sources.iter().map(source).collect::<Result<_, _>>()?;
        let stage = |section| Ok((stage::read(section, setting)?, inputs(section)?));
        let stages: Vec<(StagePlan, Inputs)> = self.stages.iter().map(stage).collect::<Result<_, Fault>>()?;
        let sink = |section| Ok((read_sink(section, &mut names, setting.folder)?, inputs(section)?));
        let sinks: Vec<(SinkPlan, Inputs)> = self.sinks.iter().map(sink).collect::<Result<_, Fault>>()?;
        let state = state::read(&self.root, &name, setting.folder)?;
        // What nobody wrote is not at odds with anything.
        let every = self.root.get("state").and_then(|state| state.table().ok()?.get("checkpoint"));
        let every = every.and_then(|checkpoint| checkpoint.table().ok()?.get("every"));
        let checkpoints = state.checkpoints.filter(|_| every.is_some());
        for (section, (stage, _)) in self.stages.iter().zip(&stages) {
            linger(section, stage.batch, checkpoints)?;
        }
        for (section, (sink, _)) in self.sinks.iter().zip(&sinks) {
            linger(section, sink.batch, checkpoints)?;
        }
        Ok(Parts { name, sources, stages, sinks, state })
    }

    /// A flaw of the plan, with its place in the file.
    fn fault(&self, flaw: Flaw) -> Fault {
        flaw.hints.into_iter().fold(Fault::at(self.place(flaw.part), flaw.message), Fault::hint)
    }

    fn place(&self, part: Part) -> Range<usize> {
        let found = match part {
            Part::Whole => None,
            Part::PipelineName => self.root.get("name").map(|name| name.span),
            Part::State => {
                let table = self.root.get("state").and_then(|value| value.table().ok());
                table.map(|table| within(&table, "path", 0))
            }
            Part::Node(node) => self.section(node).map(|section| section.span.clone()),
            Part::Name(node) => self.section(node).map(|section| within(section, "name", 0)),
            Part::Input(node, index) => self.section(node).map(|section| within(section, "from", index)),
            Part::Path(sink) => self.section(Node::Sink(sink)).map(|section| within(section, "path", 0)),
            Part::Key(node, keys) => self.section(node).map(|section| section.place(keys)),
            Part::Port(stage, index) => self.section(Node::Stage(stage)).map(|section| within(section, "ports", index)),
        };
        found.unwrap_or_else(|| self.root.span.clone())
    }

    fn section(&self, node: Node) -> Option<&Table<'_>> {
        match node {
            Node::Source(index) => self.sources.get(index),
            Node::Stage(index) => self.stages.get(index),
            Node::Sink(index) => self.sinks.get(index),
        }
    }
}

/// The place of one of the strings of a key, or of the key's value, or of the section when it does not have the key.
fn within(section: &Table<'_>, key: &'static str, index: usize) -> Range<usize> {
    let Some(value) = section.get(key) else { return section.span.clone() };
    let texts = value.texts().unwrap_or_default();
    texts.get(index).map_or(value.span, |text| text.span.clone())
}

/// Names for the sources and sinks that have none.
struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// A name that somebody gives, here or further down, is not given to another.
    fn taken_in(file: &Sections<'_>) -> Self {
        let sections = file.sources.iter().chain(&file.stages).chain(&file.sinks);
        let names = sections.filter_map(|section| section.entries.get("name")?.get_ref().as_str().map(str::to_owned));
        Self { taken: names.collect() }
    }

    fn of(&mut self, section: &Table<'_>, kind: &str) -> Result<Arc<str>, Fault> {
        if let Some(name) = section.get("name") {
            return Ok(name.name()?.into());
        }
        let free = name::free(kind, |name| self.taken.contains(name));
        self.taken.insert(free.clone());
        Ok(free.into())
    }
}

fn read_source(section: &Table<'_>, names: &mut Names, folder: &Path) -> Result<SourcePlan, Fault> {
    let kind = Kind::of(section, &source::kinds(), keys::SOURCE)?;
    Ok(SourcePlan {
        name: names.of(section, kind.word)?,
        kind: (kind.read)(section, folder)?,
        on_error: on_error(section)?,
        retry: of_edge(section)?,
    })
}

fn read_sink(section: &Table<'_>, names: &mut Names, folder: &Path) -> Result<SinkPlan, Fault> {
    let kind = Kind::of(section, SINKS, keys::SINK)?;
    let (queue, batch) = queue_and_batch(section, SINK_QUEUE_DEFAULT)?;
    let writers = section.or("writers", NonZeroUsize::MIN, |value| value.count(WRITERS_MAX))?;
    let (order, key) = order::read(section, writers)?;
    Ok(SinkPlan {
        name: names.of(section, kind.word)?,
        spec: (kind.read)(section, folder)?,
        appends: false,
        writers,
        order,
        key,
        queue,
        batch,
        on_error: on_error(section)?,
        retry: of_edge(section)?,
    })
}

fn inputs(section: &Table<'_>) -> Result<Inputs, Fault> {
    let Some(from) = section.get("from") else { return Ok(Inputs::Before) };
    let names = from.texts()?;
    names.iter().map(|name| name.name().map(str::to_owned)).collect::<Result<_, _>>().map(Inputs::Named)
}
