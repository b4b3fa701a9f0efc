//! The two runtimes of a pipeline: one for guests, as many threads as processors; one for everything else.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, Result};

/// Threads of the I/O runtime: its tasks wait or copy, and what blocks goes to threads of its own.
const IO_THREADS: usize = 2;

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
        let guests = available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self { io: Some(runtime("sandmill-io", IO_THREADS)?), guests: Some(runtime("sandmill-guest", guests)?) })
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

fn runtime(name: &str, threads: usize) -> Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(name)
        .enable_all()
        .build()
        .map_err(|error| Error::config("the process cannot start threads").caused_by(error))
}
