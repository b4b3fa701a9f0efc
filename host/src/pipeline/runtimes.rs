//! The two runtimes of a pipeline: one for guests, as many threads as processors; one for everything else.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, Result};

/// Threads of the I/O runtime: its tasks wait or copy, and what blocks goes to threads of its own.
const IO_THREADS: usize = 2;

/// Turns of tasks on a thread between two looks at its timers. Guests take turns of 2 ms, a tick of the engine: with
/// Tokio's own interval of 61, all `wall` limits and sleeps would be late by a tenth of a second and more as soon as a
/// guest spins on every thread. One costs a system call a turn, and a batch takes a turn or two.
const TURNS_OF_GUESTS: u32 = 1;
const TURNS_OF_IO: u32 = 61;

/// Both runtimes. Dropping them never blocks: a thread that is stuck in a read is left behind.
#[derive(Debug)]
pub(super) struct Runtimes {
    io: Option<Runtime>,
    guests: Option<Runtime>,
}

impl Runtimes {
    /// # Errors
    /// When the process cannot start threads.
    pub(super) fn start() -> Result<Self> {
        let threads = available_parallelism().map_or(1, NonZeroUsize::get);
        let io = runtime("sandmill-io", IO_THREADS, TURNS_OF_IO)?;
        let guests = runtime("sandmill-guest", threads, TURNS_OF_GUESTS)?;
        Ok(Self { io: Some(io), guests: Some(guests) })
    }

    pub(super) fn io(&self) -> &Handle {
        self.io.as_ref().expect("runtimes live until they are dropped").handle()
    }

    pub(super) fn guests(&self) -> &Handle {
        self.guests.as_ref().expect("runtimes live until they are dropped").handle()
    }
}

impl Drop for Runtimes {
    fn drop(&mut self) {
        for runtime in [self.guests.take(), self.io.take()].into_iter().flatten() {
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
