//! `sandmill toolchain`: the compilers of the languages that stages are written in.

use crate::build::{self, Presence, Status};
use crate::cli::args::{ToolchainArguments, ToolchainVerb};
use crate::cli::manner::{Manner, Talker};
use crate::cli::render::text::one_line;
use crate::cli::signals::while_building;
use crate::cli::{print, render};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::report::Problem;

/// Lists, fetches or removes toolchains.
///
/// # Errors
/// When the environment names a compiler that is not there, or the output cannot be printed.
pub(super) fn toolchain(arguments: &ToolchainArguments, manner: Manner) -> Result<Exit> {
    match &arguments.verb {
        ToolchainVerb::List { json } => list(*json),
        ToolchainVerb::Install { .. } if manner.offline => Err(offline()),
        ToolchainVerb::Install { languages, all } => {
            each(&chosen(languages, *all), |language| install(language, manner))
        }
        ToolchainVerb::Remove { languages, all } => each(&chosen(languages, *all), |language| remove(language, manner)),
    }
}

fn offline() -> Error {
    Error::config("nothing can be installed with --offline")
}

fn list(json: bool) -> Result<Exit> {
    let tools = build::tools()?;
    for tool in &tools {
        if json {
            print::json(tool)?;
        } else {
            print::result(&line(tool))?;
        }
    }
    Ok(Exit::Ok)
}

/// `python  componentize-py 0.25.1  in the cache: /home/…`
fn line(tool: &Status) -> String {
    let program = tool.program.as_ref().map(|path| one_line(&path.display().to_string())).unwrap_or_default();
    let place = match tool.presence {
        Presence::Named => format!("named by the environment: {program}"),
        Presence::Path => format!("on the path: {program}"),
        Presence::Cache => format!("in the cache: {program}"),
        Presence::Missing => {
            let size =
                tool.megabytes.map(|megabytes| format!(" ({megabytes} MB, {})", tool.licence)).unwrap_or_default();
            format!("not installed{size}; to fetch it: sandmill toolchain install {}", tool.language)
        }
    };
    format!("{:<15} {:<24} {place}\n", tool.language, format!("{} {}", tool.tool, one_line(&tool.version)))
}

fn chosen(languages: &[String], all: bool) -> Vec<String> {
    if all { build::tool_languages().map(str::to_owned).collect() } else { languages.to_vec() }
}

/// Does `work` for each; one that fails does not keep the others from it.
fn each(languages: &[String], work: impl Fn(&str) -> Result<()>) -> Result<Exit> {
    let mut exit = Exit::Ok;
    for language in languages {
        match work(language) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => {
                print::message(&render::problem(&Problem::from(&error), print::stderr_columns()));
                exit = Exit::from(&error);
            }
        }
    }
    Ok(exit)
}

fn install(language: &str, manner: Manner) -> Result<()> {
    while_building(|stop| build::install_tool(language, stop, &mut Talker(manner)))?;
    if !manner.quiet {
        print::message(&format!("the toolchain for {language} is installed\n"));
    }
    Ok(())
}

fn remove(language: &str, manner: Manner) -> Result<()> {
    let was_there = build::remove_tool(language)?;
    if !manner.quiet {
        let what = if was_there { "removed" } else { "nothing was fetched" };
        print::message(&format!("{language}: {what}\n"));
    }
    Ok(())
}
