//! Diagnoses why a call failed, from what the host recorded: the engine's own error says only that the guest trapped.

use std::time::Duration;

use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::instance::OPEN_BUDGET;
use super::limits::too_many;
use super::log::GuestLog;
use super::reach::HANDLES_MAX;
use super::store::{HostState, Panicked};
use sandmill_engine::plan::Limits;
use sandmill_engine::program::{Budget, GuestFailure};

/// A call stack longer than this says no more.
const FRAMES_MAX: usize = 32;

/// Bytes of a function's name that are shown: the component's author chose it, and it is kept with each record that
/// failed. The longest of the standard library's have some 200.
const NAME_BYTES_MAX: usize = 256;

/// Names longer than this are not taken apart: that costs time, and what is shown of them begins alike.
const MANGLED_BYTES_MAX: usize = 4 << 10;

/// Diagnoses what made a call fail with `error`, within `budget`.
pub(super) fn diagnose(error: &wasmtime::Error, state: &HostState, budget: Budget) -> GuestFailure {
    if state.meter.was_exceeded() {
        return too_busy(state, budget);
    }
    let trap = error.downcast_ref::<Trap>().copied();
    if let (Some(Trap::OutOfFuel), Some(limit)) = (trap, budget.fuel) {
        return GuestFailure::FuelLimit { used: limit, limit };
    }
    let ended = host_call(error);
    // These have reasons of their own, whatever was refused before and done without; and a panic says best itself.
    let speaks_for_itself = trap == Some(Trap::StackOverflow) || ended.is_some() || state.panic.is_some();
    if let Some(refused) = refused(state).filter(|_| !speaks_for_itself) {
        return refused;
    }
    match trap.map(in_words).or(ended) {
        Some(reason) => {
            GuestFailure::Trap { reason, panic: state.panic.clone(), backtrace: backtrace(error, &state.log) }
        }
        // Lifting what the guest returned failed: a pointer, a length or a string that is none.
        None => GuestFailure::Contract(state.log.legible(&error.root_cause().to_string())),
    }
}

/// A growth that was refused in this call: the guest sees that it failed, and traps on its own some time later.
fn refused(state: &HostState) -> Option<GuestFailure> {
    let memory = &state.memory;
    let of_memory = memory.refused().map(|asked| GuestFailure::MemoryLimit { asked, limit: memory.limit() });
    of_memory
        .or_else(|| memory.refused_table().map(|asked| GuestFailure::TableLimit { asked, limit: memory.table_limit() }))
}

/// Why a call of the host's ended the instance, where it was meant to.
fn host_call(error: &wasmtime::Error) -> Option<String> {
    if let Some(I32Exit(status)) = error.downcast_ref() {
        return Some(format!("exit was called, with status {status}"));
    }
    if let Some(panicked) = error.downcast_ref::<Panicked>() {
        return Some(panicked.to_string());
    }
    match error.downcast_ref()? {
        ResourceTableError::Full => Some(format!("it holds more than {HANDLES_MAX} files, streams and timers")),
        ResourceTableError::NotPresent | ResourceTableError::WrongType | ResourceTableError::HasChildren => None,
    }
}

/// The engine's message without what every trap begins with.
fn in_words(trap: Trap) -> String {
    if trap == Trap::StackOverflow {
        return "call stack exhausted: it calls itself too deeply, or without end".to_owned();
    }
    let words = trap.to_string();
    words.strip_prefix("wasm trap: ").map_or_else(|| words.clone(), str::to_owned)
}

/// The same while an instance is made: nothing has been returned yet that could break the interface, so what is left is
/// a limit that the engine checks by itself, or the host's own want of memory or of room in its pools.
pub(super) fn in_making(failure: GuestFailure, limits: &Limits) -> GuestFailure {
    let GuestFailure::Contract(why) = failure else { return in_opening(failure, OPEN_BUDGET) };
    if let Some(why) = too_many(&why) {
        return GuestFailure::Contract(why);
    }
    let limit = limits.instances.get() as u64;
    // The engine has no error of its own for this one.
    match why.contains("instance count too high") {
        true => GuestFailure::InstancesLimit { asked: limit + 1, limit },
        false => GuestFailure::NoRoom(why),
    }
}

/// The same in `open`: its time limits are not those of the pipeline file.
pub(super) fn in_opening(failure: GuestFailure, budget: Budget) -> GuestFailure {
    if matches!(failure, GuestFailure::CpuLimit { .. } | GuestFailure::WallLimit { .. }) {
        return GuestFailure::OpenLimit { cpu: budget.cpu, wall: budget.wall };
    }
    failure
}

/// The call has used more time inside the guest than it may.
pub(super) fn too_busy(state: &HostState, budget: Budget) -> GuestFailure {
    GuestFailure::CpuLimit { used: state.meter.call_used(), limit: budget.cpu }
}

/// The wall limit was met from outside of the call.
pub(super) fn too_slow(used: Duration, budget: Budget) -> GuestFailure {
    GuestFailure::WallLimit { used, limit: budget.wall }
}

fn backtrace(error: &wasmtime::Error, log: &GuestLog) -> Vec<String> {
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    let names = frames.iter().filter_map(|frame| frame.func_name()).take(FRAMES_MAX);
    names.map(|name| shown(name, |text| log.legible(text))).collect()
}

/// The name of a function, made `legible` and bounded.
fn shown(name: &str, legible: impl Fn(&str) -> String) -> String {
    if name.len() > MANGLED_BYTES_MAX {
        return cut(legible(name));
    }
    // `{:#}` leaves the hash off the end of a Rust name; names of other languages pass as they are.
    cut(legible(&format!("{:#}", rustc_demangle::demangle(name))))
}

fn cut(mut name: String) -> String {
    if name.len() > NAME_BYTES_MAX {
        name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
        name.push('…');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of 100 KB made a dead letter of 160 KB, in 32 frames (issue 12).
    #[test]
    fn the_name_of_a_function_is_short_whatever_its_author_called_it() {
        for name in
            ["f".repeat(100_000), "é".repeat(1_000), format!("_ZN{}{}17h05af221e174051e9E", 3_000, "x".repeat(3_000))]
        {
            let bytes = shown(&name, str::to_owned).len();
            assert!(bytes <= NAME_BYTES_MAX + '…'.len_utf8(), "{bytes} bytes");
        }
    }
}
