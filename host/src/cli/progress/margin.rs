//! The terminal, a little narrower than it is.
//!
//! indicatif leaves the cursor at the right edge. There the `^C` that a terminal echoes would wrap onto a line that
//! nobody counts, and the next picture would be drawn one line too low. With a margin it stays on its line.

use std::io;

use console::Term;
use indicatif::TermLike;

/// Room for two `^C`, and for a character that the terminal takes for wider than we do.
const MARGIN_COLUMNS: u16 = 5;

/// Standard error without its right margin.
#[derive(Debug)]
pub(super) struct Margin(pub(super) Term);

impl TermLike for Margin {
    fn width(&self) -> u16 {
        let (_, columns) = self.0.size();
        columns.saturating_sub(MARGIN_COLUMNS).max(1)
    }

    fn height(&self) -> u16 {
        let (rows, _) = self.0.size();
        rows
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.0.write_line(line)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
