//! Every task of a run is spawned here, into a set that the run waits for.
//!
//! A task ends in three ways: it is done, it failed (its error ends the run), or the run was cut and its future was
//! dropped where it stood. A panic is an internal error, not a hang.

use std::future::Future;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::pool::panic_message;

/// The tasks of one run. At most one per source, worker and sink.
#[derive(Debug)]
pub(crate) struct Tasks {
    set: JoinSet<Result<()>>,
    cut: CancellationToken,
}

impl Tasks {
    /// No tasks yet; those to come are dropped when `cut` is cancelled.
    pub(crate) fn new(cut: CancellationToken) -> Self {
        Self { set: JoinSet::new(), cut }
    }

    /// Starts a task on `runtime`.
    pub(crate) fn spawn(&mut self, runtime: &Handle, task: impl Future<Output = Result<()>> + Send + 'static) {
        let cut = self.cut.clone();
        let guarded = async move {
            tokio::select! {
                // The cut first: a task that is always ready must not outrun it.
                biased;
                () = cut.cancelled() => Ok(()),
                result = task => result,
            }
        };
        self.set.spawn_on(guarded, runtime);
    }

    /// What the next task to end came to; `None` when all have ended.
    ///
    /// # Cancel safety
    /// No result is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Result<()>> {
        let joined = self.set.join_next().await?;
        Some(joined.unwrap_or_else(|failed| match failed.try_into_panic() {
            Ok(panic) => Err(Error::internal("a task of the run panicked").caused_by(panic_message(&*panic))),
            Err(_aborted) => Ok(()),
        }))
    }
}
