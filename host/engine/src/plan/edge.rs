//! Sources and sinks of a plan.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Grants, Limits, OnError, Order, Retry, bounds};
use crate::edge::{Reads, SinkSpec, SourceSpec};
use crate::queue::ByKey;
use crate::record::RecordKey;

/// A source as planned.
#[derive(Debug)]
pub struct SourcePlan {
    /// Unique among sources, stages and sinks.
    pub name: Arc<str>,
    /// The kind of the source.
    pub kind: SourceKind,
    /// What happens with a bad record (a line that is not JSON, a row with too few fields).
    pub on_error: OnError,
    /// How often it is retried when it cannot be read for a reason that may pass.
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
    /// The configuration that `open` receives: JSON text.
    pub config: String,
    /// Limits; `cpu`, `wall`, `fuel` and `output_records` are per call of `pull`.
    pub limits: Limits,
    /// Grants.
    pub grants: Grants,
}

/// A sink as planned.
#[derive(Debug)]
pub struct SinkPlan {
    /// Unique among sources, stages and sinks.
    pub name: Arc<str>,
    /// Where its records go.
    pub spec: Box<dyn SinkSpec>,
    /// Whether it adds to what is there, whatever its settings say.
    pub appends: bool,
    /// How many writers write at the same time.
    pub writers: NonZeroUsize,
    /// The order in which its records are written. `None`: the order in which they come to it if there is one writer, and
    /// no particular one if there are several.
    pub order: Option<Order>,
    /// Where the key of a record is found: only for [`Order::Key`].
    pub key: RecordKey,
    /// The bounds of the queue before it.
    pub queue: crate::queue::QueueBounds,
    /// The bounds of one write.
    pub batch: crate::record::BatchBounds,
    /// What happens with a record that the sink refuses.
    pub on_error: OnError,
    /// How often it is retried when it cannot be written for a reason that may pass.
    pub retry: Retry,
}

impl SinkPlan {
    /// How its queue deals records over lanes; `None`: it does not.
    pub(crate) fn by_key(&self) -> Option<ByKey> {
        let by_key = || ByKey::new(self.key.clone(), self.writers, bounds::LANES_PER_WORKER);
        (self.order == Some(Order::Key)).then(by_key)
    }
}
