//! Reports of a run: snapshots while it runs, a report at its end, events in between; and what can be said of
//! a pipeline before it runs. Data only; the command line renders it.

mod activity;
mod audience;
mod event;
mod feed;
mod inspection;
mod promise;
mod stats;
mod warning;

pub use activity::Activity;
pub(crate) use activity::ActivityCell;
pub use audience::Audience;
pub use event::{Event, LogLevel};
pub use feed::{EventFeed, EventSender, EventStream, event_channel};
pub use inspection::{CheckReport, CheckedNode, GrantUse, ImportUse, Inspection, Provision, Role};
pub use promise::Promise;
pub use stats::{
    Bottleneck, CheckpointStats, Ending, PoolStats, Problem, QueueStats, Report, Resumed, SinkStats, SourceStats,
    StageStats, Stats,
};
pub use warning::{Warning, WarningKind};
