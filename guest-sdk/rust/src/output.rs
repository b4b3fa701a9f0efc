//! What a stage gives back. Values are appended straight to the columns that cross the sandbox boundary.
//!
//! Keys, ports and origins cost nothing until a record needs them: a column of keys begins with the first key, and
//! origins begin with the first record that has not exactly one output.

use std::iter::repeat_n;

use crate::Failure;
use crate::column::Column;
use crate::record::Batch;

/// Where a stage puts what it makes of a record.
///
/// An output has the key of the record that it was made of, unless it is given another. When a record fails, what it
/// has emitted until then is taken back.
#[derive(Debug, Default)]
pub struct Output {
    values: Column,
    keys: Column,
    ports: Vec<u16>,
    origins: Vec<u32>,
    failures: Vec<(u32, Failure)>,
    /// The key of the record in hand.
    key: Vec<u8>,
    /// Whether `origins` is in use: until it is, output i comes from record i.
    traced: bool,
    /// Room to make for the first output: values and bytes.
    expected: (usize, usize),
}

/// The columns of an invocation's result, in the shape of the interface.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The outputs.
    pub emitted: Batch,
    /// The input record of each output; empty when they are one to one.
    pub origins: Vec<u32>,
    /// The port of each output; empty when all go to the first.
    pub ports: Vec<u16>,
    /// Input records that failed.
    pub failures: Vec<(u32, Failure)>,
}

impl Output {
    /// Emits a value.
    #[inline]
    pub fn emit(&mut self, value: impl AsRef<[u8]>) {
        self.make_room();
        self.values.data.extend_from_slice(value.as_ref());
        self.end_output();
    }

    /// Emits a value with a key of its own; an empty key is none.
    pub fn emit_keyed(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.make_room();
        self.values.data.extend_from_slice(value.as_ref());
        self.end_keyed(key.as_ref());
    }

    /// Emits a value to one of the stage's named outputs, counted from 0 in the order of the pipeline file.
    pub fn emit_to(&mut self, port: u16, value: impl AsRef<[u8]>) {
        let mark = self.len();
        self.emit(value);
        self.route_since(mark, port);
    }

    /// Emits a value with a key of its own to one of the stage's named outputs; an empty key is none.
    pub fn emit_keyed_to(&mut self, port: u16, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let mark = self.len();
        self.emit_keyed(key, value);
        self.route_since(mark, port);
    }

