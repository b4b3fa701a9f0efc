//! The task of a source that acknowledges: pulls as any other, and tells the source what became of its records.
//!
//! The source is told between two pulls, and after the last one until nothing that it gave is open any more. So this task
//! outlives the others: when a run is interrupted, what the other tasks drop is in flight, and the source is told that, too.
//! How long that may take is for the supervisor to say.
//!
//! Bounded: while [`OUTSTANDING_MAX`] records wait for their fates, the source is not pulled. Records that instances hold do not
//! count there, because it may take more input to make an instance give them; of these there are [`KEPT_MAX`] at most.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::source::SourceTask;
use crate::error::{Error, Result};
use crate::flow::Stopwatch;
use crate::record::Receipts;
use crate::time::sleep;

/// Most records that may wait for their fates. Arbitrary: several times what fast pipelines have in flight.
const OUTSTANDING_MAX: u64 = 1 << 16;

/// Most records that instances may hold. Arbitrary: some tens of bytes each.
const KEPT_MAX: u64 = 1 << 20;

/// How long a pull may take, at first, when there is something to tell. It is doubled each time that a pull is dropped for
/// that, so that a source that begins each pull at the beginning still gives records.
const PULL_MIN: Duration = Duration::from_millis(1);
/// The longest.
const PULL_MAX: Duration = Duration::from_secs(1);

/// What drives a source that acknowledges.
pub(super) struct AnsweringTask {
    pub(super) task: SourceTask,
    pub(super) receipts: Arc<Receipts>,
    /// Ends the pulling at once, but not the telling.
    pub(super) cut: CancellationToken,
    /// Hears how the pulling has ended.
    pub(super) pulled: oneshot::Sender<Result<()>>,
}

/// The same at work.
struct Answering {
    task: SourceTask,
    receipts: Arc<Receipts>,
    watch: Stopwatch,
    /// The number of the next record, in this run: the source counts so, too.
    next_record: u64,
    /// How long a pull may take when there is something to tell.
    grace: Duration,
    /// It could not be told, and is told no more.
    has_failed: bool,
}

/// What to do after a step.
enum Next {
    /// Tell, and pull again.
    Pull,
    /// The source gives no more.
    End,
}

impl AnsweringTask {
    /// Pulls until the source is done, a drain is asked for or the run is interrupted; then tells it the rest.
    ///
    /// # Errors
    /// When the source cannot be told at the end. How the pulling ended is sent elsewhere: the run has to know it at once.
    ///
    /// # Cancel safety
    /// Dropped, the source is not told what is still open.
    pub(super) async fn run(self) -> Result<()> {
        let Self { task, receipts, cut, pulled } = self;
        let (watch, grace) = (Stopwatch::start(), PULL_MIN);
        let mut answering = Answering { task, receipts, watch, next_record: 1, grace, has_failed: false };
        let ended = answering.pull_all(&cut).await;
        answering.task.close();
        // Nobody listens any more if the run was interrupted.
        drop(pulled.send(ended));
        answering.tell_the_rest().await
    }
}

impl Answering {
    async fn pull_all(&mut self, cut: &CancellationToken) -> Result<()> {
        loop {
            // Not dropped when the run is interrupted: half of it would be told twice.
            self.tell().await?;
            let next = tokio::select! {
                biased;
                () = cut.cancelled() => return Ok(()),
                next = self.step() => next?,
            };
            if matches!(next, Next::End) {
                self.watch.lap(&self.task.counters.busy);
                return Ok(());
            }
        }
    }

    /// Pulls once, and passes on what it gives; or waits for something to tell.
    async fn step(&mut self) -> Result<Next> {
        let kept = self.receipts.kept();
        if kept > KEPT_MAX {
            return Err(too_many_kept(&self.task.issuer.source));
        }
        let has_room = self.receipts.outstanding().saturating_sub(kept) < OUTSTANDING_MAX;
        let (grace, stop, receipts) = (self.grace, self.task.stop.clone(), Arc::clone(&self.receipts));
        let interrupted = async {
            receipts.arrived().await;
            sleep(grace).await;
        };
        let pulled = tokio::select! {
            // A source that is ready is not interrupted: it is told after each pull anyway.
            biased;
            pulled = self.task.pull(&mut self.watch), if has_room => pulled?,
            () = stop.cancelled(), if !has_room => None,
            () = interrupted => {
                self.grace = (self.grace * 2).min(PULL_MAX);
                return Ok(Next::Pull);
            }
        };
        let Some(chunk) = pulled else { return Ok(Next::End) };
        self.grace = PULL_MIN;
        self.task.pass_on(chunk, &mut self.watch, &mut self.next_record).await?;
        Ok(Next::Pull)
    }

    /// Tells the source all that is known by now.
    async fn tell(&mut self) -> Result<()> {
        loop {
            let receipts = self.receipts.take();
            if receipts.is_empty() {
                return Ok(());
            }
            let told = self.task.tell(&receipts).await;
            self.has_failed = told.is_err();
            told?;
            self.receipts.tell(&receipts);
        }
    }

    /// Tells the source what is still open, as it ends.
    async fn tell_the_rest(mut self) -> Result<()> {
        while !self.has_failed && self.receipts.outstanding() > 0 {
            self.receipts.arrived().await;
            self.tell().await?;
        }
        Ok(())
    }
}

fn too_many_kept(source: &str) -> Error {
    Error::config(format!(
        "stages hold more than {KEPT_MAX} records of source \"{source}\", which waits to be told what became of them"
    ))
    .hint("let the stages give what they hold more often: `recycle = { records = 10000 }`")
}
