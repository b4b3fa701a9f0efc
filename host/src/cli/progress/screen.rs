//! Writes to standard error during a run: lines that scroll away, and the progress of the run.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::ValueEnum;
use console::Term;

use super::{Canvas, Meter, Size, frame, line};
use crate::cli::print;
use crate::report::Stats;

/// Lines wait for the next picture, so that a chatty guest does not redraw it a thousand times a second; but no more
/// than this many bytes of them.
const WAITING_BYTES_MAX: usize = 16 * 1024;

/// How often a line of progress is printed where there is no terminal: often enough to see that it runs, seldom enough
/// for a log. A run that is shorter prints none.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How a run shows its progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// `bar` on a terminal, else `plain`.
    #[default]
    Auto,
    /// A picture that is redrawn in its place.
    Bar,
    /// A line every ten seconds.
    Plain,
    /// Nothing.
    None,
}

impl Progress {
    /// What `auto` stands for where standard error goes.
    fn chosen(self) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        match self {
            Self::Auto if is_dumb || !std::io::stderr().is_terminal() => Self::Plain,
            Self::Auto => Self::Bar,
            Self::Bar | Self::Plain | Self::None => self,
        }
    }
}

/// Where a run prints. Dropping it takes the picture away.
#[derive(Debug)]
pub(crate) struct Screen {
    shown: Shown,
    meter: Meter,
}

#[derive(Debug)]
enum Shown {
    Nothing,
    Lines(Lines),
    Picture(Picture),
}

/// A line from time to time.
#[derive(Debug)]
struct Lines {
    /// The next one, when the run has lasted this long.
    next: Duration,
}

#[derive(Debug)]
struct Picture {
    canvas: Canvas,
    lines: Vec<String>,
    /// Lines that wait to be printed above the picture.
    waiting: String,
}

impl Screen {
    /// Shows progress in that way.
    pub(crate) fn new(progress: Progress) -> Self {
        let shown = match progress.chosen() {
            Progress::Auto | Progress::Bar => {
                Shown::Picture(Picture { canvas: Canvas::new(reflows()), lines: Vec::new(), waiting: String::new() })
            }
            Progress::Plain => Shown::Lines(Lines { next: LINE_EVERY }),
            Progress::None => Shown::Nothing,
        };
        Self { shown, meter: Meter::default() }
    }

    /// The run continues an earlier one, in which this many records had been read.
    pub(crate) fn resume(&mut self, read: u64) {
        self.meter.resume(read);
    }

    /// Shows a word until there is a picture to draw.
    pub(crate) fn show(&mut self, word: &'static str) {
        if let Shown::Picture(picture) = &mut self.shown {
            picture.lines = vec![word.to_owned()];
            picture.draw();
        }
    }

    /// Shows how things stand.
    pub(crate) fn draw(&mut self, stats: &Stats) {
        let pace = self.meter.observe(stats);
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Lines(lines) => {
                if lines.is_due(stats.elapsed) {
                    print::message(&line(stats, &pace));
                }
            }
            Shown::Picture(picture) => {
                picture.lines = frame(stats, &pace, size());
                picture.draw();
            }
        }
    }

    /// Prints text that ends in a line feed, at the latest with the next picture.
    pub(crate) fn say(&mut self, text: &str) {
        let Shown::Picture(picture) = &mut self.shown else {
            print::message(text);
            return;
        };
        picture.waiting.push_str(&print::fitted(text));
        if picture.waiting.len() > WAITING_BYTES_MAX {
            picture.draw();
        }
    }

    /// Prints what waits.
    pub(crate) fn flush(&mut self) {
        if let Shown::Picture(picture) = &mut self.shown
            && !picture.waiting.is_empty()
        {
            picture.draw();
        }
    }

    /// The process was stopped and continues: whatever was printed since then stays.
    pub(crate) fn come_back(&mut self) {
        if let Shown::Picture(picture) = &mut self.shown {
            picture.canvas.leave();
        }
    }
}

impl Lines {
    /// Whether one is printed now, after this time of the run.
    fn is_due(&mut self, elapsed: Duration) -> bool {
        let is_due = elapsed >= self.next;
        if is_due {
            self.next = elapsed + LINE_EVERY;
        }
        is_due
    }
}

impl Picture {
    fn draw(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let lines: Vec<String> = self.lines.iter().map(|line| print::coloured(line).into_owned()).collect();
        print::terminal(&self.canvas.redraw(&print::coloured(&waiting), &lines, size()));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Shown::Picture(picture) = &mut self.shown {
            let rest = std::mem::take(&mut picture.waiting);
            print::terminal(&(picture.canvas.erase(size()) + &print::coloured(&rest)));
        }
    }
}

/// The terminal's size now; 24 rows of 80 where it has none.
fn size() -> Size {
    let (rows, columns) = Term::stderr().size();
    Size { rows: rows.into(), columns: columns.into() }
}

/// Whether the terminal breaks lines again when its width changes. Those that do not are few, and known.
fn reflows() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let term = std::env::var("TERM").unwrap_or_default();
    let is_screen = set("STY") && !set("TMUX");
    !(set("XTERM_VERSION") || is_screen || term == "linux" || term.starts_with("vt"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_a_line_is_printed_every_ten_seconds() {
        let mut lines = Lines { next: LINE_EVERY };
        let printed = |tenths: &u64| lines.is_due(Duration::from_millis(100 * tenths));
        let at: Vec<u64> = (0..=350).filter(printed).collect();
        assert_eq!(at, [100, 200, 300], "tenths of seconds");
    }
}
