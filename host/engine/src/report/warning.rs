//! What a check or a run found that is probably not meant. Nothing fails for it.

use serde::Serialize;

/// One thing that is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The node that it is about.
    pub node: String,
    /// A word for scripts.
    pub kind: WarningKind,
    /// What was found.
    pub message: String,
    /// What to do about it, or how to say that it is meant.
    pub hints: Vec<String>,
}

/// What is probably not meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarningKind {
    /// A stage gives results at the end of its instances, and there is more than one: each result covers only a part of the input of the input.
    PartialResults,
    /// A stage keeps order by a key that records do not have.
    WithoutKey,
}
