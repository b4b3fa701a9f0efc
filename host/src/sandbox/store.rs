//! What the host keeps for one instance: its limits, its meter, and where its words go.

use std::sync::Arc;

use super::bindings::stage::sandmill::stage::host;
use super::deadline::Meter;
use super::limits::MemoryLimiter;
use crate::plan::Limits;
use crate::pool::WorkerId;
use crate::report::{Event, EventSender, LogLevel};

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
#[derive(Debug)]
pub(super) struct HostState {
    pub(super) memory: MemoryLimiter,
    pub(super) meter: Arc<Meter>,
    pub(super) panic: Option<String>,
    logged: usize,
    worker: WorkerId,
    events: EventSender,
}

impl HostState {
    pub(super) fn new(limits: &Limits, worker: &WorkerId, events: &EventSender) -> Self {
        Self {
            memory: MemoryLimiter::new(limits.memory.get()),
            meter: Arc::default(),
            panic: None,
            logged: 0,
            worker: worker.clone(),
            events: events.clone(),
        }
    }

    /// Begins a call: each has its own allowance of words.
    pub(super) fn begin_call(&mut self) {
        self.logged = 0;
        // What happened in an earlier call says nothing of this one.
        self.panic = None;
        self.memory.forget_refusal();
    }
}

impl host::Host for HostState {
    fn log(&mut self, level: host::Level, message: String) {
        self.logged = self.logged.saturating_add(message.len());
        if self.logged > LOG_BOUNDS.call_bytes_max {
            self.events.lose();
            return;
        }
        let level = match level {
            host::Level::Debug => LogLevel::Debug,
            host::Level::Info => LogLevel::Info,
            host::Level::Warn => LogLevel::Warn,
            host::Level::Error => LogLevel::Error,
        };
        self.events.send(Event::Log { worker: self.worker.clone(), level, message: legible(&message) });
    }

    fn panicked(&mut self, message: String, place: String) {
        self.panic = Some(format!("{} at {}", legible(&message), legible(&place)));
    }
}

/// A guest's words as they may be shown on a terminal: bounded, and without control characters.
pub(super) fn legible(text: &str) -> String {
    let end = text.floor_char_boundary(text.len().min(LOG_BOUNDS.line_bytes_max));
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
        let long = legible(&"é".repeat(LOG_BOUNDS.line_bytes_max));
        assert!(long.ends_with("… (8192 bytes cut)"), "{long}");
    }
}
