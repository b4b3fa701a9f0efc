//! A guest that takes long to open: it compiles a set of regular expressions, and tells of each record which of them match.

use regex::bytes::RegexSet;
use sandmill_stage::{Failure, Output, Record, Stage};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// How many expressions to compile.
    count: u32,
}

struct Patterns(RegexSet);

impl Stage for Patterns {
    type Config = Config;

    fn open(config: Config) -> Result<Self, Failure> {
        let expression = |i| format!(r"(?i)\b(user|login|name){i}\s*[=:]\s*[\w.-]+@host{i}\.example");
        RegexSet::new((0..config.count).map(expression)).map(Self).map_err(|error| Failure::new(error.to_string()))
    }

    fn process(&mut self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        let matching: Vec<String> = self.0.matches(record.value).iter().map(|i| i.to_string()).collect();
        out.emit(matching.join(" "));
        Ok(())
    }
}

sandmill_stage::stage!(impl Patterns);
