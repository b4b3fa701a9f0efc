//! The verbs, one file each.

mod check;
mod inspect;
mod run;

use super::args::{Arguments, Verb};
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
        Verb::Inspect(inspect) => inspect::inspect(inspect),
    }
}
