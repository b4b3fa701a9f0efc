//! Events of a run that a person may want to see at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::program::Warmth;
use crate::program::WorkerId;

/// Events that wait for somebody to look: a screenful many times over.
const EVENTS_MAX: usize = 1024;

/// Something that happened during a run. Events are for people: the channel is bounded, and what does not fit is
/// counted, not kept. Counts that must be exact are in [`Stats`](super::Stats).
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

/// The sending end of the events. It never waits: events that are not taken in time are counted as lost.
#[derive(Clone, Debug)]
pub struct EventSender {
    events: mpsc::Sender<Event>,
    lost: Arc<AtomicU64>,
}

/// The receiving end of the events.
#[derive(Debug)]
pub struct EventStream {
    events: mpsc::Receiver<Event>,
}

/// Makes a bounded channel of events: 1,024 of them.
#[must_use]
pub fn event_channel() -> (EventSender, EventStream) {
    let (sender, receiver) = mpsc::channel(EVENTS_MAX);
    (EventSender { events: sender, lost: Arc::default() }, EventStream { events: receiver })
}

impl EventSender {
    /// Puts an event, or counts it as lost.
    pub fn send(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            self.lose();
        }
    }

    /// Counts an event as lost.
    pub fn lose(&self) {
        self.lost.fetch_add(1, Relaxed);
    }

    /// Events lost so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

impl EventStream {
    /// The next event; `None` when the run has ended and all are taken.
    ///
    /// # Cancel safety
    /// No event is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}
