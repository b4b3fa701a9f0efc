//! The input and output of one run of a command, and which record each output belongs to.
//!
//! Standard input gives no more than one record at a read. So what a command that keeps nothing back writes between two
//! reads is of the record that it read last. A command that does keep something back is found out by when it writes.
//!
//! An adapter inside the component may be lent many records, and give the outputs later (`guest-sdk/adapters/streams.wat`): with
//! each it says how much had been read before, so reads and writes are taken here in the order in which they were made.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::super::deadline::Meter;
use super::super::output::OutputBounds;
use sandmill_engine::program::GuestFailure;

/// Standard output of a run beyond what one record may make, bytes. A batch that makes more is split. Arbitrary.
const BATCH_BYTES_MAX: u64 = 16 << 20;

/// Of the length before a record that is lent.
const LENGTH_BYTES: usize = 4;

/// Why what was written cannot be attributed to records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// There was output before the first read.
    Early,
    /// There was output after the end of the input was read.
    Late,
    /// There was half an output at a read.
    Torn,
    /// Not all of the input was read, or what was written after the last read may be missing.
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
    /// How much has been lent: at least what has been read.
    lent: usize,
    /// Whether outputs may be held back until the end of the input is read.
    is_held: bool,
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
            lent: 0,
            is_held: false,
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
        let mut reel = self.begun();
        let read = reel.read(most);
        reel.input.bytes.slice(read)
    }

    /// Lends what comes next: whether outputs may be held back, and then records, each after its length, in no more bytes than
    /// `most`; at the end of the input, nothing. Before that all that was lent must have been read.
    pub(super) fn lend(&self, most: usize) -> Vec<u8> {
        self.begun().lend(most)
    }

    /// Adds to the output what was written when so much had been read. False if there is too much of it: then the run must end.
    pub(super) fn written_after(&self, read: usize, bytes: &[u8]) -> bool {
        let mut reel = self.reel();
        reel.catch_up(read);
        reel.write(bytes);
        reel.exceeded.is_none()
    }

    /// The budget of the records holds from the first read on.
    fn begun(&self) -> MutexGuard<'_, Reel> {
        let mut reel = self.reel();
        if !reel.has_started {
            reel.has_started = true;
            if let Some((meter, cpu)) = reel.start.take() {
                meter.begin_again(cpu);
            }
            self.0.started.notify_one();
        }
        reel
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
    /// Where in the input what is read lies.
    fn read(&mut self, most: usize) -> Range<usize> {
        if most == 0 {
            return self.at..self.at;
        }
        let is_between = self.begun == 0 || self.input.ends.get(self.begun - 1) == Some(&self.at);
        if is_between {
            if !self.is_whole() {
                self.doubt(Doubt::Torn);
            }
            if self.begun == self.input.ends.len() {
                self.has_ended = true;
                return self.at..self.at;
            }
            self.begun += 1;
            self.made = (0, 0);
        }
        let end = self.input.ends.get(self.begun - 1).copied().unwrap_or(self.at);
        let begin = self.at;
        self.at = end.min(begin.saturating_add(most));
        self.lent = self.lent.max(self.at);
        begin..self.at
    }

    /// Reads what the adapter has given the program of what was lent to it.
    fn catch_up(&mut self, read: usize) {
        let read = read.min(self.lent);
        while self.at < read {
            self.read(read - self.at);
        }
    }

    fn lend(&mut self, most: usize) -> Vec<u8> {
        self.catch_up(self.lent);
        if self.lent == self.input.bytes.len() {
            self.read(1);
            return Vec::new();
        }
        self.is_held = self.input.ends.len() > 1;
        let mut lent = Vec::with_capacity(most);
        lent.extend_from_slice(&u32::from(self.is_held).to_le_bytes());
        let first = self.input.ends.partition_point(|end| *end <= self.lent);
        for end in self.input.ends.iter().skip(first) {
            let room = most.saturating_sub(lent.len() + LENGTH_BYTES);
            let fits = self.lent.saturating_add(room);
            // Only one that nothing comes before is lent in parts.
            let end = if *end <= fits || lent.len() == LENGTH_BYTES { fits.min(*end) } else { break };
            let record = self.input.bytes.get(self.lent..end).unwrap_or_default();
            lent.extend_from_slice(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_le_bytes());
            lent.extend_from_slice(record);
            self.lent = end;
        }
        if !self.is_held {
            // What is written is not said to come after it.
            self.catch_up(self.lent);
        }
        lent
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
        if self.at < self.input.bytes.len() || (self.is_held && !self.has_ended) {
            self.doubt(Doubt::Unread);
        }
        match self.exceeded.take() {
            Some(exceeded) => Err(exceeded),
            None => Ok(std::mem::take(&mut self.output)),
        }
    }
}

