//! Draws a picture at the bottom of a terminal, over the one before it.
//!
//! Nothing relies on the terminal to wrap: lines are shortened to its width beforehand, and wrapping is off while they
//! are drawn, because a terminal may take a character for wider than we do. Each line is overwritten in place and the
//! rest of it cleared, so that nothing flickers. A terminal that knows synchronised updates shows all of it at once.
//!
//! The cursor waits at the beginning of the last line: what the terminal echoes there (`^C`) does not wrap, and the
//! next picture covers it.

use crate::cli::render::text::width;

/// The terminal shows nothing until [`SHOW`]. One that does not know it ignores it.
const HOLD: &str = "\x1b[?2026h";
const SHOW: &str = "\x1b[?2026l";
const WRAP_OFF: &str = "\x1b[?7l";
const WRAP_ON: &str = "\x1b[?7h";
const CLEAR_RIGHT: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";
const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";

/// The size of a terminal, in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// The part of a terminal that the picture takes.
#[derive(Debug)]
pub(super) struct Canvas {
    /// The width of each line that the terminal shows; the cursor is at the beginning of the last.
    drawn: Vec<usize>,
    /// Whether the terminal breaks long lines in two when it gets narrower. Most do.
    reflows: bool,
}

impl Canvas {
    pub(super) fn new(reflows: bool) -> Self {
        Self { drawn: Vec::new(), reflows }
    }

    /// Makes the terminal show `lines` in the place of the last picture, and `above`, which ends in a line feed, before
    /// them.
    pub(super) fn redraw(&mut self, above: &str, lines: &[String], size: Size) -> String {
        let mut text = HOLD.to_owned() + &to_the_top(self.rows_above(size));
        // Drawn over the last picture, so that nothing has to be cleared first. What a line does not cover is cleared
        // after it.
        text.push_str(&above.replace('\n', &format!("{CLEAR_RIGHT}\r\n")));
        text.push_str(WRAP_OFF);
        for (i, line) in lines.iter().enumerate() {
            text.push_str(if i == 0 { "" } else { "\r\n" });
            text.push_str(line);
            text.push_str(CLEAR_RIGHT);
        }
        text.push_str(CLEAR_BELOW);
        text.push('\r');
        text.push_str(WRAP_ON);
        text.push_str(SHOW);
        self.drawn = lines.iter().map(|line| width(line)).collect();
        text
    }

    /// Takes the picture away.
    pub(super) fn erase(&mut self, size: Size) -> String {
        let text = match self.rows_above(size) {
            0 => format!("\r{CLEAR_RIGHT}"),
            // From the second line on: a terminal that is cleared from its first cell may keep what it showed as
            // history.
            up => format!("{}{CLEAR_RIGHT}{DOWN}{CLEAR_BELOW}{UP}", to_the_top(up)),
        };
        self.drawn.clear();
        text
    }

    /// Leaves the picture where it is: somebody else has written below it, and the next one begins there.
    pub(super) fn leave(&mut self) {
        self.drawn.clear();
    }

    /// How many rows the picture has above the cursor, wherever that is after the terminal was resized.
    fn rows_above(&self, size: Size) -> usize {
        let above = self.drawn.split_last().map_or(&[][..], |(_, above)| above);
        let rows = |width: &usize| if self.reflows { width.div_ceil(size.columns.max(1)).max(1) } else { 1 };
        above.iter().map(rows).sum()
    }
}

/// Moves the cursor to the beginning of the picture's first line.
fn to_the_top(up: usize) -> String {
    if up == 0 { "\r".to_owned() } else { format!("\r\x1b[{up}A") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    const WIDE: Size = Size { rows: 24, columns: 80 };

    /// Without this the next picture would be drawn below the remains of the last one.
    #[test]
    fn a_picture_goes_over_the_last_one_however_many_lines_that_had() {
        let mut canvas = Canvas::new(true);
        assert!(canvas.redraw("", &lines(&["one", "two", "three"]), WIDE).starts_with("\x1b[?2026h\r\x1b[?7l"));
        assert!(canvas.redraw("", &lines(&["one"]), WIDE).starts_with("\x1b[?2026h\r\x1b[2A"));
        assert!(canvas.redraw("", &lines(&["one"]), WIDE).starts_with("\x1b[?2026h\r\x1b[?7l"));
        assert_eq!(canvas.erase(WIDE), "\r\x1b[K");
    }

    #[test]
    fn lines_that_a_narrower_terminal_has_broken_are_counted_as_it_shows_them() {
        let text = lines(&["0123456789", "01234", "0123456789"]);
        let narrow = Size { columns: 4, ..WIDE };
        for (reflows, up) in [(true, "\r\x1b[5A"), (false, "\r\x1b[2A")] {
            let mut canvas = Canvas::new(reflows);
            canvas.redraw("", &text, WIDE);
            assert!(canvas.erase(narrow).starts_with(up), "{reflows}");
        }
    }

    /// tmux keeps a screen that is cleared from its first cell: each line of a log left a picture in the history.
    #[test]
    fn nothing_is_cleared_from_a_pictures_first_cell() {
        let mut canvas = Canvas::new(true);
        canvas.redraw("", &lines(&["one", "two"]), WIDE);
        let text = canvas.redraw("said\n", &lines(&["one", "two"]), WIDE);
        assert!(text.starts_with("\x1b[?2026h\r\x1b[1Asaid\x1b[K\r\n\x1b[?7lone"), "{text:?}");
        assert_eq!(canvas.erase(WIDE), "\r\x1b[1A\x1b[K\x1b[B\x1b[J\x1b[A");
    }

    #[test]
    fn what_somebody_else_wrote_is_left_alone() {
        let mut canvas = Canvas::new(true);
        canvas.redraw("", &lines(&["one", "two"]), WIDE);
        canvas.leave();
        assert_eq!(canvas.erase(WIDE), "\r\x1b[K");
    }
}
