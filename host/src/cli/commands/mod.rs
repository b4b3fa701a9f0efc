//! The verbs, one file each.

mod build;
mod check;
mod components;
mod dead_letters;
mod inspect;
mod new;
mod run;

use super::args::{Arguments, Verb};
use super::documents;
use crate::error::Result;
use crate::exit::Exit;

/// Does what the arguments say.
///
/// # Errors
/// What kept it from being done; not yet printed.
pub(super) fn perform(arguments: &Arguments) -> Result<Exit> {
    let quiet = arguments.quiet;
    match &arguments.verb {
        Verb::Run(run) => run::run(run, quiet),
        Verb::Check(check) => check::check(check, quiet),
        Verb::Build(build) => build::build(build, quiet),
        Verb::New(new) => new::new(new, quiet),
        Verb::DeadLetters(letters) => dead_letters::dead_letters(letters, quiet),
        Verb::Inspect(inspect) => inspect::inspect(inspect, quiet),
        Verb::Completions(completions) => documents::completions(completions),
        Verb::Man(man) => documents::man(man),
    }
}
