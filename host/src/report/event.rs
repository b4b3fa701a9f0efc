//! What happens during a run that a person may want to see at once.

use crate::pool::WorkerId;

/// One thing that happened. Events are for people: the channel is bounded, and what does not fit is counted, not kept.
/// Counts that must be exact stand in [`Stats`](super::Stats).
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

/// How serious a guest calls a line of its log.
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
