//! Why a call failed, told from what the host recorded: the engine's own error says only that the guest trapped.

use std::time::Duration;

use wasmtime::{Trap, WasmBacktrace};

use super::store::{HostState, legible};
use crate::pool::{Budget, GuestFailure};

/// A call stack longer than this says no more.
const FRAMES_MAX: usize = 32;

/// What made a call fail with `error`, within `budget`.
pub(super) fn diagnose(error: &wasmtime::Error, state: &HostState, budget: Budget) -> GuestFailure {
    if state.meter.was_exceeded() {
        return GuestFailure::CpuLimit { used: state.meter.call_used(), limit: budget.cpu };
    }
    if let Some(asked) = state.memory.refused() {
        return GuestFailure::MemoryLimit { asked, limit: state.memory.limit() };
    }
    match error.downcast_ref::<Trap>() {
        Some(trap) => {
            GuestFailure::Trap { reason: trap.to_string(), panic: state.panic.clone(), backtrace: backtrace(error) }
        }
        // Lifting what the guest returned failed: a pointer, a length or a string that is none.
        None => GuestFailure::Contract(legible(&error.root_cause().to_string())),
    }
}

/// The same while an instance is made: nothing has been returned yet that could break the interface, so what is left is
/// the host's own want of memory or of room in its pools.
pub(super) fn in_making(failure: GuestFailure) -> GuestFailure {
    match failure {
        GuestFailure::Contract(why) => GuestFailure::NoRoom(why),
        other @ (GuestFailure::Trap { .. }
        | GuestFailure::CpuLimit { .. }
        | GuestFailure::WallLimit { .. }
        | GuestFailure::MemoryLimit { .. }
        | GuestFailure::Returned(_)
        | GuestFailure::NoRoom(_)) => other,
    }
}

/// The wall limit was met from outside of the call.
pub(super) fn too_slow(used: Duration, budget: Budget) -> GuestFailure {
    GuestFailure::WallLimit { used, limit: budget.wall }
}

fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    let named = frames.iter().filter_map(|frame| frame.func_name());
    // `{:#}` leaves the hash off the end of a Rust name; names of other languages pass as they are.
    named.map(|name| legible(&format!("{:#}", rustc_demangle::demangle(name)))).take(FRAMES_MAX).collect()
}
