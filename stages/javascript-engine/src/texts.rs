//! The records of a call, one after the other, as long as one output, or none, comes of each. A loop in the script itself
//! would take as long for each record as all of this.

use std::str;

use quickjs::{Context, Thrown, Value};

use crate::column::Column;
use crate::json::Json;

/// What to do with each record.
pub(crate) struct Work {
    /// The author's function, the state it is given, and what it is told of the record's origin.
    pub(crate) process: Value,
    pub(crate) state: Value,
    pub(crate) origin: Value,
    pub(crate) input: Input,
    /// What makes a text of another value that the function returns, or gives `undefined` if there is more to it.
    pub(crate) write: Value,
}

/// What the function takes.
pub(crate) enum Input {
    Text,
    Bytes,
    /// What the function makes of the text.
    Converted(Value),
    /// Its JSON; what is beyond plain values is left to the function.
    Json(Value),
}

/// What became of the first records.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) outputs: Column,
    /// The record of each output.
    pub(crate) origins: Vec<u32>,
    /// How many records there is nothing more to do for, the last of them included where `got` or `thrown` is there.
    pub(crate) taken: usize,
    /// What the last of them returned, when it is left to the script.
    pub(crate) got: Option<Value>,
    /// What the last of them threw.
    pub(crate) thrown: Option<Value>,
}

/// What comes of a record.
enum Fate {
    Output,
    Nothing,
    /// What the script has to look at itself.
    Other(Value),
}

impl Work {
    /// Takes records until one is not UTF-8, or not done with.
    pub(crate) fn run(&self, context: Context, data: &[u8], ends: &[u32]) -> Done {
        let mut done = Done::default();
        done.outputs.data.reserve(data.len());
        let mut start = 0;
        for (index, &end) in (0..).zip(ends) {
            let end = end as usize;
            let Some(record) = data.get(start..end).filter(|record| self.takes(record)) else {
                break;
            };
            start = end;
            done.taken += 1;
            match self.one(context, record, &mut done.outputs) {
                Ok(Fate::Output) => done.origins.push(index),
                Ok(Fate::Nothing) => {}
                Ok(Fate::Other(got)) => {
                    done.got = Some(got);
                    break;
                }
                Err(thrown) => {
                    done.thrown = Some(thrown);
                    break;
                }
            }
        }
        done
    }

    fn takes(&self, record: &[u8]) -> bool {
        matches!(self.input, Input::Bytes) || str::from_utf8(record).is_ok()
    }

    /// Takes one record. The error is what the script threw.
    fn one(&self, context: Context, record: &[u8], outputs: &mut Column) -> Result<Fate, Value> {
        let nobody = Value::undefined(context);
        let value = self.argument(context, record)?;
        let got = self.process.call_or_thrown(&nobody, &[&value, &self.state, &self.origin])?;
        if got.is_nothing() || got.as_bool() == Some(false) {
            return Ok(Fate::Nothing);
        }
        if got.as_bool() == Some(true) {
            outputs.push(record);
            return Ok(Fate::Output);
        }
        if got.is_string() {
            return Ok(if put(&got, outputs) { Fate::Output } else { Fate::Other(got) });
        }
        if let Some(bytes) = got.as_bytes() {
            outputs.push(bytes);
            return Ok(Fate::Output);
        }
        if Json::with(context, |json| json.write(&got, outputs)).unwrap_or(false) {
            return Ok(Fate::Output);
        }
        let written = self.write.call_or_thrown(&nobody, &[&got])?;
        let is_written = written.is_string() && put(&written, outputs);
        Ok(if is_written { Fate::Output } else { Fate::Other(got) })
    }
}

impl Work {
    fn argument(&self, context: Context, record: &[u8]) -> Result<Value, Value> {
        let text = || Value::or_thrown(context, Value::raw_utf8(context, record));
        let converted = |by: &Value| by.call_or_thrown(&Value::undefined(context), &[&text()?]);
        match &self.input {
            Input::Bytes => Value::or_thrown(context, Value::raw_bytes(context, record)),
            Input::Text => text(),
            Input::Converted(by) => converted(by),
            Input::Json(by) => {
                let text = str::from_utf8(record).ok();
                let read = text.and_then(|text| Json::with(context, |json| json.read(text)).ok()?);
                read.map_or_else(|| converted(by), Ok)
            }
        }
    }
}

/// Whether the text could be put there: half a surrogate pair cannot.
fn put(text: &Value, outputs: &mut Column) -> bool {
    let put = text.with_text(|text| {
        let is_text = str::from_utf8(text).is_ok();
        if is_text {
            outputs.push(text);
        }
        is_text
    });
    put.unwrap_or(false)
}

impl Done {
    /// For the script. `origins` is not there where each record has one output, the last left out if it is the script's.
    pub(crate) fn into_value(self, context: Context) -> Result<Value, Thrown> {
        let Self { outputs, origins, taken, got, thrown } = self;
        let done = Value::object(context)?;
        // All of them are there, so that none is found elsewhere.
        let left = usize::from(got.is_some() || thrown.is_some());
        let is_one_to_one = origins.len() + left == taken;
        let origins = if is_one_to_one { Value::undefined(context) } else { Value::words_of(context, &origins)? };
        done.set(c"origins", origins)?;
        done.set(c"outputs", outputs.to_value(context)?)?;
        done.set(c"taken", Value::number(context, taken))?;
        for (name, value) in [(c"got", got), (c"thrown", thrown)] {
            let value = value.map_or_else(|| Ok(Value::undefined(context)), |value| Value::array(context, [Ok(value)]));
            done.set(name, value?)?;
        }
        Ok(done)
    }
}
