//! `sandmill inspect`: inspects a component, or the components of a pipeline, without running them.

use std::path::{Path, PathBuf};

use super::components::component_file;
use crate::check;
use crate::cli::args::InspectArguments;
use crate::cli::locate::pipeline_file;
use crate::cli::manner::Manner;
use crate::cli::{print, render};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::report::Problem;
use crate::{build, config, kept};

/// Looks at what the argument names, and prints what it is.
///
/// # Errors
/// When there is no such thing, or it cannot be read.
pub(super) fn inspect(arguments: &InspectArguments, manner: Manner) -> Result<Exit> {
    match pipeline_at(&arguments.path) {
        Some(file) => pipeline(&pipeline_file(Some(&file))?, arguments.json, manner),
        None => component(&arguments.path, arguments.json),
    }
}

/// A pipeline file is a TOML file, or a folder that has one and is not a stage.
fn pipeline_at(path: &Path) -> Option<PathBuf> {
    let is_file = path.extension().is_some_and(|ending| ending == "toml");
    let is_folder = path.join("pipeline.toml").is_file() && !build::is_stage(path);
    (is_file || is_folder).then(|| path.to_owned())
}

fn component(path: &Path, json: bool) -> Result<Exit> {
    let runner = build::script_runner(path).transpose()?;
    let path = runner.as_deref().unwrap_or(path);
    let inspection = if let Some(file) = kept::file_of(path) {
        check::inspect(&file?)?
    } else if path.is_dir() {
        let state = build::state(path)?;
        let mut inspection = check::inspect(&state.component)?;
        inspection.stale = Some(state.stale);
        inspection
    } else {
        check::inspect(path)?
    };
    if json {
        print::json(&inspection)?;
    } else {
        print::shown(&render::inspection(&inspection))?;
        let problems = inspection.problems.iter().map(|why| Problem::from(&Error::config(why)));
        print::message(&render::problems(&problems.collect::<Vec<_>>(), print::stderr_columns()));
    }
    Ok(if inspection.problems.is_empty() { Exit::Ok } else { Exit::Usage })
}

fn pipeline(file: &Path, json: bool, manner: Manner) -> Result<Exit> {
    let mut plan = config::load(file)?;
    let report = check::inspect_pipeline(&mut plan, &mut |path| component_file(path, manner.quiet_if(json)));
    if json {
        print::json(&report)?;
    } else {
        print::shown(&render::reach(&report))?;
        print::message(&render::problems(&report.problems, print::stderr_columns()));
    }
    Ok(if report.problems.is_empty() { Exit::Ok } else { Exit::Usage })
}
