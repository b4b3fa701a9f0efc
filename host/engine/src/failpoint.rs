//! Places where a run can be made to fail: for tests of what a run promises when something does.
//!
//! What fails, and when, is a value that goes in with the plan; nothing is global. A run without one pays nothing for
//! it: sources, stages and sinks are only wrapped where there is one.

pub(crate) mod wrap;

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};

/// A place where a run can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failpoint {
    /// A source is about to be pulled.
    Pull,
    /// A chunk that was pulled is about to get its tickets.
    Admit,
    /// A source is about to be told what became of its records.
    Settle,
    /// An image is about to be made, beside the run.
    Image,
    /// A guest is about to be called.
    BeforeInvocation,
    /// A guest has returned.
    AfterInvocation,
    /// A batch is about to be sent on.
    BeforeSend,
    /// A sink is about to write.
    BeforeWrite,
    /// A sink has written.
    AfterWrite,
    /// A sink is about to mark its place, or to commit.
    BeforeCommit,
    /// A sink has marked its place, or has committed.
    AfterCommit,
    /// Nothing is in flight any more, and the run is about to be ended.
    Drain,
    /// The end of a run is a step further: the last checkpoint is taken, the sinks are closed, its end is written down.
    Closing,
}

/// How a run fails at a [`Failpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breakage {
    /// With an error that may pass: a source or sink is retried, an image when this is over. After work that is done,
    /// an error that lasts.
    Passing,
    /// With an error that lasts; in a guest, with a trap.
    Lasting,
    /// With a panic of the host's own code; in a guest, with a trap.
    Panic,
}

type Script = dyn Fn(Failpoint) -> Option<Breakage> + Send + Sync;

/// Asked at each [`Failpoint`] whether the run is to fail there.
#[derive(Clone, Default)]
pub struct Failpoints(Option<Arc<Script>>);

impl Failpoints {
    /// Called from any thread, in whatever order the run comes by.
    pub fn new(script: impl Fn(Failpoint) -> Option<Breakage> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(script)))
    }

    /// Whether there is anybody to ask.
    pub(crate) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// Fails if it is to.
    ///
    /// # Errors
    /// When it is to.
    #[inline]
    pub(crate) fn pass(&self, point: Failpoint) -> Result<()> {
        match self.ask(point) {
            None => Ok(()),
            Some(breakage) => broken(point, breakage),
        }
    }

    /// How it is to fail, if it is.
    #[inline]
    pub(crate) fn ask(&self, point: Failpoint) -> Option<Breakage> {
        self.0.as_ref().and_then(|script| script(point))
    }
}

fn broken(point: Failpoint, breakage: Breakage) -> Result<()> {
    let error = Error::edge(format!("made to fail at {point:?}"));
    match breakage {
        Breakage::Passing => Err(error.retryable(true)),
        Breakage::Lasting => Err(error),
        // Without the hook that prints it: the report tells of it.
        Breakage::Panic => std::panic::resume_unwind(Box::new(format!("made to panic at {point:?}"))),
    }
}

impl fmt::Debug for Failpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Failpoints").field(&self.is_set()).finish()
    }
}
