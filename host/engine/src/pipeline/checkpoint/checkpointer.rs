//! Takes checkpoints. The gate is closed, so that no source issues a ticket; what is in flight meets its fate; then
//! every cursor is after a contiguous run of settled records, whatever the pipeline's shape, and every sink holds
//! exactly what came of them. The sinks commit, the state file is written, the gate opens again.
//!
//! The order of writing is what makes `kill -9` harmless: first the sinks that mark their place, then the one sink that
//! commits the checkpoint with its rows, then the state file. Before the second step the run resumes at the checkpoint
//! before, after it at this one.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedRwLockWriteGuard, RwLock};
use tokio_util::sync::CancellationToken;

use super::interval::Took;
use super::session::{Keeping, SourceDesk};
use super::sink::SinkDesk;
use crate::error::{Error, Result};
use crate::flow::StageCounters;
use crate::record::{Accounting, Ledger};
use crate::report::CheckpointStats;
use crate::state::{Beginning, SinkPoint, SourcePoint, StateFile, now};
use crate::time::{Instant, sleep};

/// How often is looked whether the pipeline is level. Asking costs a few loads; a wake-up for every batch that is
/// settled would cost every run something, and a checkpoint is rare.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// How often is looked whether enough records were read.
const COUNT_EVERY: Duration = Duration::from_millis(20);

/// Open to many sources at once; closed to all while a checkpoint is taken.
pub(in crate::pipeline) type Gate = Arc<RwLock<()>>;

/// Takes checkpoints of a run: what it looks at and writes to.
pub(in crate::pipeline) struct Checkpointer {
    pub(in crate::pipeline) keeping: Keeping,
    pub(in crate::pipeline) gate: Gate,
    /// Keeps the gate closed until the run can be resumed.
    pub(in crate::pipeline) opening: Option<OwnedRwLockWriteGuard<()>>,
    pub(in crate::pipeline) ledger: Arc<Ledger>,
    pub(in crate::pipeline) sources: Vec<SourceDesk>,
    /// Whether a checkpoint needs the cursor of each source: of one that resumes there.
    pub(in crate::pipeline) seeks: Vec<bool>,
    pub(in crate::pipeline) stages: Vec<Arc<StageCounters>>,
    pub(in crate::pipeline) sinks: Vec<Arc<Mutex<SinkDesk>>>,
    pub(in crate::pipeline) stats: CheckpointStats,
}

impl Checkpointer {
    /// Takes checkpoints until the run is `done`.
    ///
    /// # Errors
    /// When a sink or the state file fails.
    ///
    /// # Cancel safety
    /// Dropped at any point, the run can be resumed at the last checkpoint whose commit was under way or before.
    pub(in crate::pipeline) async fn run(&mut self, done: CancellationToken) -> Result<()> {
        self.begin().await?;
        let mut wait = self.keeping.checkpoints.every;
        loop {
            tokio::select! {
                biased;
                () = done.cancelled() => return Ok(()),
                () = self.due(wait) => {}
            }
            let begun = Instant::now();
            if self.held_in_stages() > 0 {
                self.stats.held_off += 1;
                continue;
            }
            let gate = Arc::clone(&self.gate);
            let closed = tokio::select! {
                biased;
                () = done.cancelled() => return Ok(()),
                closed = gate.write() => closed,
            };
            let is_level = tokio::select! {
                biased;
                () = done.cancelled() => return Ok(()),
                is_level = self.level() => is_level,
            };
            let level = begun.elapsed();
            if is_level {
                self.take(false).await?;
            } else {
                self.stats.held_off += 1;
            }
            drop(closed);
            let paused = begun.elapsed();
            self.stats.paused += paused;
            wait = Took { level, commit: paused - level }.wait(self.keeping.checkpoints.every);
        }
    }

    /// The last checkpoint of a run in which nothing is in flight any more. When all sources have ended there
    /// is nothing left to resume: then only a sink that holds rows back needs one, to commit them.
    ///
    /// # Errors
    /// When a sink or the state file fails.
    pub(in crate::pipeline) async fn take_last(&mut self, finished: bool) -> Result<()> {
        if finished && self.keeping.ledger.is_none() { Ok(()) } else { self.take(finished).await }
    }

    /// Whether no record has moved. Never true of a resumed run: the run before it may have written records after its
    /// last checkpoint, and only the marks in the state file say how to cut them off.
    pub(in crate::pipeline) fn has_done_nothing(&self) -> bool {
        let account = self.ledger.accounting();
        !self.keeping.resumes && account.read == 0 && account.created == 0
    }

    /// Whether the run that is resumed had ended: nothing moves.
    pub(in crate::pipeline) fn had_ended(&self) -> bool {
        self.keeping.from.finished
    }

