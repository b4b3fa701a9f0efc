//! The engine without Sandmill: wasmtime alone, with the pools of `host/sandbox/src/engine.rs`, and guests that are
//! stopped by an epoch, by fuel, by both, or by nothing. The one file here that names wasmtime.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use sandmill::plan::bounds::{INSTANCES_MAX, MEMORY_MAX, TABLE_MAX};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, UpdateDeadline,
    WasmBacktraceDetails,
};

use works::harness::{Arrived, Columns, Input, Job, Length, Measured, Portion, by_threads, thread_time};

use crate::{machine, runner};
use bindings::sandmill::stage::host;
use bindings::sandmill::stage::types::{BatchParam, ColumnParam};
use bindings::{Stage, StagePre};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../guest-sdk/wit",
        world: "stage",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// As often as Sandmill's engine does it.
const TICK: Duration = Duration::from_millis(2);
/// As Sandmill's engine has them.
const MEMORIES_MAX: u32 = 4;
const TABLES_MAX: u32 = 8;
const RESIDENT_BYTES: usize = 4 << 20;
const RESIDENT_TABLE_BYTES: usize = 64 << 10;
/// One worker's, and those to spare.
const SLOTS: u32 = 9;

/// What can stop a guest that does not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stop {
    Nothing,
    /// A look at a counter of the engine, at every loop and call; every 2 ms it has moved on.
    Epoch,
    /// Every instruction is counted.
    Fuel,
    EpochAndFuel,
    /// Once more: how far two measurements of one thing lie apart.
    NothingAgain,
}

impl Stop {
    pub(crate) const ALL: [Self; 5] = [Self::Nothing, Self::Epoch, Self::Fuel, Self::EpochAndFuel, Self::NothingAgain];

    /// In words, for tables.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Epoch => "epoch",
            Self::Fuel => "fuel",
            Self::EpochAndFuel => "epoch + fuel",
            Self::NothingAgain => "nothing, again (A/A control)",
        }
    }

    fn is_epoch(self) -> bool {
        matches!(self, Self::Epoch | Self::EpochAndFuel)
    }

    fn is_fuel(self) -> bool {
        matches!(self, Self::Fuel | Self::EpochAndFuel)
    }
}

/// A component, compiled so that it can be stopped.
pub(crate) struct Raw {
    engine: Engine,
    linked: StagePre<Words>,
    /// What `open` is given.
    config: String,
    stop: Stop,
}

/// One instance, open.
pub(crate) struct Live {
    store: Store<Words>,
    stage: Stage,
    stop: Stop,
}

impl Raw {
    /// Compiles it.
    pub(crate) fn new(stop: Stop, wasm: &[u8], config: String) -> Result<Self> {
        Self::compile(stop, wasm, config).map_err(plain)
    }

    fn compile(stop: Stop, wasm: &[u8], config: String) -> wasmtime::Result<Self> {
        let engine = Engine::new(&settings(stop))?;
        let mut linker = Linker::new(&engine);
        host::add_to_linker::<_, HasSelf<Words>>(&mut linker, |words| words)?;
        let linked = StagePre::new(linker.instantiate_pre(&Component::new(&engine, wasm)?)?)?;
        Ok(Self { engine, linked, config, stop })
    }

    /// Moves the epoch on, where there is one, until what it returns is dropped.
    pub(crate) fn tick(&self) -> Result<Option<Ticker>> {
        let engine = self.engine.clone();
        self.stop.is_epoch().then(|| Ticker::start(move || engine.increment_epoch())).transpose()
    }

    /// A pristine instance, open.
    pub(crate) async fn instance(&self) -> Result<Live> {
        let mut store = Store::new(&self.engine, Words);
        if self.stop.is_epoch() {
            store.epoch_deadline_callback(|_| {
                // Sandmill looks at the thread's clock here.
                let _now = thread_time();
                Ok(UpdateDeadline::Yield(1))
            });
        }
        arm(&mut store, self.stop)?;
        let stage = self.linked.instantiate_async(&mut store).await.map_err(plain)?;
        let mut live = Live { store, stage, stop: self.stop };
        arm(&mut live.store, live.stop)?;
        let opened =
            live.stage.sandmill_stage_transform().call_open(&mut live.store, &self.config).await.map_err(plain)?;
        opened.map_err(|refusal| anyhow!("the guest does not open: {refusal}"))?;
        Ok(live)
    }

