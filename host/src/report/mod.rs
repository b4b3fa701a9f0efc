//! What a run says of itself: snapshots while it runs, a report at its end, events in between. Data only; the command
//! line renders it.

mod event;
mod inspection;
mod stats;

pub use event::{Event, EventSender, EventStream, LogLevel, event_channel};
pub use inspection::{ImportUse, Inspection};
pub use stats::{Bottleneck, Ending, Problem, QueueStats, Report, SinkStats, SourceStats, StageStats, Stats};
