//! The input and output of one run of a command, and which record each output belongs to.
//!
//! Standard input gives no more than one record at a read. So what a command that keeps nothing back writes between two
//! reads is of the record that it read last. A command that does keep something back is found out by when it writes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::super::deadline::Meter;
use super::super::output::OutputBounds;
use sandmill_engine::program::GuestFailure;

/// Standard output of a run beyond what one record may make, bytes. A batch that makes more is split. Arbitrary.
const BATCH_BYTES_MAX: u64 = 16 << 20;

/// Why what was written cannot be attributed to records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// There was output before the first read.
    Early,
    /// There was output after the end of the input was read.
    Late,
    /// There was half an output at a read.
    Torn,
    /// Not all of the input was read.
    Unread,
    /// There was output after several reads: of a command that drops records, or of one that writes later.
    Behind,
}

/// The input of a run.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// The records, each with its terminator.
    pub(super) bytes: Bytes,
    /// Where each ends.
    pub(super) ends: Vec<usize>,
    pub(super) terminator: u8,
}

/// The output of a run.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// The outputs, each with its terminator, which the last may lack.
    pub(super) bytes: Vec<u8>,
    /// Where each ends, before its terminator.
    pub(super) ends: Vec<usize>,
    /// The record of each, by its position in the input.
    pub(super) origins: Vec<u32>,
    pub(super) doubt: Option<Doubt>,
}

/// Shared by a run and the streams of its instance.
#[derive(Clone, Debug)]
pub(super) struct Tape(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    reel: Mutex<Reel>,
    started: Notify,
}

#[derive(Debug)]
struct Reel {
    input: Input,
    /// How much of the input has been read.
    at: usize,
    /// Records of which anything has been read.
    begun: usize,
    has_ended: bool,
    output: Output,
    /// Bytes and outputs of the record that was read last.
    made: (u64, u64),
    /// How many of the records that were read before the current one have been looked at for output.
    heard: usize,
    bounds: OutputBounds,
    exceeded: Option<GuestFailure>,
    /// The budget of the run from its first read on.
    start: Option<(Arc<Meter>, Duration)>,
    has_started: bool,
}

impl Tape {
    pub(super) fn new(bounds: OutputBounds) -> Self {
        let reel = Reel {
            input: Input::default(),
            at: 0,
            begun: 0,
            has_ended: false,
            output: Output::default(),
            made: (0, 0),
            heard: 0,
            bounds,
            exceeded: None,
            start: None,
            has_started: false,
        };
        Self(Arc::new(Shared { reel: Mutex::new(reel), started: Notify::new() }))
    }

    fn reel(&self) -> MutexGuard<'_, Reel> {
        self.0.reel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in what is to be read. With the first read, `meter` begins to count towards `cpu`.
    pub(super) fn load(&self, input: Input, meter: Arc<Meter>, cpu: Duration) {
        let mut reel = self.reel();
        reel.input = input;
        reel.start = Some((meter, cpu));
    }

    /// Waits for the first read.
    pub(super) async fn started(&self) {
        self.0.started.notified().await;
    }

    /// Whether anything has been asked of the input.
    pub(super) fn has_started(&self) -> bool {
        self.reel().has_started
    }

    /// The next bytes of the record that is being read, or of the next one; none at the end of the input.
    pub(super) fn read(&self, most: usize) -> Bytes {
        let mut reel = self.reel();
        if !reel.has_started {
            reel.has_started = true;
            if let Some((meter, cpu)) = reel.start.take() {
                meter.begin_again(cpu);
            }
            self.0.started.notify_one();
        }
        reel.read(most)
    }

    /// Adds to the output. False if there is too much of it: then the run must end.
    pub(super) fn write(&self, bytes: &[u8]) -> bool {
        let mut reel = self.reel();
        reel.write(bytes);
        reel.exceeded.is_none()
    }

