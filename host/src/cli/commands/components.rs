//! Finds or builds components that are named by the folder they are built from.

use std::path::{Path, PathBuf};

use crate::build::{self, BuildOptions};
use crate::cli::manner::{Manner, Talker};
use crate::cli::signals::while_building;
use crate::error::Result;
use crate::kept;
use crate::plan::{Code, Plan};

/// Puts a component file in the place of every stage folder of the plan; builds what is stale.
///
/// # Errors
/// When a folder is not a stage, or does not build.
pub(super) fn build_components(plan: &mut Plan, manner: Manner) -> Result<()> {
    let sources = plan.sources.iter_mut().filter_map(|source| source.kind.component_mut());
    let sources = sources.map(|component| &mut component.component);
    let stages = plan.stages.iter_mut().filter_map(|stage| match &mut stage.code {
        Code::Component(path) => Some(path),
        Code::Native(_) => None,
    });
    for path in sources.chain(stages) {
        *path = component_file(path, manner)?;
    }
    Ok(())
}

/// The component file that `path` stands for: itself, one that travels inside this program, or what the folder builds
/// into, built when stale.
///
/// # Errors
/// As [`build_components`].
pub(super) fn component_file(path: &Path, manner: Manner) -> Result<PathBuf> {
    if let Some(folder) = build::script_runner(path) {
        return component_file(&folder?, manner);
    }
    if let Some(file) = kept::file_of(path) {
        return file;
    }
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let options = BuildOptions { offline: manner.offline, ..BuildOptions::default() };
    let built = while_building(|stop| build::build_until(path, &options, stop, &mut Talker(manner)))?;
    Ok(built.component)
}
