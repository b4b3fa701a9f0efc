//! Takes checkpoints. The gate is closed, so that no source issues a ticket; what is in flight meets its fate; then
//! every cursor is after a contiguous run of settled records, whatever the pipeline's shape, and every sink holds
//! exactly what came of them. The sinks commit, the state file is written, the gate opens again.
//!
//! The order of writing is what makes `kill -9` harmless: first the sinks that mark their place, then the one sink that
//! commits the checkpoint with its rows, then the state file. Before the second step the run resumes at the checkpoint
//! before, after it at this one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use tokio_util::sync::CancellationToken;

use super::interval::Took;
use super::position::SourcePosition;
use super::session::Session;
use super::sink::CommittedSink;
use crate::error::{Error, Result};
use crate::flow::StageCounters;
use crate::record::{Accounting, Ledger};
use crate::report::CheckpointStats;
use crate::state::{Checkpoint, SinkPoint, StateFile, now};
use crate::time::{Instant, sleep};

/// How often is looked whether the pipeline is level. Asking costs a few loads; a wake-up for every batch that is
/// settled would cost every run something, and a checkpoint is rare.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// How often is looked whether enough records were read.
const COUNT_EVERY: Duration = Duration::from_millis(20);

/// Open to many sources at once; closed to all while a checkpoint is taken.
pub(in crate::pipeline) type Gate = Arc<RwLock<()>>;

/// What a checkpoint is taken of.
pub(in crate::pipeline) struct Checkpointer {
    session: Arc<Session>,
    of: Subject,
    /// Locked to be read or written, never while something is waited for.
    progress: Mutex<Progress>,
}

/// How far the checkpoints of a run have come.
struct Progress {
    /// The last one; in the beginning, where the run began.
    last: Checkpoint,
    stats: CheckpointStats,
    /// Whether nothing is left to resume.
    is_over: bool,
    /// Keeps the gate closed until it is written down where the run begins. When that fails it stays closed: of a run
    /// that cannot be resumed no record moves.
    opening: Option<OwnedRwLockWriteGuard<()>>,
}

/// A gate that is closed, and what is beyond it.
struct Closed {
    _gate: OwnedRwLockWriteGuard<()>,
    begun: Instant,
    /// Whether nothing is in flight.
    is_level: bool,
}

/// The parts of a pipeline that checkpoints look at.
pub(in crate::pipeline) struct Subject {
    pub(in crate::pipeline) gate: Gate,
    pub(in crate::pipeline) ledger: Arc<Ledger>,
    pub(in crate::pipeline) sources: Vec<SourcePosition>,
    pub(in crate::pipeline) stages: Vec<Arc<StageCounters>>,
    pub(in crate::pipeline) sinks: Vec<CommittedSink>,
}

impl Checkpointer {
    /// `opening` keeps the gate closed, which nobody has passed yet.
    pub(in crate::pipeline) fn new(session: Session, opening: Option<OwnedRwLockWriteGuard<()>>, of: Subject) -> Self {
        let stats = CheckpointStats { resumed_from: session.resumed_from(), ..CheckpointStats::default() };
        let progress = Mutex::new(Progress { last: session.from().clone(), stats, is_over: false, opening });
        Self { session: Arc::new(session), of, progress }
    }

    /// Takes checkpoints until the run is `done`.
    ///
    /// # Errors
    /// When a sink or the state file fails.
    ///
    /// # Cancel safety
    /// Dropped at any point, the run can be resumed at the last checkpoint whose commit was under way or before.
    pub(super) async fn run(&self, done: &CancellationToken) -> Result<()> {
        self.on_thread(Session::write_beginning).await?;
        self.progress().opening = None;
        let mut wait = self.session.every();
        loop {
            tokio::select! {
                biased;
                () = done.cancelled() => return Ok(()),
                () = self.due(wait) => {}
            }
            if self.held_in_stages() > 0 {
                self.progress().stats.held_off += 1;
                continue;
            }
            let taken = tokio::select! {
                biased;
                () = done.cancelled() => return Ok(()),
                closed = self.close_gate() => self.take_closed(closed).await?,
            };
            wait = taken.wait(self.session.every());
        }
    }

    /// The last checkpoint of a run in which nothing is in flight any more. When all sources have ended there
    /// is nothing left to resume: then only a sink that holds rows back needs one, to commit them.
    ///
    /// # Errors
    /// When a sink or the state file fails.
    pub(super) async fn take_last(&self, finished: bool) -> Result<()> {
        if finished && self.session.committer().is_none() { Ok(()) } else { self.take(finished).await }
    }

    /// Whether no record has moved. Never true of a resumed run: the run before it may have written records after its
    /// last checkpoint, and only the marks in the state file say how to cut them off.
    pub(super) fn has_done_nothing(&self) -> bool {
        let account = self.of.ledger.accounting();
        !self.session.resumes() && account.read == 0 && account.created == 0
    }

    /// Whether the run that is resumed had ended: nothing moves.
    pub(super) fn had_ended(&self) -> bool {
        self.session.from().finished
    }

    /// Whether nothing is left to resume.
    pub(super) fn is_over(&self) -> bool {
        self.progress().is_over
    }

    /// Nothing is left to resume.
    pub(super) fn set_over(&self) {
        self.progress().is_over = true;
    }

    pub(super) fn state(&self) -> &StateFile {
        self.session.state()
    }

