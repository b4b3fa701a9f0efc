//! Passes a guest's log, standard output and error on to a person, line by line.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use sandmill_engine::legible::is_harmful;
use sandmill_engine::program::WorkerId;
use sandmill_engine::redact::Redactor;
use sandmill_engine::report::{Audience, Event, EventSender, LogLevel};

/// Longest line of a guest that is shown, bytes; a longer one is shortened. A line that a person reads.
const LINE_BYTES_MAX: usize = 8 << 10;

/// Lines that are kept back at most, until it is known whether they will be said again: half of what the channel of
/// events has room for.
const HELD_LINES_MAX: usize = 512;

/// The last lines that are remembered for dead letters: this many, and together not much more than this many bytes.
const TAIL_LINES: usize = 16;
const TAIL_BYTES: usize = 4 << 10;

/// Where a guest's output goes, which secrets are removed from it, and how much of it there may be.
#[derive(Clone, Debug)]
pub(crate) struct GuestOutput {
    events: EventSender,
    redactor: Arc<Redactor>,
    /// Bytes allowed in one call of one instance.
    bytes_max: u64,
    /// Bytes beyond that, of all instances that share this output.
    bytes_cut: Arc<AtomicU64>,
}

impl GuestOutput {
    /// Words go there, without secrets.
    pub(crate) fn new(audience: &Audience) -> Self {
        let Audience { events, redactor } = audience.clone();
        Self { events, redactor, bytes_max: u64::MAX, bytes_cut: Arc::default() }
    }

    /// One for the instances of one node, which may write this many bytes in a call.
    pub(super) fn bounded(&self, bytes_max: u64) -> Self {
        Self { bytes_max, bytes_cut: Arc::default(), ..self.clone() }
    }

    /// Bytes that were beyond the bound, and were not kept.
    pub(super) fn bytes_cut(&self) -> u64 {
        self.bytes_cut.load(Relaxed)
    }

    /// Tells a person something about `worker` that is bounded elsewhere.
    pub(super) fn warn(&self, worker: &WorkerId, message: &str) {
        let message = self.legible(message);
        self.events.send(Event::Log { worker: worker.clone(), level: LogLevel::Warn, message });
    }

    /// Counts something that would have been reported, had there not been too much of it.
    pub(super) fn lose(&self) {
        self.events.lose();
    }

    /// Whether there is a secret in this text.
    pub(super) fn knows(&self, text: &str) -> bool {
        matches!(self.redactor.text(text), Cow::Owned(_))
    }

    /// A guest's text as it may be shown: without secrets, bounded, and without control characters. In this order: a
    /// secret that is broken in two, or whose line feeds are gone, is not found any more.
    pub(super) fn legible(&self, text: &str) -> String {
        shown(&self.redactor.text(text), 0)
    }
}

/// The log of one instance. Shared by its store and its streams.
#[derive(Debug)]
pub(super) struct GuestLog {
    worker: WorkerId,
    guest_output: GuestOutput,
    /// Bytes that may still be said in this call.
    left: AtomicU64,
    /// One for each of [`STREAMS`].
    partial: [Mutex<Partial>; STREAMS.len()],
    tail: Mutex<VecDeque<String>>,
    /// Lines that wait, while they do.
    held: Mutex<Option<Vec<(LogLevel, String)>>>,
}

/// What a guest may write fragments of lines to, in the order in which their last lines are shown.
const STREAMS: [LogLevel; 4] = [LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];

/// A line whose end has not come yet.
#[derive(Debug, Default)]
struct Partial {
    text: Vec<u8>,
    cut: usize,
}

impl GuestLog {
    pub(super) fn new(guest_output: &GuestOutput, worker: &WorkerId) -> Self {
        let (partial, tail, held) = Default::default();
        Self {
            worker: worker.clone(),
            guest_output: guest_output.clone(),
            left: AtomicU64::new(guest_output.bytes_max),
            partial,
            tail,
            held,
        }
    }

