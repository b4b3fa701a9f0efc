//! What is expected of a run, and whether it came.

use serde_json::Value;

use super::case::{Case, Failed, Record};
use super::run::{Outcome, Outputs};

/// Words of the limits, as dead letters name them.
const LIMITS: [&str; 4] = ["memory", "cpu", "wall", "output"];

pub(super) fn reason(letter: &Value) -> String {
    letter["reason"].as_str().unwrap_or_default().to_owned()
}

fn reasons(letters: &[Value]) -> String {
    shortened(&letters.iter().map(reason).collect::<Vec<_>>())
}

fn shortened(texts: &[String]) -> String {
    let text = format!("{} of {texts:?}", texts.len());
    text.chars().take(400).collect()
}

fn texts(outputs: &Outputs) -> Vec<String> {
    outputs.iter().take(100).map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

impl Case {
    pub(super) fn judge(&self, outcome: &Outcome) -> Result<(), String> {
        let Outcome { report, first, second, letters, logs } = outcome;
        if !report.stats.accounting.balances() {
            return Err(format!("the account does not balance: {:?}", report.stats.accounting));
        }
        let is_limited = letters.len() == 1 && LIMITS.iter().any(|limit| reason(&letters[0]).contains(limit));
        if !(self.or_limit && is_limited) {
            self.judge_outputs(first, letters)?;
            self.judge_json(first, letters)?;
        }
        if second.iter().map(|(_, value)| value.as_slice()).ne(self.second.iter().map(String::as_bytes)) {
            return Err(format!("outputs of the second port are {}", shortened(&texts(second))));
        }
        self.judge_failures(letters)?;
        for text in &self.logs {
            if !logs.iter().any(|(_, line)| line.contains(text)) {
                return Err(format!("the log does not hold {text:?}: {logs:?}"));
            }
        }
        let levels: Vec<String> = logs.iter().map(|(level, _)| format!("{level:?}").to_lowercase()).collect();
        match &self.levels {
            Some(expected) if *expected != levels => Err(format!("the levels of the log are {levels:?}")),
            _ => Ok(()),
        }
    }

    fn judge_outputs(&self, first: &Outputs, letters: &[Value]) -> Result<(), String> {
        let differ = || Err(format!("outputs are {}: {}", shortened(&texts(first)), reasons(letters)));
        let values = || first.iter().map(|(_, value)| value.as_slice());
        let is_all_of = |expected: &Vec<Record>| {
            let expected: Vec<Vec<u8>> = expected.iter().map(Record::value).collect();
            let all = self.or_failure || expected.len() == first.len();
            let mut rest = expected.iter();
            all && values().all(|value| rest.any(|expected| expected == value))
        };
        if self.output.is_some() && !self.output.iter().chain(&self.or_output).any(is_all_of) {
            return differ();
        }
        if let Some(count) = self.numbers
            && (0..count).map(|number| format!("p:{number}").into_bytes()).ne(values().map(<[u8]>::to_vec))
        {
            return differ();
        }
        if self.each.as_ref().is_some_and(|each| !values().all(|value| value == each.as_bytes())) {
            return differ();
        }
        if let Some(part) = &self.holds
            && (first.is_empty() || !values().all(|value| String::from_utf8_lossy(value).contains(part)))
        {
            return differ();
        }
        if self.output_count.is_some_and(|count| count != first.len()) {
            return Err(format!("there are {} outputs: {}", first.len(), reasons(letters)));
        }
        let bytes: usize = values().map(<[u8]>::len).sum();
        if self.output_bytes.is_some_and(|expected| expected != bytes) {
            return Err(format!("outputs are {bytes} bytes: {}", reasons(letters)));
        }
        let keys: Vec<_> = first.iter().map(|(key, _)| String::from_utf8_lossy(key)).collect();
        match &self.keys {
            Some(expected) if *expected != keys => Err(format!("the keys are {keys:?}")),
            _ => Ok(()),
        }
    }

    fn judge_json(&self, first: &Outputs, letters: &[Value]) -> Result<(), String> {
        let Some(expected) = &self.json else { return Ok(()) };
        let read = |text: &str| serde_json::from_str::<Value>(&with_exact_integers(text));
        let mut rest = expected.iter().map(|text| read(text).expect("JSON"));
        for (_, value) in first {
            let value = String::from_utf8_lossy(value);
            let value = read(&value).map_err(|error| format!("{value} is not JSON: {error}"))?;
            if !rest.any(|expected| same(&expected, &value)) {
                return Err(format!("{value} is not what was given: {}", reasons(letters)));
            }
        }
        if !self.or_failure && first.len() != expected.len() {
            return Err(format!("there are {} outputs: {}", first.len(), reasons(letters)));
        }
        Ok(())
    }

    fn judge_failures(&self, letters: &[Value]) -> Result<(), String> {
        let says_all = self.output.is_some() || self.json.is_some() || self.each.is_some() || !self.failed.is_empty();
        let count = self.failed_count.unwrap_or(self.failed.len());
        if says_all && !self.or_limit && !self.or_failure && letters.len() != count {
            return Err(format!("{} records failed: {}", letters.len(), reasons(letters)));
        }
        if self.or_failure && letters.iter().any(|letter| reason(letter).is_empty()) {
            return Err("a failure does not say why".to_owned());
        }
        for expected in &self.failed {
            let is_it = |letter: &&Value| {
                let is =
                    |record: &String| [&letter["value"], &letter["value"]["hex"]].iter().any(|value| *value == record);
                expected.record.as_ref().is_none_or(is)
            };
            let Some(letter) = letters.iter().find(is_it) else {
                return Err(format!("{:?} did not fail", expected.record));
            };
            expected.judge(letter)?;
        }
        let trapped = |letter: &&Value| ["trap", "contract"].contains(&letter["kind"].as_str().unwrap_or("?"));
        match letters.iter().find(trapped) {
            Some(letter) if self.no_traps => Err(format!("it trapped: {}", reason(letter))),
            _ => Ok(()),
        }
    }
}

impl Failed {
    fn judge(&self, letter: &Value) -> Result<(), String> {
        let all = letter.to_string();
        let says = self.says.iter().all(|text| reason(letter).contains(text.as_str()));
        let says_one =
            self.says_one_of.as_ref().is_none_or(|texts| texts.iter().any(|text| all.contains(text.as_str())));
        let is = self.is.as_ref().is_none_or(|text| match text.as_str() {
            "@long" => is_bounded(&reason(letter)),
            text => text == reason(letter),
        });
        if !says || !says_one || !is {
            let all: String = all.chars().take(600).collect();
            return Err(format!("{:?} failed with {all}", self.record));
        }
        match self.attempts {
            Some(expected) if letter["attempts"].as_u64() != Some(expected) => {
                Err(format!("{:?} had {} attempts", self.record, letter["attempts"]))
            }
            _ => Ok(()),
        }
    }
}

/// A million times `x`, as the host shows it: how much it has cut is part of the text.
fn is_bounded(reason: &str) -> bool {
    let parts: Vec<&str> = reason.split("… (").collect();
    let is_x = |text: &&str| text.trim_start_matches('x').is_empty();
    reason.len() < 10_000 && parts.len() > 1 && parts.first().is_some_and(is_x) && reason.contains("bytes left out)")
}

/// The text with its long integers as strings, because most readers round them.
fn with_exact_integers(json: &str) -> String {
    let mut exact = String::new();
    let mut rest = json;
    while let Some(first) = rest.chars().next() {
        let is_part = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
        let length = match first {
            '"' => string_length(rest),
            '-' | '0'..='9' => rest.find(|c| !is_part(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        let is_long = first != '"' && length > 15 && !token.contains(['.', 'e', 'E']);
        exact.push_str(&if is_long { format!("\"{token}\"") } else { token.to_owned() });
        rest = after;
    }
    exact
}

fn string_length(json: &str) -> usize {
    let mut is_escaped = false;
    let end = json.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(json.len(), |end| end + 2)
}

/// Whether two values are the same to whoever reads JSON: 1.0 is 1, and the order of keys says nothing.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => {
            let is_whole = a.as_i128().is_some() && b.as_i128().is_some();
            if is_whole { a.as_i128() == b.as_i128() } else { a.as_f64() == b.as_f64() }
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => one == other,
    }
}
