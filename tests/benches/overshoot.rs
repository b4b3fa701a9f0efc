//! How much later than its limit a guest is stopped that does not stop by itself. In a pipeline, as the program runs it,
//! one record at a time.

use std::fmt::{Result as Written, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use sandmill::connector::NullSink;
use sandmill::edge::{Chunk, Source};
use sandmill::plan::{Limits, bounds};
use sandmill::record::{BatchBounds, Payload, Places};
use sandmill::report::StageStats;
use sandmill::{Completions, Error, PipelineBuilder, Running, SinkBuilder, SourceBuilder, StageBuilder};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::machine;
use crate::page::{short, whole};
use crate::runner::nonzero;
use crate::spinner::{self, BusyThreads};

pub(crate) const TRIES: usize = 50;
const LIMITS_MILLIS: [u64; 3] = [1, 10, 100];
/// Longest pause before a try: tries begin anywhere between two ticks of the engine.
const PAUSE_MICROS_MAX: u64 = 4_000;
/// No try takes longer, or there is no bound at all.
const BOUND: Duration = Duration::from_secs(60);
/// Where the stage that is watched stands in the plan.
const WATCHED: &str = "late";

/// What else goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Load {
    /// Nothing of ours.
    Idle,
    /// As many threads of the process as there are processors spin.
    Threads,
    /// As many instances of another stage of the pipeline spin: they share the threads that guests run on.
    Guests,
}

/// Which limit ends what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Case {
    CpuSpinning,
    WallSpinning,
    WallSleeping,
}

/// How late one limit was, in all tries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Late {
    pub(crate) load: Load,
    pub(crate) case: Case,
    pub(crate) limit_millis: u64,
    /// `cpu`: processor time inside the guest beyond the limit. `wall`: time that passed beyond it, from the moment when
    /// a worker had the record until it had given it up.
    #[serde(serialize_with = "whole")]
    pub(crate) late_micros: Vec<f64>,
}

impl Load {
    pub(crate) const ALL: [Self; 3] = [Self::Idle, Self::Threads, Self::Guests];

    fn words(self) -> &'static str {
        match self {
            Self::Idle => "nothing beside it",
            Self::Threads => "a busy thread per core beside it",
            Self::Guests => "a spinning guest per core beside it",
        }
    }
}

impl Late {
    /// Which of the two limits it was.
    pub(crate) fn is_cpu(&self) -> bool {
        self.case == Case::CpuSpinning
    }
}

impl Case {
    const ALL: [Self; 3] = [Self::CpuSpinning, Self::WallSpinning, Self::WallSleeping];

    fn words(self) -> &'static str {
        match self {
            Self::CpuSpinning => "`cpu`, a guest that spins",
            Self::WallSpinning => "`wall`, a guest that spins",
            Self::WallSleeping => "`wall`, a guest that sleeps in a host call",
        }
    }

    fn stage(self, folder: &Path, limit: Duration) -> Result<StageBuilder> {
        let wide = Limits { cpu: bounds::TIME_MAX, wall: bounds::TIME_MAX, ..Limits::default() };
        match self {
            Self::CpuSpinning => spinner::spinning(folder, WATCHED, Limits { cpu: limit, ..wide }),
            Self::WallSpinning => spinner::spinning(folder, WATCHED, Limits { wall: limit, ..wide }),
            Self::WallSleeping => spinner::sleeping(folder, WATCHED, Limits { wall: limit, ..wide }),
        }
    }

    /// What the failure must say: that another limit bit is no measurement.
    fn limit(self) -> &'static str {
        match self {
            Self::CpuSpinning => "limits.cpu allows",
            Self::WallSpinning | Self::WallSleeping => "limits.wall allows",
        }
    }

    /// What a record has used up of what is limited, so far and by all records.
    fn used(self, stats: &StageStats) -> Duration {
        match self {
            Self::CpuSpinning => stats.time_in_guest,
            Self::WallSpinning | Self::WallSleeping => stats.busy,
        }
    }
}

/// Measures every limit under one load: what a child does.
pub(crate) fn measure(load: Load) -> Result<Vec<Late>> {
    let _busy = (load == Load::Threads).then(|| BusyThreads::start(machine::cores()));
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut all = Vec::new();
    for case in Case::ALL {
        for limit_millis in LIMITS_MILLIS {
            let late_micros = runtime.block_on(tries(load, case, Duration::from_millis(limit_millis)))?;
            all.push(Late { load, case, limit_millis, late_micros });
        }
    }
    Ok(all)
}

