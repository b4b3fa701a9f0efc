//! The names of the columns that a source reads, for a sink that has no record to take them from.

use std::sync::{Arc, OnceLock};

/// The column names of a source's first input, once they are known. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Header(Arc<OnceLock<Vec<String>>>);

impl Header {
    /// The names, once they are known.
    #[must_use]
    pub fn get(&self) -> Option<Vec<String>> {
        self.0.get().cloned()
    }

    /// Makes the names known, unless others are.
    pub fn set(&self, names: Vec<String>) {
        // Of several inputs, the first one counts.
        drop(self.0.set(names));
    }
}
