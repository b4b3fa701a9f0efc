//! Reads `[source]`.

use std::path::Path;

use super::contradiction::consistent_limits;
use super::grant::grants;
use super::{json, keys};
use crate::connector::{SOURCES, SourceReader};
use crate::plan::{ComponentSource, SourceKind};
use crate::settings::{Fault, Kind, Table};

/// The kind that runs in the sandbox; all others are connectors.
const COMPONENT: SourceReader = Kind { word: "component", keys: keys::COMPONENT, read: component };

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
