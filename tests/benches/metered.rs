//! What counting fuel costs through the whole of Sandmill, which always watches the time: a check on the table of limits.

use std::fmt::{Result as Written, Write};
use std::num::NonZeroU64;

use anyhow::{Result, ensure};
use sandmill::plan::{Isolation, Limits};
use serde::{Deserialize, Serialize};

use crate::input::{BATCH_RECORDS, Input};
use crate::page::{with_ratio, words_of};
use crate::runner;

/// A pipeline of one stage, and how it is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Metered {
    pub(crate) watch: Watch,
    pub(crate) reuse: Isolation,
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Watch {
    /// The default.
    Time,
    /// With `limits.fuel`.
    TimeAndFuel,
    /// The default once more: how far two runs of one thing lie apart.
    TimeAgain,
}

/// What one run came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Spent {
    #[serde(flatten)]
    metered: Metered,
    /// Of all threads.
    cpu_nanos_per_record: f64,
}

impl Metered {
    /// Who runs in a round, in this order.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let reuses = [Isolation::Record, Isolation::Batch, Isolation::Worker];
        reuses.into_iter().flat_map(|reuse| Watch::ALL.map(|watch| Self { watch, reuse }))
    }

    /// Runs it here.
    pub(crate) fn run(self) -> Result<Spent> {
        // About half a second.
        let records = match self.reuse {
            Isolation::Record => 32 * BATCH_RECORDS,
            Isolation::Batch | Isolation::Worker => 6_000 * BATCH_RECORDS,
        };
        // Never reached: counting is what costs.
        let fuel = (self.watch == Watch::TimeAndFuel).then_some(NonZeroU64::MAX);
        let limits = Limits { fuel, ..Limits::default() };
        let stage = runner::sandboxed("upper")?.limits(limits).reuse(self.reuse);
        let (count, took) = runner::run(Input::generate(), records, [stage])?;
        ensure!(count == records, "{count} records came to the sink, not {records}");
        Ok(Spent { metered: self, cpu_nanos_per_record: took.cpu.as_secs_f64() * 1e9 / records as f64 })
    }
}

impl Watch {
    const ALL: [Self; 3] = [Self::Time, Self::TimeAndFuel, Self::TimeAgain];

    fn words(self) -> &'static str {
        match self {
            Self::Time => "time (the default)",
            Self::TimeAndFuel => "time and fuel",
            Self::TimeAgain => "time, again (A/A control)",
        }
    }
}

/// The runs of several rounds, as a table.
pub(crate) fn write(rounds: &[Vec<Spent>], page: &mut String) -> Written {
    let reuses = [Isolation::Record, Isolation::Batch, Isolation::Worker];
    writeln!(page, "| Sandmill watches | {} |\n|---|---|---|---|", reuses.map(words_of).join(" | "))?;
    for watch in Watch::ALL {
        let cell = |reuse| {
            let find = |spent: &[Spent], watch| {
                let is_it = |spent: &&Spent| spent.metered == Metered { watch, reuse };
                spent.iter().find(is_it).map(|spent| spent.cpu_nanos_per_record)
            };
            with_ratio(rounds.iter().filter_map(|round| Some((find(round, watch)?, find(round, Watch::Time)?))))
        };
        writeln!(page, "| {} | {} |", watch.words(), reuses.map(cell).join(" | "))?;
    }
    writeln!(page)
}
