//! The only two ways out: results to standard output, everything else to standard error. Both let through what was made
//! fit to be read, line feeds and colours, and nothing else that steers a terminal, even if somebody forgot to clean
//! it.

use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal as _, Write as _};

use console::Term;

use super::args::Color;
use super::render::text::folded;
use crate::descriptor;
use crate::error::{Error, Result};
use crate::legible;

/// Decides on colours, for the whole process.
pub(crate) fn choose(color: Color) {
    match color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// How many columns standard error has room for, where it is a terminal; the last one is left empty.
pub(crate) fn stderr_columns() -> Option<usize> {
    let columns = Term::stderr().size_checked().map(|(_, columns)| columns)?;
    std::io::stderr().is_terminal().then(|| usize::from(columns.saturating_sub(1)))
}

/// As [`stderr_columns`], of standard output.
pub(crate) fn stdout_columns() -> Option<usize> {
    let columns = Term::stdout().size_checked().map(|(_, columns)| columns)?;
    std::io::stdout().is_terminal().then(|| usize::from(columns.saturating_sub(1)))
}

/// Text for standard error, whose lines are broken between words where that is a terminal that has no room for them.
pub(crate) fn fitted(text: &str) -> Cow<'_, str> {
    stderr_columns().map_or(Cow::Borrowed(text), |columns| Cow::Owned(folded(text, columns)))
}

/// Whether standard error shows colours.
fn stderr_has_colours() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// A result, for standard output. A reader that has closed it has seen enough: that is not an error.
///
/// # Errors
/// When standard output cannot be written to for another reason: a full disk, or the command was started without one.
pub(crate) fn result(text: &str) -> Result<()> {
    if descriptor::was_closed(descriptor::STDOUT) {
        return descriptor::duplicate(descriptor::STDOUT).map(drop);
    }
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(legible::printed(text).as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::edge("cannot write to standard output").caused_by(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A result for people: as [`result`], and on a terminal its lines are broken between words.
///
/// # Errors
/// As [`result`].
pub(crate) fn shown(text: &str) -> Result<()> {
    result(&stdout_columns().map_or(Cow::Borrowed(text), |columns| Cow::Owned(folded(text, columns))))
}

/// A result as one line of JSON.
///
/// # Errors
/// As [`result`].
pub(crate) fn json(of: &impl serde::Serialize) -> Result<()> {
    result(&json_line(of)?)
}

/// One line of JSON.
///
/// # Errors
/// When a path in it is not Unicode: JSON has no way to write it.
pub(crate) fn json_line(of: &impl serde::Serialize) -> Result<String> {
    let line = serde_json::to_string(of)
        .map_err(|error| Error::internal("cannot write this report as JSON").caused_by(error))?;
    Ok(legible::json(&line).into_owned() + "\n")
}

/// A message, for standard error; on a terminal its lines are broken between words. When it cannot be written, there is
/// nowhere left to say so.
pub(crate) fn message(text: &str) {
    laid_out(&fitted(text));
}

/// A message whose lines are as long as they should be.
pub(crate) fn laid_out(text: &str) {
    let mut stderr = anstream::stderr().lock();
    stderr.write_all(legible::printed(text).as_bytes()).and_then(|()| stderr.flush()).unwrap_or_default();
}

/// Sends control sequences to the terminal at standard error, unchanged.
pub(crate) fn terminal(text: &str) {
    let mut stderr = std::io::stderr().lock();
    stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).unwrap_or_default();
}

/// Text for standard error, without colours where nobody wants them.
pub(crate) fn coloured(text: &str) -> Cow<'_, str> {
    let plain = || anstream::adapter::strip_str(text).to_string();
    if stderr_has_colours() { Cow::Borrowed(text) } else { Cow::Owned(plain()) }
}