    /// Writes down that the run has ended, with all sinks closed. From here on, a run that resumes it does nothing but
    /// [`Self::forget`].
    ///
    /// # Errors
    /// When the state file fails.
    pub(in crate::pipeline) async fn write_end(&mut self) -> Result<()> {
        let mut last = self.keeping.from.clone();
        (last.epoch, last.taken, last.finished) = (last.epoch + 1, now(), true);
        last.accounting = self.total();
        // What the sink forgets must not come back as a checkpoint that has lost its sink.
        let is_durable = self.keeping.ledger.is_some();
        self.on_thread(move |state| state.finish(&last, is_durable)).await
    }

    /// Has the sink that commits checkpoints forget its own. Of the run, the state file is left, which says that it has
    /// ended; it goes with the [`Conclusion`](super::lifecycle::Conclusion).
    pub(in crate::pipeline) async fn forget(&mut self) {
        self.keeping.is_over = true;
        if let Some(desk) = self.keeping.ledger.and_then(|index| self.sinks.get(index)) {
            // Best effort: everything is where it belongs, and a note that stays belongs to a run that nobody
            // continues.
            let mut desk = desk.lock().await;
            drop(desk.commit(None).await);
            drop(desk.finish().await);
        }
    }

    /// The gate is closed until it is written down where the run begins. When that fails it stays closed: of a run that
    /// cannot be resumed no record moves.
    async fn begin(&mut self) -> Result<()> {
        let (from, fresh) = (self.keeping.from.clone(), self.keeping.fresh);
        let inputs = std::mem::take(&mut self.keeping.inputs);
        let marks = std::mem::take(&mut self.keeping.marks);
        let begin = move |state: &StateFile| {
            state.begin(&Beginning { checkpoint: &from, inputs: &inputs, marks: &marks }, fresh)
        };
        self.on_thread(begin).await?;
        self.opening = None;
        Ok(())
    }

    /// The time of the next checkpoint has come.
    async fn due(&self, wait: Duration) {
        let Some(most) = self.keeping.checkpoints.records else { return sleep(wait).await };
        let at = Instant::now() + wait;
        let before = self.ledger.accounting().read;
        while Instant::now() < at && self.ledger.accounting().read - before < most.get() {
            sleep(COUNT_EVERY.min(wait)).await;
        }
    }

    /// Waits until everything that was read has met its fate, except for what sinks keep until they commit. While the
    /// gate is closed, this stays so. `false` if stages hold records, and nothing else moves: what they hold would be
    /// lost.
    async fn level(&self) -> bool {
        loop {
            match self.ledger.moving() {
                0 => return true,
                // An instance is counted there first: nothing else moves. If this is a moment late, nothing is lost.
                moving if moving <= self.held_in_stages() => return false,
                _ => sleep(LOOK_EVERY).await,
            }
        }
    }

    /// How many instances hold records until their flush.
    fn held_in_stages(&self) -> u64 {
        self.stages.iter().map(|stage| stage.holding.get()).sum()
    }

    /// Writes everything down. Only when the pipeline is level. The state file does not keep the
    /// last one of a run that has `finished`: it goes.
    async fn take(&mut self, finished: bool) -> Result<()> {
        let mut next = self.keeping.from.clone();
        (next.epoch, next.taken) = (next.epoch + 1, now());
        next.sources = self.sources.iter().map(|source| lock(source).clone()).collect();
        let can_go_on = |source: &SourcePoint| source.cursor.is_some() || source.records == 0 || source.done;
        if next.sources.iter().zip(&self.seeks).any(|(source, seeks)| *seeks && !can_go_on(source)) {
            self.stats.held_off += 1;
            return Ok(());
        }
        let mut marks = Vec::with_capacity(self.sinks.len());
        for sink in &self.sinks {
            let mut sink = sink.lock().await;
            marks.push(SinkPoint { name: sink.name.to_string(), mark: sink.mark_for_checkpoint().await? });
        }
        next.sinks = marks;
        next.accounting = self.total();
        if let Some(desk) = self.keeping.ledger.and_then(|index| self.sinks.get(index)) {
            let epoch = next.epoch;
            self.on_thread(move |state| state.sync(epoch)).await?;
            desk.lock().await.commit(Some(&next.to_json())).await?;
        }
        if !finished {
            let saved = next.clone();
            self.on_thread(move |state| state.save(&saved)).await?;
        }
        self.keeping.from = next;
        self.stats.taken += 1;
        Ok(())
    }

    /// The account since the run began, what will be committed now counted as delivered.
    fn total(&self) -> Accounting {
        let account = self.ledger.accounting();
        // Nothing moves: what has no fate yet is what sinks keep until they commit.
        self.keeping.before.plus(Accounting { delivered: account.delivered + account.unsettled(), ..account })
    }

    /// Does something with the state file, which blocks.
    async fn on_thread(&self, work: impl FnOnce(&StateFile) -> Result<()> + Send + 'static) -> Result<()> {
        let state = self.keeping.state.clone();
        let done = tokio::task::spawn_blocking(move || work(&state)).await;
        done.map_err(|error| Error::internal("writing the state file panicked").caused_by(error))?
    }
}

fn lock(desk: &SourceDesk) -> std::sync::MutexGuard<'_, SourcePoint> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}