    pub(super) fn stats(&self) -> CheckpointStats {
        self.progress().stats.clone()
    }

    /// Writes down that the run has ended, with all sinks closed. From here on, a run that resumes it does nothing but
    /// [`Self::forget`].
    ///
    /// # Errors
    /// When the state file fails.
    pub(super) async fn write_end(&self) -> Result<()> {
        let mut last = self.progress().last.clone();
        (last.epoch, last.taken, last.finished) = (last.epoch + 1, now(), true);
        last.accounting = self.total();
        // What the sink forgets must not come back as a checkpoint that has lost its sink.
        let is_durable = self.session.committer().is_some();
        self.on_thread(move |session| session.state().finish(&last, is_durable)).await
    }

    /// Has the sink that commits checkpoints forget its own. Of the run, the state file is left, which says that it has
    /// ended; it goes with the [`Conclusion`](super::Conclusion).
    pub(super) async fn forget(&self) {
        self.set_over();
        if let Some(sink) = self.committer() {
            // Best effort: everything is where it belongs, and a note that stays belongs to a run that nobody
            // continues.
            drop(sink.commit(None).await);
            drop(sink.finish().await);
        }
    }

    /// The time of the next checkpoint has come.
    async fn due(&self, wait: Duration) {
        let Some(most) = self.session.checkpoints().records else { return sleep(wait).await };
        let at = Instant::now() + wait;
        let before = self.of.ledger.accounting().read;
        while Instant::now() < at && self.of.ledger.accounting().read - before < most.get() {
            sleep(COUNT_EVERY.min(wait)).await;
        }
    }

    /// Closes the gate, and waits until nothing is in flight. Dropped, it opens again.
    async fn close_gate(&self) -> Closed {
        let begun = Instant::now();
        let gate = Arc::clone(&self.of.gate).write_owned().await;
        let is_level = self.level().await;
        Closed { _gate: gate, begun, is_level }
    }

    /// Takes a checkpoint, if nothing is in flight, and opens the gate.
    async fn take_closed(&self, closed: Closed) -> Result<Took> {
        let level = closed.begun.elapsed();
        match closed.is_level {
            true => self.take(false).await?,
            false => self.progress().stats.held_off += 1,
        }
        let paused = closed.begun.elapsed();
        self.progress().stats.paused += paused;
        Ok(Took { level, commit: paused - level })
    }

    /// Waits until everything that was read has met its fate, except for what sinks keep until they commit. While the
    /// gate is closed, this stays so. `false` if stages hold records, and nothing else moves: what they hold would be
    /// lost.
    async fn level(&self) -> bool {
        loop {
            match self.of.ledger.moving() {
                0 => return true,
                // An instance is counted there first: nothing else moves. If this is a moment late, nothing is lost.
                moving if moving <= self.held_in_stages() => return false,
                _ => sleep(LOOK_EVERY).await,
            }
        }
    }

    /// How many instances hold records until their flush.
    fn held_in_stages(&self) -> u64 {
        self.of.stages.iter().map(|stage| stage.holding.get()).sum()
    }

    /// Writes everything down. Only when the pipeline is level. The state file does not keep the
    /// last one of a run that has `finished`: it goes.
    async fn take(&self, finished: bool) -> Result<()> {
        let mut next = self.progress().last.clone();
        (next.epoch, next.taken) = (next.epoch + 1, now());
        let Some(sources) = self.of.sources.iter().map(SourcePosition::point).collect() else {
            self.progress().stats.held_off += 1;
            return Ok(());
        };
        next.sources = sources;
        next.sinks = self.marks().await?;
        next.accounting = self.total();
        if let Some(sink) = self.committer() {
            let epoch = next.epoch;
            self.on_thread(move |session| session.state().sync(epoch)).await?;
            sink.commit(Some(&next.to_json())).await?;
        }
        if !finished {
            let saved = next.clone();
            self.on_thread(move |session| session.state().save(&saved)).await?;
        }
        let mut progress = self.progress();
        progress.last = next;
        progress.stats.taken += 1;
        Ok(())
    }

    async fn marks(&self) -> Result<Vec<SinkPoint>> {
        let mut marks = Vec::with_capacity(self.of.sinks.len());
        for sink in &self.of.sinks {
            let (name, by_several) = (sink.name().to_owned(), sink.has_several_writers());
            marks.push(SinkPoint { name, mark: sink.mark_all().await?, by_several });
        }
        Ok(marks)
    }

    /// The sink that commits checkpoints with its rows.
    fn committer(&self) -> Option<&CommittedSink> {
        let name = self.session.committer()?;
        self.of.sinks.iter().find(|sink| sink.name() == name)
    }

    /// The account since the run began, what will be committed now counted as delivered.
    fn total(&self) -> Accounting {
        let account = self.of.ledger.accounting();
        // Nothing moves: what has no fate yet is what sinks keep until they commit.
        self.session.before().plus(Accounting { delivered: account.delivered + account.unsettled(), ..account })
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the state file, which blocks.
    async fn on_thread(&self, work: impl FnOnce(&Session) -> Result<()> + Send + 'static) -> Result<()> {
        let session = Arc::clone(&self.session);
        let done = tokio::task::spawn_blocking(move || work(&session)).await;
        done.map_err(|error| Error::internal("writing the state file panicked").caused_by(error))?
    }
}