    /// Emits what `write` appends to the buffer, without a copy on the way. The buffer holds other values already.
    ///
    /// # Panics
    /// When `write` shortens the buffer.
    #[inline]
    pub fn emit_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.make_room();
        let start = self.values.data.len();
        write(&mut self.values.data);
        assert!(self.values.data.len() >= start, "emit_with: the buffer holds other outputs and may only grow");
        self.end_output();
    }

    /// Emits what `write` appends to the buffer; emits nothing when it fails.
    ///
    /// # Errors
    /// What `write` returns.
    ///
    /// # Panics
    /// When `write` shortens the buffer.
    #[inline]
    pub fn try_emit_with<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        self.make_room();
        let start = self.values.data.len();
        let written = write(&mut self.values.data);
        assert!(self.values.data.len() >= start, "try_emit_with: the buffer holds other outputs and may only grow");
        match written {
            Ok(()) => self.end_output(),
            Err(_) => self.values.data.truncate(start),
        }
        written
    }

    /// How many outputs there are so far, of all records of this invocation.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no outputs so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For an invocation whose outputs are likely to be as many and as large as its inputs.
    pub(crate) fn for_batch(batch: &Batch) -> Self {
        Self { expected: (batch.values.len(), batch.values.data.len()), ..Self::default() }
    }

    /// Emits `value` under `key`, written by `write`; for the outputs of function stages, which bring their own key.
    pub(crate) fn try_emit_keyed_with(
        &mut self,
        key: &[u8],
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.make_room();
        write(&mut self.values.data)?;
        self.end_keyed(key);
        Ok(())
    }

    /// Everything emitted since there were `mark` outputs goes to `port`.
    pub(crate) fn route_since(&mut self, mark: usize, port: u16) {
        self.ports.resize(mark, 0);
        self.ports.resize(self.values.len(), port);
    }

    /// Runs `one` for every record of the batch, and settles what became of it.
    #[inline]
    pub(crate) fn each<'a>(
        &mut self,
        batch: &'a Batch,
        mut one: impl FnMut(crate::Record<'a>, &mut Self) -> Result<(), Failure>,
    ) {
        let keyed = batch.has_keys();
        for (index, record) in (0_u32..).zip(batch.records()) {
            if keyed {
                self.key.clear();
                self.key.extend_from_slice(record.key);
            }
            let mark = self.values.len();
            match one(record, self) {
                Ok(()) => self.settle(index, mark),
                Err(failure) => self.fail(index, mark, failure),
            }
        }
    }

    /// Takes over a batch whose values were changed in place, except the records that failed.
    pub(crate) fn adopt(&mut self, batch: &mut Batch, failures: Vec<(u32, Failure)>) {
        self.values = std::mem::take(&mut batch.values);
        self.keys = std::mem::take(&mut batch.keys);
        if failures.is_empty() {
            return;
        }
        let failed = || failures.iter().map(|(index, _)| *index);
        let records = u32::try_from(self.values.len()).expect("the host keeps a batch under 2^32 records");
        let mut next = failed().peekable();
        self.origins = (0..records).filter(|index| next.next_if_eq(index).is_none()).collect();
        self.values.remove(failed());
        if self.keys.len() != 0 {
            self.keys.remove(failed());
        }
        self.traced = true;
        self.failures = failures;
    }

    /// The columns, made consistent.
    pub(crate) fn finish(mut self) -> Outcome {
        let outputs = self.values.len();
        if self.keys.len() != 0 {
            self.keys.pad(outputs);
        }
        if !self.ports.is_empty() {
            self.ports.resize(outputs, 0);
        }
        Outcome {
            emitted: Batch { values: self.values, keys: self.keys },
            origins: self.origins,
            ports: self.ports,
            failures: self.failures,
        }
    }

    #[inline]
    fn make_room(&mut self) {
        if self.values.ends.capacity() == 0 {
            let (values, bytes) = self.expected;
            self.values.ends.reserve(values.max(4));
            self.values.data.reserve(bytes);
        }
    }

    #[inline]
    fn end_output(&mut self) {
        self.values.end_value();
        if !self.key.is_empty() {
            self.keys.pad(self.values.len() - 1);
            self.keys.push(&self.key);
        }
    }

    fn end_keyed(&mut self, key: &[u8]) {
        self.values.end_value();
        if !key.is_empty() {
            self.keys.pad(self.values.len() - 1);
            self.keys.push(key);
        }
    }

    #[inline]
    fn settle(&mut self, index: u32, mark: usize) {
        let emitted = self.values.len() - mark;
        if self.traced || emitted != 1 {
            self.trace(index, mark, emitted);
        }
    }

    #[cold]
    fn fail(&mut self, index: u32, mark: usize, failure: Failure) {
        self.values.truncate(mark);
        if self.keys.len() > mark {
            self.keys.truncate(mark);
        }
        self.ports.truncate(mark);
        self.failures.push((index, failure));
        self.settle(index, mark);
    }

    /// Notes where the last `emitted` outputs come from; the `mark` outputs before the first such note are one to one.
    fn trace(&mut self, index: u32, mark: usize, emitted: usize) {
        if !self.traced {
            self.origins.reserve(self.expected.0);
            self.origins.extend((0..index).take(mark));
            self.traced = true;
        }
        self.origins.extend(repeat_n(index, emitted));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Record;

    fn batch(records: &[(&str, &str)]) -> Batch {
        let keys = if records.iter().all(|(key, _)| key.is_empty()) {
            Column::default()
        } else {
            records.iter().map(|(key, _)| key).collect()
        };
        Batch { values: records.iter().map(|(_, value)| value).collect(), keys }
    }

    fn run(records: &[(&str, &str)], one: impl FnMut(Record<'_>, &mut Output) -> Result<(), Failure>) -> Outcome {
        let batch = batch(records);
        let mut out = Output::for_batch(&batch);
        out.each(&batch, one);
        out.finish()
    }

    fn texts(column: &Column) -> Vec<&str> {
        column.iter().map(|value| std::str::from_utf8(value).unwrap()).collect()
    }

    #[test]
    fn one_output_for_each_record_needs_no_origins_keys_or_ports() {
        let outcome = run(&[("", "a"), ("", "b")], |record, out| {
            out.emit(record.value);
            Ok(())
        });
        assert_eq!(texts(&outcome.emitted.values), ["a", "b"]);
        assert!(outcome.origins.is_empty() && outcome.ports.is_empty() && outcome.emitted.keys.ends.is_empty());
    }

    #[test]
    fn origins_begin_with_the_first_record_that_has_not_one_output() {
        let outcome = run(&[("", "1"), ("", "0"), ("", "2"), ("", "1")], |record, out| {
            for _ in 0..record.value[0] - b'0' {
                out.emit(record.value);
            }
            Ok(())
        });
        assert_eq!(texts(&outcome.emitted.values), ["1", "2", "2", "1"]);
        assert_eq!(outcome.origins, [0, 2, 2, 3]);
    }

    #[test]
    fn a_failing_record_takes_back_what_it_emitted_with_its_key_and_port() {
        let outcome = run(&[("k", "a"), ("l", "bad"), ("", "c")], |record, out| {
            out.emit(record.value);
            if record.value == b"bad" {
                out.emit_to(3, "more");
                out.emit_with(|buffer| buffer.extend_from_slice(b"still more"));
                return Err("is bad".into());
            }
            Ok(())
        });
        assert_eq!(texts(&outcome.emitted.values), ["a", "c"]);
        assert_eq!(texts(&outcome.emitted.keys), ["k", ""]);
        assert_eq!(outcome.origins, [0, 2]);
        assert_eq!(outcome.failures, [(1, Failure::new("is bad"))]);
        assert!(outcome.ports.iter().all(|port| *port == 0));
    }

    #[test]
    fn keys_and_ports_begin_late_and_cover_every_output() {
        let outcome = run(&[("", "a"), ("", "b"), ("", "c")], |record, out| {
            match record.value {
                b"b" => out.emit_keyed("key", "b"),
                b"c" => {
                    out.emit_to(2, "c");
                    out.emit("d");
                }
                other => out.emit(other),
            }
            Ok(())
        });
        assert_eq!(texts(&outcome.emitted.keys), ["", "key", "", ""]);
        assert_eq!(outcome.ports, [0, 0, 2, 0]);
        assert_eq!(outcome.origins, [0, 1, 2, 2]);
    }

    #[test]
    fn a_value_half_written_by_a_writer_that_fails_is_gone() {
        let outcome = run(&[("", "a")], |_, out| {
            let refused = out.try_emit_with(|buffer| {
                buffer.extend_from_slice(b"half");
                Err("refused")
            });
            assert_eq!(refused, Err("refused"));
            out.emit("whole");
            Ok(())
        });
        assert_eq!(texts(&outcome.emitted.values), ["whole"]);
    }

    #[test]
    fn a_batch_changed_in_place_loses_the_records_that_failed() {
        let mut batch = batch(&[("k", "a"), ("l", "b"), ("m", "c")]);
        let mut out = Output::for_batch(&batch);
        out.adopt(&mut batch, vec![(1, Failure::new("no"))]);
        let outcome = out.finish();
        assert_eq!(texts(&outcome.emitted.values), ["a", "c"]);
        assert_eq!(texts(&outcome.emitted.keys), ["k", "m"]);
        assert_eq!(outcome.origins, [0, 2]);
    }
}
