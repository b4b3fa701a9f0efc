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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(width("統計"), 4);
        assert_eq!(left("統計", 6), "統計  ");
        assert_eq!(right("統計", 6), "  統計");
        assert_eq!(cut("normalise-addresses", 10), "normalise…");
    }
}
