//! Text that others wrote (guests, files, paths) made fit for a terminal, and text cut or filled to a width.

use std::borrow::Cow;

use console::{Alignment, measure_text_width, pad_str, truncate_str};

/// `text` without the power to move the cursor, to recolour the terminal or to turn the reading direction: an untrusted
/// guest must not be able to forge what the host says. Line feeds stay.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' => safe.push_str("    "),
            c if is_harmful(c) => safe.extend(c.escape_default()),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// As [`harmless`], on one line.
pub(crate) fn one_line(text: &str) -> String {
    harmless(text.trim_end()).replace('\n', "\\n")
}

fn is_harmful(c: char) -> bool {
    let turns_direction = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && c != '\n') || turns_direction
}

/// Columns that `text` takes on a terminal; colours take none.
pub(crate) fn width(text: &str) -> usize {
    measure_text_width(text)
}

/// At most `columns` wide; `…` stands for what was cut.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    truncate_str(text, columns, "…")
}

/// Exactly `columns` wide, text at the left.
pub(crate) fn left(text: &str, columns: usize) -> Cow<'_, str> {
    pad_str(text, columns, Alignment::Left, Some("…"))
}

/// Exactly `columns` wide, text at the right.
pub(crate) fn right(text: &str, columns: usize) -> Cow<'_, str> {
    pad_str(text, columns, Alignment::Right, Some("…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_cannot_steer_the_terminal() {
        assert_eq!(harmless("plain ünïcode\nsecond line"), "plain ünïcode\nsecond line");
        assert_eq!(harmless("\u{1b}[2J\u{1b}[31merror: all is lost\r"), r"\u{1b}[2J\u{1b}[31merror: all is lost\r");
        assert_eq!(harmless("a\tb"), "a    b");
        assert_eq!(harmless("abc\u{202e}fed"), r"abc\u{202e}fed");
        assert_eq!(harmless("\u{9b}2J"), r"\u{9b}2J", "the eight-bit form of the escape");
        assert_eq!(one_line("one\ntwo\n"), r"one\ntwo");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(width("統計"), 4);
        assert_eq!(left("統計", 6), "統計  ");
        assert_eq!(right("統計", 6), "  統計");
        assert_eq!(cut("normalise-addresses", 10), "normalise…");
    }
}
