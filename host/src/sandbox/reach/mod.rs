//! What a component reaches: its grants, made ready once ([`Provisions`]), and the state of one instance of it ([`Reach`]).
//!
//! Nothing is inherited from the process: what is not granted is empty, stands still, or refuses. Work on files is done on
//! threads that may block, not on those of guests; the time it takes counts as `wall`, not as `cpu`. An instance holds a
//! bounded number of files, streams and timers.

mod clock;
mod provisions;
mod stdio;
mod steady;

pub use provisions::Provisions;
pub(super) use steady::make_steady;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks};

use clock::FixedClock;

/// Files, streams, timers and what else an instance holds at one time. Arbitrary: a program that needs a thousand open
/// files at once is rare, and each may have a thread at work for it.
pub(super) const HANDLES_MAX: usize = 1024;

/// What one instance reaches.
pub(super) struct Reach {
    wasi: WasiCtx,
    table: ResourceTable,
    http: Http,
    /// The clock that stands still, when it does.
    fixed: Option<FixedClock>,
}

struct Http {
    context: WasiHttpCtx,
    hooks: Box<dyn WasiHttpHooks>,
}

impl Reach {
    pub(super) fn wasi(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }

    pub(super) fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut *self.http.hooks, table: &mut self.table, ctx: &mut self.http.context }
    }
}
