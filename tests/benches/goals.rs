//! What was promised, and what it came to.

use std::fmt::{Result as Written, Write};

use sandmill::plan::Reuse;
use works::Work;
use works::harness::Job;

use crate::contender::{Contender, Run, Setting, Way};
use crate::elsewhere::{Python, Rival};
use crate::page::{Results, short, spread};
use crate::summary::{Rounds, Spread};
use crate::tables::{TWO, contender, trivial};
use crate::{checkpoints, files};

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    pub(crate) promise: String,
    /// What was measured; nothing where it was not.
    pub(crate) measured: Option<Spread>,
    pub(crate) unit: &'static str,
    pub(crate) bound: Bound,
}

/// What it has to come to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// The goals of which something was measured. Sections with goals of their own show these themselves.
pub(crate) fn write(results: &Results, page: &mut String) -> Written {
    let goals = table(speed(Rounds(&results.rounds)).into_iter().chain(others(results)));
    if goals.is_empty() {
        return Ok(());
    }
    writeln!(page, "## Goals\n\n{goals}")
}

/// A row for each of which something was measured; nothing where there is none.
pub(crate) fn table(goals: impl IntoIterator<Item = Goal>) -> String {
    let mut rows = String::new();
    for Goal { promise, measured, unit, bound } in goals {
        let Some(measured) = measured else { continue };
        let (sign, limit, is_met) = match bound {
            Bound::AtLeast(limit) => ("≥", limit, measured.median >= limit),
            Bound::AtMost(limit) => ("≤", limit, measured.median <= limit),
        };
        let verdict = if is_met { "met" } else { "**missed**" };
        rows.push_str(&format!("| {promise} | {sign} {limit}{unit} | {}{unit} | {verdict} |\n", spread(measured)));
    }
    if rows.is_empty() { rows } else { format!("| | goal | measured | |\n|---|---|---|---|\n{rows}") }
}

/// Ratios of throughput, each pair taken in one round.
fn speed(rounds: Rounds<'_>) -> Vec<Goal> {
    let usual = Setting::default();
    let ratio = |promise: &str, job: Job, to: Way, goal: f64| Goal {
        promise: promise.to_owned(),
        measured: rounds.ratio(contender(Way::Sandboxed, job, usual), contender(to, job, usual)),
        unit: " ×",
        bound: Bound::AtLeast(goal),
    };
    let native = |work: Work, goal| {
        ratio(
            &format!("{}: of native in the same runner", work.words()),
            Job { work, ..Job::TRIVIAL },
            Way::Native,
            goal,
        )
    };
    let fresh = Setting { reuse: Reuse::Record, ..usual };
    let best = best_python(rounds);
    let mut goals = vec![
        native(Work::Upper, 0.9),
        native(Work::Json, 0.7),
        native(Work::Redact, 0.7),
        native(Work::AccessLog, 0.7),
        ratio("three trivial stages: of tokio `mpsc`, a record per message", trivial(3), Way::ChannelOfRecords, 5.0),
    ];
    goals.extend(best.map(|python| {
        let promise = format!("three trivial stages: of the best Python pool ({})", python.words());
        ratio(&promise, trivial(3), Way::Python(python), 100.0)
    }));
    let naive = Python::ProcessesByRecord;
    goals.push(ratio(&format!("the same: of Python, {}", naive.words()), trivial(3), Way::Python(naive), 100.0));
    goals.push(ratio("upper case: of Extism, a call per record", trivial(1), Way::Rival(Rival::Extism), 10.0));
    let by_key = |work: Work| Goal {
        promise: format!("{}: order by key of 1,000 keys with 2 workers, of any order", work.words()),
        measured: rounds.ratio(
            contender(Way::SandboxedByKey, Job { work, ..Job::TRIVIAL }, TWO),
            contender(Way::SandboxedInAnyOrder, Job { work, ..Job::TRIVIAL }, TWO),
        ),
        unit: " ×",
        bound: Bound::AtLeast(0.7),
    };
    goals.extend([Work::Upper, Work::Json].map(by_key));
    goals.push(Goal {
        promise: "fresh instance per record: processor time per record, all included".to_owned(),
        measured: rounds.spread(contender(Way::Sandboxed, Job::TRIVIAL, fresh), |run| run.cpu_nanos_per_record() / 1e3),
        unit: " µs",
        bound: Bound::AtMost(12.0),
    });
    goals
}

/// Of those that hand records to others in chunks; the fastest, whatever it is.
fn best_python(rounds: Rounds<'_>) -> Option<Python> {
    let pools = [Python::Threads, Python::Processes, Python::Interpreters];
    let speed = |python: &Python| {
        let it: Contender = contender(Way::Python(*python), trivial(3), Setting::default());
        rounds.spread(it, Run::records_per_second).map_or(0.0, |spread| spread.median)
    };
    pools.into_iter().filter(|python| speed(python) > 0.0).max_by(|a, b| speed(a).total_cmp(&speed(b)))
}

fn others(results: &Results) -> Vec<Goal> {
    let (speed, of_wc) = files::goal(&results.files).unzip();
    let gigabytes =
        speed.map(|Spread { median, min, max }| Spread { median: median / 1e9, min: min / 1e9, max: max / 1e9 });
    let starts = Spread::of(results.starts.iter().map(|start| start.first_record_seconds * 1e3));
    let longest = results.lengths.iter().max_by_key(|run| run.measured.records);
    let peak = longest.and_then(|run| Spread::of([run.measured.peak_bytes as f64 / 1e6]));
    let lost = checkpoints::ratio(&results.checkpoints).map(|Spread { median, min, max }| Spread {
        median: 1.0 - median,
        min: 1.0 - max,
        max: 1.0 - min,
    });
    let lost =
        lost.map(|Spread { median, min, max }| Spread { median: median * 100.0, min: min * 100.0, max: max * 100.0 });
    let goal = |promise: &str, measured, unit, bound| Goal { promise: promise.to_owned(), measured, unit, bound };
    let records = longest.map_or(0.0, |run| run.measured.records as f64 / 1e6);
    vec![
        goal("file → no-op stage → `null`", gigabytes, " GB/s", Bound::AtLeast(1.0)),
        goal("the same: of `wc -l`", of_wc, " ×", Bound::AtLeast(0.5)),
        goal("cached start to the first record", starts, " ms", Bound::AtMost(20.0)),
        goal(&format!("peak memory, three stages, {} M records", short(records)), peak, " MB", Bound::AtMost(100.0)),
        goal("throughput lost to a checkpoint every second, to a file", lost, " %", Bound::AtMost(5.0)),
    ]
}