async fn tries(load: Load, case: Case, limit: Duration) -> Result<Vec<f64>> {
    let folder = tempfile::tempdir()?;
    let gate = Arc::new(Semaphore::new(0));
    let stage = case.stage(folder.path(), limit)?.workers(nonzero(1)).from(["tries"]);
    let mut pipeline = PipelineBuilder::new("overshoot")
        .source(SourceBuilder::custom("tries", Gated { gate: Arc::clone(&gate), given: 0 }))
        .stage(stage)
        .sink(SinkBuilder::new("nowhere", NullSink).from([WATCHED]));
    if load == Load::Guests {
        let wide = Limits { cpu: bounds::TIME_MAX, wall: bounds::TIME_MAX, ..Limits::default() };
        let beside = spinner::spinning(folder.path(), "beside", wide)?;
        pipeline = pipeline
            .source(spinner::endless_source("numbers"))
            .stage(beside.workers(nonzero(machine::cores())).from(["numbers"]))
            .sink(SinkBuilder::new("beside-nowhere", NullSink).from(["beside"]));
    }
    let mut ready = sandmill::prepare(pipeline.plan()?).await?;
    let mut completions = ready.subscribe(nonzero(1));
    let running = ready.start();
    let mut random = fastrand::Rng::with_seed(3);
    let mut late = Vec::with_capacity(TRIES);
    // The first try finds nothing in its place yet, and does not count.
    for number in 0..=TRIES {
        sleep(Duration::from_micros(random.u64(..PAUSE_MICROS_MAX))).await;
        let used = one_try(case, &running, &gate, &mut completions).await?;
        if number > 0 {
            late.push((used.as_secs_f64() - limit.as_secs_f64()) * 1e6);
        }
    }
    Ok(late)
}

/// Lets one record in, waits until it has failed, and says what that took.
async fn one_try(case: Case, running: &Running, gate: &Semaphore, completions: &mut Completions) -> Result<Duration> {
    let used = || {
        let stats = running.stats();
        stats.stages.iter().find(|stage| stage.name == WATCHED).map(|stage| case.used(stage)).unwrap_or_default()
    };
    let before = used();
    gate.add_permits(1);
    let completion = timeout(BOUND, completions.next()).await?.context("the run ended")?;
    let reason = completion.reason.unwrap_or_default();
    ensure!(reason.contains(case.limit()), "the record fared otherwise than it should: {reason}");
    Ok(used().saturating_sub(before))
}

/// Gives a record whenever it may.
struct Gated {
    gate: Arc<Semaphore>,
    given: u64,
}

#[async_trait]
impl Source for Gated {
    async fn pull(&mut self, _bounds: &BatchBounds) -> sandmill::Result<Option<Chunk>> {
        let permit = self.gate.acquire().await;
        permit.map_err(|closed| Error::internal("the gate is gone").caused_by(closed))?.forget();
        self.given += 1;
        let records = Payload::of_values(["a record"].into_iter().collect());
        Ok(Some(Chunk { records, places: Places::default(), bad: Vec::new(), position: self.given, cursor: None }))
    }
}

/// All that was measured, as a table.
pub(crate) fn write(late: &[Late], page: &mut String) -> Written {
    let heads = Load::ALL.map(Load::words).join(" | ");
    writeln!(page, "| | limit | {heads} |\n|---|---{}|", "|---".repeat(Load::ALL.len()))?;
    for case in Case::ALL {
        for limit in LIMITS_MILLIS {
            let cell = |load| {
                let is_it = |late: &&Late| (late.load, late.case, late.limit_millis) == (load, case, limit);
                late.iter().find(is_it).map(|late| quantiles(&late.late_micros)).unwrap_or_default()
            };
            writeln!(page, "| {} | {limit} ms | {} |", case.words(), Load::ALL.map(cell).join(" | "))?;
        }
    }
    writeln!(page)
}

/// Median, nine of ten, and the worst, in milliseconds.
fn quantiles(micros: &[f64]) -> String {
    let mut sorted = micros.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: usize| sorted.get((sorted.len().saturating_sub(1)) * share / 100).copied().unwrap_or(f64::NAN);
    [50, 90, 100].map(|share| short(at(share) / 1e3)).join(" · ")
}

/// The latest that any such limit was, milliseconds.
pub(crate) fn worst(late: &[Late], is_meant: impl Fn(&Late) -> bool) -> f64 {
    let micros = late.iter().filter(|late| is_meant(late)).flat_map(|late| &late.late_micros);
    micros.copied().fold(f64::NAN, f64::max) / 1e3
}
