//! A thread of its own for an edge that blocks: requests go in, and for each one answer comes out.
//!
//! Not `spawn_blocking`: a runtime waits for its blocking tasks when it is dropped, so a read of a terminal, a named
//! pipe or a network file system that never answers would keep a stopped run from ending. This thread is left running
//! instead: it ends with the call that it is in, or with the process. Both channels hold as many messages as there may
//! be requests under way.

use std::num::NonZeroUsize;
use std::sync::mpsc as sync;
use std::thread::Builder;

use tokio::sync::mpsc;

use sandmill_engine::error::{Error, Result};

/// The near end of such a thread.
#[derive(Debug)]
pub(super) struct Thread<Q, A> {
    name: &'static str,
    requests: sync::SyncSender<Q>,
    answers: mpsc::Receiver<A>,
    outstanding: usize,
}

impl<Q: Send + 'static, A: Send + 'static> Thread<Q, A> {
    /// Starts a thread that answers each request with `answer`, and ends when the near end is dropped. At most this
    /// many requests may be under way.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(super) fn start(
        name: &'static str,
        requests_max: NonZeroUsize,
        mut answer: impl FnMut(Q) -> A + Send + 'static,
    ) -> Result<Self> {
        let (requests, inbox) = sync::sync_channel::<Q>(requests_max.get());
        let (outbox, answers) = mpsc::channel(requests_max.get());
        let serve = move || {
            while let Ok(request) = inbox.recv() {
                if outbox.blocking_send(answer(request)).is_err() {
                    break;
                }
            }
        };
        Builder::new()
            .name(name.to_owned())
            .spawn(serve)
            .map_err(|error| Error::edge(format!("cannot start the thread \"{name}\"")).caused_by(error))?;
        Ok(Self { name, requests, answers, outstanding: 0 })
    }

    /// How many requests wait for their answers to be taken.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Sends a request. Never blocks, as long as no more are under way than may be.
    ///
    /// # Errors
    /// When the thread is gone, because its last call panicked.
    pub(super) fn ask(&mut self, request: Q) -> Result<()> {
        self.requests.send(request).map_err(|_| self.gone())?;
        self.outstanding += 1;
        Ok(())
    }

    /// The answer to the first of the requests whose answer has not been taken.
    ///
    /// # Cancel safety
    /// No answer is lost: it is there for the next call.
    ///
    /// # Errors
    /// When the thread is gone, because the call panicked.
    pub(super) async fn answer(&mut self) -> Result<A> {
        let answer = self.answers.recv().await.ok_or_else(|| self.gone())?;
        self.outstanding -= 1;
        Ok(answer)
    }

    fn gone(&self) -> Error {
        Error::internal(format!("the thread \"{}\" panicked", self.name))
    }
}
