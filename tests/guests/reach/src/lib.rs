//! What the guests of the tests can be told to do. A record is a verb and what it needs: `read geo/a.csv`.
//!
//! A guest imports what its verbs use and nothing else, so there is one for each import: `reach-files`, `reach-http`. All
//! know the verbs of [`itself`], which reach nothing. The answer is the output record; what was refused is one too, and
//! begins with `error: `.

pub mod clock;
pub mod command;
pub mod env;
pub mod files;
pub mod http;
pub mod itself;
pub mod random;
#[cfg(target_arch = "wasm32")]
mod raw;
pub mod sockets;

use std::fmt::Display;

use sandmill_stage::Failure;

/// What a verb came to: outputs, or the record's failure. None when there is no such verb.
pub type Answer = Option<Result<Vec<String>, Failure>>;

/// Verbs of one kind: what to do, and with what.
pub type Verbs = fn(&str, &str) -> Answer;

/// Makes a guest of some modules' verbs.
#[macro_export]
macro_rules! guest {
    ($($module:ident),+) => {
        fn reach(line: &str) -> ::std::result::Result<::std::vec::Vec<::std::string::String>, ::sandmill_stage::Failure> {
            $crate::answer(line, &[$($crate::$module::verbs),+])
        }
        ::sandmill_stage::stage!(reach);
    };
}

/// Does what the record says.
///
/// # Errors
/// When that is to fail, or no verb.
pub fn answer(line: &str, verbs: &[Verbs]) -> Result<Vec<String>, Failure> {
    itself::count();
    let (verb, rest) = two(line);
    let answered = verbs.iter().find_map(|verbs| verbs(verb, rest));
    answered.unwrap_or_else(|| Err(Failure::new(format!("this guest has no verb \"{verb}\""))))
}

/// The first word, and what follows it.
pub(crate) fn two(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

pub(crate) fn said(text: impl Into<String>) -> Result<Vec<String>, Failure> {
    Ok(vec![text.into()])
}

/// A refusal is an answer, too.
pub(crate) fn told<T: Into<String>, E: Display>(result: Result<T, E>) -> Result<Vec<String>, Failure> {
    said(result.map_or_else(|error| format!("error: {error}"), Into::into))
}

/// `3`, `64KiB`, `100MiB`, `2GiB`.
pub(crate) fn number(text: &str) -> Result<usize, Failure> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let unit = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
    let (digits, shift) = unit.unwrap_or((text, &0));
    Ok(digits.parse::<usize>()? << shift)
}
