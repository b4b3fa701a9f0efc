//! Runs a function written in JavaScript over records. The engine is QuickJS, inside the component.
//!
//! The script is a function `(record, out) => …`, or statements of which the last is one, or a module that exports one by
//! `default`. In its place may stand an object with `process(record, state, out)`, and with `open(config)`, which makes the
//! state, and `flush(state, out)`, which gives outputs at the end, if it likes.
//!
//! | the function returns | what becomes of the record |
//! |---|---|
//! | `undefined`, `null`, `false` | dropped, on purpose and counted as such |
//! | `true` | the record itself is the output |
//! | an array | an output for each of its values |
//! | `new Keyed(key, value)` | one output with another key |
//! | `new To(port, value)` | one output to another of the stage's named outputs, counted from 0 |
//! | a `Uint8Array` | one output of these bytes |
//! | a promise | what it is settled with, if that needs nothing but the script |
//! | anything else | one output: its JSON, or the text itself where `input` is `"text"` |
//!
//! `out.emit(value, { key, port })` emits as well, and `out.key` is the record's key. An exception fails the record with its
//! message and place; `throw new Failure("busy", { retryable: true })` says it in words of its own. `console.log` writes to
//! the pipeline's log.
//!
//! Integers beyond 2^53 are `BigInt`s, and written as they were read. What is not JSON fails its record: `NaN` and
//! infinities, in either direction, and half a surrogate pair. There is no clock and no chance: `Date.now()`, `new Date()`
//! and `Math.random()` throw.
//!
//! | config | default | |
//! |---|---|---|
//! | `script` | | the script |
//! | `file` | `"script"` | where it comes from: named in messages |
//! | `input` | `"json"` | what a record is to the script: `"json"`, `"text"` or `"bytes"` |
//! | `arguments` | `{}` | values that the script finds in `config` |

mod outputs;
mod script;

use sandmill_stage::{Failure, Flush, Output, Record, Stage};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::script::Script;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    script: String,
    #[serde(default = "default_file")]
    file: String,
    #[serde(default)]
    input: Input,
    #[serde(default)]
    arguments: Map<String, Value>,
}

/// What a record is to the script.
#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Input {
    #[default]
    Json,
    Text,
    Bytes,
}

fn default_file() -> String {
    "script".to_owned()
}

struct JavaScript(Script);

impl Stage for JavaScript {
    type Config = Config;

    fn open(config: Config) -> Result<Self, Failure> {
        Script::open(&config).map(Self)
    }

    fn process(&mut self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        self.0.process(record, out)
    }
}

impl Flush for JavaScript {
    fn flush(&mut self, out: &mut Output) -> Result<(), Failure> {
        self.0.flush(out)
    }
}

sandmill_stage::stage!(impl JavaScript);

#[cfg(test)]
mod tests;
