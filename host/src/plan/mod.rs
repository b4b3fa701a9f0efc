//! The pipeline as meant: a checked graph whose every number is in range. Pure: nothing here does I/O.
//!
//! `config` makes [`Parts`] of a pipeline file, the builder makes them of code; [`Plan::assemble`] checks and wires them;
//! what runs is made of the plan alone.

mod address;
mod assemble;
pub mod bounds;
mod edge;
mod grant;
mod graph;
mod http_rule;
mod limits;
pub(crate) mod name;
mod paths;
mod reach;
mod retry;
mod stage;
mod state;
mod wiring;

pub use assemble::{Flaw, Inputs, Part, Parts};
pub use edge::{
    Column, ColumnType, ComponentSource, CsvFormat, FileSink, FileSource, FolderSink, Generate, Generated, IfExists,
    LineFormat, Matter, SinkKind, SinkPlan, SourceKind, SourcePlan, SqliteSink, StdinSource,
};
pub use grant::{Clock, FolderGrant, Grant, Grants, Randomness, Variable, VariableSource};
pub use graph::{Feed, Graph, Node, Wire};
pub use http_rule::{HttpRule, HttpTarget};
pub use limits::Limits;
pub use retry::Retry;
pub use stage::{Breaker, Code, Isolation, OnError, Order, Recycle, StagePlan};
pub use state::{Checkpoints, Start, StatePlan};

/// A whole pipeline, checked.
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
    /// What outlasts a run.
    pub state: StatePlan,
}
