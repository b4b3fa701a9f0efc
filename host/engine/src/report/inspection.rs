//! Results of inspecting a component, or a whole pipeline, without running it.

use serde::Serialize;
use std::path::PathBuf;

use super::{Problem, Promise, Warning};
use crate::plan::Suggested;
use crate::program::Warmth;

/// A component's imports, exports, size and hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The inspected file: for a stage folder, what `sandmill build` made of it.
    pub path: PathBuf,
    /// Size of the file, bytes.
    pub bytes: u64,
    /// SHA-256 of the file: 64 hexadecimal digits.
    pub sha256: String,
    /// The role it can have in a pipeline: `stage`, `source`, or `command` (a program that can be a stage); `None` when
    /// it is none of these.
    pub world: Option<String>,
    /// What the component imports.
    pub imports: Vec<ImportUse>,
    /// What the component exports.
    pub exports: Vec<String>,
    /// Linear memory that an instance begins with, bytes; `None` when the component does not say.
    pub memory_initial_bytes: Option<u64>,
    /// For a stage: whether it gives outputs at its end, in `flush`. `None` when its component does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flushes: Option<bool>,
    /// Its suggestions for its stage, where the pipeline file sets nothing. `None` when it suggests nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defaults: Option<Suggested>,
    /// For a stage folder: whether its sources are newer than the component. `None` for a file.
    pub stale: Option<bool>,
    /// The reasons why it cannot run; empty when it can.
    pub problems: Vec<String>,
}

/// One import of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportUse {
    /// Its name, with package and version.
    pub name: String,
    /// Whether the host provides it.
    pub provision: Provision,
    /// The keys of the grants that provide it, any of which is enough; empty when none has to, or none does.
    pub grants: Vec<&'static str>,
    /// A short description of what it reaches: `log lines and panic messages: reaches nothing else`.
    pub reaches: String,
}

/// Whether, and to whom, the host provides an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provision {
    /// To everybody: it reaches nothing by itself.
    Always,
    /// To this component, which is granted it.
    Granted,
    /// Provided by a grant that this component does not have.
    Missing,
    /// To nobody.
    Never,
}

impl Provision {
    /// Whether the component is provided with it as it stands.
    #[must_use]
    pub const fn is_given(self) -> bool {
        matches!(self, Self::Always | Self::Granted)
    }
}

/// The result of checking a pipeline without running it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// The pipeline's name; the path of its file, when not even that could be read.
    pub pipeline: String,
    /// The nodes, in the order of the plan: sources, stages, sinks.
    pub nodes: Vec<CheckedNode>,
    /// What is promised about the records of each source at each sink, where everything could be opened.
    pub promises: Vec<Promise>,
    /// What is probably not intended.
    pub warnings: Vec<Warning>,
    /// The reasons why it cannot run; empty when it can.
    pub problems: Vec<Problem>,
}

/// One node of a checked pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckedNode {
    /// The node's name.
    pub name: String,
    /// The node's role.
    pub role: Role,
    /// A short description: `file access.log (lines)`, `4 workers, order input`.
    pub detail: String,
    /// The nodes that feed it.
    pub fed_by: Vec<String>,
    /// The component that it runs, if it runs one.
    pub component: Option<Inspection>,
    /// Its grants, key by key.
    pub grants: Vec<GrantUse>,
    /// Whether its instances begin open; for a stage that runs a component, where everything could be tried out.
    pub warmth: Option<Warmth>,
}

/// One key of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantUse {
    /// The key in the pipeline file: `read`, `env` …
    pub key: &'static str,
    /// What the key reaches: folders, names of variables, origins. Never a value.
    pub reaches: Vec<String>,
    /// The imports that make use of it; empty: the grant is not needed.
    pub used_by: Vec<String>,
}

/// The roles of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Gives records.
    Source,
    /// Transforms records.
    Stage,
    /// Takes records.
    Sink,
}

impl Role {
    /// The role as a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Stage => "stage",
            Self::Sink => "sink",
        }
    }
}
