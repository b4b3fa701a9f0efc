//! Shortens or fills text to a width; [`crate::legible`] makes text of others fit to be read.

use std::borrow::Cow;

use console::{Alignment, measure_text_width, pad_str, truncate_str};

pub(crate) use crate::legible::{harmless, one_line};

/// Columns that `text` takes on a terminal; colours take none.
pub(crate) fn width(text: &str) -> usize {
    measure_text_width(text)
}

/// At most `columns` wide; `…` marks what was left out.
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

/// Lines that are broken between words where they are wider than `columns`; what follows a break is indented by four
/// more blanks than its line.
pub(crate) fn folded(text: &str, columns: usize) -> String {
    let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
    text.split_inclusive('\n').map(|line| hung(line, columns, (blanks(line) + 4).min(columns / 2))).collect()
}

/// As [`folded`]; what follows a break is indented by `indent` blanks.
pub(crate) fn hung(text: &str, columns: usize, indent: usize) -> String {
    let mut hung = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (mut taken, mut has_word) = (0, false);
        for word in line.split_inclusive(' ') {
            let wide = width(word.trim_end());
            if has_word && wide > 0 && taken + wide > columns {
                hung.truncate(hung.trim_end_matches(' ').len());
                hung.push('\n');
                hung.push_str(&" ".repeat(indent));
                taken = indent;
            }
            hung.push_str(word);
            taken += width(word.trim_end_matches('\n'));
            has_word |= wide > 0;
        }
    }
    hung
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let text = "read 1,000,000 = delivered 1,000,000\nshort\n\naaaaaaaaaaaaaaaaaaaaaaaaa b\n";
        let expected = "read 1,000,000 =\n    delivered\n    1,000,000\nshort\n\naaaaaaaaaaaaaaaaaaaaaaaaa\n    b\n";
        assert_eq!(folded(text, 17), expected);
        assert_eq!(folded(text, 80), text);
        assert_eq!(folded("  one two three\n", 12), "  one two\n      three\n");
        assert_eq!(folded("        aaaaaaaaaaaaaaaa\n", 12), "        aaaaaaaaaaaaaaaa\n");
        assert_eq!(hung("name   one two three\n", 14, 7), "name   one two\n       three\n");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(width("統計"), 4);
        assert_eq!(left("統計", 6), "統計  ");
        assert_eq!(right("統計", 6), "  統計");
        assert_eq!(cut("normalise-addresses", 10), "normalise…");
    }
}
