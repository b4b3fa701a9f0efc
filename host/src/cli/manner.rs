//! Options that every command has: quiet, offline, and what it may ask.

use std::io::{IsTerminal as _, Write as _};

use super::print;
use crate::build::{Offer, Talk};

/// What the flags say that every verb has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Nothing is said but errors, and what needs attention.
    pub(crate) quiet: bool,
    /// Nothing is fetched.
    pub(crate) offline: bool,
}

impl Manner {
    /// The same, and quiet where `quiet` says so.
    pub(crate) fn quiet_if(self, quiet: bool) -> Self {
        Self { quiet: self.quiet || quiet, ..self }
    }
}

/// Says what a build says on standard error, and asks there before anything is fetched.
#[derive(Debug)]
pub(crate) struct Talker(pub(crate) Manner);

impl Talk for Talker {
    fn say(&mut self, line: &str) {
        if !self.0.quiet {
            print::message(&format!("{line}\n"));
        }
    }

    /// Asks only where somebody can answer: a script has said yes by calling a build without `--offline`.
    fn may_fetch(&mut self, offer: &Offer) -> bool {
        let can_answer = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if !can_answer {
            // Said in a quiet run, too: it takes time, and room on disk.
            print::message(&format!("{}\n", offer.line()));
            return true;
        }
        print::message(&format!("{}: continue? [Y/n] ", offer.line()));
        answer()
    }
}

/// Nothing but a no, or the end of the input, is a no.
fn answer() -> bool {
    std::io::stderr().flush().unwrap_or_default();
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line).unwrap_or(0);
    read > 0 && !line.trim().to_lowercase().starts_with('n')
}
