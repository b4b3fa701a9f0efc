//! `sandmill inspect`: a component, looked at without running it.

use crate::build;
use crate::check;
use crate::cli::args::InspectArguments;
use crate::cli::{print, render};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::report::Problem;

/// Looks at a component, and prints what it is.
///
/// # Errors
/// When there is none.
pub(super) fn inspect(arguments: &InspectArguments) -> Result<Exit> {
    let path = &arguments.component;
    let inspection = if path.is_dir() {
        let state = build::state(path)?;
        let mut inspection = check::inspect(&state.component)?;
        inspection.stale = Some(state.stale);
        inspection
    } else {
        check::inspect(path)?
    };
    if arguments.json {
        print::json(&inspection)?;
    } else {
        print::result(&render::inspection(&inspection))?;
        let problems = inspection.problems.iter().map(|why| Problem::from(&Error::config(why)));
        print::message(&render::problems(&problems.collect::<Vec<_>>()));
    }
    Ok(if inspection.problems.is_empty() { Exit::Ok } else { Exit::Usage })
}
