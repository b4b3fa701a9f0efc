//! Runs a jq filter over JSON records: each output of the filter is one record, as compact JSON.
//!
//! `empty` drops the record, several outputs are several records, and `error("…")` fails the record with that message.
//! An output has the key of its record. What else there is beside jq's own functions:
//!
//! | | |
//! |---|---|
//! | `to(port; f)` | sends the outputs of `f` to one of the stage's named outputs, counted from 0, and gives nothing itself |
//! | `keyed(key; f)` | emits the outputs of `f` with another key, and gives nothing itself |
//! | `to(port; key; f)` | both |
//! | `$__key` | the record's key, a string; null when it has none |
//! | `debug`, `debug(f)`, `stderr` | lines in the pipeline's log |
//!
//! The filter sees one record at a time and keeps nothing between records. It reaches no clock, no environment and no
//! files: `now`, `env`, `input` and the like are errors of the filter, found before the first record. Integers of any size
//! and decimals of any length pass unchanged; a number that is not finite fails its record, whether read or written.
//!
//! | config | default | |
//! |---|---|---|
//! | `filter` | | the filter |
//! | `file` | | where it comes from: named in messages |
//! | `arguments` | `{}` | values that the filter finds in variables of these names, and in `$ARGS.named` |
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not a text is written as JSON, whatever it is")]
mod direct;
mod filter;
mod functions;
mod library;
mod names;
mod read;
mod write;

use std::str;

use sandmill_stage::{Failure, Output, Record, Stage};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::filter::Filter;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    filter: String,
    #[serde(default)]
    file: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

struct Jq {
    filter: Filter,
}

impl Stage for Jq {
    type Config = Config;

    fn open(config: Config) -> Result<Self, Failure> {
        let filter = Filter::compile(&config.filter, &config.arguments).map_err(|mistake| {
            let file = if config.file.is_empty() { String::new() } else { config.file + ":" };
            Failure::new(format!("{file}{mistake}"))
        })?;
        Ok(Self { filter })
    }

    fn process(&mut self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        let text = str::from_utf8(record.value).map_err(|error| format!("the record is not UTF-8: {error}"))?;
        self.filter.run(text, record.key, out)
    }
}

sandmill_stage::stage!(impl Jq);

#[cfg(test)]
mod tests;
