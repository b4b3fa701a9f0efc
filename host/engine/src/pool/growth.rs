//! Decides how many workers a pool has that may grow and shrink (`workers = { min, max }`).
//!
//! It looks at the pool ten times a second. The pool grows when work has waited at each of five looks, and at least three
//! quarters of its slots were taken on average: its workers are in guests, so another one would take what waits. Workers
//! that wait for room in the next queue hold no slot, so a slow consumer makes no pool grow. What waits is what another
//! worker could take: batches of one key that a worker has leased are not. Each time the number doubles, so a pool is at
//! its full size after a few times half a second, however large that is.
//!
//! The pool shrinks to the most workers that were at work at a time within ten seconds, counted exactly and not at looks
//! alone. As soon as all of them have been at work, the ten seconds start again; so a pool grows fast, and shrinks only
//! after it has been too large for a while.
//!
//! It takes one task per such stage, and what it costs a batch is an atomic load or two.

use std::sync::Arc;
use std::time::Duration;

use super::stage::Stage;
use crate::error::Result;
use crate::queue::Probe;
use crate::report::Event;
use crate::time::sleep;

/// Time between two looks. Arbitrary: short beside what a person waits for, long beside a batch.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Looks at which work has to wait before the pool grows. Arbitrary: a burst that is done within that needs no more workers.
const GROW_AFTER: u32 = 5;
/// The average share of the slots that has to be taken. Less than all: between two batches a worker has none.
const TAKEN_MIN: f64 = 0.75;
/// Looks over which workers have to be idle before the pool shrinks: ten seconds. Arbitrary: to make an instance and fill
/// its caches again costs far less than that.
const SHRINK_AFTER: u32 = 100;

/// Makes the pool of a stage larger and smaller.
pub(crate) struct Growth {
    stage: Arc<Stage>,
    queue: Probe,
}

/// What is seen of a pool.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// How many workers it has.
    present: usize,
    /// How many are at work.
    taken: usize,
    /// The most that were at work at a time since the last look.
    most_taken: usize,
    /// Whether another worker would find work.
    work_waits: bool,
}

/// What has been seen since the number last changed.
#[derive(Debug, Default)]
struct Seen {
    /// Looks in a row at which work waited.
    waited: u32,
    /// How many were at work at these, in all.
    taken: usize,
    /// Looks since all were at work.
    idle: u32,
    /// The most that were at work at a time since.
    most_taken: usize,
}

impl Growth {
    /// For a stage that takes its batches from `queue`.
    pub(crate) fn new(stage: &Arc<Stage>, queue: Probe) -> Self {
        Self { stage: Arc::clone(stage), queue }
    }

    /// Looks after the pool until its input has ended.
    pub(crate) async fn run(self) -> Result<()> {
        let slots = &self.stage.slots;
        let mut seen = Seen::default();
        loop {
            tokio::select! {
                biased;
                () = slots.over() => return Ok(()),
                () = sleep(LOOK_EVERY) => {}
            }
            let most_taken = slots.most_taken();
            let present = slots.present();
            let look = Look { present, taken: slots.taken(), most_taken, work_waits: self.queue.has_ready() };
            if let Some(wanted) = seen.add(look) {
                let workers = slots.resize(wanted);
                if workers != present {
                    let stage = self.stage.name.to_string();
                    self.stage.failures.events.send(Event::Resized { stage, before: present, workers });
                }
            }
        }
    }
}

impl Seen {
    /// Adds a look. `Some`: the pool should have this number of workers, as far as it may.
    fn add(&mut self, look: Look) -> Option<usize> {
        let wanted = self.grow(look).or_else(|| self.shrink(look));
        if wanted.is_some() {
            *self = Self::default();
        }
        wanted
    }

    fn grow(&mut self, Look { present, taken, work_waits, .. }: Look) -> Option<usize> {
        if !work_waits {
            (self.waited, self.taken) = (0, 0);
            return None;
        }
        self.waited += 1;
        self.taken += taken;
        if self.waited < GROW_AFTER {
            return None;
        }
        let share = self.taken as f64 / (self.waited as usize * present) as f64;
        (self.waited, self.taken) = (0, 0);
        (share >= TAKEN_MIN).then_some(present * 2)
    }

    fn shrink(&mut self, Look { present, most_taken, .. }: Look) -> Option<usize> {
        if most_taken >= present {
            (self.idle, self.most_taken) = (0, 0);
            return None;
        }
        self.idle += 1;
        self.most_taken = self.most_taken.max(most_taken);
        (self.idle >= SHRINK_AFTER).then(|| self.most_taken.max(1))
    }
}
