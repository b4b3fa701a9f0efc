//! The few colours in use, by their meaning. Terminals choose the shades.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

/// Something is wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Something is worth a look.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// All is well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What to do about it.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// A heading.
pub(crate) const STRONG: Style = Style::new().bold();
/// Of less weight than what stands around it.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// `text` in that style.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
