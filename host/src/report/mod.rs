//! What a run says of itself: snapshots while it runs, a report at its end, events in between. Data only; the command
//! line renders it.

mod event;
mod stats;

pub use event::{Event, LogLevel};
pub use stats::{Bottleneck, Ending, Problem, QueueStats, Report, SinkStats, SourceStats, StageStats, Stats};
