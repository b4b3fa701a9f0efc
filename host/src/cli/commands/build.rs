//! `sandmill build`: stage folders into components.

use std::path::Path;

use serde::Serialize;
use tokio::runtime;

use crate::build::{self, BuildOptions, Built};
use crate::check;
use crate::cli::args::BuildArguments;
use crate::cli::manner::{Manner, Talker};
use crate::cli::render::text::one_line;
use crate::cli::signals::while_building;
use crate::cli::{print, render};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::program::Warmth;
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
            Ok(ready) if arguments.json => print::json(&ready)?,
            Ok(_) if manner.quiet => {}
            Ok(ready) => print::message(&line(folder, &ready)),
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => {
                print::message(&render::problem(&Problem::from(&error), print::stderr_columns()));
                exit = Exit::from(&error);
            }
        }
    }
    Ok(exit)
}

/// What was built, and how its instances begin, where that is known without a pipeline.
#[derive(Debug, Serialize)]
struct Ready {
    #[serde(flatten)]
    built: Built,
    warmth: Option<Warmth>,
}

/// What was built, with its code and its image in the cache: so that no run has to make them.
fn compiled(built: Built) -> Result<Ready> {
    check::compile(&built.component)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::internal("cannot start a runtime").caused_by(error))?;
    let warmth = runtime.block_on(check::make_image(&built.component));
    runtime.shutdown_background();
    Ok(Ready { built, warmth })
}

/// `built stages/mask: stages/mask/target/mask.wasm`, and how its instances begin, where that is worth a line.
fn line(folder: &Path, Ready { built, warmth }: &Ready) -> String {
    let verb = if built.is_new { "built" } else { "up to date:" };
    let [folder, component] = [folder, &built.component].map(|path| path.display().to_string());
    let begins = warmth
        .as_ref()
        .and_then(render::begins)
        .map_or_else(String::new, |begins| format!("  {}\n", one_line(&begins)));
    format!("{verb} {}: {}\n{begins}", one_line(&folder), one_line(&component))
}
