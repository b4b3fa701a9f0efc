//! What the host keeps for one instance: its limits, its meter, and where its words go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::bindings::stage::sandmill::stage::host;
use super::component::Component;
use super::deadline::Meter;
use super::limits::MemoryLimiter;
use crate::plan::Limits;
use crate::pool::WorkerId;
use crate::report::{Event, EventSender, LogLevel};

/// Longest line of a guest that is shown, bytes; a longer one is cut. A line that a person reads.
const LINE_BYTES_MAX: usize = 8 << 10;

/// On what terms all instances of a stage or source run.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) limits: Limits,
    /// Whether the engine's code counts fuel, for this stage's sake or another's.
    counts_fuel: bool,
    log_bytes_cut: AtomicU64,
    events: EventSender,
}

impl Terms {
    pub(super) fn new(component: &Component, limits: Limits, events: &EventSender) -> Arc<Self> {
        let counts_fuel = component.counts_fuel();
        Arc::new(Self { limits, counts_fuel, log_bytes_cut: AtomicU64::new(0), events: events.clone() })
    }

    /// Bytes of log lines that were not kept.
    pub(super) fn log_bytes_cut(&self) -> u64 {
        self.log_bytes_cut.load(Relaxed)
    }
}

/// The state of one store.
#[derive(Debug)]
pub(super) struct HostState {
    pub(super) memory: MemoryLimiter,
    pub(super) meter: Arc<Meter>,
    pub(super) panic: Option<String>,
    terms: Arc<Terms>,
    worker: WorkerId,
    /// Bytes of log lines that it may still write in this call.
    log_bytes_left: u64,
}

impl HostState {
    pub(super) fn new(terms: &Arc<Terms>, worker: &WorkerId) -> Self {
        Self {
            memory: MemoryLimiter::new(&terms.limits),
            meter: Arc::default(),
            panic: None,
            terms: Arc::clone(terms),
            worker: worker.clone(),
            log_bytes_left: 0,
        }
    }

    pub(super) fn counts_fuel(&self) -> bool {
        self.terms.counts_fuel
    }

    /// Begins a call: each has its own allowance of words.
    pub(super) fn begin_call(&mut self) {
        self.log_bytes_left = self.terms.limits.log;
        // What happened in an earlier call says nothing of this one.
        self.panic = None;
        self.memory.forget_refusal();
    }

    /// Sends a line on, as much of it as may still be written.
    fn write_log(&mut self, level: LogLevel, line: &str) {
        let bytes = line.len() as u64;
        if bytes <= self.log_bytes_left {
            self.log_bytes_left -= bytes;
            return self.send(level, legible(line));
        }
        let kept = line.floor_char_boundary(usize::try_from(self.log_bytes_left).unwrap_or(usize::MAX));
        self.log_bytes_left = 0;
        let (kept, cut) = line.split_at(kept);
        self.terms.log_bytes_cut.fetch_add(cut.len() as u64, Relaxed);
        if !kept.is_empty() {
            self.send(level, format!("{}… ({} bytes cut by limits.log)", legible(kept), cut.len()));
        }
    }

    fn send(&self, level: LogLevel, message: String) {
        self.terms.events.send(Event::Log { worker: self.worker.clone(), level, message });
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
        self.write_log(level, &message);
    }

    fn panicked(&mut self, message: String, place: String) {
        self.panic = Some(format!("{} at {}", legible(&message), legible(&place)));
    }
}

/// A guest's words as they may be shown on a terminal: bounded, and without control characters.
pub(super) fn legible(text: &str) -> String {
    let end = text.floor_char_boundary(text.len().min(LINE_BYTES_MAX));
    let (kept, cut) = text.split_at(end);
    let mut shown: String = kept.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
    if !cut.is_empty() {
        shown.push_str(&format!("… ({} bytes cut)", cut.len()));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guests_words_are_bounded_and_cannot_steer_a_terminal() {
        assert_eq!(legible("caf\u{e9}\tok"), "café\tok");
        assert_eq!(legible("\u{1b}[2Jgone\n"), "\u{fffd}[2Jgone\u{fffd}");
        let long = legible(&"é".repeat(LINE_BYTES_MAX));
        assert!(long.ends_with("… (8192 bytes cut)"), "{long}");
    }
}