    /// A batch through so many stages.
    async fn through(&self, stages: usize, (data, ends): &Columns) -> Result<Columns> {
        let mut live = self.instance().await?;
        let mut batch = live.process(data, ends).await?;
        live.flush().await?;
        for _ in 1..stages {
            let mut live = self.instance().await?;
            batch = live.process(&batch.0, &batch.1).await?;
            live.flush().await?;
        }
        Ok(batch)
    }
}

impl Live {
    /// Gives it a batch, and checks that as many records come back.
    pub(crate) async fn process(&mut self, data: &[u8], ends: &[u32]) -> Result<Columns> {
        arm(&mut self.store, self.stop)?;
        let batch = BatchParam { values: ColumnParam { data, ends }, keys: ColumnParam { data: &[], ends: &[] } };
        let transform = self.stage.sandmill_stage_transform();
        let returned = transform.call_process(&mut self.store, batch).await.map_err(plain)?;
        let values = returned.map_err(|message| anyhow!("the guest failed: {message}"))?.emitted.values;
        ensure!(values.ends.len() == ends.len(), "records got lost");
        Ok((values.data, values.ends))
    }

    /// Ends it.
    pub(crate) async fn flush(mut self) -> Result<()> {
        arm(&mut self.store, self.stop)?;
        let flushed = self.stage.sandmill_stage_transform().call_flush(&mut self.store).await.map_err(plain)?;
        flushed.map(drop).map_err(|message| anyhow!("the guest failed: {message}"))
    }
}

/// A job without Sandmill: a thread per processor, an instance per batch and stage, stopped by an epoch.
pub(crate) fn run(input: Input, length: Length, job: Job) -> Result<Measured> {
    let wasm = fs::read(runner::component(job.work)?)?;
    let raw = Raw::new(Stop::Epoch, &wasm, runner::config(job.work))?;
    let _ticking = raw.tick()?;
    let worker = || {
        let runtime = Builder::new_current_thread().build()?;
        let raw = &raw;
        Ok(move |portion: &Portion, arrived: &mut Arrived| {
            arrived.columns(&runtime.block_on(raw.through(job.stages, &portion.columns))?);
            Ok(())
        })
    };
    by_threads(input, length, (0..machine::cores()).map(|_| worker()).collect::<Result<_>>()?)
}

/// Before every call, as Sandmill does it.
fn arm(store: &mut Store<Words>, stop: Stop) -> Result<()> {
    if stop.is_epoch() {
        store.set_epoch_deadline(1);
    }
    if stop.is_fuel() {
        store.set_fuel(u64::MAX).map_err(plain)?;
    }
    Ok(())
}

fn settings(stop: Stop) -> Config {
    let instances = SLOTS;
    let mut pooling = PoolingAllocationConfig::new();
    pooling
        .total_component_instances(instances)
        .total_core_instances(instances * count(INSTANCES_MAX))
        .total_memories(instances * MEMORIES_MAX)
        .total_tables(instances * TABLES_MAX)
        .total_stacks(instances)
        .max_core_instances_per_component(count(INSTANCES_MAX))
        .max_memories_per_component(MEMORIES_MAX)
        .max_memories_per_module(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_tables_per_module(TABLES_MAX)
        .table_elements(usize::try_from(TABLE_MAX).unwrap_or(usize::MAX))
        .max_memory_size(usize::try_from(MEMORY_MAX).unwrap_or(usize::MAX));
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pooling.pagemap_scan(Enabled::Yes).linear_memory_keep_resident(RESIDENT_BYTES);
        pooling.table_keep_resident(RESIDENT_TABLE_BYTES);
    }
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pooling))
        .epoch_interruption(stop.is_epoch())
        .consume_fuel(stop.is_fuel())
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false);
    config
}

fn count(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

/// wasmtime's error is none that others can carry.
fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow::Error::from_boxed(error.into())
}

/// What the guest says is not heard.
struct Words;

impl host::Host for Words {
    fn log(&mut self, _level: host::Level, _message: String) {}

    fn write(&mut self, _level: host::Level, _bytes: Vec<u8>) {}

    fn panicked(&mut self, _message: String, _place: String) {}
}

/// A thread that does something at every tick until this is dropped.
pub(crate) struct Ticker {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(at_tick: impl Fn() + Send + 'static) -> Result<Self> {
        let is_over = Arc::<AtomicBool>::default();
        let over = Arc::clone(&is_over);
        let ticking = move || {
            while !over.load(Ordering::Acquire) {
                at_tick();
                thread::park_timeout(TICK);
            }
        };
        let thread = thread::Builder::new().name("ticker".to_owned()).spawn(ticking)?;
        Ok(Self { is_over, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            thread.join().expect("a ticker only ticks");
        }
    }
}
