//! Makes images beside the work of a run, for stages whose instances would start from them.
//!
//! One at a time, on one thread, which ends with the run: whatever is under way then is abandoned. Most of the work is
//! done by compilers, one after another, in processes of one thread each.

use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::stages::ReadyStage;
use crate::failpoint::{Breakage, Failpoint, Failpoints};
use crate::loader::Image;
use crate::program::Warmth;
use crate::report::{Event, EventSender};
use crate::time::Instant;

/// How often a failure that may pass is looked at again.
const LOOK: Duration = Duration::from_millis(1);

/// The thread that makes images. Dropping it stops the thread.
#[derive(Debug)]
pub(super) struct Images {
    stop: CancellationToken,
    _stopped_when_dropped: DropGuard,
    thread: Option<JoinHandle<()>>,
}

impl Images {
    /// Begins to make the images that `stages` want. The outcome of each is reported.
    pub(super) fn of(stages: &mut [ReadyStage], events: EventSender, failpoints: Failpoints, io: &Handle) -> Self {
        let images: Vec<Box<dyn Image>> = stages.iter_mut().filter_map(|stage| stage.image.take()).collect();
        let stop = CancellationToken::new();
        let maker = Maker { begun: Instant::now(), stop: stop.clone(), events, failpoints };
        let is_busy = !images.is_empty();
        let make_all = move || images.iter().for_each(|image| maker.make(&**image));
        let thread = is_busy.then(|| io.spawn_blocking(make_all));
        Self { _stopped_when_dropped: stop.clone().drop_guard(), stop, thread }
    }

    /// Stops making them.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until the thread is gone. It is stopped before, so that takes milliseconds.
    pub(super) async fn ended(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic while an image is made is reported as the reason why there is none.
            drop(thread.await);
        }
    }
}

struct Maker {
    begun: Instant,
    stop: CancellationToken,
    events: EventSender,
    failpoints: Failpoints,
}

impl Maker {
    fn make(&self, image: &dyn Image) {
        let broken = self.pass();
        if self.stop.is_cancelled() {
            return;
        }
        let warmth = match broken {
            None => image.make_beside(self.begun, &self.stop),
            Some(why) => image.refuse(why),
        };
        if warmth != Warmth::Pending {
            self.events.send(Event::Image { stage: image.stage().to_string(), warmth });
        }
    }

    /// Waits while making it is to fail in a way that passes. Why it fails for good.
    fn pass(&self) -> Option<String> {
        loop {
            match self.failpoints.ask(Failpoint::Image)? {
                Breakage::Passing if self.stop.is_cancelled() => return None,
                Breakage::Passing => thread::park_timeout(LOOK),
                Breakage::Lasting | Breakage::Panic => return Some(format!("made to fail at {:?}", Failpoint::Image)),
            }
        }
    }
}
