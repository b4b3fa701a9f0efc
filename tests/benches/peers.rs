//! Sandmill beside the tools that people use for such work: whole processes, their start included, on the same files. What
//! they write is compared row by row before anybody's time counts.

mod contest;
mod input;
mod rows;
mod tools;

use std::fmt::{Result as Written, Write};

use self::contest::Job;
pub(crate) use self::contest::{Peers, Timed};
use self::tools::{Tool, versions};
use crate::goals::{Bound, Goal};
use crate::page::{mebibytes, short, spread};
use crate::summary::Spread;
use crate::tables::grid;

/// Of several rounds, as a table for each job.
pub(crate) fn write(rounds: &[Vec<Timed>], page: &mut String) -> Written {
    writeln!(
        page,
        "## Beside tools that are made for it\n\n\
         Files in, a file or a table out. The times are those of whole processes, with their start, and with Python's start for \
         tools that run in Python. All values of CSV stay text, in all tools. The results were compared row by row with \
         Sandmill's. Sandmill takes its checkpoints, as it does by default; its transform is a stage in Rust, in the sandbox, \
         with an instance for every batch, or the same in a line of the pipeline file. {}. A dash means that the tool cannot \
         do it by itself.\n",
        versions()
    )?;
    for job in Job::ALL.into_iter().filter(|job| rounds.iter().flatten().any(|timed| timed.job == *job)) {
        writeln!(page, "{}:\n", job.words())?;
        let heads = ["seconds", "of Sandmill's time, ×", "peak memory, MiB"].map(str::to_owned);
        let labels = Tool::ALL.map(|tool| tool.words().to_owned());
        grid(page, &labels, &heads, |row, column| {
            let tool = Tool::ALL.get(row).copied().unwrap_or(Tool::Sandmill);
            cell(rounds, (job, tool), column).unwrap_or_default()
        })?;
    }
    write_losses(rounds, page)
}

/// What is known of a tool in a job.
fn cell(rounds: &[Vec<Timed>], (job, tool): (Job, Tool), column: usize) -> Option<String> {
    match column {
        0 => Spread::of(of(rounds, job, tool).map(|timed| timed.seconds)).map(spread),
        1 => ratio(rounds, job, tool).map(spread),
        _ => Spread::of(of(rounds, job, tool).map(|timed| mebibytes(timed.peak_bytes))).map(|peak| short(peak.median)),
    }
}

/// Inline stages beside the tools that are made for such lines, by processor time.
pub(crate) fn write_inline(rounds: &[Vec<Timed>], page: &mut String) -> Written {
    writeln!(
        page,
        "{}, in the pipeline file (`jq = …`, `script = …`), as a stage in Rust, and in other tools. The times are those of \
         whole processes; their results were compared.\n",
        Job::Transform.words()
    )?;
    writeln!(page, "| | cpu s | cpu of `jq = …`, × | seconds |\n|---|--:|--:|--:|")?;
    for tool in Tool::INLINE {
        let cpu = Spread::of(of(rounds, Job::Transform, tool).map(|timed| timed.cpu_seconds));
        let seconds = Spread::of(of(rounds, Job::Transform, tool).map(|timed| timed.seconds));
        let times = cpu_ratio(rounds, tool, Tool::SandmillJq).map_or_else(String::new, spread);
        match cpu.zip(seconds) {
            Some((cpu, seconds)) => {
                writeln!(page, "| {} | {} | {times} | {} |", tool.words(), spread(cpu), spread(seconds))?;
            }
            None => writeln!(page, "| {} | left out: it is not on this machine | | |", tool.words())?,
        }
    }
    writeln!(page)
}

/// What was promised of inline stages.
pub(crate) fn inline_goals(rounds: &[Vec<Timed>]) -> Vec<Goal> {
    let goal = |promise: &str, tool, ours, limit| Goal {
        promise: format!("{promise}: of its processor time"),
        measured: cpu_ratio(rounds, tool, ours),
        unit: " ×",
        bound: Bound::AtLeast(limit),
    };
    vec![
        goal("`jq = …`, pick and upper-case: less than jq", Tool::Jq, Tool::SandmillJq, 8.0),
        goal("the same: less than Miller", Tool::Miller, Tool::SandmillJq, 3.0),
        goal("`script = …`, the same: less than jq", Tool::Jq, Tool::SandmillScript, 3.0),
    ]
}

/// Processor time of one as a multiple of the other's, each pair taken in one round.
fn cpu_ratio(rounds: &[Vec<Timed>], one: Tool, other: Tool) -> Option<Spread> {
    let find = |round: &[Timed], tool| round.iter().find(|timed| timed.tool == tool).map(|timed| timed.cpu_seconds);
    Spread::of(rounds.iter().filter_map(|round| Some(find(round, one)? / find(round, other)?)))
}

/// Where another tool was faster.
fn write_losses(rounds: &[Vec<Timed>], page: &mut String) -> Written {
    let lost: Vec<String> = Job::ALL
        .into_iter()
        .flat_map(|job| Tool::ALL.map(|tool| (job, tool)))
        .filter(|(_, tool)| !tool.is_ours())
        .filter_map(|(job, tool)| Some((job, tool, ratio(rounds, job, tool)?)))
        .filter(|(_, _, ratio)| ratio.median < 1.0)
        .map(|(job, tool, ratio)| format!("- {}: {} takes {} of the time", job.words(), tool.words(), spread(ratio)))
        .collect();
    match lost.as_slice() {
        [] => writeln!(page, "No tool was faster in any of these.\n"),
        lost => writeln!(page, "**Where another tool is faster:**\n\n{}\n", lost.join("\n")),
    }
}

fn of(rounds: &[Vec<Timed>], job: Job, tool: Tool) -> impl Iterator<Item = &Timed> {
    rounds.iter().flatten().filter(move |timed| timed.job == job && timed.tool == tool)
}

/// A tool's time as a part of Sandmill's, each pair taken in one round.
fn ratio(rounds: &[Vec<Timed>], job: Job, tool: Tool) -> Option<Spread> {
    let find = |round: &[Timed], tool| {
        round.iter().find(|timed| timed.job == job && timed.tool == tool).map(|timed| timed.seconds)
    };
    Spread::of(rounds.iter().filter_map(|round| Some(find(round, tool)? / find(round, Tool::Sandmill)?)))
}
