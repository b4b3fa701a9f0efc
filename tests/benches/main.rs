//! `make bench`: every contender on the same input, in rounds, each run in a process of its own.

mod contender;
mod handmade;
mod input;
mod machine;
mod page;
mod runner;
mod startup;
mod stopwatch;
mod summary;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::contender::{Contender, RUN_ONE, Run, Way};
use crate::machine::Machine;
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
        [RUN_ONE, contender, records] => run_one(contender, records),
        [] => run_all(),
        _ => anyhow::bail!("bench takes no arguments"),
    }
}

/// What a child does.
fn run_one(contender: &str, records: &str) -> Result<()> {
    // As the program does it, for every contender.
    sandmill::allocator::keep_freed_memory();
    let contender: Contender = serde_json::from_str(contender).context("which contender")?;
    let run = contender.run(records.parse().context("how many records")?)?;
    Ok(serde_json::to_writer(io::stdout(), &run)?)
}

fn run_all() -> Result<()> {
    let machine = Machine::here();
    runner::build_guest()?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 1..=ROUNDS {
        say(&format!("round {round} of {ROUNDS}"))?;
        rounds.push(run_round()?);
    }
    say("memory")?;
    let three = Contender { way: Way::Sandboxed, stages: 3 };
    let memory = LENGTHS.into_iter().map(|records| three.run_apart(records)).collect::<Result<_>>()?;
    say("start")?;
    let starts = startup::measure(3, STARTS)?;
    let results = Results { machine, load_after: machine::load(), rounds, memory, starts };
    write(&results)
}

fn run_round() -> Result<Vec<Run>> {
    let runs = FIELD.iter().map(|&(way, stages, records)| {
        let run = Contender { way, stages }.run_apart(records)?;
        say(&format!("  {} stages, {}: {:.2} M/s", stages, way.words(), run.records_per_second() / 1e6))?;
        Ok(run)
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
