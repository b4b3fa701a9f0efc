//! What the host keeps for one instance: its limits, its meter, where its words go, and what it reaches.

use std::sync::Arc;

use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::bindings::stage::sandmill::stage::host;
use super::deadline::Meter;
use super::limits::MemoryLimiter;
use super::log::{GuestLog, Voice};
use super::reach::{Provisions, Reach};
use crate::plan::Limits;
use crate::pool::WorkerId;
use crate::report::LogLevel;

/// How much a guest may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBounds {
    /// Longest line, bytes; a longer one is cut.
    pub line_bytes_max: usize,
    /// Most bytes in one invocation; what is beyond is counted, not kept.
    pub call_bytes_max: usize,
}

/// A line that a person reads, and a page of them per call.
pub(super) const LOG_BOUNDS: LogBounds = LogBounds { line_bytes_max: 8 << 10, call_bytes_max: 64 << 10 };

/// The state of one store.
pub(super) struct HostState {
    pub(super) memory: MemoryLimiter,
    pub(super) meter: Arc<Meter>,
    pub(super) panic: Option<String>,
    pub(super) log: Arc<GuestLog>,
    /// Of components that import WASI: most import nothing of it, and pay nothing for it.
    reach: Option<Box<Reach>>,
}

impl HostState {
    pub(super) fn new(limits: &Limits, worker: &WorkerId, voice: &Voice, provisions: Option<&Provisions>) -> Self {
        let log = Arc::new(GuestLog::new(voice, worker));
        Self {
            memory: MemoryLimiter::new(limits.memory.get()),
            meter: Arc::default(),
            panic: None,
            reach: provisions.map(|provisions| Box::new(provisions.reach(&log))),
            log,
        }
    }

    /// Begins a call: each has its own allowance of words.
    pub(super) fn begin_call(&mut self) {
        self.log.begin_call();
        // What happened in an earlier call says nothing of this one.
        self.panic = None;
        self.memory.forget_refusal();
    }

    /// What WASI is made of.
    pub(super) fn reach(&mut self) -> &mut Reach {
        self.reach.as_mut().expect("whoever imports WASI is given its state")
    }
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.reach().wasi()
    }
}

impl WasiHttpView for HostState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.reach().http()
    }
}

impl host::Host for HostState {
    fn log(&mut self, level: host::Level, message: String) {
        let level = match level {
            host::Level::Debug => LogLevel::Debug,
            host::Level::Info => LogLevel::Info,
            host::Level::Warn => LogLevel::Warn,
            host::Level::Error => LogLevel::Error,
        };
        self.log.line(level, &message);
    }

    fn panicked(&mut self, message: String, place: String) {
        self.panic = Some(format!("{} at {}", self.log.legible(&message), self.log.legible(&place)));
    }
}
