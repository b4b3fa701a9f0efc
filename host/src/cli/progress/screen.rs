//! Standard error during a run: lines that scroll away, and below them, on a terminal, the picture of the run.

use std::io::IsTerminal as _;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike as _};

use super::{Margin, Meter, frame};
use crate::cli::print;
use crate::report::Stats;

/// Lines wait for the next picture, so that a chatty guest does not redraw it a thousand times a second; but no more
/// than so many bytes of them.
const WAITING_BYTES_MAX: usize = 16 * 1024;

/// Where a run prints. Dropping it takes the picture away.
#[derive(Debug)]
pub(crate) struct Screen {
    picture: Option<Picture>,
    /// Lines that wait to be printed above the picture.
    waiting: String,
}

#[derive(Debug)]
struct Picture {
    bar: ProgressBar,
    meter: Meter,
}

impl Screen {
    /// Lines only.
    pub(crate) fn plain() -> Self {
        Self { picture: None, waiting: String::new() }
    }

    /// With a picture, where standard error is a terminal that can show one.
    pub(crate) fn live() -> Self {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if is_dumb || !std::io::stderr().is_terminal() {
            return Self::plain();
        }
        let bar = ProgressBar::with_draw_target(
            None,
            ProgressDrawTarget::term_like(Box::new(Margin(Term::buffered_stderr()))),
        );
        // One element with all lines in it, so that they change together.
        let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(style);
        Self { picture: Some(Picture { bar, meter: Meter::default() }), waiting: String::new() }
    }

    /// Shows a word until there is a picture to draw.
    pub(crate) fn show(&self, word: &'static str) {
        if let Some(Picture { bar, .. }) = &self.picture {
            bar.set_message(word);
        }
    }

    /// Draws the picture anew.
    pub(crate) fn draw(&mut self, stats: &Stats) {
        self.flush();
        let Some(Picture { bar, meter }) = &mut self.picture else { return };
        let columns = Margin(Term::stderr()).width();
        let picture = frame(stats, &meter.observe(stats), usize::from(columns));
        bar.set_message(if print::stderr_has_colours() {
            picture
        } else {
            anstream::adapter::strip_str(&picture).to_string()
        });
    }

    /// Prints text that ends in a line feed, at the latest with the next picture.
    pub(crate) fn say(&mut self, text: &str) {
        if self.picture.is_none() {
            print::message(text);
            return;
        }
        self.waiting.push_str(text);
        if self.waiting.len() > WAITING_BYTES_MAX {
            self.flush();
        }
    }

    /// Prints what waits.
    pub(crate) fn flush(&mut self) {
        if let Some(Picture { bar, .. }) = &self.picture
            && !self.waiting.is_empty()
        {
            bar.suspend(|| print::message(&self.waiting));
            self.waiting.clear();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.flush();
        if let Some(Picture { bar, .. }) = &self.picture {
            bar.finish_and_clear();
        }
    }
}
