//! Reads `[source]`.

use std::path::Path;

use super::contradiction::consistent_limits;
use super::grant::grants;
use super::json;
use crate::connector::{SOURCES, SourceReader};
use crate::plan::{ComponentSource, SourceKind};
use crate::settings::{Fault, Kind, Table};

/// Keys of every source.
pub(super) const COMMON: &[&str] = &["name", "kind", "on_error", "retry"];

/// The kind that runs in the sandbox; all others are connectors.
const COMPONENT: SourceReader =
    Kind { word: "component", keys: &["component", "config", "limits", "grant"], read: component };

/// All kinds of sources.
pub(super) fn kinds() -> Vec<&'static SourceReader> {
    SOURCES.iter().copied().chain([&COMPONENT]).collect()
}

fn component(section: &Table<'_>, folder: &Path) -> Result<SourceKind, Fault> {
    Ok(SourceKind::from(ComponentSource {
        component: section.require("component")?.path(folder)?,
        config: json::config(section)?,
        limits: consistent_limits(section)?,
        grants: grants(section, folder)?,
    }))
}
