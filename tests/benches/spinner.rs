//! Guests that never come back, and what else keeps a machine busy.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use sandmill::connector::{Generate, Generated};
use sandmill::plan::{Breaker, Clock, Grants, Limits, OnError};
use sandmill::record::BatchBounds;
use sandmill::{SourceBuilder, StageBuilder};
use tests::guest::Guest;

use crate::runner::nonzero;

/// Spins until it is stopped.
const SPINNING: Guest = Guest { process: "(loop $l (br $l)) unreachable", ..Guest::SOUND };

/// Asks the host to wake it in an hour.
const SLEEPING: Guest = Guest {
    world: "import wasi:clocks/monotonic-clock@0.2.12; import wasi:io/poll@0.2.12;",
    declarations: r#"
        (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
        (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
        (memory (export "memory") 2)"#,
    process: "(call $block (call $timer (i64.const 3600000000000))) unreachable",
    ..Guest::SOUND
};

/// A stage that spins, one record at a time, whatever it is given; every record of it is dropped at its limit.
pub(crate) fn spinning(folder: &Path, name: &str, limits: Limits) -> Result<StageBuilder> {
    lost(StageBuilder::component(name, SPINNING.write(folder, name)?), limits)
}

/// The same that sleeps, in a call of the host's.
pub(crate) fn sleeping(folder: &Path, name: &str, limits: Limits) -> Result<StageBuilder> {
    let grants = Grants { clock: Some(Clock::Real), ..Grants::default() };
    lost(StageBuilder::component(name, SLEEPING.write(folder, name)?).grants(grants), limits)
}

fn lost(stage: StageBuilder, limits: Limits) -> Result<StageBuilder> {
    let one = BatchBounds { records: nonzero(1), bytes: nonzero(1 << 20), linger: Duration::ZERO };
    Ok(stage.batch(one).limits(limits).breaker(Breaker::OFF).on_error(OnError::Drop))
}

/// More records than anybody will ask for.
pub(crate) fn endless_source(name: &str) -> SourceBuilder {
    SourceBuilder::new(name, Generate { what: Generated::Numbers, records: u64::MAX, seed: 1 })
}

/// Threads that keep a processor busy each, until this is dropped.
pub(crate) struct BusyThreads {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl BusyThreads {
    pub(crate) fn start(threads: usize) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let spin = |over: Arc<AtomicBool>| {
            move || {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
        };
        let threads = (0..threads).map(|_| thread::spawn(spin(Arc::clone(&is_over)))).collect();
        Self { is_over, threads }
    }
}

impl Drop for BusyThreads {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("it only spins");
        }
    }
}
