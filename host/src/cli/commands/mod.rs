//! The commands of `sandmill`, one file each.

mod build;
mod check;
mod components;
mod dead_letters;
mod inspect;
mod new;
mod run;
mod toolchain;

use super::args::{Arguments, Verb};
use super::manner::Manner;
use super::{documents, print};
use crate::error::Result;
use crate::exit::Exit;
use crate::legible::one_line;
use crate::pipeline::{Conclusion, Ended};
use crate::sandbox::tell_of_slow_compilations;

/// What a command has come to.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) exit: Exit,
    /// What is left to remove of a run. It must be dropped last, so that a run killed before can be told from one that
    /// was not.
    pub(super) conclusion: Conclusion,
}

impl From<Exit> for Done {
    fn from(exit: Exit) -> Self {
        Self { exit, conclusion: Conclusion::default() }
    }
}

impl From<Ended> for Done {
    fn from(Ended { report, conclusion }: Ended) -> Self {
        Self { exit: Exit::from(&report), conclusion }
    }
}

/// Does what the arguments say.
///
/// # Errors
/// What kept it from being done; not yet printed.
pub(super) fn perform(arguments: &Arguments) -> Result<Done> {
    let manner = Manner { quiet: arguments.quiet, offline: arguments.offline };
    if !manner.quiet && print::stderr_columns().is_some() {
        tell_of_slow_compilations(|path| {
            let path = one_line(&path.display().to_string());
            print::message(&format!("compiling {path} (again only when it changes)\n"));
        });
    }
    let exit = match &arguments.verb {
        Verb::Run(run) => return run::run(run, manner),
        Verb::DeadLetters(letters) => return dead_letters::dead_letters(letters, manner),
        Verb::Check(check) => check::check(check, manner),
        Verb::Build(build) => build::build(build, manner),
        Verb::New(new) => new::new(new, arguments.quiet),
        Verb::Inspect(inspect) => inspect::inspect(inspect, manner),
        Verb::Toolchain(toolchain) => toolchain::toolchain(toolchain, manner),
        Verb::Completions(completions) => documents::completions(completions),
        Verb::Man(man) => documents::man(man),
    };
    exit.map(Done::from)
}
