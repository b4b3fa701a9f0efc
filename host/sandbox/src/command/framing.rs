//! Converts records to what a command reads, and what it writes to records.

use super::tape::{Input, Output};
use sandmill_engine::plan::Framing;
use sandmill_engine::program::{Failure, Outcome};
use sandmill_engine::record::Payload;

/// The records of a payload that can be given to a command, framed.
#[derive(Debug)]
pub(super) struct Framed {
    pub(super) input: Input,
    /// The record of each that is given, by its position in the payload; `None`: all of them.
    given: Option<Vec<u32>>,
    /// The records that cannot.
    refused: Vec<Failure>,
}

/// Writes the values one after another. One that contains the terminator would be several.
pub(super) fn frame(records: &Payload, framing: Framing) -> Framed {
    let terminator = framing.terminator();
    let mut framed = Framed {
        input: Input { terminator, ends: Vec::with_capacity(records.len()), ..Input::default() },
        given: None,
        refused: Vec::new(),
    };
    let mut bytes = Vec::with_capacity(records.values().bytes() + records.len());
    let is_clean = memchr::memchr(terminator, records.values().data()).is_none();
    for (index, value) in (0_u32..).zip(records.values().iter()) {
        if !is_clean && memchr::memchr(terminator, value).is_some() {
            framed.given.get_or_insert_with(|| (0..index).collect());
            framed.refused.push(Failure { index, retryable: false, message: refusal(framing).to_owned() });
            continue;
        }
        framed.given.iter_mut().for_each(|given| given.push(index));
        bytes.extend_from_slice(value);
        bytes.push(terminator);
        framed.input.ends.push(bytes.len());
    }
    framed.input.bytes = bytes.into();
    framed
}

const fn refusal(framing: Framing) -> &'static str {
    match framing {
        Framing::Lines => {
            "the value has a line feed, which framing = \"lines\" cannot pass: use \"nul\", or JSON without line feeds"
        }
        Framing::Jsonl => {
            "the value has a line feed, which framing = \"jsonl\" cannot pass: write the JSON without line feeds"
        }
        Framing::Nul => "the value contains a NUL character, which framing = \"nul\" cannot pass",
    }
}

impl Framed {
    /// How many records are given to the command.
    pub(super) fn len(&self) -> usize {
        self.input.ends.len()
    }

    /// The one record that was given to the command failed.
    pub(super) fn failed(mut self, message: String) -> Outcome {
        let index = self.given.as_ref().and_then(|given| given.first().copied()).unwrap_or(0);
        self.refused.push(Failure { index, retryable: false, message });
        self.refused.sort_by_key(|failure| failure.index);
        Outcome { origins: Some(Vec::new()), failures: self.refused, ..Outcome::default() }
    }

    /// The outcome of `records`, of which these were framed, when the command wrote this.
    pub(super) fn outcome(self, output: &Output, records: &Payload, framing: Framing) -> Outcome {
        let origin = |position: u32| match &self.given {
            Some(given) => given.get(position as usize).copied().unwrap_or(position),
            None => position,
        };
        let mut outcome = Outcome { failures: self.refused.clone(), ..Outcome::default() };
        let (mut origins, mut begin) = (Vec::with_capacity(output.ends.len()), 0);
        for (end, position) in output.ends.iter().zip(&output.origins) {
            let value = output.bytes.get(begin..*end).unwrap_or_default();
            begin = end + 1;
            let index = origin(*position);
            if outcome.failures.last().is_some_and(|failure| failure.index == index) {
                continue;
            }
            if let Some(message) = fault(value, framing) {
                let known = origins.partition_point(|origin| *origin < index);
                origins.truncate(known);
                outcome.emitted.truncate(known);
                outcome.failures.push(Failure { index, retryable: false, message });
                continue;
            }
            outcome.emitted.push(records.key(index as usize), value);
            origins.push(index);
        }
        outcome.failures.sort_by_key(|failure| failure.index);
        let is_one_to_one = outcome.failures.is_empty()
            && origins.len() == records.len()
            && (0_u32..).zip(&origins).all(|(a, b)| a == *b);
        outcome.origins = (!is_one_to_one).then_some(origins);
        outcome
    }
}

/// The fault of an output, if it has one.
fn fault(value: &[u8], framing: Framing) -> Option<String> {
    if framing != Framing::Jsonl {
        return None;
    }
    let read = serde_json::from_slice::<serde::de::IgnoredAny>(value);
    read.err().map(|error| format!("the command wrote a line that is not JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(values: &[&str], keys: &[&str]) -> Payload {
        Payload::new(values.iter().collect(), keys.iter().collect()).unwrap()
    }

    fn output(text: &str, origins: &[u32]) -> Output {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
        Output { bytes: text.into(), ends, origins: origins.to_vec(), doubt: None }
    }

    #[test]
    fn a_value_that_would_be_several_is_refused_and_the_others_keep_their_places() {
        let records = payload(&["a", "b\nb", "c"], &["x", "y", "z"]);
        let framed = frame(&records, Framing::Lines);
        assert_eq!((&*framed.input.bytes, framed.len()), (&b"a\nc\n"[..], 2));
        let outcome = framed.outcome(&output("A\nC\n", &[0, 1]), &records, Framing::Lines);
        assert_eq!(outcome.origins, Some(vec![0, 2]));
        assert_eq!(outcome.emitted, payload(&["A", "C"], &["x", "z"]));
        assert_eq!(outcome.failures.iter().map(|failure| failure.index).collect::<Vec<_>>(), [1]);
        assert_eq!(frame(&records, Framing::Nul).len(), 3);
    }

    #[test]
    fn a_record_whose_output_is_not_json_fails_alone() {
        let records = payload(&["1", "2", "3"], &[]);
        let framed = frame(&records, Framing::Jsonl);
        let outcome = framed.outcome(&output("{}\n[]\nx\n5\n6\n", &[0, 1, 1, 1, 2]), &records, Framing::Jsonl);
        assert_eq!(outcome.emitted, payload(&["{}", "6"], &[]));
        assert_eq!((outcome.origins, outcome.failures.len()), (Some(vec![0, 2]), 1));
        assert!(outcome.failures[0].message.contains("not JSON"), "{}", outcome.failures[0].message);
    }

    #[test]
    fn one_to_one_is_said_so() {
        let records = payload(&["1", "2"], &[]);
        let outcome = frame(&records, Framing::Lines).outcome(&output("a\nb\n", &[0, 1]), &records, Framing::Lines);
        assert_eq!(outcome.origins, None);
    }
}
