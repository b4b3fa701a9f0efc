//! The end of a run: the last checkpoint, and the sinks closed.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::checkpoints::Checkpointer;
use super::desk::SinkDesk;
use crate::error::Result;
use crate::report::CheckpointStats;

/// What is left to do when nothing moves any more. Cloned: checkpoints are taken while the run goes on, too.
#[derive(Clone)]
pub(super) struct Closing {
    checkpointer: Option<Arc<Mutex<Checkpointer>>>,
    sinks: Vec<Arc<Mutex<SinkDesk>>>,
}

impl Closing {
    pub(super) fn new(checkpointer: Option<Checkpointer>, sinks: Vec<Arc<Mutex<SinkDesk>>>) -> Self {
        Self { checkpointer: checkpointer.map(|checkpointer| Arc::new(Mutex::new(checkpointer))), sinks }
    }

    /// Takes checkpoints, where any are kept, until the run is `done`.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(super) async fn keep(self, done: CancellationToken) -> Result<()> {
        match &self.checkpointer {
            Some(checkpointer) => checkpointer.lock().await.run(done).await,
            None => Ok(()),
        }
    }

    /// Ends a run in which nothing is in flight; `finished` when all sources came to their end.
    ///
    /// # Errors
    /// When the last checkpoint cannot be written, or a sink cannot be closed.
    pub(super) async fn close(self, finished: bool) -> Result<()> {
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.lock().await.end(finished).await?;
        }
        for sink in &self.sinks {
            sink.lock().await.finish().await?;
        }
        Ok(())
    }

    /// What was kept, and where what is left of it lies. When a write is stuck, this is not known.
    pub(super) fn kept(&self) -> (Option<CheckpointStats>, Option<PathBuf>) {
        let Some(checkpointer) = self.checkpointer.as_ref().and_then(|checkpointer| checkpointer.try_lock().ok())
        else {
            return (None, None);
        };
        let keeping = &checkpointer.keeping;
        let left = (!keeping.from.finished).then(|| keeping.state.path().to_path_buf());
        (Some(checkpointer.stats.clone()), left)
    }
}
