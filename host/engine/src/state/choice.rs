//! Chooses dead letters.

use super::DeadLetter;

/// A choice of dead letters: those that fit every field that is set; all, if none is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// Numbers of dead letters.
    pub ids: Vec<i64>,
    /// The source, stage or sink.
    pub node: Option<String>,
    /// The kind: `trap`, `cpu-limit` …
    pub kind: Option<String>,
    /// Set aside at this time or later, seconds since 1970.
    pub since: Option<f64>,
    /// Not numbered higher than this.
    pub up_to: Option<i64>,
    /// Only those that are what they were: no secret was removed.
    pub whole: bool,
}

impl Choice {
    /// Whether it chooses nothing in particular.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the choice includes this dead letter.
    #[must_use]
    pub fn takes(&self, letter: &DeadLetter) -> bool {
        let Self { ids, node, kind, since, up_to, whole } = self;
        (ids.is_empty() || ids.contains(&letter.id))
            && node.as_ref().is_none_or(|node| *node == letter.node)
            && kind.as_ref().is_none_or(|kind| *kind == letter.kind)
            && since.is_none_or(|since| letter.time >= since)
            && up_to.is_none_or(|up_to| letter.id <= up_to)
            && !(*whole && letter.redacted)
    }
}
