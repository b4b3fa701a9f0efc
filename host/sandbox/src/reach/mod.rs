//! The reach of a component: its grants, made ready once ([`Provisions`]), and the state of one instance of it
//! ([`Reach`]).
//!
//! Nothing is inherited from the process: what is not granted is empty, stands still, or refuses. Work on files is done
//! on threads that may block, not on those of guests; the time it takes counts as `wall`, not as `cpu`. An instance
//! holds a bounded number of files, streams and timers, and of each a bounded part of the host's memory.

mod clock;
mod files;
mod provisions;
mod requests;
mod sockets;
mod stdio;
mod steady;

pub(super) use provisions::Provisions;

use std::sync::Arc;

use tokio::sync::Semaphore;
use wasmtime::Result;
use wasmtime::component::{Linker, LinkerInstance, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView};

use super::egress::EgressHooks;
use super::store::HostState;
use clock::FixedClock;

/// Files, streams, timers and what else an instance holds at one time. Arbitrary: a program that needs a thousand open
/// files at once is rare, and each may have a thread at work for it.
pub(super) const HANDLES_MAX: usize = 1024;

/// An interface in which functions are replaced, as it is linked, and what replaces them.
type Replacement = (&'static str, fn(&mut LinkerInstance<'_, HostState>) -> Result<()>);

/// For all components.
const BOUNDED: [Replacement; 2] =
    [("wasi:filesystem/types@0.2.12", files::bound), ("wasi:http/types@0.2.12", requests::bound)];

/// Puts our own functions in the place of WASI's where those are not bounded, give what nobody is given, or are not the
/// same run after run and the stage is `deterministic`; in the interfaces that are `linked` (asked by name, without the
/// version).
pub(super) fn replace(
    linker: &mut Linker<HostState>,
    deterministic: bool,
    linked: impl Fn(&str) -> bool,
) -> Result<()> {
    linker.allow_shadowing(true);
    let steady: &[Replacement] = if deterministic { &steady::UNSTEADY } else { &[] };
    for (name, replacement) in BOUNDED.iter().chain(&sockets::DENIED).chain(steady) {
        if linked(name.split('@').next().unwrap_or_default()) {
            replacement(&mut linker.instance(name)?)?;
        }
    }
    linker.allow_shadowing(false);
    Ok(())
}

/// The reach of one instance.
pub(super) struct Reach {
    wasi: WasiCtx,
    table: ResourceTable,
    /// The HTTP client of those that are granted requests.
    http: Option<Http>,
    /// The clock that stands still, when it does.
    fixed: Option<FixedClock>,
    /// Places for files that are being opened, the stage's.
    openings: Arc<Semaphore>,
}

struct Http {
    context: WasiHttpCtx,
    hooks: EgressHooks,
}

impl Reach {
    pub(super) fn wasi(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }

    pub(super) fn http(&mut self) -> WasiHttpCtxView<'_> {
        let http = self.http.as_mut().expect("whoever imports HTTP was granted it");
        WasiHttpCtxView { hooks: &mut http.hooks, table: &mut self.table, ctx: &mut http.context }
    }
}