impl Doubt {
    /// What the program would have to do, for messages.
    pub(super) const fn remedy(self) -> &'static str {
        match self {
            Self::Early => "read a record before it writes",
            Self::Unread => "read its input to the end",
            Self::Late | Self::Torn | Self::Behind => "flushed its output after each record",
        }
    }

    /// The reason for the doubt, for messages.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Early => "it wrote output before it read a record",
            Self::Late => "it wrote output after it had read all records of the batch",
            Self::Torn => "it had written half an output when it read the next record",
            Self::Unread => "it ended before it had read the end of the batch",
            Self::Behind => "it wrote output after it had read further records",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

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

    /// What a program does.
    #[derive(Clone, Debug)]
    enum Move {
        Read(usize),
        Write(&'static str),
        /// The adapter gives what it holds, which the program does not see.
        Give,
    }

    /// The adapter, as far as the program can see it.
    #[derive(Default)]
    struct Adapter {
        lent: std::collections::VecDeque<Vec<u8>>,
        may_hold: bool,
        read: usize,
        held: Vec<(usize, &'static str)>,
    }

    impl Adapter {
        fn give(&mut self, tape: &Tape) -> bool {
            let held = std::mem::take(&mut self.held);
            held.into_iter().all(|(read, bytes)| tape.written_after(read, bytes.as_bytes()))
                && tape.written_after(self.read, b"")
        }

        fn read(&mut self, tape: &Tape, most: usize, block: usize) -> Vec<u8> {
            if most > 0 && self.lent.is_empty() {
                self.give(tape);
                let lent = tape.lend(block);
                assert!(lent.len() <= block);
                let mut rest = lent.as_slice();
                let number =
                    |rest: &mut &[u8]| rest.split_off(..4).map(|four| u32::from_le_bytes(four.try_into().unwrap()));
                self.may_hold = number(&mut rest) == Some(1);
                while let Some(length) = number(&mut rest) {
                    self.lent.push_back(rest.split_off(..length as usize).unwrap().to_vec());
                }
            }
            let Some(mut part) = self.lent.pop_front() else { return Vec::new() };
            let rest = part.split_off(part.len().min(most));
            if !rest.is_empty() {
                self.lent.push_front(rest);
            }
            self.read += part.len();
            part
        }

        fn write(&mut self, tape: &Tape, bytes: &'static str) -> bool {
            if self.may_hold {
                self.held.push((self.read, bytes));
                return true;
            }
            tape.write(bytes.as_bytes())
        }
    }

    proptest! {
        /// But that a run is in doubt whose outputs may be held back where its program has not seen the end of the input.
        #[test]
        fn what_is_lent_and_held_back_is_as_if_nothing_had_been(
            records in vec("[a-c]{0,9}", 1..6),
            moves in vec(prop_oneof![
                6 => (0_usize..12).prop_map(Move::Read),
                6 => select(&["", "x", "x\n", "y\nz", "\n", "\n\n", "12345"][..]).prop_map(Move::Write),
                1 => Just(Move::Give),
            ], 0..40),
            block in 9_usize..40,
            sees_end: bool,
        ) {
            let records: Vec<&str> = records.iter().map(String::as_str).collect();
            let (plain, lent, mut adapter) = (tape(&records), tape(&records), Adapter::default());
            let end = if sees_end { vec![Move::Read(100); 12] } else { Vec::new() };
            let mut has_ended = false;
            for each in moves.iter().chain(&end) {
                match each {
                    Move::Read(most) => {
                        let read = adapter.read(&lent, *most, block);
                        // A record that is lent in parts is read in parts.
                        let most = if read.is_empty() { *most } else { read.len() };
                        prop_assert_eq!(&plain.read(most)[..], &read[..]);
                        has_ended |= most > 0 && read.is_empty();
                    }
                    Move::Write(bytes) => {
                        plain.write(bytes.as_bytes());
                        adapter.write(&lent, bytes);
                    }
                    Move::Give => drop(adapter.give(&lent)),
                }
            }
            let (plain, lent) = (plain.take(), lent.take());
            match (plain, lent) {
                (Ok(plain), Ok(lent)) if has_ended || records.len() == 1 => {
                    prop_assert_eq!((plain.bytes, plain.ends, plain.origins), (lent.bytes, lent.ends, lent.origins));
                    prop_assert_eq!(plain.doubt, lent.doubt);
                }
                (Ok(_), Ok(lent)) => prop_assert!(lent.doubt.is_some() || moves.is_empty() || !adapter.may_hold),
                // A limit is noticed when what is held back is given, at the latest at the end of the input.
                (plain, lent) => prop_assert!(lent.is_err() == plain.is_err() || !has_ended, "{:?}", lent),
            }
        }
    }
}
