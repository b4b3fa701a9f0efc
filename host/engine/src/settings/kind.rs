//! A section whose `kind` decides which keys it may have.

use std::path::Path;

use super::fault::Fault;
use super::key::Key;
use super::table::Table;

/// A section whose `kind` decides which keys it may have.
#[derive(Clone, Copy, Debug)]
pub struct Kind<T: 'static> {
    /// The word in the file.
    pub word: &'static str,
    /// Its keys, apart from those that all kinds have.
    pub keys: &'static [Key],
    /// Reads the section.
    pub read: fn(&Table<'_>, &Path) -> Result<T, Fault>,
}

impl<T> Kind<T> {
    /// Finds the section's kind among `kinds`, and checks its keys.
    pub fn of(section: &Table<'_>, kinds: &[&'static Self], common: &[Key]) -> Result<&'static Self, Fault> {
        let Some(value) = section.get("kind") else {
            // A typing mistake in "kind" itself is reported as such.
            let all: Vec<_> = kinds.iter().flat_map(|kind| kind.keys).chain(common).copied().collect();
            section.refuse_unknown(&all)?;
            let words: Vec<_> = kinds.iter().map(|kind| kind.word).collect();
            return Err(section.missing("kind").hint(format!("kinds: {}", words.join(", "))));
        };
        let choices: Vec<_> = kinds.iter().map(|kind| (kind.word, *kind)).collect();
        let kind = value.choice(&choices)?;
        let known: Vec<_> = common.iter().chain(kind.keys).copied().collect();
        let mut named = section.clone();
        named.label = format!("{} of kind {:?}", section.label, kind.word);
        named.refuse_unknown(&known)?;
        Ok(kind)
    }
}
