//! The toolchains of all languages, for those who want to see, fetch or remove them before a build does.

use super::language::Language;
use super::languages;
use super::stop::Stop;
use super::talk::Talk;
use super::toolchain::Status;
use sandmill_engine::error::{Error, Result};
use sandmill_engine::suggest;

/// Finds the compiler of each language. Changes nothing.
///
/// # Errors
/// When the environment names a compiler that is not there.
pub fn tools() -> Result<Vec<Status>> {
    let status = |language: &&'static dyn Language| match language.tool() {
        Some(tool) => tool.status(*language).map(Some),
        None => language.own_status(),
    };
    languages::ALL.iter().filter_map(|language| status(language).transpose()).collect()
}

/// The languages that have a compiler of their own.
pub fn tool_languages() -> impl Iterator<Item = &'static str> {
    languages::ALL.iter().filter(|language| !language.has_command()).map(|language| language.name())
}

/// Sees that the compiler of `language` is on this machine, and fetches it where it is not.
///
/// # Errors
/// When there is no such language, or its compiler cannot be fetched.
pub fn install_tool(language: &str, stop: &Stop, talk: &mut dyn Talk) -> Result<()> {
    let language = named(language)?;
    match language.tool() {
        Some(tool) => tool.install(language, stop, talk).map(|_| ()),
        None => language.own_install(talk),
    }
}

/// Removes what was fetched for `language` from the user's cache. Returns whether there was something.
///
/// # Errors
/// When there is no such language, or it cannot be removed.
pub fn remove_tool(language: &str) -> Result<bool> {
    named(language)?.tool().map_or(Ok(false), |tool| tool.remove())
}

fn named(language: &str) -> Result<&'static dyn Language> {
    languages::named(language).ok_or_else(|| {
        let error = Error::config(format!("there is no language \"{language}\""));
        match suggest::hint(language, tool_languages()) {
            Some(meant) => error.hint(meant),
            None => error.hint(format!("known languages: {}", tool_languages().collect::<Vec<_>>().join(", "))),
        }
    })
}
