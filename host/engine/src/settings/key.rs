//! A key of a table of the pipeline file, and what its page says of it.

/// A key of a table of the pipeline file. The texts are Markdown, as in the tables of `docs/pipeline-file.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// The type of its value, with its bounds: `size, 64 KiB to 4 GiB`.
    pub value: &'static str,
    /// The value that holds if the key is not there, or `required`.
    pub default: &'static str,
    /// What it decides.
    pub meaning: &'static str,
}

impl Key {
    /// The names of some keys.
    #[must_use]
    pub fn names(keys: &[Self]) -> Vec<&'static str> {
        keys.iter().map(|key| key.name).collect()
    }
}
