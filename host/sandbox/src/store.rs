//! What the host keeps for one instance: its limits, its meter, where its output goes, and what it reaches.

use std::sync::Arc;

use wasmtime_wasi::{WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::bindings::stage::sandmill::stage::host;
use super::command::Given;
use super::component::Component;
use super::deadline::Meter;
use super::limits::MemoryLimiter;
use super::log::{GuestLog, GuestOutput};
use super::reach::{Provisions, Reach};
use sandmill_engine::plan::Limits;
use sandmill_engine::program::WorkerId;
use sandmill_engine::report::LogLevel;

/// The settings that all instances of a stage or source share.
#[derive(Debug)]
pub(super) struct InstanceSettings {
    pub(super) limits: Limits,
    /// Where their output goes.
    pub(super) guest_output: GuestOutput,
    /// Whether the engine's code counts fuel, for this stage's sake or another's.
    counts_fuel: bool,
    /// The provisions that they reach. None for components that import nothing of WASI: most do, and pay nothing for
    /// it.
    provisions: Option<Provisions>,
}

impl InstanceSettings {
    pub(super) fn new(
        component: &Component,
        limits: Limits,
        granted: Provisions,
        guest_output: &GuestOutput,
    ) -> Arc<Self> {
        Arc::new(Self {
            limits,
            guest_output: guest_output.bounded(limits.log),
            counts_fuel: component.counts_fuel(),
            provisions: component.imports_wasi().then_some(granted),
        })
    }

    /// The same for an instance that reaches nothing, and whose output nobody reads.
    pub(super) fn unheard(&self) -> Self {
        let Self { limits, counts_fuel, .. } = *self;
        Self { limits, guest_output: self.guest_output.bounded(0), counts_fuel, provisions: None }
    }
}

/// The guest said that it panicked. Not all languages can trap afterwards, so the host ends the call.
#[derive(Debug, thiserror::Error)]
#[error("the guest panicked")]
pub(super) struct Panicked;

/// The state of one store.
pub(super) struct HostState {
    pub(super) memory: MemoryLimiter,
    pub(super) meter: Arc<Meter>,
    pub(super) panic: Option<String>,
    pub(super) log: Arc<GuestLog>,
    /// The streams and arguments of a command.
    pub(super) given: Option<Given>,
    counts_fuel: bool,
    reach: Option<Box<Reach>>,
}

impl HostState {
    pub(super) fn new(settings: &InstanceSettings, worker: &WorkerId) -> Self {
        Self::with_streams(settings, worker, |_| {})
    }

    /// The same, with arguments and streams that `give` adds.
    pub(super) fn with_streams(
        settings: &InstanceSettings,
        worker: &WorkerId,
        give: impl FnOnce(&mut WasiCtxBuilder),
    ) -> Self {
        let log = Arc::new(GuestLog::new(&settings.guest_output, worker));
        Self {
            memory: MemoryLimiter::new(&settings.limits),
            meter: Arc::default(),
            panic: None,
            given: None,
            counts_fuel: settings.counts_fuel,
            reach: settings.provisions.as_ref().map(|provisions| Box::new(provisions.reach(&log, give))),
            log,
        }
    }

    pub(super) fn counts_fuel(&self) -> bool {
        self.counts_fuel
    }

    /// Begins a call: each has its own allowance of log.
    pub(super) fn begin_call(&mut self) {
        self.log.begin_call();
        // What happened in an earlier call does not matter for this one.
        self.panic = None;
        self.memory.forget_refusal();
    }

    /// The state of WASI.
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
        self.log.line(level.into(), &message);
    }

    fn write(&mut self, level: host::Level, bytes: Vec<u8>) {
        self.log.write(level.into(), &bytes);
    }

    fn panicked(&mut self, message: String, place: String) -> wasmtime::Result<()> {
        self.panic = Some(format!("{} at {}", self.log.legible(&message), self.log.legible(&place)));
        Err(Panicked.into())
    }
}

impl From<host::Level> for LogLevel {
    fn from(level: host::Level) -> Self {
        match level {
            host::Level::Debug => Self::Debug,
            host::Level::Info => Self::Info,
            host::Level::Warn => Self::Warn,
            host::Level::Error => Self::Error,
        }
    }
}
