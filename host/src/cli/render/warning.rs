//! Renders warnings: what is probably not intended, and what to write.

use super::problem::hanging;
use super::style::{HINT, WARN, paint};
use crate::report::Warning;

/// Warnings, one below the other; nothing when there are none.
pub(crate) fn warnings(of: &[Warning], columns: Option<usize>) -> String {
    of.iter().map(|of| warning(of, columns)).collect()
}

fn warning(of: &Warning, columns: Option<usize>) -> String {
    let head = format!("{} {}\n", paint(WARN, "warning:"), hanging(&of.message, "warning: ".len(), columns));
    let hint = |hint: &String| format!("{} {}\n", paint(HINT, "hint:"), hanging(hint, "hint: ".len(), columns));
    head + &of.hints.iter().map(hint).collect::<String>()
}
