//! What makes WASI the same run after run, for stages that are `deterministic`: no answer depends on which of two
//! things was done first.
//!
//! WASI tells a guest in many places what is ready *by now*. Here nothing is ever not ready: polling waits for
//! everything that is polled, reading waits for bytes, and a sleep ends at once, having put the guest's clock forward.
//! When a file was read last is kept quiet. What a folder holds is the input of a run, like its records.

use wasmtime::component::{LinkerInstance, Resource, ResourceTable};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::{self as files, DescriptorStat, HostDescriptor, PathFlags};
use wasmtime_wasi::p2::bindings::io::poll::HostPollable;
use wasmtime_wasi::p2::bindings::io::streams::{self, HostInputStream, HostOutputStream};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, FsResult, Pollable, StreamResult, subscribe};
use wasmtime_wasi::{HostMonotonicClock, WasiView};

use super::super::store::HostState;
use super::Replacement;

type Store<'a> = StoreContextMut<'a, HostState>;

/// The interfaces that are not steady by themselves.
pub(super) const UNSTEADY: [Replacement; 4] = [
    ("wasi:io/poll@0.2.12", poll),
    ("wasi:io/streams@0.2.12", streams),
    ("wasi:clocks/monotonic-clock@0.2.12", sleep),
    ("wasi:filesystem/types@0.2.12", times),
];

fn poll(linker: &mut LinkerInstance<'_, HostState>) -> Result<()> {
    linker.func_wrap_async("poll", |mut store: Store<'_>, (list,): (Vec<Resource<DynPollable>>,)| {
        Box::new(async move {
            let table = table(&mut store);
            let count = u32::try_from(list.len())?;
            if count == 0 {
                wasmtime::bail!("empty poll list");
            }
            for pollable in list {
                table.block(pollable).await?;
            }
            Ok(((0..count).collect::<Vec<u32>>(),))
        })
    })?;
    linker.func_wrap_async("[method]pollable.ready", |mut store: Store<'_>, (one,): (Resource<DynPollable>,)| {
        Box::new(async move {
            table(&mut store).block(one).await?;
            Ok((true,))
        })
    })
}

fn streams(linker: &mut LinkerInstance<'_, HostState>) -> Result<()> {
    type Input = Resource<DynInputStream>;
    type Output = Resource<DynOutputStream>;
    linker.func_wrap_async("[method]input-stream.read", |mut store: Store<'_>, (from, len): (Input, u64)| {
        Box::new(async move {
            let table = table(&mut store);
            let read = table.blocking_read(from, len).await;
            Ok((told(table, read)?,))
        })
    })?;
    linker.func_wrap_async("[method]input-stream.skip", |mut store: Store<'_>, (from, len): (Input, u64)| {
        Box::new(async move {
            let table = table(&mut store);
            let skipped = table.blocking_skip(from, len).await;
            Ok((told(table, skipped)?,))
        })
    })?;
    linker.func_wrap_async(
        "[method]output-stream.splice",
        |mut store: Store<'_>, (to, from, len): (Output, Input, u64)| {
            Box::new(async move {
                let table = table(&mut store);
                let spliced = table.blocking_splice(to, from, len).await;
                Ok((told(table, spliced)?,))
            })
        },
    )
}

fn sleep(linker: &mut LinkerInstance<'_, HostState>) -> Result<()> {
    linker
        .func_wrap("subscribe-instant", |mut store: Store<'_>, (when,): (u64,)| Ok((slept(&mut store, |_| when)?,)))?;
    linker.func_wrap("subscribe-duration", |mut store: Store<'_>, (time,): (u64,)| {
        Ok((slept(&mut store, |now| now.saturating_add(time))?,))
    })
}

fn times(linker: &mut LinkerInstance<'_, HostState>) -> Result<()> {
    type At = (Resource<Descriptor>, PathFlags, String);
    linker.func_wrap_async("[method]descriptor.stat", |mut store: Store<'_>, (file,): (Resource<Descriptor>,)| {
        Box::new(async move {
            let mut view = store.data_mut().filesystem();
            let stat = view.stat(file).await;
            Ok((without_last_access(&mut view, stat)?,))
        })
    })?;
    linker.func_wrap_async("[method]descriptor.stat-at", |mut store: Store<'_>, (folder, flags, path): At| {
        Box::new(async move {
            let mut view = store.data_mut().filesystem();
            let stat = view.stat_at(folder, flags, path).await;
            Ok((without_last_access(&mut view, stat)?,))
        })
    })
}

fn without_last_access(
    host: &mut impl files::Host,
    stat: FsResult<DescriptorStat>,
) -> Result<Result<DescriptorStat, files::ErrorCode>> {
    match stat {
        Ok(stat) => Ok(Ok(DescriptorStat { data_access_timestamp: None, ..stat })),
        Err(error) => host.convert_error_code(error).map(Err),
    }
}

/// A pollable that is ready: the guest's clock has been put forward to the end of its sleep.
fn slept(store: &mut Store<'_>, until: impl FnOnce(u64) -> u64) -> Result<Resource<DynPollable>> {
    let reach = store.data_mut().reach();
    if let Some(clock) = &reach.fixed {
        clock.sleep_until(until(clock.now()));
    }
    let past = reach.table.push(Past)?;
    subscribe(&mut reach.table, past)
}

/// A moment that has passed.
struct Past;

#[async_trait::async_trait]
impl Pollable for Past {
    async fn ready(&mut self) {}
}

fn table<'a>(store: &'a mut Store<'_>) -> &'a mut ResourceTable {
    store.data_mut().ctx().table
}

fn told<T>(host: &mut impl streams::Host, result: StreamResult<T>) -> Result<Result<T, streams::StreamError>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => host.convert_stream_error(error).map(Err),
    }
}
