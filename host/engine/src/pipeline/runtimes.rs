//! The runtimes of a pipeline: one for all that waits or copies, and one for the guests of each stage or source. Stages
//! that take short turns share the first one (`pool/worker/run`).
//!
//! Threads are what the operating system divides the processors among. Guests take turns of 2 ms, a tick of the engine,
//! and yield none before: on the same threads, a stage that spins would leave to one with little work at a time a tenth
//! of what it can do alone. On threads of their own, a stage with many workers has no more of the machine than another.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, Result};
use crate::time::Pulse;

/// Threads of the shared runtime, at least: one may be held up for a moment.
const SHARED_THREADS_MIN: usize = 2;
/// Turns of its tasks on a thread between two looks at its timers. Those of guests take some hundredths of a
/// millisecond; until one of 2 ms has shown that its stage must go elsewhere, a timer is late by a few of these. Each
/// look is a system call.
const SHARED_TURNS: u32 = 4;
/// The same number for guests on threads of their own. One costs a system call a turn, and a batch takes a turn or two.
const GUEST_TURNS: u32 = 1;

/// All runtimes. Dropping them never blocks: a thread that is stuck in a read is left running.
#[derive(Debug)]
pub(super) struct Runtimes {
    shared: Arc<Shared>,
    guests: Vec<Runtime>,
}

/// The runtime of all that waits or copies, for all pipelines of a host.
#[derive(Debug)]
pub(super) struct Shared {
    io: Option<Runtime>,
    /// What runs on them has deadlines.
    _pulse: Arc<Pulse>,
}

impl Shared {
    /// # Errors
    /// When the process cannot start threads.
    pub(super) fn start() -> Result<Self> {
        let threads = processors().get().max(SHARED_THREADS_MIN);
        Ok(Self { io: Some(runtime("sandmill-io", threads, SHARED_TURNS)?), _pulse: Pulse::take()? })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.io.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

impl Runtimes {
    /// Without any for guests yet.
    pub(super) fn on(shared: Arc<Shared>) -> Self {
        Self { shared, guests: Vec::new() }
    }

    pub(super) fn io(&self) -> &Handle {
        self.shared.io.as_ref().expect("the runtime lives until it is dropped").handle()
    }

    /// Threads for the guests of one stage or source: one for each worker, but no more than processors.
    ///
    /// # Errors
    /// When the process cannot start threads.
    pub(super) fn add_guests(&mut self, workers: NonZeroUsize) -> Result<Handle> {
        let threads = processors().min(workers);
        let added = runtime("sandmill-guest", threads.get(), GUEST_TURNS)?;
        let handle = added.handle().clone();
        self.guests.push(added);
        Ok(handle)
    }
}

impl Drop for Runtimes {
    fn drop(&mut self) {
        self.guests.drain(..).for_each(Runtime::shutdown_background);
    }
}

fn processors() -> NonZeroUsize {
    available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

fn runtime(name: &str, threads: usize, turns: u32) -> Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(name)
        .event_interval(turns)
        .enable_all()
        .build()
        .map_err(|error| Error::config("the process cannot start threads").caused_by(error))
}
