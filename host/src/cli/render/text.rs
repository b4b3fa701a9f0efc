//! Text cut or filled to a width; what others wrote is made fit to be read by [`crate::legible`].

use std::borrow::Cow;

use console::{Alignment, measure_text_width, pad_str, truncate_str};

pub(crate) use crate::legible::{harmless, one_line};

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

/// Lines that are broken between words where they are wider than `columns`; what follows a break is indented.
pub(crate) fn folded(text: &str, columns: usize) -> String {
    const INDENT: &str = "    ";
    let mut folded = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut taken = 0;
        for word in line.split_inclusive(' ') {
            let wide = width(word.trim_end());
            if taken > INDENT.len() && taken + wide > columns {
                folded.truncate(folded.trim_end_matches(' ').len());
                folded.push('\n');
                folded.push_str(INDENT);
                taken = INDENT.len();
            }
            folded.push_str(word);
            taken += width(word.trim_end_matches('\n'));
        }
    }
    folded
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
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(width("統計"), 4);
        assert_eq!(left("統計", 6), "統計  ");
        assert_eq!(right("統計", 6), "  統計");
        assert_eq!(cut("normalise-addresses", 10), "normalise…");
    }
}
