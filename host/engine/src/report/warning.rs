//! Findings of a check or a run that are probably not intended. Nothing fails for them.

use serde::Serialize;

/// A finding that is probably not intended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The node that the warning is about.
    pub node: String,
    /// The kind of the warning, for scripts.
    pub kind: WarningKind,
    /// The message.
    pub message: String,
    /// What to do about it, or how to say that it is intended.
    pub hints: Vec<String>,
}

/// The kinds of warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarningKind {
    /// A stage gives results at the end of its instances, and there is more than one: each result covers only a part of
    /// the input of the input.
    PartialResults,
    /// A stage keeps order by a key that records do not have.
    WithoutKey,
}
