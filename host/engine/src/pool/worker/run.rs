//! The loop of a worker: what it takes next, and on whose threads it runs.
//!
//! A worker waits, changes threads with what it has taken, is at work, and in the end flushes its instance.
//!
//! Threads that guests share are held up by those that take long; but to hand a batch to another thread costs as much as
//! a short stage's work on it. So a stage begins on threads of its own, shares those of all others once it has shown that
//! its slices (the time inside guests for one load) are short, and goes back for good after the first long one.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use tokio::runtime::Handle;

use super::Worker;
use crate::error::Result;
use crate::flow::Stopwatch;
use crate::pool::load::Load;
use crate::pool::retries::Waiting;
use crate::pool::retry_queue::Look;
use crate::queue::{Lease, Received};
use crate::report::Activity;
use crate::task::Migrate;
use crate::time::{Instant, sleep_until};

/// More than this inside guests for one load is a long slice: a tick of the engine, after which others are let run.
const LONG_SLICE: Duration = Duration::from_millis(2);
/// After this many short slices a stage shares its threads. Arbitrary: enough for a bad record or two to have shown up.
const TRIAL_SLICES: u32 = 16;

/// What a worker does.
enum State {
    /// It waits for records.
    Waiting,
    /// It works on these, on the threads on which such work is done.
    AtWork(InHand),
    /// The pool has shrunk, or has not grown yet: it ends its instance, and waits until it is wanted.
    Unwanted,
    /// No records are left for it: it flushes what its instance holds.
    Ending,
}

/// What a worker has taken.
enum InHand {
    Input(Received),
    /// Records that have waited, and are due.
    Due(Vec<Waiting>, Lease),
}

/// The threads on which the workers of a stage may run.
#[derive(Clone, Debug)]
pub(crate) struct Runtimes {
    /// The threads that all share.
    pub(crate) shared: Handle,
    /// The threads of the stage's own workers.
    pub(crate) own: Handle,
}

/// The knowledge about a stage's slices.
#[derive(Debug, Default)]
pub(crate) struct Slices {
    tried: AtomicU32,
    any_long: AtomicBool,
}

impl Slices {
    fn are_short(&self) -> bool {
        self.tried.load(Relaxed) >= TRIAL_SLICES && !self.any_long.load(Relaxed)
    }
}

type Run = Pin<Box<dyn Future<Output = Result<Option<Migrate>>> + Send>>;

impl Worker {
    /// Works until the queue is closed and empty and no record waits for another attempt, then flushes what a
    /// long-lived instance holds; or until it has to move to other threads. Begins on those of its stage.
    ///
    /// # Errors
    /// When a failure ends the run: by the stage's error policy, because state was lost, or because no instance can be
    /// made.
    pub(crate) fn run(self) -> Run {
        self.resume(State::Waiting, Stopwatch::start())
    }

    /// Boxed, because it may lead to another one.
    fn resume(mut self, mut state: State, mut watch: Stopwatch) -> Run {
        Box::pin(async move {
            loop {
                if let Some(runtime) = self.change_threads(&state) {
                    return Ok(Some(Migrate::to(runtime, self.resume(state, watch))));
                }
                state = match state {
                    State::Waiting => self.wait().await,
                    State::AtWork(in_hand) => {
                        self.count_wait(&mut watch);
                        self.take_up(in_hand, &mut watch).await?;
                        State::Waiting
                    }
                    State::Unwanted => {
                        self.count_wait(&mut watch);
                        self.stand_by(&mut watch).await?;
                        State::Waiting
                    }
                    State::Ending => {
                        self.count_wait(&mut watch);
                        return self.end(watch).await.map(|()| None);
                    }
                };
            }
        })
    }

    /// Counts a wait for input. One worker waits once, also if it has a spare task.
    fn count_wait(&self, watch: &mut Stopwatch) {
        if self.is_spare {
            watch.skip();
        } else {
            watch.lap(&self.stage.counters.waiting);
        }
    }

    /// The threads to which it has to move for what it does next; `None`: it is on them.
    fn change_threads(&mut self, state: &State) -> Option<Handle> {
        let is_shared = match state {
            State::Waiting => return None,
            State::AtWork(_) => self.stage.slices.are_short(),
            // To flush what an instance holds may take any time.
            State::Ending => self.is_shared && self.instance.is_none() && self.stage.lanes.is_none(),
            State::Unwanted => self.is_shared && self.instance.is_none(),
        };
        if is_shared == self.is_shared {
            return None;
        }
        self.is_shared = is_shared;
        Some(if is_shared { &self.runtimes.shared } else { &self.runtimes.own }.clone())
    }

