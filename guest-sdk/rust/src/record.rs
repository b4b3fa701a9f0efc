//! What a stage is given: records, each a key and a value, borrowed from the batch they came in.

use crate::column::Column;

/// A record: bytes, and a key that says what they belong to (empty when there is none).
///
/// Where a source reads whole files as records, the key is the file's name; elsewhere it is what a stage before this one
/// made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What the value belongs to; empty when there is no key.
    pub key: &'a [u8],
    /// The record itself.
    pub value: &'a [u8],
}

/// The records of one invocation.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The values.
    pub values: Column,
    /// The keys: none at all, or one for each value.
    pub keys: Column,
}

impl Batch {
    pub(crate) fn has_keys(&self) -> bool {
        self.keys.len() != 0
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let mut keys = self.keys.iter();
        self.values.iter().map(move |value| Record { key: keys.next().unwrap_or_default(), value })
    }
}