    /// Begins a call: each has its own allowance of log.
    pub(super) fn begin_call(&self) {
        self.left.store(self.guest_output.bytes_max, Relaxed);
    }

    /// Ends a call: lines that were left without an end are shown.
    pub(super) fn end_call(&self) {
        for (level, partial) in STREAMS.iter().zip(&self.partial) {
            let mut partial = partial.lock().unwrap_or_else(PoisonError::into_inner);
            if !partial.text.is_empty() {
                self.tell(*level, &mut partial);
            }
        }
    }

    /// One line.
    pub(super) fn line(&self, level: LogLevel, text: &str) {
        self.send(level, text.as_bytes(), 0);
    }

    /// A fragment of what is written at `level`, which may hold any number of lines.
    pub(super) fn write(&self, level: LogLevel, bytes: &[u8]) {
        // A secret that begins in what is shown of a line must be there as a whole to be found.
        let bytes_max = LINE_BYTES_MAX + self.guest_output.redactor.longest();
        let mut partial = self.partial(level).lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            let (kept, cut) = text.split_at(text.len().min(bytes_max.saturating_sub(partial.text.len())));
            partial.text.extend_from_slice(kept);
            partial.cut += cut.len();
            if ends {
                self.tell(level, &mut partial);
            }
        }
    }

    /// Like [`GuestOutput::legible`].
    pub(super) fn legible(&self, text: &str) -> String {
        self.guest_output.legible(text)
    }

    fn partial(&self, level: LogLevel) -> &Mutex<Partial> {
        let [debug, info, warn, error] = &self.partial;
        match level {
            LogLevel::Debug => debug,
            LogLevel::Info => info,
            LogLevel::Warn => warn,
            LogLevel::Error => error,
        }
    }

    fn tell(&self, level: LogLevel, partial: &mut Partial) {
        let Partial { text, cut } = std::mem::take(partial);
        let text = text.strip_suffix(b"\r").unwrap_or(&text);
        self.send(level, text, cut);
    }

    /// One line, of which `beyond` bytes are gone already.
    fn send(&self, level: LogLevel, text: &[u8], beyond: usize) {
        // A line has an end, which is not free: a line without anything in it costs the host as much as any other.
        let bytes = (text.len() + beyond + 1) as u64;
        let left = self.left.load(Relaxed);
        self.left.store(left.saturating_sub(bytes), Relaxed);
        if left == 0 {
            // Nothing of it will be seen, so nothing is done for it.
            self.guest_output.bytes_cut.fetch_add(bytes, Relaxed);
            return;
        }
        let redactor = &self.guest_output.redactor;
        // What was left out may have been the rest of a secret, whose start is not found any more and goes with it: by
        // its place in the guest's text, because what is removed before it gets longer or shorter.
        let held_back = if beyond > 0 { redactor.longest().saturating_sub(1).min(text.len()) } else { 0 };
        let clean = redactor.until(text, text.len() - held_back);
        let text = String::from_utf8_lossy(&clean);
        let kept = text.floor_char_boundary(usize::try_from(left).unwrap_or(usize::MAX));
        let (kept, cut) = text.split_at(kept);
        if bytes > left {
            self.guest_output.bytes_cut.fetch_add(bytes - left, Relaxed);
        }
        let message = shown(kept, cut.len() + held_back + beyond);
        self.remember(message.clone());
        self.utter(level, message);
    }

    /// Tells a line, or keeps it where lines are held.
    fn utter(&self, level: LogLevel, message: String) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|lines| lines.len() >= HELD_LINES_MAX) {
            // Told twice is better than kept without bound.
            held.take().into_iter().flatten().for_each(|(level, message)| self.report(level, message));
        }
        match &mut *held {
            Some(lines) => lines.push((level, message)),
            None => self.report(level, message),
        }
    }

    fn report(&self, level: LogLevel, message: String) {
        self.guest_output.events.send(Event::Log { worker: self.worker.clone(), level, message });
    }

    /// Keeps what is said from now on.
    pub(super) fn hold(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    }

    /// Tells what was kept, or forgets it, and keeps no more.
    pub(super) fn let_go(&self, told: bool) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        held.into_iter().flatten().filter(|_| told).for_each(|(level, message)| self.report(level, message));
    }

    fn remember(&self, line: String) {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.push_back(line);
        while tail.len() > TAIL_LINES || (tail.len() > 1 && tail.iter().map(String::len).sum::<usize>() > TAIL_BYTES) {
            tail.pop_front();
        }
    }

    /// The last lines, as they were shown.
    pub(super) fn tail(&self) -> Vec<String> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Whose output this is, and where it goes.
    pub(super) fn speaker(&self) -> (&WorkerId, &GuestOutput) {
        (&self.worker, &self.guest_output)
    }
}

