//! `make bench`: every contender on the same input, in rounds, each run in a process of its own.

mod apart;
mod contender;
mod handmade;
mod input;
mod limits;
mod machine;
mod metered;
mod neighbour;
mod overshoot;
mod page;
mod raw;
mod runner;
mod spinner;
mod startup;
mod stopwatch;
mod summary;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Result, ensure};

use crate::apart::{RUN_ONE, Task};
use crate::contender::{Contender, Run, Way};
use crate::limits::Cost;
use crate::machine::Machine;
use crate::metered::{Metered, Spent};
use crate::neighbour::{Beside, Company};
use crate::overshoot::{Late, Load};
use crate::page::Results;

const ROUNDS: usize = 5;
const STARTS: usize = 15;
/// For the memory of short and long runs.
const LENGTHS: [usize; 2] = [1_000_000, 10_000_000];

/// Who runs in a round, in this order, on how many records: enough for about a second.
const FIELD: [(Way, usize, usize); 9] = [
    (Way::Sandboxed, 3, 6_000_000),
    (Way::Native, 3, 12_000_000),
    (Way::ChannelOfRecords, 3, 3_000_000),
    (Way::ChannelOfBatches, 3, 40_000_000),
    (Way::Loop, 3, 40_000_000),
    (Way::SandboxedAgain, 3, 6_000_000),
    (Way::Sandboxed, 1, 12_000_000),
    (Way::Native, 1, 24_000_000),
    (Way::Loop, 1, 60_000_000),
];

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [RUN_ONE, task] => apart::run_here(task),
        [] => run_all(),
        _ => anyhow::bail!("bench takes no arguments"),
    }
}

fn run_all() -> Result<()> {
    let machine = Machine::here();
    runner::build_guest()?;
    let (mut rounds, mut limits, mut metered, mut neighbours) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        say(&format!("round {round} of {ROUNDS}"))?;
        rounds.push(run_field()?);
        limits.push(Task::Limits.run_apart::<Vec<Cost>>()?);
        metered.push(Metered::all().map(|one| Task::Metered(one).run_apart::<Spent>()).collect::<Result<_>>()?);
        neighbours.push(run_neighbours()?);
    }
    say("overshoot")?;
    let late = Load::ALL.into_iter().map(|load| Task::Overshoot(load).run_apart::<Vec<Late>>());
    let overshoot = late.collect::<Result<Vec<_>>>()?.concat();
    say("memory")?;
    let three = Contender { way: Way::Sandboxed, stages: 3 };
    let memory = LENGTHS.into_iter().map(|records| three.run_apart(records)).collect::<Result<_>>()?;
    say("start")?;
    let starts = startup::measure(3, STARTS)?;
    let load_after = machine::load();
    write(&Results { machine, load_after, rounds, memory, starts, limits, metered, overshoot, neighbours })
}

fn run_field() -> Result<Vec<Run>> {
    let runs = FIELD.iter().map(|&(way, stages, records)| {
        let run = Contender { way, stages }.run_apart(records)?;
        say(&format!("  {} stages, {}: {:.2} M/s", stages, way.words(), run.records_per_second() / 1e6))?;
        Ok(run)
    });
    runs.collect()
}

fn run_neighbours() -> Result<Vec<Beside>> {
    let runs = Company::ALL.into_iter().map(|company| {
        let beside: Beside = Task::Neighbour(company).run_apart()?;
        say(&format!("  beside {}: {:.2} M/s", company.words(), beside.records_per_second / 1e6))?;
        Ok(beside)
    });
    runs.collect()
}

fn write(results: &Results) -> Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    ensure!(cfg!(not(debug_assertions)), "numbers of a debug build are worth nothing: use `make bench`");
    fs::create_dir_all(&docs)?;
    let page = results.page();
    fs::write(docs.join("benchmarks.md"), &page)?;
    fs::write(docs.join("benchmarks.json"), serde_json::to_string_pretty(results)? + "\n")?;
    Ok(io::stdout().write_all(page.as_bytes())?)
}

fn say(progress: &str) -> Result<()> {
    Ok(writeln!(io::stderr(), "{progress}")?)
}
