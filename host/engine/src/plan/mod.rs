//! The plan: a checked graph whose every number is in range. Pure: nothing here does I/O.
//!
//! `config` makes [`Parts`] of a pipeline file, the builder makes them of code; [`Plan::assemble`] checks and wires
//! them; what runs is made of the plan alone.

mod address;
mod assemble;
pub mod bounds;
mod command;
mod divided;
mod edge;
mod grant;
mod graph;
mod http_rule;
mod limits;
pub mod name;
mod paths;
mod reach;
mod retry;
mod script;
mod stage;
mod state;
mod suggested;
mod wiring;
mod workers;

pub use assemble::{Flaw, Inputs, Part, Parts};
pub use command::{CommandPlan, Each, Framing};
pub use divided::Divided;
pub use edge::{ComponentSource, SinkPlan, SourceKind, SourcePlan};
pub use grant::{Clock, FolderGrant, Grant, Grants, Randomness, Variable, VariableSource};
pub use graph::{Feed, Graph, Node, Wire};
pub use http_rule::{HttpRule, HttpTarget};
pub use limits::Limits;
pub use retry::Retry;
pub use script::{Script, Show};
pub use stage::{Breaker, Code, OnError, Order, Recycle, Reuse, Share, StagePlan, Warm};
pub use state::{Checkpoints, Start, StatePlan};
pub use suggested::{Suggested, Unsaid};
pub use workers::Workers;

use std::path::PathBuf;
use std::sync::Arc;

use crate::failpoint::Failpoints;

impl Plan {
    /// Finds the source, stage or sink of this name.
    #[must_use]
    pub fn node_of(&self, name: &str) -> Option<Node> {
        let is = |other: &Arc<str>| **other == *name;
        let source = self.sources.iter().position(|source| is(&source.name)).map(Node::Source);
        let stage = || self.stages.iter().position(|stage| is(&stage.name)).map(Node::Stage);
        let sink = || self.sinks.iter().position(|sink| is(&sink.name)).map(Node::Sink);
        source.or_else(stage).or_else(sink)
    }

    /// The name of a source, stage or sink; `None` when there is no such node.
    #[must_use]
    pub fn name_of(&self, node: Node) -> Option<Arc<str>> {
        let name = match node {
            Node::Source(index) => self.sources.get(index).map(|source| &source.name),
            Node::Stage(index) => self.stages.get(index).map(|stage| &stage.name),
            Node::Sink(index) => self.sinks.get(index).map(|sink| &sink.name),
        };
        name.cloned()
    }

    /// Whether a record that fails is kept anywhere: then the state file is written, even without checkpoints.
    #[must_use]
    pub fn keeps_failures(&self) -> bool {
        let sources = self.sources.iter().map(|source| source.on_error);
        let stages = self.stages.iter().map(|stage| stage.on_error);
        let mut all = sources.chain(stages).chain(self.sinks.iter().map(|sink| sink.on_error));
        all.any(|on_error| on_error == OnError::DeadLetter)
    }
}

/// A checked pipeline.
#[derive(Debug)]
pub struct Plan {
    /// The name of the pipeline.
    pub name: String,
    /// At least one.
    pub sources: Vec<SourcePlan>,
    /// None or more, in the order in which they are written.
    pub stages: Vec<StagePlan>,
    /// At least one.
    pub sinks: Vec<SinkPlan>,
    /// Who feeds whom. Acyclic; everything leads from a source to a sink.
    pub graph: Graph,
    /// What the run keeps outside of itself: checkpoints and dead letters.
    pub state: StatePlan,
    /// Files used by the program that runs it: no sink may write to one.
    pub beside: Vec<Beside>,
    /// Where the run is to fail: for tests.
    pub failpoints: Failpoints,
}

/// A file that belongs to no source, stage or sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// A description: "the pipeline file".
    pub what: String,
    /// The file's path.
    pub path: PathBuf,
    /// How the file is used.
    pub how: Usage,
}

/// How a file is used that does not belong to a source, stage or sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// It is read.
    Read,
    /// It is written to.
    Written,
    /// Messages go to it, as to whatever else the process was started with: it may be one with a sink that writes
    /// there.
    Messages,
}
