//! `examples/python-pool`: the same Python function through `concurrent.futures` and as a stage, as its script measures them.

use std::fmt::{Result as Written, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sandmill::build::{self, BuildOptions};
use serde::{Deserialize, Serialize};

use crate::apart;
use crate::elsewhere::INTERPRETER;
use crate::goals::{self, Bound, Goal};
use crate::page::{short, si, spread};
use crate::startup::program;
use crate::summary::Spread;

/// One run of the script.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pools {
    python: String,
    left_out: Vec<String>,
    taken: Vec<Taken>,
}

/// What a way took for a function.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Taken {
    function: String,
    way: String,
    records: usize,
    seconds: f64,
    cpu_seconds: f64,
}

const OURS: &str = "Sandmill, a Python stage";
const INTERPRETERS: &str = "InterpreterPoolExecutor, a record a task";
/// The function that all languages are compared by, and one that splits a line into its words.
const SIMPLE: &str = "shout";
const WORDS: &str = "normalise";

/// Runs it so many times.
pub(crate) fn rounds(rounds: usize, lines: usize) -> Result<Vec<Pools>> {
    let python = INTERPRETER.as_ref().context("there is no Python")?;
    let folder = folder();
    for stage in ["shout", "normalise", "score"] {
        build::build(&folder.join(stage), &BuildOptions::default(), &mut |_line| {})?;
    }
    let round = |_| {
        let mut command = Command::new(&python.program);
        command.arg(folder.join("compare.py")).args(["--json", "--lines", &lines.to_string(), "--sandmill"]);
        apart::measured(command.arg(program()?))
    };
    (0..rounds).map(round).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/python-pool")
}

/// The section of the page of benchmarks.
pub(crate) fn write(rounds: &[Pools], page: &mut String) -> Written {
    writeln!(
        page,
        "## A Python function in a pool\n\n\
         `examples/python-pool` has functions for `concurrent.futures`, and the same functions as stages. Each way starts with \
         nothing, and the time counts from its start. {}\n{}",
        table(rounds),
        goals::table(goals(rounds))
    )
}

/// All ways of all functions.
pub(crate) fn table(rounds: &[Pools]) -> String {
    let Some(first) = rounds.first() else { return String::new() };
    let mut table = format!("Python {}, {} rounds, medians:\n\n", first.python, rounds.len());
    table.push_str(
        "| function | way | records/s | Sandmill is faster by (min–max) | cpu µs per record |\n|---|---|--:|--:|--:|\n",
    );
    for Taken { function, way, .. } in &first.taken {
        let cell = |spread: Option<Spread>| spread.map_or_else(String::new, |it| short(it.median));
        let speed = of(rounds, function, way, Taken::speed).map_or_else(String::new, |it| si(it.median));
        let factor =
            if way == OURS { String::new() } else { faster(rounds, function, way).map_or_else(String::new, times) };
        let cpu = cell(of(rounds, function, way, Taken::cpu_micros));
        table.push_str(&format!("| `{function}` | {way} | {speed} | {factor} | {cpu} |\n"));
    }
    for line in &first.left_out {
        table.push_str(&format!("\nLeft out: {line}.\n"));
    }
    table
}

/// What docs/languages.md shows: two functions, without the ways that come to the same.
pub(crate) fn summary(rounds: &[Pools]) -> String {
    let ways = ["ThreadPoolExecutor, a record a task", "ProcessPoolExecutor, a record a task", INTERPRETERS, OURS];
    let mut table = String::from("| function | way | records/s | Sandmill is faster by |\n|---|---|--:|--:|\n");
    for (function, way) in [SIMPLE, WORDS].into_iter().flat_map(|function| ways.map(|way| (function, way))) {
        let Some(speed) = of(rounds, function, way, Taken::speed) else {
            table.push_str(&format!("| `{function}` | {way} | left out: there was no Python 3.14 | |\n"));
            continue;
        };
        let factor = faster(rounds, function, way).filter(|_| way != OURS).map_or_else(String::new, times);
        table.push_str(&format!("| `{function}` | {way} | {} | {factor} |\n", si(speed.median)));
    }
    table
}

/// What was promised.
fn goals(rounds: &[Pools]) -> Vec<Goal> {
    let thousands = of(rounds, WORDS, OURS, |taken| taken.speed() / 1e3);
    vec![
        Goal {
            promise: format!("python-pool, `{SIMPLE}`: of `InterpreterPoolExecutor`, a record a task"),
            measured: faster(rounds, SIMPLE, INTERPRETERS),
            unit: " ×",
            bound: Bound::AtLeast(100.0),
        },
        Goal {
            promise: format!("python-pool, `{WORDS}`: of `InterpreterPoolExecutor`, a record a task"),
            measured: faster(rounds, WORDS, INTERPRETERS),
            unit: " ×",
            bound: Bound::AtLeast(100.0),
        },
        Goal {
            promise: format!("python-pool, `{WORDS}`: speed of the whole process"),
            measured: thousands,
            unit: " k records/s",
            bound: Bound::AtLeast(300.0),
        },
    ]
}

fn times(ratio: Spread) -> String {
    format!("{} ×", spread(ratio))
}

fn of(rounds: &[Pools], function: &str, way: &str, number: impl Fn(&Taken) -> f64) -> Option<Spread> {
    Spread::of(rounds.iter().filter_map(|round| round.find(function, way)).map(number))
}

fn faster(rounds: &[Pools], function: &str, way: &str) -> Option<Spread> {
    let ratio = |round: &Pools| Some(round.find(function, OURS)?.speed() / round.find(function, way)?.speed());
    Spread::of(rounds.iter().filter_map(ratio))
}

impl Pools {
    fn find(&self, function: &str, way: &str) -> Option<&Taken> {
        self.taken.iter().find(|taken| taken.function == function && taken.way == way)
    }
}

impl Taken {
    fn speed(&self) -> f64 {
        self.records as f64 / self.seconds
    }

    fn cpu_micros(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.records as f64
    }
}
