//! The lifecycle of a run's state: checkpoints while the run lasts, the last one at its end, and what is left after that.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::checkpointer::Checkpointer;
use super::sink::CommittedSink;
use crate::error::Result;
use crate::failpoint::{Failpoint, Failpoints};
use crate::report::CheckpointStats;
use crate::state::StateFile;
use crate::time::timeout;

/// How long a write to the state file that nobody waits for any more may take.
const RELEASE_WITHIN: Duration = Duration::from_secs(5);

/// Takes checkpoints, and ends a run. Clones do so for the same run, one after the other.
#[derive(Clone)]
pub(in crate::pipeline) struct Lifecycle {
    checkpointer: Option<Arc<Checkpointer>>,
    sinks: Vec<CommittedSink>,
    failpoints: Failpoints,
}

impl Lifecycle {
    pub(in crate::pipeline) fn new(
        checkpointer: Option<Checkpointer>,
        sinks: Vec<CommittedSink>,
        failpoints: Failpoints,
    ) -> Self {
        Self { checkpointer: checkpointer.map(Arc::new), sinks, failpoints }
    }

    /// Takes checkpoints, where any are kept, until the run is `done`.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(in crate::pipeline) async fn keep(self, done: CancellationToken) -> Result<()> {
        match &self.checkpointer {
            Some(checkpointer) => checkpointer.run(&done).await,
            None => Ok(()),
        }
    }

    /// Ends a run in which nothing is in flight; `finished` when all sources ended.
    ///
    /// # Errors
    /// When the last checkpoint cannot be written, or a sink cannot be closed.
    pub(in crate::pipeline) async fn close(self, finished: bool) -> Result<()> {
        self.failpoints.pass(Failpoint::Drain)?;
        let Some(checkpointer) = &self.checkpointer else { return self.finish_sinks().await };
        // A kill after any of these steps leaves what the next run does the others with, and nothing else.
        if !checkpointer.had_ended() {
            checkpointer.take_last(finished).await?;
            self.failpoints.pass(Failpoint::Closing)?;
            // Before the run is forgotten: should one fail to close, the run can be resumed.
            self.finish_sinks().await?;
            self.failpoints.pass(Failpoint::Closing)?;
            if !finished {
                return Ok(());
            }
            checkpointer.write_end().await?;
            self.failpoints.pass(Failpoint::Closing)?;
        }
        checkpointer.forget().await;
        Ok(())
    }

    async fn finish_sinks(&self) -> Result<()> {
        for sink in &self.sinks {
            sink.finish().await?;
        }
        Ok(())
    }

    /// Whether nothing is left to resume.
    pub(in crate::pipeline) fn is_over(&self) -> bool {
        self.checkpointer.as_ref().is_some_and(|checkpointer| checkpointer.is_over())
    }

    /// Ends a run whose only reader has had enough: what it did not read is not missed, so there is nothing to resume.
    pub(in crate::pipeline) fn abandon(&self) {
        self.checkpointer.iter().for_each(|checkpointer| checkpointer.set_over());
    }

    /// Abandons what sinks still hold back, and lets go of the state file, unless the run is over. A write that was
    /// left running when the run was interrupted is waited for, a while: were it still under way, a run that is started
    /// at once would find the file taken.
    pub(in crate::pipeline) async fn release(&self) -> Conclusion {
        for sink in &self.sinks {
            sink.abandon().await;
        }
        let Some(checkpointer) = &self.checkpointer else { return Conclusion(None) };
        // A pipeline that could not even read can be fixed, and is then another one: nothing holds it to what it was.
        if checkpointer.has_done_nothing() {
            checkpointer.set_over();
        }
        let state = checkpointer.state().clone();
        if checkpointer.is_over() {
            return Conclusion(Some(state));
        }
        let closed = tokio::task::spawn_blocking(move || state.close());
        // Neither a disk that does not answer nor a panic keeps the run from telling how it ended.
        drop(timeout(RELEASE_WITHIN, closed).await);
        Conclusion(None)
    }

    /// The checkpoints of the run, and the state file that is left.
    pub(in crate::pipeline) fn kept(&self) -> (Option<CheckpointStats>, Option<PathBuf>) {
        let Some(checkpointer) = &self.checkpointer else { return (None, None) };
        // One that somebody removed meanwhile resumes nothing.
        let left = Some(checkpointer.state().path()).filter(|path| !checkpointer.is_over() && path.exists());
        (Some(checkpointer.stats()), left.map(Into::into))
    }
}

/// Removes the state of a run that is over, when it is dropped: after its end has been reported. A process that is
/// killed before that leaves a state file that says that the run has ended; were it removed earlier, a run that has
/// done all its work but was killed before it could say so would do it again.
#[derive(Debug, Default)]
pub struct Conclusion(Option<StateFile>);

impl Conclusion {
    /// Whether nothing is left to be removed.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl Drop for Conclusion {
    fn drop(&mut self) {
        if let Some(state) = &self.0
            && state.conclude().is_err()
        {
            // The next run finds that this one has ended, and tries again.
            state.close();
        }
    }
}