    /// Gives back its instance, and waits until the pool is as large as to want this worker. Instances of lanes stay: their
    /// keys have to find them again.
    async fn stand_by(&mut self, watch: &mut Stopwatch) -> Result<()> {
        if self.instance.is_some() {
            self.end_instance(watch).await?;
        }
        self.does(Activity::Spare);
        self.stage.slots.wait_until_present(self.id.worker).await;
        watch.skip();
        Ok(())
    }

    async fn end(&mut self, mut watch: Stopwatch) -> Result<()> {
        self.stage.slots.end();
        self.end_instance(&mut watch).await?;
        self.end_lanes(&mut watch).await?;
        self.does(Activity::Ended);
        Ok(())
    }

    /// Ends a long-lived instance, and sends on what it held.
    pub(super) async fn end_instance(&mut self, watch: &mut Stopwatch) -> Result<()> {
        let flushed = self.retire().await?;
        watch.lap(&self.stage.counters.busy);
        if let Some(flushed) = flushed.map(|flushed| self.claim(flushed)) {
            self.send_flushed(flushed).await?;
        }
        self.let_go();
        watch.lap(&self.stage.counters.blocked);
        Ok(())
    }

    async fn take_up(&mut self, in_hand: InHand, watch: &mut Stopwatch) -> Result<()> {
        self.slice = Duration::ZERO;
        self.stage.slices.tried.fetch_add(1, Relaxed);
        match in_hand {
            InHand::Input(Received { sequence, turn, first_record, batch, lease }) => {
                self.stage.counters.records_in.add(batch.len());
                let number = if self.stage.keys.is_some() { turn } else { Some(sequence) };
                let turnstile = self.stage.turnstile.as_ref();
                let turn = turnstile.zip(number).map(|(turnstile, number)| turnstile.turn(number));
                let load = Load::first(batch, first_record);
                match (&self.stage.keys, turn) {
                    // The lease ends when all of it has been sent on or waits: order by key depends on that.
                    (Some(_), Some(turn)) => self.work_beside(load, turn, lease, watch).await,
                    (Some(_), None) => self.work_on_lanes(load, lease, watch).await,
                    (None, turn) => self.work(load, turn, watch).await,
                }
            }
            InHand::Due(waiting, lease) if self.stage.keys.is_some() => {
                self.try_again_on_lane(waiting, lease, watch).await
            }
            InHand::Due(waiting, _) => self.work(Load::again(waiting), None, watch).await,
        }
    }

    /// Records that are due, or else new input; it ends when there will be neither. Workers that end before others need
    /// not wait for them: the worker that lets a record wait comes back for it.
    async fn wait(&mut self) -> State {
        let slots = &*self.stage.slots;
        let worker = self.id.worker;
        if self.is_spare {
            self.does(Activity::Spare);
            let wanted = || self.stage.pace.batches_take_long() && slots.want(worker);
            if !slots.wait_until_wanted(wanted).await {
                return State::Ending;
            }
        }
        self.does(Activity::WaitingForInput);
        let (mut is_closed, may_shrink) = (false, !self.stage.workers.are_fixed());
        loop {
            let (changed, resized) = (self.stage.changed(), slots.resized());
            if may_shrink && !slots.want(worker) {
                return State::Unwanted;
            }
            let bounds = self.stage.pace.batch(&self.stage.bounds);
            let (Look { due, next, is_full, is_kept }, lease) = self.look(&bounds);
            if !due.is_empty() {
                return State::AtWork(InHand::Due(due, lease));
            }
            if is_closed && next.is_none() && !is_kept {
                return State::Ending;
            }
            tokio::select! {
                // What is due first, however much input there is.
                biased;
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
                () = changed => {}
                () = resized, if may_shrink => {}
                received = self.input.recv(&bounds), if !is_full && !is_closed => match received {
                    Some(received) => return State::AtWork(InHand::Input(received)),
                    None => is_closed = true,
                },
            }
        }
    }

    /// Counts time inside guests for what is in hand.
    pub(super) fn lengthen_slice(&mut self, time: Duration) {
        self.slice += time;
        if self.slice > LONG_SLICE {
            self.stage.slices.any_long.store(true, Relaxed);
        }
    }
}
