//! The runtimes of a pipeline: one for all that waits or copies, and one for the guests of each stage or source.
//!
//! Threads are what the operating system divides the processors among. Guests take turns of 2 ms, a tick of the engine,
//! and give up none before: on the same threads, a stage that spins would leave to one with little work at a time a tenth
//! of what it can do alone. On threads of their own, a stage with many workers has no more of the machine than another.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, Result};

/// Threads of the I/O runtime: its tasks wait or copy, and what blocks goes to threads of its own.
const IO_THREADS: usize = 2;
/// Turns of its tasks on a thread between two looks at its timers: Tokio's own default.
const IO_TURNS: u32 = 61;
/// The same for guests. A turn takes up to 2 ms, so 61 of them would let a `wall` limit be late by a tenth of a second and
/// more as soon as a guest spins on every thread. One costs a system call a turn, and a batch takes a turn or two.
const GUEST_TURNS: u32 = 1;

/// All of them. Dropping them never blocks: a thread that is stuck in a read is left behind.
#[derive(Debug)]
pub(super) struct Runtimes {
    io: Option<Runtime>,
    guests: Vec<Runtime>,
}

impl Runtimes {
    /// Without any for guests yet.
    ///
    /// # Errors
    /// When the process cannot start threads.
    pub(super) fn start() -> Result<Self> {
        Ok(Self { io: Some(runtime("sandmill-io", IO_THREADS, IO_TURNS)?), guests: Vec::new() })
    }

    pub(super) fn io(&self) -> &Handle {
        self.io.as_ref().expect("runtimes live until they are dropped").handle()
    }

    /// Threads for the guests of one stage or source: one for each worker, but no more than processors.
    ///
    /// # Errors
    /// When the process cannot start threads.
    pub(super) fn add_guests(&mut self, workers: NonZeroUsize) -> Result<Handle> {
        let threads = available_parallelism().unwrap_or(NonZeroUsize::MIN).min(workers);
        let added = runtime("sandmill-guest", threads.get(), GUEST_TURNS)?;
        let handle = added.handle().clone();
        self.guests.push(added);
        Ok(handle)
    }
}

impl Drop for Runtimes {
    fn drop(&mut self) {
        for runtime in self.guests.drain(..).chain(self.io.take()) {
            runtime.shutdown_background();
        }
    }
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
