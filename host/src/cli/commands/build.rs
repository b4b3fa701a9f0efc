//! `sandmill build`: stage folders into components.

use std::path::Path;

use crate::build::{self, BuildOptions, Built};
use crate::check;
use crate::cli::args::BuildArguments;
use crate::cli::manner::{Manner, Talker};
use crate::cli::render::text::one_line;
use crate::cli::signals::while_building;
use crate::cli::{print, render};
use crate::error::{ErrorKind, Result};
use crate::exit::Exit;
use crate::report::Problem;

/// Builds all folders; one that does not build does not keep the others from it.
///
/// # Errors
/// When what was built cannot be printed.
pub(super) fn build(arguments: &BuildArguments, manner: Manner) -> Result<Exit> {
    let options = BuildOptions { debug: arguments.debug, offline: manner.offline };
    let mut exit = Exit::Ok;
    for folder in &arguments.folders {
        let built = while_building(|stop| build::build_until(folder, &options, stop, &mut Talker(manner)));
        match built.and_then(compiled) {
            Ok(built) if arguments.json => print::json(&built)?,
            Ok(_) if manner.quiet => {}
            Ok(built) => print::message(&line(folder, &built)),
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => {
                print::message(&render::problem(&Problem::from(&error), print::stderr_columns()));
                exit = Exit::from(&error);
            }
        }
    }
    Ok(exit)
}

/// What was built, with its code in the cache: so that no run has to compile it.
fn compiled(built: Built) -> Result<Built> {
    check::compile(&built.component).map(|()| built)
}

/// `built stages/mask: stages/mask/target/mask.wasm`
fn line(folder: &Path, built: &Built) -> String {
    let verb = if built.is_new { "built" } else { "up to date:" };
    let [folder, component] = [folder, &built.component].map(|path| path.display().to_string());
    format!("{verb} {}: {}\n", one_line(&folder), one_line(&component))
}
