//! Looks at a run from outside: any number of observers, none of which can slow it down or stop it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::watch::Watch;
use crate::flow::Tap;
use crate::report::{EventFeed, EventStream, Stats};

/// Watches a run. It can be cloned, sent to other threads, and kept after the run has ended; the last counts are the
/// final ones. It keeps the compiled components of the run in memory, but does not keep the run alive.
#[derive(Clone, Debug)]
pub struct Observer {
    watch: Arc<Watch>,
    events: EventFeed,
}

impl Observer {
    pub(super) fn new(watch: Arc<Watch>, events: EventFeed) -> Self {
        Self { watch, events }
    }

    /// The counts now, as often as you like. It reads the counters of the run one after the other and locks nothing that
    /// a record passes. Counts of different nodes may be a few batches apart until the run has ended; then they are
    /// exact, and those of the report.
    #[must_use]
    pub fn snapshot(&self) -> Stats {
        self.watch.now()
    }

    /// A stream of what happens, as many as you like. Each begins with the events that are kept, up to the last 1,024 of
    /// the run (those from before the start included), and returns `None` when the run has ended.
    ///
    /// A stream that falls more than 1,024 events behind loses the oldest, and counts them
    /// ([`EventStream::lost`]). The run never waits for it, and other streams lose nothing.
    #[must_use]
    pub fn events(&self) -> EventStream {
        self.events.open()
    }

    /// Copies every nth record that leaves a source or stage from now on, the next one included; all ports of a stage
    /// together. `None` if no source or stage has this name.
    ///
    /// A tap keeps at most 1,024 copies and 1 MiB. What does not fit is not copied, and [`Tap::lost`] counts it. The run
    /// never waits for a tap, and its records are the same with and without one. Secrets are not removed from copies.
    #[must_use]
    pub fn tap(&self, node: &str, every_nth: NonZeroUsize) -> Option<Tap> {
        self.watch.taps().find(|(name, _)| &***name == node).map(|(_, point)| point.attach(every_nth))
    }

    /// Ends all streams and taps: the run has ended.
    pub(super) fn close(&self) {
        self.events.close();
        self.watch.taps().for_each(|(_, point)| point.close());
    }
}
