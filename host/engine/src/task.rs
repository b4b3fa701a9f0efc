//! Spawns every task of a run, into a set that the run waits for.
//!
//! A task ends in three ways: it is done, it failed (its error ends the run), or the run was interrupted and its future
//! was dropped where it stood. A panic is an internal error, not a hang.

use std::future::Future;
use std::pin::Pin;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::panic::panic_message;

/// The tasks of one run: at most one per source, worker (or its spare) and sink.
#[derive(Debug)]
pub(crate) struct Tasks {
    set: JoinSet<Result<Option<Migrate>>>,
    cut: CancellationToken,
}

/// The rest of a task, and the runtime on which it continues.
pub(crate) struct Migrate {
    runtime: Handle,
    rest: Pin<Box<dyn Future<Output = Result<Option<Self>>> + Send>>,
}

impl Migrate {
    pub(crate) fn to(runtime: Handle, rest: Pin<Box<dyn Future<Output = Result<Option<Self>>> + Send>>) -> Self {
        Self { runtime, rest }
    }
}

impl Tasks {
    /// No tasks yet; those to come are dropped when `cut` is cancelled.
    pub(crate) fn new(cut: CancellationToken) -> Self {
        Self { set: JoinSet::new(), cut }
    }

    /// Starts a task on `runtime`.
    pub(crate) fn spawn(&mut self, runtime: &Handle, task: impl Future<Output = Result<()>> + Send + 'static) {
        self.spawn_migrating(runtime, async move { task.await.map(|()| None) });
    }

    /// Starts a task on `runtime` that may move to another runtime.
    pub(crate) fn spawn_migrating(
        &mut self,
        runtime: &Handle,
        task: impl Future<Output = Result<Option<Migrate>>> + Send + 'static,
    ) {
        let cut = self.cut.clone();
        let guarded = async move {
            tokio::select! {
                // The cut first: a task that is always ready must not outrun it.
                biased;
                () = cut.cancelled() => Ok(None),
                result = task => result,
            }
        };
        self.set.spawn_on(guarded, runtime);
    }

    /// The outcome of the next task to end; `None` when all have ended. Whoever waits here also respawns what moves
    /// elsewhere.
    ///
    /// # Cancel safety
    /// No result is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Result<()>> {
        loop {
            return Some(match self.set.join_next().await? {
                Ok(Ok(Some(Migrate { runtime, rest }))) => {
                    self.spawn_migrating(&runtime, rest);
                    continue;
                }
                Ok(ended) => ended.map(drop),
                Err(failed) => match failed.try_into_panic() {
                    Ok(panic) => Err(Error::internal("a task of the run panicked").caused_by(panic_message(&*panic))),
                    Err(_aborted) => Ok(()),
                },
            });
        }
    }
}
