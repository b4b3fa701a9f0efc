//! What a component is, without running it.

use std::path::PathBuf;

use serde::Serialize;

/// What a component imports, exports, weighs and hashes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The component's file.
    pub path: PathBuf,
    /// Its size, bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// `stage` or `source`; none when it is neither.
    pub world: Option<String>,
    /// What it asks of its host.
    pub imports: Vec<ImportUse>,
    /// What it gives.
    pub exports: Vec<String>,
    /// What keeps it from being used.
    pub problems: Vec<String>,
}

/// One import of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportUse {
    /// The interface, with its version.
    pub name: String,
    /// Whether the host provides it.
    pub provided: bool,
    /// What it reaches, or why it is not provided.
    pub note: String,
}
