//! A stage that does any of the works. Config: `work`, which.

use sandmill_stage::{Failure, Output, Record, Stage};
use serde::Deserialize;
use works::{Work, Worker};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    work: Work,
}

struct Works(Worker);

impl Stage for Works {
    type Config = Config;

    fn open(config: Config) -> Result<Self, Failure> {
        Ok(Self(config.work.open()))
    }

    fn process(&mut self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        Ok(out.try_emit_with(|buffer| self.0.apply(record.value, buffer))?)
    }
}

sandmill_stage::stage!(impl Works);
