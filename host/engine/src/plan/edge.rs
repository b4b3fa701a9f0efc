//! Sources and sinks as meant.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Grants, Limits, OnError, Retry};
use crate::edge::{Reads, SinkSpec, SourceSpec};

/// One source.
#[derive(Debug)]
pub struct SourcePlan {
    /// Unique among sources, stages and sinks.
    pub name: Arc<str>,
    /// Where its records come from.
    pub kind: SourceKind,
    /// What a bad record (a line that is no JSON, a row with too few fields) leads to.
    pub on_error: OnError,
    /// How often it is tried again when it cannot be read for a reason that may pass.
    pub retry: Retry,
}

/// Where records come from.
#[derive(Debug)]
pub enum SourceKind {
    /// A connector: files, standard input …, or one of the host program's own.
    Connector(Box<dyn SourceSpec>),
    /// A component that exports `sandmill:stage/source`.
    Component(Box<ComponentSource>),
}

impl SourceKind {
    /// What it reads of the machine's, as far as its settings say that.
    pub fn reads(&self) -> Vec<Reads> {
        match self {
            Self::Connector(spec) => spec.reads(),
            Self::Component(_) => Vec::new(),
        }
    }

    /// Its component, where it is one.
    pub fn component(&self) -> Option<&ComponentSource> {
        match self {
            Self::Connector(_) => None,
            Self::Component(component) => Some(component),
        }
    }

    /// Its component, where it is one, to be changed.
    pub fn component_mut(&mut self) -> Option<&mut ComponentSource> {
        match self {
            Self::Connector(_) => None,
            Self::Component(component) => Some(component),
        }
    }
}

impl<S: SourceSpec + 'static> From<S> for SourceKind {
    fn from(spec: S) -> Self {
        Self::Connector(Box::new(spec))
    }
}

impl From<ComponentSource> for SourceKind {
    fn from(component: ComponentSource) -> Self {
        Self::Component(Box::new(component))
    }
}

/// A component that makes records.
#[derive(Clone, Debug)]
pub struct ComponentSource {
    /// A `.wasm` file, or a folder that `sandmill build` compiles.
    pub component: PathBuf,
    /// What `open` is given: JSON text.
    pub config: String,
    /// What it may use up; `cpu`, `wall`, `fuel` and `output_records` are per call of `pull`.
    pub limits: Limits,
    /// What it may reach.
    pub grants: Grants,
}

/// One sink.
#[derive(Debug)]
pub struct SinkPlan {
    /// Unique among sources, stages and sinks.
    pub name: Arc<str>,
    /// Where its records go.
    pub spec: Box<dyn SinkSpec>,
    /// Whether it adds to what is there, whatever its settings say.
    pub appends: bool,
    /// How much waits before it.
    pub queue: crate::queue::QueueBounds,
    /// How much is written at once.
    pub batch: crate::record::BatchBounds,
    /// What a record that the sink refuses leads to.
    pub on_error: OnError,
    /// How often it is tried again when it cannot be written for a reason that may pass.
    pub retry: Retry,
}
