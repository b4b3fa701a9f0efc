//! Events of a run that a person may want to see at once.

use std::time::Duration;

use crate::program::Warmth;
use crate::program::WorkerId;

/// Something that happened during a run. Events are for people: the last 1,024 are kept, and a reader that is slower
/// loses some, which are counted. Counts that must be exact are in [`Stats`](super::Stats).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A guest logged a line.
    Log {
        /// Who.
        worker: WorkerId,
        /// How serious it calls it.
        level: LogLevel,
        /// Its text, cut to a bound, control characters replaced.
        message: String,
    },
    /// A source or a sink failed, and is tried again.
    Retrying {
        /// Which.
        node: String,
        /// Why.
        reason: String,
        /// Which attempt comes next, from 2.
        attempt: u32,
        /// How long it waits before.
        wait: Duration,
    },
    /// A source has something to say about its input before the run begins.
    Remark {
        /// Which.
        node: String,
        /// What.
        message: String,
    },
    /// An image that a stage's instances were to begin with is ready, or it turned out that there can be none.
    Image {
        /// Which stage.
        stage: String,
        /// How its instances begin from now on.
        warmth: Warmth,
    },
    /// The pool of a stage has grown or shrunk: at most twice a second, and seldom as often.
    Resized {
        /// Which stage.
        stage: String,
        /// How many workers it had.
        before: usize,
        /// How many it has now.
        workers: usize,
    },
    /// A record failed: in a source (bad input), a stage or a sink.
    Failed {
        /// Where it failed.
        node: String,
        /// Where the record came from.
        place: String,
        /// Why.
        reason: String,
    },
}

/// The level that a guest gives a line of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For the stage's author.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}
