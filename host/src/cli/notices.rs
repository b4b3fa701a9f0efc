//! Makes lines for a person from the events of a run: what guests log, and the first failures.

use std::collections::HashMap;

use super::args::LogFilter;
use super::render::numbers::duration;
use super::render::style::{BAD, FAINT, WARN, paint};
use super::render::text::one_line;
use crate::program::Warmth;
use crate::report::{Event, LogLevel};

/// Failures of one node that are shown: enough to see what is wrong. The dead letters have them all.
const FAILURES_SHOWN_MAX: u32 = 5;

/// Decides what is said of an event. Holds one count per node that failed.
#[derive(Debug)]
pub(super) struct Notices {
    filter: LogFilter,
    /// Only errors that guests log are shown.
    quiet: bool,
    failures: HashMap<String, u32>,
}

impl Notices {
    /// Shows what guests log from that level on. A quiet run shows their errors and nothing else.
    pub(super) fn new(filter: LogFilter, quiet: bool) -> Self {
        Self { filter, quiet, failures: HashMap::new() }
    }

    /// A line with its line feed; `None` when nothing is to be said.
    pub(super) fn line(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Log { worker, level, message } => {
                let text = || format!("[{}/{}] {} {}\n", worker.stage, worker.worker, word(*level), one_line(message));
                let is_wanted = self.filter.shows(*level) && (!self.quiet || *level >= LogLevel::Error);
                is_wanted.then(text)
            }
            Event::Retrying { .. } | Event::Remark { .. } | Event::Image { .. } | Event::Failed { .. }
                if self.quiet =>
            {
                None
            }
            Event::Retrying { node, reason, attempt, wait } => {
                let (reason, wait) = (one_line(reason), duration(*wait));
                Some(format!("[{node}] {} {reason}; attempt {attempt} starts in {wait}\n", paint(WARN, "failed:")))
            }
            Event::Remark { node, message } => {
                Some(format!("[{node}] {} {}\n", paint(WARN, "note:"), one_line(message)))
            }
            Event::Image { stage, warmth } => {
                image(warmth).map(|said| format!("[{stage}] {} {said}\n", paint(FAINT, "note:")))
            }
            // The progress shows the number, and the report what it was.
            Event::Resized { .. } => None,
            Event::Failed { node, place, reason } => self.failure(node, place, reason),
        }
    }

    fn failure(&mut self, node: &str, place: &str, reason: &str) -> Option<String> {
        let seen = self.failures.entry(node.to_owned()).or_default();
        *seen = seen.saturating_add(1);
        match *seen {
            ..=FAILURES_SHOWN_MAX => {
                let [place, reason] = [place, reason].map(one_line);
                Some(format!("[{node}] {} {place}: {reason}\n", paint(WARN, "failed:")))
            }
            // The first that is not shown says that there are more.
            seen if seen == FAILURES_SHOWN_MAX + 1 => {
                Some(paint(FAINT, format!("… more failures in \"{node}\" are counted, but not shown")) + "\n")
            }
            _ => None,
        }
    }
}

/// What came of an image that was made beside the run.
fn image(warmth: &Warmth) -> Option<String> {
    match warmth {
        Warmth::Warm | Warmth::Pending | Warmth::Unneeded => None,
        Warmth::Warmed { after } => {
            Some(format!("the image is ready after {}: every instance now starts from it", duration(*after)))
        }
        Warmth::Cold(why) => Some(format!("opened for every instance: {}", one_line(why))),
    }
}

fn word(level: LogLevel) -> String {
    match level {
        LogLevel::Debug => paint(FAINT, "debug:"),
        LogLevel::Info => "info:".to_owned(),
        LogLevel::Warn => paint(WARN, "warn:"),
        LogLevel::Error => paint(BAD, "error:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::WorkerId;

    fn said(notices: &mut Notices, event: &Event) -> Option<String> {
        notices.line(event).map(|line| anstream::adapter::strip_str(&line).to_string())
    }

    fn failed(node: &str) -> Event {
        Event::Failed { node: node.into(), place: "access.log:17".into(), reason: "no status\nin \u{1b}[2J".into() }
    }

    #[test]
    fn a_log_line_names_stage_and_worker() {
        let log = |level| Event::Log {
            worker: WorkerId { stage: "parse".into(), worker: 3 },
            level,
            message: "no agent\u{7}".into(),
        };
        let mut notices = Notices::new(LogFilter::Info, false);
        assert_eq!(said(&mut notices, &log(LogLevel::Warn)).unwrap(), "[parse/3] warn: no agent\\u{7}\n");
        assert_eq!(said(&mut notices, &log(LogLevel::Debug)), None);
    }

    /// Issue 12: what a guest logged as an error was hidden by `-q`.
    #[test]
    fn a_quiet_run_shows_what_guests_log_as_errors_and_nothing_else() {
        let log = |level| Event::Log {
            worker: WorkerId { stage: "parse".into(), worker: 0 },
            level,
            message: "no database".into(),
        };
        let mut notices = Notices::new(LogFilter::Info, true);
        assert_eq!(said(&mut notices, &log(LogLevel::Error)).unwrap(), "[parse/0] error: no database\n");
        assert_eq!(said(&mut notices, &log(LogLevel::Warn)), None);
        assert_eq!(said(&mut notices, &failed("parse")), None);
        assert_eq!(said(&mut Notices::new(LogFilter::Off, true), &log(LogLevel::Error)), None);
    }

    #[test]
    fn what_came_of_an_image_is_told_in_a_line() {
        let image = |warmth| Event::Image { stage: "parse".into(), warmth };
        let mut notices = Notices::new(LogFilter::Info, false);
        let after = std::time::Duration::from_secs(24);
        assert_eq!(
            said(&mut notices, &image(Warmth::Warmed { after })).unwrap(),
            "[parse] note: the image is ready after 24.0 s: every instance now starts from it\n"
        );
        let cold = image(Warmth::Cold("its `open` calls\nclock".into()));
        let told = said(&mut notices, &cold);
        assert_eq!(told.unwrap(), "[parse] note: opened for every instance: its `open` calls\\nclock\n");
        assert_eq!(said(&mut Notices::new(LogFilter::Info, true), &cold), None);
    }

    #[test]
    fn the_first_failures_of_each_node_are_shown() {
        let mut notices = Notices::new(LogFilter::Info, false);
        let lines: Vec<_> = (0..9).map(|_| said(&mut notices, &failed("parse"))).collect();
        assert_eq!(lines[0].as_deref(), Some("[parse] failed: access.log:17: no status\\nin \\u{1b}[2J\n"));
        assert_eq!(lines[4], lines[0]);
        assert_eq!(lines[5].as_deref(), Some("… more failures in \"parse\" are counted, but not shown\n"));
        assert_eq!(lines[6..], [None, None, None]);
        assert!(said(&mut notices, &failed("mask")).unwrap().starts_with("[mask] failed: "));
    }
}