    /// The outputs.
    pub(super) fn take(&self) -> Result<Output, GuestFailure> {
        self.reel().take()
    }

    /// The limit that was exceeded.
    pub(super) fn exceeded(&self) -> Option<GuestFailure> {
        self.reel().exceeded.clone()
    }
}

impl Reel {
    fn read(&mut self, most: usize) -> Bytes {
        if most == 0 {
            return Bytes::new();
        }
        let is_between = self.begun == 0 || self.input.ends.get(self.begun - 1) == Some(&self.at);
        if is_between {
            if !self.is_whole() {
                self.doubt(Doubt::Torn);
            }
            if self.begun == self.input.ends.len() {
                self.has_ended = true;
                return Bytes::new();
            }
            self.begun += 1;
            self.made = (0, 0);
        }
        let end = self.input.ends.get(self.begun - 1).copied().unwrap_or(self.at);
        let end = end.min(self.at.saturating_add(most));
        let read = self.input.bytes.slice(self.at..end);
        self.at = end;
        read
    }

    /// Whether the output does not end within a record.
    fn is_whole(&self) -> bool {
        self.output.bytes.last().is_none_or(|last| *last == self.input.terminator)
    }

    /// The first doubt stays, unless it was one that may turn out to be none.
    fn doubt(&mut self, doubt: Doubt) {
        // What one record led to is of that record, whenever it comes.
        if self.input.ends.len() > 1 && matches!(self.output.doubt, None | Some(Doubt::Behind)) {
            self.output.doubt = Some(doubt);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.exceeded.is_some() {
            return;
        }
        if self.begun == 0 {
            self.doubt(Doubt::Early);
        } else if self.has_ended {
            self.doubt(Doubt::Late);
        } else if self.begun > self.heard + 1 && self.output.doubt.is_none() {
            self.doubt(Doubt::Behind);
        }
        self.heard = self.begun;
        let origin = u32::try_from(self.begun.saturating_sub(1)).unwrap_or(u32::MAX);
        let begin = self.output.bytes.len();
        self.output.bytes.extend_from_slice(bytes);
        let known = self.output.ends.len();
        self.output.ends.extend(memchr::memchr_iter(self.input.terminator, bytes).map(|at| begin + at));
        let ended = self.output.ends.len() - known;
        self.output.origins.resize(self.output.ends.len(), origin);
        self.made.0 += (bytes.len() - ended) as u64;
        self.made.1 += ended as u64;
        self.hold();
    }

    fn hold(&mut self) {
        let (bytes, records) = self.made;
        let all = self.bounds.bytes.saturating_add(BATCH_BYTES_MAX);
        self.exceeded = self.bounds.allow(bytes, records).err().or_else(|| {
            let used = self.output.bytes.len() as u64;
            let is_batch = self.input.ends.len() > 1;
            (is_batch && used > all).then_some(GuestFailure::OutputLimit { used, limit: all })
        });
    }

    fn take(&mut self) -> Result<Output, GuestFailure> {
        if !self.is_whole() {
            self.output.ends.push(self.output.bytes.len());
            self.output.origins.push(u32::try_from(self.begun.saturating_sub(1)).unwrap_or(u32::MAX));
            self.made.1 += 1;
            self.hold();
        }
        if self.at < self.input.bytes.len() {
            self.doubt(Doubt::Unread);
        }
        match self.exceeded.take() {
            Some(exceeded) => Err(exceeded),
            None => Ok(std::mem::take(&mut self.output)),
        }
    }
}

impl Doubt {
    /// The reason for the doubt, for messages.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Early => "it wrote output before it read a record",
            Self::Late => "it wrote output after it had read all records of the batch",
            Self::Torn => "it had written half an output when it read the next record",
            Self::Unread => "it ended before it had read all records of the batch",
            Self::Behind => "it wrote output after it had read further records",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tape(records: &[&str]) -> Tape {
        let tape = Tape::new(OutputBounds { bytes: 8, records: 2 });
        let mut input = Input { terminator: b'\n', ..Input::default() };
        let mut bytes = Vec::new();
        for record in records {
            bytes.extend_from_slice(record.as_bytes());
            bytes.push(b'\n');
            input.ends.push(bytes.len());
        }
        input.bytes = bytes.into();
        tape.load(input, Arc::default(), Duration::MAX);
        tape
    }

