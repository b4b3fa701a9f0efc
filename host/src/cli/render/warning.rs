//! Warnings: what is probably not meant, and what to write.

use super::problem::hanging;
use super::style::{HINT, WARN, paint};
use crate::report::Warning;

/// Warnings, one below the other; nothing when there are none.
pub(crate) fn warnings(of: &[Warning]) -> String {
    of.iter().map(warning).collect()
}

fn warning(of: &Warning) -> String {
    let head = format!("{} {}\n", paint(WARN, "warning:"), hanging(&of.message, "warning: ".len()));
    let hint = |hint: &String| format!("{} {}\n", paint(HINT, "hint:"), hanging(hint, "hint: ".len()));
    head + &of.hints.iter().map(hint).collect::<String>()
}
