//! Processor time of the whole process for each record, in a process of its own.

use std::path::PathBuf;

use anyhow::Result;
use sandmill::StageBuilder;
use sandmill::plan::{CommandPlan, Each, Reuse, Warm};
use sandmill::record::BatchBounds;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use works::harness::{CHUNK_RECORDS, Input, Job, Length, Measured};

use super::subject::{BASELINE, Subject};
use crate::apart::Task;
use crate::runner::nonzero;
use crate::{machine, runner};

/// How long a run takes, about.
const MILLIS: u64 = 600;
/// Records of the first run, which shows how many are enough where each has an instance of its own.
const FIRST_RECORDS: usize = 128;

/// What a process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Upper {
    component: PathBuf,
    is_command: bool,
    reuse: Reuse,
    /// Whether the run waits for the snapshot that its instances start from.
    #[serde(default)]
    warm: bool,
    length: Length,
}

/// A run that is repeated in each round.
#[derive(Clone, Debug)]
pub(super) struct Repeated {
    subject: String,
    is_control: bool,
    upper: Upper,
}

/// What a record cost in one of them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cost {
    pub(super) subject: String,
    pub(super) reuse: Reuse,
    /// The baseline once more: how far apart two runs of the same thing are.
    pub(super) is_control: bool,
    pub(super) micros: f64,
}

impl Upper {
    /// Runs it here: what the child process does.
    pub(crate) fn measure(self) -> Result<Measured> {
        let usual = BatchBounds { records: nonzero(CHUNK_RECORDS), bytes: nonzero(1 << 20), linger: Duration::ZERO };
        let stage = StageBuilder::component("upper", self.component).batch(usual).workers(nonzero(machine::cores()));
        let stage = if self.warm { stage.warm(Warm::Always) } else { stage };
        let stage = if self.is_command {
            let each = if self.reuse == Reuse::Record { Each::Record } else { Each::Batch };
            stage.command(CommandPlan { each, ..CommandPlan::default() })
        } else {
            stage.reuse(self.reuse)
        };
        runner::run(Input::generate(Job::TRIVIAL)?, self.length, [stage])
    }
}

/// All subjects in all ways that they have, and the baseline a second time.
pub(super) fn field(subjects: &[Subject]) -> Result<Vec<Repeated>> {
    let mut field = Vec::new();
    for subject in subjects {
        for reuse in [Reuse::Batch, Reuse::Worker, Reuse::Record] {
            if reuse == Reuse::Worker && subject.is_command() {
                continue;
            }
            let upper = Upper {
                component: subject.component.clone(),
                is_command: subject.is_command(),
                reuse,
                warm: false,
                length: Length::Records(FIRST_RECORDS),
            };
            if reuse == Reuse::Batch && !subject.is_command() {
                keep_snapshot(&upper);
            }
            let first: Measured = Task::Upper(upper.clone()).run_apart()?;
            let upper = Upper { length: enough(reuse, &first), ..upper };
            field.push(Repeated { subject: subject.name.clone(), is_control: false, upper });
        }
    }
    let again = field.iter().filter(|run| run.subject == BASELINE);
    let again = again.map(|run| Repeated { is_control: true, ..run.clone() }).collect::<Vec<_>>();
    field.extend(again);
    Ok(field)
}

/// Has the snapshot made that `sandmill build` makes: runs as short as these end before one is ready that is made beside them.
/// Where there can be none, the run is refused, and those that follow do without.
fn keep_snapshot(upper: &Upper) {
    drop(Task::Upper(Upper { warm: true, ..upper.clone() }).run_apart::<Measured>());
}

/// A pipeline takes in many records before the first is done, so where a record takes milliseconds the input ends by count.
fn enough(reuse: Reuse, first: &Measured) -> Length {
    if reuse != Reuse::Record {
        return Length::Millis(MILLIS);
    }
    let seconds = first.cpu_seconds / first.records as f64;
    let records = (MILLIS as f64 / 1e3 / seconds) as usize;
    Length::Records(records.clamp(FIRST_RECORDS, 100_000))
}

/// Every run once, in any order.
pub(super) fn round(field: &[Repeated], round: usize) -> Result<Vec<Cost>> {
    let mut field: Vec<&Repeated> = field.iter().collect();
    fastrand::Rng::with_seed(round as u64).shuffle(&mut field);
    let cost = |run: &Repeated| {
        let measured: Measured = Task::Upper(run.upper.clone()).run_apart()?;
        Ok(Cost {
            subject: run.subject.clone(),
            reuse: run.upper.reuse,
            is_control: run.is_control,
            micros: measured.cpu_seconds * 1e6 / measured.records as f64,
        })
    };
    field.into_iter().map(cost).collect()
}
