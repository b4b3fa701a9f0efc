//! A line of a pipeline file with a mark under the relevant part.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;

use crate::error::Error;
use crate::legible::is_harmful;

/// Most characters of a line that are shown. Arbitrary: a terminal's width.
const WIDTH_MAX: usize = 100;
/// Characters before the mark that are shown when a line is shortened.
const LEAD: usize = 40;

/// One line of a text, marked: the cause of every error about a pipeline file. It prints as two lines, of which the
/// second has the mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    line: usize,
    column: usize,
    text: String,
    lead: String,
    marked: usize,
}

impl Snippet {
    /// The line in which `span` begins. A span that continues beyond the end of the line is marked up to there.
    pub fn new(text: &str, span: Range<usize>) -> Self {
        let start = floor(text, span.start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |feed| feed + 1);
        let line = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        // The byte order mark is not seen, and takes up no column.
        let shown = if line_start == 0 { line.trim_start_matches('\u{feff}') } else { line };
        let hidden = line_start + line.len() - shown.len();
        let column = text.get(hidden..start).unwrap_or_default().chars().count().min(shown.chars().count());
        let end = floor(text, span.end).min(line_start + line.len());
        let marked = text.get(start..end).unwrap_or_default().chars().count();
        let first = if shown.chars().count() > WIDTH_MAX { column.saturating_sub(LEAD) } else { 0 };
        let window: Vec<char> = shown.chars().skip(first).take(WIDTH_MAX).map(printable).collect();
        let lead = window.iter().take(column - first).map(|&c| if c == '\t' { '\t' } else { ' ' }).collect();
        Self {
            line: before.matches('\n').count() + 1,
            column: column + 1,
            marked: marked.min(window.len().saturating_sub(column - first)).max(1),
            text: window.into_iter().collect(),
            lead,
        }
    }

    /// The same place in a line about secrets, of which nothing is shown but the key, and that only where it says so.
    pub fn masked(text: &str, span: Range<usize>) -> Self {
        let Self { line, column, .. } = Self::new(text, span.clone());
        let start = floor(text, span.start);
        let line_start = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |feed| feed + 1);
        let whole = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        let key = whole.split_once('=').map(|(key, _)| key).filter(|key| key.contains("secret"));
        let shown = key.map(|key| format!("{key}= ")).unwrap_or_default();
        let marked = [start - line_start, span.end.saturating_sub(line_start)].map(|at| at.min(shown.len()));
        let [from, to] = marked;
        Self { line, column, ..Self::new(&(shown + "…"), from..to) }
    }

    /// The snippet among an error's causes, if there is one.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        error.source().and_then(|source| source.downcast_ref())
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, from 1, in characters; a tab is one.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }
}

impl fmt::Display for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        writeln!(f, "{number} | {}", self.text)?;
        write!(f, "{:width$} | {}{}", "", self.lead, "^".repeat(self.marked), width = number.len())
    }
}

impl StdError for Snippet {}

/// Keeps what a file says from steering the terminal.
fn printable(c: char) -> char {
    if is_harmful(c) && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }
}

/// The start of the character in which byte `index` lies.
fn floor(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|&index| text.is_char_boundary(index)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, word: &str) -> Snippet {
        let start = text.find(word).expect("the word is there");
        Snippet::new(text, start..start + word.len())
    }

    #[test]
    fn lines_end_with_or_without_carriage_return() {
        for text in ["a = 1\nb = 2\nc = 3", "a = 1\r\nb = 2\r\nc = 3"] {
            assert_eq!(at(text, "2").to_string(), "2 | b = 2\n  |     ^");
            assert_eq!((at(text, "2").line(), at(text, "2").column()), (2, 5));
        }
    }

    #[test]
    fn a_byte_order_mark_takes_no_column() {
        let snippet = at("\u{feff}name = 7", "name");
        assert_eq!((snippet.line(), snippet.column()), (1, 1));
        assert_eq!(snippet.to_string(), "1 | name = 7\n  | ^^^^");
        assert_eq!(Snippet::new("\u{feff}name = 7", 0..0).column(), 1);
    }

    #[test]
    fn a_tab_is_one_column_and_stays_a_tab_below() {
        let snippet = at("\tä = 'ü'\tx", "x");
        assert_eq!(snippet.column(), 10);
        assert_eq!(snippet.to_string(), "1 | \tä = 'ü'\tx\n  | \t       \t^");
    }

    #[test]
    fn ends_empty_texts_and_long_spans_are_shown() {
        assert_eq!(Snippet::new("", 0..0).to_string(), "1 | \n  | ^");
        assert_eq!(Snippet::new("a\n", 2..2).to_string(), "2 | \n  | ^");
        assert_eq!(Snippet::new("ab\ncd", 1..4).to_string(), "1 | ab\n  |  ^");
        assert_eq!(Snippet::new("ab\r\n", 2..4).to_string(), "1 | ab\n  |   ^");
        assert_eq!(Snippet::new("é", 1..9).to_string(), "1 | é\n  | ^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark() {
        let text = format!("{}WORD{}", "a".repeat(1000), "b".repeat(1000));
        let shown = at(&text, "WORD");
        assert_eq!(shown.column(), 1001);
        let expected = format!("1 | {}WORD{}\n  | {}^^^^", "a".repeat(40), "b".repeat(56), " ".repeat(40));
        assert_eq!(shown.to_string(), expected);
    }

    #[test]
    fn a_masked_line_ends_behind_its_key() {
        let masked = |text: &str, word: &str| {
            let start = text.find(word).expect("the word is there");
            Snippet::masked(text, start..start + word.len())
        };
        let line = "secret = { TOKEN = \"hunter2\" }";
        assert_eq!(masked(line, "\"hunter2\"").to_string(), "1 | secret = …\n  |          ^");
        assert_eq!(masked(line, "secret").to_string(), "1 | secret = …\n  | ^^^^^^");
        assert_eq!(masked(line, "hunter2").column(), 21);
        // A line of a value may have a `=` too.
        assert_eq!(masked("a\n  hunter2==", "hunter2").to_string(), "2 | …\n  | ^");
        let long = format!("secret = \"{}=hunter2\"", "x".repeat(1000));
        assert_eq!(masked(&long, "hunter2").to_string(), "1 | secret = …\n  |          ^");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert!(!Snippet::new("a\u{1b}[31m", 0..1).to_string().contains('\u{1b}'));
    }
}
