//! What is left to a good stage when another one only spins, in its pipeline or in another one of the process.

use std::fmt::{Result as Written, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use sandmill::connector::NullSink;
use sandmill::plan::{Limits, Plan};
use sandmill::report::Report;
use sandmill::{Pipeline, PipelineBuilder, Running, SinkBuilder};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::time::timeout;
use works::Work;
use works::harness::{Input, Job, Length, Stopwatch};

use crate::machine;
use crate::page::{short, spread};
use crate::runner::{self, nonzero};
use crate::spinner;
use crate::summary::Spread;

/// About half a second of work, alone.
const RECORDS: usize = 8_000_000;
/// It would have a hundredth of its share.
const BOUND: Duration = Duration::from_secs(120);

/// Who runs beside the good stage, which has a worker per processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Company {
    Nobody,
    /// A spinning stage of the same pipeline with so many workers.
    Stage(usize),
    /// Another pipeline with a spinning stage of so many workers.
    Pipeline(usize),
    /// Nobody once more: how far two runs of one thing lie apart.
    NobodyAgain,
}

/// What one run came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Beside {
    company: Company,
    pub(crate) records_per_second: f64,
    /// Processors that the good stage's guests had on average.
    good_cores: f64,
    /// Processors that the spinning guests had on average.
    spinning_cores: f64,
}

impl Company {
    /// Who runs in a round, in this order.
    pub(crate) const ALL: [Self; 6] =
        [Self::Nobody, Self::Stage(1), Self::Stage(2), Self::Stage(8), Self::Pipeline(2), Self::NobodyAgain];

    pub(crate) fn words(self) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::Stage(1) => "a stage with 1 worker that spins".to_owned(),
            Self::Stage(workers) => format!("a stage with {workers} workers that spin"),
            Self::Pipeline(workers) => format!("another pipeline with {workers} workers that spin"),
            Self::NobodyAgain => "nobody, again (A/A control)".to_owned(),
        }
    }

    fn spinners(self) -> usize {
        match self {
            Self::Nobody | Self::NobodyAgain => 0,
            Self::Stage(workers) | Self::Pipeline(workers) => workers,
        }
    }

    /// Of the threads that guests run on, how many are the good stage's: each stage has as many as workers or processors,
    /// whichever are fewer.
    fn share(self) -> f64 {
        let cores = machine::cores();
        cores as f64 / (cores + self.spinners().min(cores)) as f64
    }
}

/// Measures the good stage in that company: what a child does.
pub(crate) fn measure(company: Company) -> Result<Beside> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let folder = tempfile::tempdir()?;
        let all_here = Arc::new(Notify::new());
        let mut good = good(&all_here)?;
        if let Company::Stage(workers) = company {
            good = with_spinner(good, folder.path(), workers)?;
        }
        let good = sandmill::prepare(good.plan()?).await?;
        let other = match company {
            Company::Pipeline(workers) => Some(sandmill::prepare(other(folder.path(), workers)?).await?),
            Company::Nobody | Company::Stage(_) | Company::NobodyAgain => None,
        };
        let other = other.map(Pipeline::start);
        let stopwatch = Stopwatch::start();
        let good = good.start();
        timeout(BOUND, all_here.notified()).await.context("the good stage is starved")?;
        let seconds = stopwatch.stop().wall.as_secs_f64();
        let reports = [
            Some(cut(good).await),
            match other {
                Some(other) => Some(cut(other).await),
                None => None,
            },
        ];
        let cores = |name: &str| {
            let stages = reports.iter().flatten().flat_map(|report| &report.stats.stages);
            stages.filter(|stage| stage.name == name).map(|stage| stage.time_in_guest).sum::<Duration>().as_secs_f64()
                / seconds
        };
        Ok(Beside {
            company,
            records_per_second: RECORDS as f64 / seconds,
            good_cores: cores("upper"),
            spinning_cores: cores("spinner"),
        })
    })
}

async fn cut(running: Running) -> Report {
    running.stopper().abort();
    running.wait().await
}

/// The good stage, and a word when all its records have come through.
fn good(all_here: &Arc<Notify>) -> Result<PipelineBuilder> {
    let all_here = Arc::clone(all_here);
    let input = Input::generate(Job::TRIVIAL)?;
    let mut arrived = input.arrivals();
    let count = move |_key: Option<&[u8]>, value: &[u8]| {
        arrived.record(value);
        if arrived.records() == RECORDS {
            all_here.notify_one();
        }
    };
    Ok(PipelineBuilder::new("good")
        .source(runner::source(input, Length::Records(RECORDS)))
        .stage(runner::sandboxed(Work::Upper, "upper")?.workers(nonzero(machine::cores())).from(["input"]))
        .sink(SinkBuilder::for_each("count", count).from(["upper"])))
}

/// A fifth of the default: what a record has used is known when it is stopped, and a run takes about a second.
const SPINNING_FOR: Duration = Duration::from_millis(20);

/// Adds a stage that spins on every record until its cpu limit.
fn with_spinner(pipeline: PipelineBuilder, folder: &Path, workers: usize) -> Result<PipelineBuilder> {
    let spinner = spinner::spinning(folder, "spinner", Limits { cpu: SPINNING_FOR, ..Limits::default() })?;
    Ok(pipeline
        .source(spinner::endless_source("numbers"))
        .stage(spinner.workers(nonzero(workers)).from(["numbers"]))
        .sink(SinkBuilder::new("nowhere", NullSink).from(["spinner"])))
}

fn other(folder: &Path, workers: usize) -> Result<Plan> {
    Ok(with_spinner(PipelineBuilder::new("other"), folder, workers)?.plan()?)
}

/// The runs of several rounds, as a table.
pub(crate) fn write(rounds: &[Vec<Beside>], page: &mut String) -> Written {
    writeln!(
        page,
        "| beside it | M records/s | of what it has alone | its share of the threads | cores: its guests | cores: the \
         spinning ones |\n|---|---|---|---|---|---|"
    )?;
    for company in Company::ALL {
        let numbers = |number: fn(&Beside) -> f64| {
            Spread::of(rounds.iter().filter_map(|round| find(round, company)).map(number)).map(spread)
        };
        let speed = numbers(|beside| beside.records_per_second / 1e6).unwrap_or_default();
        let ratio = ratio(rounds, company).map(spread).unwrap_or_default();
        let good = numbers(|beside| beside.good_cores).unwrap_or_default();
        let spinning = numbers(|beside| beside.spinning_cores).unwrap_or_default();
        let share = short(company.share());
        writeln!(page, "| {} | {speed} | {ratio} | {share} | {good} | {spinning} |", company.words())?;
    }
    writeln!(page)
}

/// What the good stage has left of what it has alone, by rounds.
pub(crate) fn ratio(rounds: &[Vec<Beside>], company: Company) -> Option<Spread> {
    let of_round = |round: &Vec<Beside>| {
        Some(find(round, company)?.records_per_second / find(round, Company::Nobody)?.records_per_second)
    };
    Spread::of(rounds.iter().filter_map(of_round))
}

fn find(round: &[Beside], company: Company) -> Option<&Beside> {
    round.iter().find(|beside| beside.company == company)
}
