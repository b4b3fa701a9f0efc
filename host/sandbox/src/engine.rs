//! The engine: its pools of memories and stacks have room for a number of instances, and one thread ticks its epochs.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use super::cache::CodeCache;
use super::compiler::Settings;
use super::engines::Room;
use super::limits::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLES_MAX};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::plan::bounds::{MEMORY_MAX, TABLE_MAX};
use sandmill_engine::time::Pulse;

/// How often running guests are asked to look at the clock and to let others run. A guest overruns its `cpu` limit by
/// at most one tick plus the machine's own delays; each tick costs a running guest about a microsecond.
pub(super) const TICK: Duration = Duration::from_millis(2);

/// Instances made beyond one per worker: those of a pool that is being replaced while the old ones still unwind.
pub(super) const SPARE_INSTANCES: u32 = 8;
/// Kept mapped in a pool slot when its instance goes, at most, and only of what that has touched: a guest's own pages
/// and the largest batch by default, thrice. So the next one faults less.
const RESIDENT_BYTES: usize = 4 << 20;
/// The same for a table. One that fits into a page, as nearly all do, is then cleared without a system call.
const RESIDENT_TABLE_BYTES: usize = 64 << 10;

/// One page of a guest: the least that catches an access just past the end.
const GUARD_BYTES: u64 = 64 << 10;

/// What is required of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizing {
    /// Instances alive at one time: for a pipeline, the workers of all stages, and the component sources.
    pub instances: u32,
    /// The largest memory limit, bytes.
    pub memory_bytes_max: u64,
    /// Whether any limit counts fuel: all code is then compiled to do so, which makes it slower.
    pub fuel: bool,
    /// Whether any stage is deterministic: all code is then compiled so that every NaN is the same one, which makes
    /// floating-point arithmetic slower.
    pub deterministic: bool,
}

/// An engine, with the cache of compiled code.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(super) wasmtime: wasmtime::Engine,
    /// Whether stores count fuel.
    pub(super) fuel: bool,
    /// What code is compiled for it.
    pub(super) settings: Settings,
    pub(super) cache: CodeCache,
    /// What a pipeline has taken of an engine that several share.
    _room: Option<Arc<Room>>,
    /// Calls and compilations have deadlines.
    _pulse: Arc<Pulse>,
}

impl Engine {
    /// An engine with pools for `sizing`; where the machine refuses that much address space, one that maps each
    /// instance when it is made, as large as its limit (slower to instantiate and to run, otherwise the same).
    ///
    /// # Errors
    /// When this machine cannot run compiled Wasm at all.
    pub fn new(sizing: Sizing) -> Result<Self> {
        let pooled = InstanceAllocationStrategy::Pooling(pooling(sizing));
        let Sizing { fuel, deterministic, memory_bytes_max, .. } = sizing;
        let (wasmtime, frugal_memory) = match wasmtime::Engine::new(&config(pooled, sizing)) {
            Ok(wasmtime) => (wasmtime, 0),
            Err(_refused) => {
                let frugal = wasmtime::Engine::new(&frugal(sizing)).map_err(|error| {
                    Error::config("this machine cannot run WebAssembly").caused_by(format!("{error:#}"))
                })?;
                (frugal, memory_bytes_max)
            }
        };
        tick(&wasmtime)?;
        let settings = Settings { fuel, deterministic, frugal_memory };
        let cache = CodeCache::of_user(&wasmtime);
        Ok(Self { cache, fuel, settings, wasmtime, _room: None, _pulse: Pulse::take()? })
    }

    /// Whether instances have slots in pools, and are not mapped one by one.
    pub(super) fn has_pools(&self) -> bool {
        self.settings.frugal_memory == 0
    }

    /// The same engine, for whoever has taken this room in it.
    pub(super) fn keeping(self, room: Room) -> Self {
        Self { _room: Some(Arc::new(room)), ..self }
    }

    /// Whether both are one engine.
    #[cfg(test)]
    pub(super) fn is(&self, other: &Self) -> bool {
        wasmtime::Engine::same(&self.wasmtime, &other.wasmtime)
    }
}

/// For an engine that only compiles: its code runs on an engine with pools, too.
pub(super) fn compiling(settings: Settings) -> Config {
    let Settings { fuel, deterministic, frugal_memory } = settings;
    let sizing = Sizing { instances: 1, memory_bytes_max: frugal_memory, fuel, deterministic };
    match frugal_memory {
        0 => config(InstanceAllocationStrategy::OnDemand, sizing),
        _ => frugal(sizing),
    }
}

fn config(allocation: InstanceAllocationStrategy, sizing: Sizing) -> Config {
    let mut config = Config::new();
    config
        .allocation_strategy(allocation)
        .epoch_interruption(true)
        .consume_fuel(sizing.fuel)
        .cranelift_nan_canonicalization(sizing.deterministic)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_relaxed_simd(false)
        // Growth is counted before the engine tries it, and given back when it fails: with pages of other sizes it
        // may fail before it is counted.
        .wasm_custom_page_sizes(false)
        .wasm_memory64(false);
    config
}

/// Without pools, and without the gigabytes of address space per memory that spare the compiler its bounds checks.
fn frugal(sizing: Sizing) -> Config {
    let mut config = config(InstanceAllocationStrategy::OnDemand, sizing);
    config.memory_reservation(sizing.memory_bytes_max).memory_reservation_for_growth(0).memory_guard_size(GUARD_BYTES);
    config
}

fn pooling(sizing: Sizing) -> PoolingAllocationConfig {
    let instances = sizing.instances.saturating_add(SPARE_INSTANCES);
    let mut pooling = PoolingAllocationConfig::new();
    pooling
        .total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(count(CORE_INSTANCES_MAX)))
        .total_memories(instances.saturating_mul(count(MEMORIES_MAX)))
        .total_tables(instances.saturating_mul(count(TABLES_MAX)))
        .total_stacks(instances)
        .max_core_instances_per_component(count(CORE_INSTANCES_MAX))
        .max_memories_per_component(count(MEMORIES_MAX))
        .max_memories_per_module(count(MEMORIES_MAX))
        .max_tables_per_component(count(TABLES_MAX))
        .max_tables_per_module(count(TABLES_MAX))
        .table_elements(usize::try_from(TABLE_MAX).unwrap_or(usize::MAX))
        // Each store has a limit of its own. A lower one here would only refuse a component with another error.
        .max_memory_size(usize::try_from(MEMORY_MAX).unwrap_or(usize::MAX));
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        // Without the scan, keeping pages costs a memset of all of them per instance: worse than mapping again.
        pooling.pagemap_scan(Enabled::Yes).linear_memory_keep_resident(RESIDENT_BYTES);
        pooling.table_keep_resident(RESIDENT_TABLE_BYTES);
    }
    pooling
}

fn count(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

/// Starts the thread that moves the engine's epoch on. It ends soon after the engine is gone.
fn tick(engine: &wasmtime::Engine) -> Result<()> {
    let weak = engine.weak();
    let ticker = move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::park_timeout(TICK);
        }
    };
    let started = thread::Builder::new().name("sandmill-ticker".to_owned()).spawn(ticker);
    started.map(drop).map_err(|error| Error::config("the process cannot start threads").caused_by(error))
}