    fn outputs(tape: &Tape) -> (String, Vec<u32>, Option<Doubt>) {
        let output = tape.take().unwrap();
        (String::from_utf8(output.bytes).unwrap(), output.origins, output.doubt)
    }

    #[test]
    fn a_read_gives_no_more_than_one_record() {
        let tape = tape(&["abc", "", "d"]);
        let reads: Vec<_> = [0, 2, 100, 100, 1, 1, 100, 100].map(|most| tape.read(most)).to_vec();
        assert_eq!(reads, ["", "ab", "c\n", "\n", "d", "\n", "", ""]);
    }

    #[test]
    fn what_is_written_between_two_reads_is_of_the_record_read_last() {
        let tape = tape(&["a", "b"]);
        tape.read(100);
        assert!(tape.write(b"x\nx") && tape.write(b"y\n"));
        tape.read(100);
        assert!(tape.write(b"z\nlast"));
        assert_eq!(outputs(&tape), ("x\nxy\nz\nlast".into(), vec![0, 0, 1, 1], None));
    }

    #[test]
    fn a_command_that_keeps_something_back_is_found_out() {
        let doubt = |moves: &dyn Fn(&Tape)| {
            let tape = tape(&["a", "b", "c"]);
            moves(&tape);
            outputs(&tape).2
        };
        let read = |tape: &Tape, times: usize| (0..times).for_each(|_| drop(tape.read(100)));
        assert_eq!(doubt(&|tape| assert!(tape.write(b"head\n"))), Some(Doubt::Early));
        assert_eq!(doubt(&|tape| read(tape, 2)), Some(Doubt::Unread));
        let late = |tape: &Tape| {
            read(tape, 4);
            tape.write(b"x\n");
        };
        assert_eq!(doubt(&late), Some(Doubt::Late));
        let torn = |tape: &Tape| {
            read(tape, 1);
            tape.write(b"x");
            read(tape, 3);
        };
        assert_eq!(doubt(&torn), Some(Doubt::Torn));
        let behind = |tape: &Tape| {
            read(tape, 2);
            tape.write(b"x\n");
            read(tape, 2);
        };
        assert_eq!(doubt(&behind), Some(Doubt::Behind));
        // The stronger doubt is reported.
        let both = |tape: &Tape| {
            behind(tape);
            tape.write(b"x\n");
        };
        assert_eq!(doubt(&both), Some(Doubt::Late));
    }

    #[test]
    fn of_one_record_is_whatever_comes() {
        let tape = tape(&["a"]);
        assert!(tape.write(b"x\n"));
        (0..2).for_each(|_| drop(tape.read(100)));
        assert!(tape.write(b"y"));
        assert_eq!(outputs(&tape), ("x\ny".into(), vec![0, 0], None));
    }

    #[test]
    fn output_is_bounded_while_it_is_written() {
        let tape = tape(&["a", "b"]);
        tape.read(100);
        assert!(tape.write(b"12345678\n"));
        assert!(!tape.write(b"9"));
        assert_eq!(tape.take().unwrap_err(), GuestFailure::OutputLimit { used: 9, limit: 8 });
        let tape = self::tape(&["a", "b"]);
        tape.read(100);
        assert!(tape.write(b"\n\n") && tape.write(b"x"));
        tape.read(100);
        assert!(!tape.write(b"\n\n\n"));
        assert_eq!(tape.take().unwrap_err(), GuestFailure::OutputRecordsLimit { used: 3, limit: 2 });
    }
}