/// Bounded, and without characters that steer a terminal. `beyond` bytes of the text are gone already.
pub(super) fn shown(text: &str, beyond: usize) -> String {
    let end = text.floor_char_boundary(text.len().min(LINE_BYTES_MAX));
    let (kept, cut) = text.split_at(end);
    let mut shown: String = kept.chars().map(|c| if is_harmful(c) && c != '\t' { '\u{fffd}' } else { c }).collect();
    let cut = cut.len() + beyond;
    if cut > 0 {
        shown.push_str(&format!("… ({cut} bytes left out)"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandmill_engine::report::{EventStream, event_channel};

    fn log(secrets: &[(String, String)]) -> (GuestLog, EventSender, EventStream) {
        let (sender, stream) = event_channel();
        let guest_output =
            GuestOutput::new(&Audience { events: sender.clone(), redactor: Arc::new(Redactor::new(secrets)) });
        (GuestLog::new(&guest_output, &WorkerId { stage: "s".into(), worker: 0 }), sender, stream)
    }

    async fn lines(log: GuestLog, sender: EventSender, mut stream: EventStream) -> Vec<String> {
        drop((log, sender));
        let mut lines = Vec::new();
        while let Some(event) = stream.next().await {
            if let Event::Log { message, .. } = event {
                lines.push(message);
            }
        }
        lines
    }

    #[test]
    fn a_guests_words_are_bounded_and_cannot_steer_a_terminal() {
        assert_eq!(shown("caf\u{e9}\tok", 0), "café\tok");
        assert_eq!(shown("\u{1b}[2Jgone\n", 0), "\u{fffd}[2Jgone\u{fffd}");
        let long = shown(&"é".repeat(LINE_BYTES_MAX), 0);
        assert!(long.ends_with("… (8192 bytes left out)"), "{long}");
    }

    #[tokio::test]
    async fn streams_become_lines_whatever_the_pieces_they_come_in() {
        let (log, sender, stream) = log(&[]);
        for piece in ["one\ntw", "o\r\n", "\nthr", "ee"] {
            log.write(LogLevel::Info, piece.as_bytes());
        }
        log.write(LogLevel::Warn, b"apart");
        log.end_call();
        assert_eq!(lines(log, sender, stream).await, ["one", "two", "", "three", "apart"]);
    }

    #[tokio::test]
    async fn fragments_are_joined_by_level_and_a_character_in_two_of_them_is_whole() {
        let (log, sender, stream) = log(&[]);
        log.write(LogLevel::Error, b"caf\xc3");
        log.write(LogLevel::Debug, b"aside");
        log.write(LogLevel::Error, b"\xa9 \xff\n");
        log.end_call();
        assert_eq!(lines(log, sender, stream).await, ["caf\u{e9} \u{fffd}", "aside"]);
    }

    #[tokio::test]
    async fn a_line_without_end_is_bounded_and_a_secret_across_the_bound_is_found() {
        let (log, sender, stream) = log(&[("TOKEN".into(), "hunter2".into())]);
        let begin = "x".repeat(LINE_BYTES_MAX - 3);
        log.write(LogLevel::Info, format!("{begin}hunter2{}", "y".repeat(1000)).as_bytes());
        log.end_call();
        let lines = lines(log, sender, stream).await;
        assert!(!lines[0].contains("hun") && lines[0].contains("x[se… ("), "{}", &lines[0][8000..]);
    }

    /// Each value that is removed makes the line shorter, and so moves the start of the last one, of which the end was
    /// not kept, from beyond the bound into what is shown.
    #[tokio::test]
    async fn the_start_of_a_secret_that_was_cut_is_not_shown_however_short_the_line_becomes() {
        let secret = "hunter2 ".repeat(12);
        for start in 0..=secret.len() {
            let (log, sender, stream) = log(&[("T".into(), secret.clone())]);
            // This much of the last one is kept.
            let filler = LINE_BYTES_MAX + log.guest_output.redactor.longest() - 10 * secret.len() - start;
            let begin = format!("{}{}", secret.repeat(10), "x".repeat(filler));
            log.write(LogLevel::Info, format!("{begin}{secret}{}", "y".repeat(1000)).as_bytes());
            log.end_call();
            let lines = lines(log, sender, stream).await;
            assert!(!lines[0].contains("hun"), "{start}: {}", &lines[0][lines[0].len() - 200..]);
        }
    }

    #[tokio::test]
    async fn lines_that_are_held_are_told_once_or_never_and_are_bounded() {
        let (log, sender, stream) = log(&[]);
        for (line, told) in [("said again", false), ("said", true)] {
            log.hold();
            log.line(LogLevel::Info, line);
            log.let_go(told);
        }
        log.line(LogLevel::Info, "at once");
        log.hold();
        (0..=HELD_LINES_MAX).for_each(|line| log.line(LogLevel::Info, &line.to_string()));
        log.let_go(false);
        let lines = lines(log, sender, stream).await;
        assert_eq!((lines[0].as_str(), lines[1].as_str(), lines.len()), ("said", "at once", 2 + HELD_LINES_MAX + 1));
    }

    #[test]
    fn the_last_lines_are_remembered_and_no_more() {
        let (log, ..) = log(&[("TOKEN".into(), "hunter2".into())]);
        (0..100).for_each(|line| log.line(LogLevel::Info, &format!("{line} hunter2")));
        let tail = log.tail();
        assert_eq!((tail.len(), tail[0].as_str(), tail[15].as_str()), (16, "84 [secret TOKEN]", "99 [secret TOKEN]"));
        (0..2).for_each(|_| log.line(LogLevel::Info, &"x".repeat(TAIL_BYTES)));
        assert_eq!(log.tail().len(), 1);
    }

    /// Ten million of them would be ten million events.
    #[tokio::test]
    async fn lines_without_anything_in_them_use_up_the_allowance_too() {
        let (mut log, sender, stream) = log(&[]);
        log.guest_output = log.guest_output.bounded(10);
        log.begin_call();
        log.write(LogLevel::Info, &b"\n".repeat(15));
        (0..15).for_each(|_| log.line(LogLevel::Info, ""));
        assert_eq!(log.guest_output.bytes_cut(), 20);
        assert_eq!(lines(log, sender, stream).await.len(), 10);
    }

    #[tokio::test]
    async fn words_beyond_the_allowance_of_a_call_are_counted() {
        let (mut log, sender, stream) = log(&[]);
        log.guest_output = log.guest_output.bounded(1000);
        log.begin_call();
        for _ in 0..10 {
            log.write(LogLevel::Info, &b"29 bytes, or about that many.".repeat(5));
            log.write(LogLevel::Info, b"....\n");
        }
        assert_eq!(log.guest_output.bytes_cut(), 10 * (29 * 5 + 4 + 1) - 1000);
        log.begin_call();
        log.line(LogLevel::Info, "again");
        assert_eq!(lines(log, sender, stream).await.last().map(String::as_str), Some("again"));
    }
}
