//! The verbs, one file each.

mod build;
mod check;
mod components;
mod dead_letters;
mod inspect;
mod new;
mod run;
mod toolchain;

use super::args::{Arguments, Verb};
use super::documents;
use super::manner::Manner;
use crate::error::Result;
use crate::exit::Exit;

/// Does what the arguments say.
///
/// # Errors
/// What kept it from being done; not yet printed.
pub(super) fn perform(arguments: &Arguments) -> Result<Exit> {
    let manner = Manner { quiet: arguments.quiet, offline: arguments.offline };
    match &arguments.verb {
        Verb::Run(run) => run::run(run, manner),
        Verb::Check(check) => check::check(check, manner),
        Verb::Build(build) => build::build(build, manner),
        Verb::New(new) => new::new(new, arguments.quiet),
        Verb::DeadLetters(letters) => dead_letters::dead_letters(letters, manner),
        Verb::Inspect(inspect) => inspect::inspect(inspect, manner),
        Verb::Toolchain(toolchain) => toolchain::toolchain(toolchain, manner),
        Verb::Completions(completions) => documents::completions(completions),
        Verb::Man(man) => documents::man(man),
    }
}
