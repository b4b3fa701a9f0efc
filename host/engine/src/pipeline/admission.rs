//! Admits a source, as far as what it has in flight is done soon: a checkpoint, and the end of a run that is stopped,
//! have to wait for that.
//!
//! By Little's law, what is on its way takes as long as its number divided by the rate at which it is done. A chunk
//! that was issued as the last of n records, and was done after a time t, says that rate: n / t. So n is let in that
//! will take the time that is meant. In the beginning, when nothing is known, that is one record for each worker, or a
//! handful; it grows by up to sixteen times with each chunk that was done early enough, so a fast pipeline is at its
//! full width within a millisecond, and is bounded by its queues alone. A chunk counts as done when those before it
//! are, too: else the records of a filter, most of which are dropped early, would hide the few that pile up after it.
//!
//! Nothing can wait for itself here: a source with nothing on its way is let in, whatever else is known. What waits by
//! the user's wish (for a fuller batch, for another attempt, for a commit) is not counted, and its time is not either.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::pool::{Pace, Stage};
use crate::record::{Lineage, Ticket, Traffic};
use crate::time::Instant;

/// The intended time when no checkpoint interval is set.
const MEANT_DEFAULT: Duration = Duration::from_millis(250);
/// The intended time as a part of the time between two checkpoints: then what is done twice after a crash is little
/// more than that.
const MEANT_PART: u32 = 4;
/// No less: on a busy machine every task is late by some milliseconds. Arbitrary.
const MEANT_MIN: Duration = Duration::from_millis(100);
/// No more, however seldom checkpoints are taken: a run that is stopped has to end within its grace. Arbitrary.
const MEANT_MAX: Duration = Duration::from_millis(2500);
/// A stage needs time for this many of its shortest batches: one in hand, one that waits.
const BATCHES: u32 = 2;
/// How many times as much as was ever seen on its way is let in. Arbitrary.
const GROWTH: u64 = 16;
/// The least that is admitted at first. Arbitrary: a handful of records comes in one batch, and is soon done at any
/// speed.
const FIRST: u64 = 4;
/// What is admitted comes in this many chunks: of each it is known how long it took, and a chunk is small compared to
/// all.
const CHUNKS: u64 = 8;
/// At most this many chunks are watched. Arbitrary: with more of them in flight, less is learned, and nothing is wrong.
const WATCHED_MAX: usize = 1024;

/// The rule by which sources are admitted. Shared by the sources of a pipeline.
#[derive(Debug)]
pub(super) struct Rule {
    /// Of the stages. Not the stages themselves: what waits in them is told as in flight when they are dropped, and the task
    /// of a source that is told waits for that.
    paces: Vec<Arc<Pace>>,
    least: u64,
    meant: Duration,
    lingering: Duration,
}

/// The admission of one source.
#[derive(Debug)]
pub(super) struct Admission {
    rule: Arc<Rule>,
    traffic: Arc<Traffic>,
    /// How many records may be on their way.
    window: u64,
    /// When it was last made smaller. What was issued before says nothing about that.
    narrowed: Option<Instant>,
    watched: VecDeque<Watched>,
    /// When the last of the chunks was done that are not watched any more.
    through: Instant,
}

/// A chunk on its way.
#[derive(Debug)]
struct Watched {
    ticket: Arc<Ticket>,
    issued: Instant,
    /// How many were on their way when it was issued, its own among them.
    ahead: u64,
}

impl Rule {
    /// For a pipeline with these stages and this many sinks (a stage that grows counts as large as it may be: else nothing
    /// would wait for another worker, and it would not grow), whose receivers wait for fuller batches for `lingering` in
    /// all, and which takes checkpoints that often.
    pub(super) fn new(stages: &[Arc<Stage>], sinks: usize, lingering: Duration, every: Option<Duration>) -> Self {
        let workers = stages.iter().map(|stage| stage.workers.max.get()).sum::<usize>();
        let meant = every.map_or(MEANT_DEFAULT, |every| (every / MEANT_PART).clamp(MEANT_MIN, MEANT_MAX));
        let paces = stages.iter().map(|stage| Arc::clone(&stage.pace)).collect();
        Self { paces, least: (workers + sinks) as u64, meant, lingering }
    }

    /// How long what is in flight may take: as long as intended, but no less than what keeps all workers at work.
    fn allowed(&self) -> Duration {
        let least = self.paces.iter().map(|pace| pace.least_batch()).sum::<Duration>();
        self.meant.max(least.saturating_mul(BATCHES))
    }
}

impl Admission {
    /// Makes the admission of a source whose claims `traffic` counts.
    pub(super) fn new(rule: &Arc<Rule>, traffic: &Arc<Traffic>) -> Self {
        Self {
            rule: Arc::clone(rule),
            traffic: Arc::clone(traffic),
            window: rule.least.max(FIRST),
            narrowed: None,
            watched: VecDeque::new(),
            through: Instant::now(),
        }
    }

    /// Waits until the source is admitted, for at most this many records. A source that returns more is admitted
    /// nevertheless.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn wait(&mut self) -> NonZeroUsize {
        loop {
            self.learn();
            let part = (self.window / CHUNKS).max(1);
            let (moving, most) = (self.traffic.moving(), self.window.saturating_sub(part));
            if moving <= most {
                let chunk = if moving == 0 { self.window } else { part };
                return usize::try_from(chunk).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN);
            }
            self.traffic.fall_to(most).await;
        }
    }

    /// Watches a chunk that was just issued.
    pub(super) fn watch(&mut self, claims: &Lineage) {
        if self.watched.len() < WATCHED_MAX
            && let Some((ticket, _)) = claims.claims().next()
        {
            let (ticket, issued) = (Arc::clone(ticket), Instant::now());
            self.watched.push_back(Watched { ticket, issued, ahead: self.traffic.moving() });
        }
    }

    /// Nothing more will be let in.
    pub(super) fn forget(&mut self) {
        self.watched.clear();
    }

    /// Learns from the chunks that are done, in their order.
    fn learn(&mut self) {
        while let Some(Watched { ticket, issued, ahead }) = self.watched.front() {
            let (ahead, issued) = (*ahead, *issued);
            if !ticket.is_excused() {
                let Some(took) = ticket.took() else { return };
                self.through = self.through.max(issued + took);
                let age = (self.through - issued).saturating_sub(self.rule.lingering);
                self.weigh(ahead, issued, age);
            }
            self.watched.pop_front();
        }
    }

    /// A chunk was done at this age, with this many records in flight.
    fn weigh(&mut self, ahead: u64, issued: Instant, age: Duration) {
        let allowed = self.rule.allowed();
        let fair = ahead.saturating_mul(nanos(allowed)) / nanos(age).max(1);
        let goal = fair.min(ahead.saturating_mul(GROWTH)).max(self.rule.least);
        if goal > self.window {
            self.window = goal;
        } else if age > allowed && self.narrowed.is_none_or(|narrowed| issued > narrowed) {
            self.window = goal;
            self.narrowed = Some(Instant::now());
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
