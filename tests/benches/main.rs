//! `make bench`: every contender on the same input, in rounds, each run in a process of its own.
//!
//! `bench` makes the page and the raw runs in `docs/`. `bench --quick` only prints one round of short runs. `bench SECTION…` prints a
//! part of the whole, and writes the sections `languages` and `python-pool` into the pages that show them.

mod apart;
mod checkpoints;
mod contender;
mod elsewhere;
mod files;
mod goals;
mod handmade;
mod languages;
mod limits;
mod losses;
mod machine;
mod markers;
mod neighbour;
mod overshoot;
mod page;
mod peers;
mod pools;
mod raw;
mod runner;
mod spinner;
mod startup;
mod summary;
mod tables;
mod waiting;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use works::harness::Length;

use crate::apart::{RUN_ONE, Task};
use crate::checkpoints::Pause;
use crate::contender::{Contender, Run, Way};
use crate::files::Files;
use crate::languages::Measures;
use crate::machine::Machine;
use crate::neighbour::Company;
use crate::overshoot::Load;
use crate::page::Results;
use crate::peers::Peers;

/// What can be asked for beside the tables of contenders.
const SECTIONS: [&str; 11] = [
    "lengths",
    "waiting",
    "files",
    "peers",
    "checkpoints",
    "start",
    "limits",
    "overshoot",
    "neighbours",
    "languages",
    "python-pool",
];

/// Those that build what they measure.
const BUILD_THEIR_OWN: [&str; 2] = ["languages", "python-pool"];

/// What is asked for.
struct Asked {
    sections: Vec<String>,
    is_quick: bool,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [RUN_ONE, task] = arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        return apart::run_here(task);
    }
    let asked = Asked::read(arguments)?;
    let is_release = cfg!(not(debug_assertions));
    ensure!(asked.is_quick || is_release, "numbers of a debug build are worth nothing: use `make bench`");
    let results = asked.measure()?;
    let page = results.page();
    if asked.is_whole() {
        fs::write(docs().join("benchmarks.md"), &page)?;
        fs::write(docs().join("benchmarks.json"), results.json()?)?;
    } else if !asked.is_quick {
        asked.write_sections(&page)?;
    }
    if !asked.is_quick {
        asked.write_elsewhere(&results)?;
    }
    Ok(io::stdout().write_all(page.as_bytes())?)
}

impl Asked {
    fn read(arguments: Vec<String>) -> Result<Self> {
        let (options, sections): (Vec<_>, Vec<_>) = arguments.into_iter().partition(|word| word.starts_with('-'));
        let known: Vec<&str> = tables::all().iter().map(|table| table.name).chain(SECTIONS).collect();
        for section in &sections {
            ensure!(known.contains(&section.as_str()), "no section \"{section}\": there are {}", known.join(", "));
        }
        ensure!(options.iter().all(|option| option == "--quick"), "the only option is --quick");
        Ok(Self { sections, is_quick: !options.is_empty() })
    }

    fn is_whole(&self) -> bool {
        self.sections.is_empty() && !self.is_quick
    }

    /// Puts the sections that have a place of their own into the page that is there.
    fn write_sections(&self, page: &str) -> Result<()> {
        let whole = docs().join("benchmarks.md");
        for section in BUILD_THEIR_OWN.into_iter().filter(|section| self.has(section)) {
            markers::replace(&whole, section, markers::between(page, section)?)?;
        }
        Ok(())
    }

    /// What other pages show of the results.
    fn write_elsewhere(&self, results: &Results) -> Result<()> {
        if self.has("languages") {
            markers::replace(&docs().join("languages.md"), "languages", &languages::columns(&results.languages))?;
        }
        if self.has("python-pool") {
            let example = docs().join("../examples/python-pool/README.md");
            markers::replace(&example, "python-pool", &pools::table(&results.pools))?;
            markers::replace(&docs().join("languages.md"), "python-pool", &pools::summary(&results.pools))?;
        }
        Ok(())
    }

    fn has(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|asked| asked == section)
    }

    /// How many rounds.
    fn rounds(&self) -> usize {
        if self.is_quick { 1 } else { 5 }
    }

    /// As long as a contender runs.
    fn length(&self) -> Length {
        Length::Millis(if self.is_quick { 150 } else { 400 })
    }

    /// Inputs of the longest runs.
    fn lengths(&self) -> &[usize] {
        const LENGTHS: [usize; 4] = [100_000, 1_000_000, 10_000_000, 100_000_000];
        if self.is_quick { LENGTHS.get(..3).unwrap_or_default() } else { &LENGTHS }
    }

    fn measure(&self) -> Result<Results> {
        let mut results = Results {
            machine: Machine::here(),
            load_after: 0.0,
            rounds: Vec::new(),
            lengths: Vec::new(),
            waiting: Vec::new(),
            files: Vec::new(),
            peers: Vec::new(),
            checkpoints: Vec::new(),
            starts: Vec::new(),
            limits: Vec::new(),
            overshoot: Vec::new(),
            neighbours: Vec::new(),
            languages: Measures::default(),
            pools: Vec::new(),
            tables: tables::all().into_iter().filter(|table| self.has(table.name)).collect(),
        };
        if self.sections.is_empty() || !self.sections.iter().all(|asked| BUILD_THEIR_OWN.contains(&asked.as_str())) {
            runner::build_guests(&runner::GUESTS)?;
        }
        let files = if self.has("files") {
            Some(Files::make(if self.is_quick { 1_000_000 } else { 4_000_000 })?)
        } else {
            None
        };
        let peers =
            self.has("peers").then(|| Peers::make(if self.is_quick { 100_000 } else { 1_000_000 })).transpose()?;
        for round in 1..=self.rounds() {
            say(&format!("round {round} of {}", self.rounds()))?;
            self.round(round, files.as_ref(), &mut results)?;
            if let Some(peers) = &peers {
                results.peers.push(peers.round(round)?);
            }
        }
        self.once(&mut results)?;
        results.load_after = machine::load();
        Ok(results)
    }

    /// What is measured in every round.
    fn round(&self, round: usize, files: Option<&Files>, results: &mut Results) -> Result<()> {
        let mut field = tables::field(&results.tables);
        fastrand::Rng::with_seed(round as u64).shuffle(&mut field);
        let runs = field.into_iter().map(|contender| self.run(contender, self.length()));
        results.rounds.push(runs.collect::<Result<_>>()?);
        if self.has("waiting") {
            let waited = waiting::INSTANCES.map(|instances| Task::Waiting(instances).run_apart());
            results.waiting.push(waited.into_iter().collect::<Result<_>>()?);
        }
        if let Some(files) = files {
            results.files.push(files.round()?);
        }
        if self.has("checkpoints") {
            results
                .checkpoints
                .push(Pause::all().map(|pause| Task::Checkpoints(pause).run_apart()).collect::<Result<_>>()?);
        }
        if self.has("limits") {
            results.limits.push(Task::Limits.run_apart()?);
        }
        if self.has("neighbours") {
            let beside = Company::ALL.map(|company| Task::Neighbour(company).run_apart());
            results.neighbours.push(beside.into_iter().collect::<Result<_>>()?);
        }
        Ok(())
    }

    /// What is measured once, or as often as it takes by itself.
    fn once(&self, results: &mut Results) -> Result<()> {
        if self.has("overshoot") {
            say("overshoot")?;
            for load in Load::ALL {
                results.overshoot.extend(Task::Overshoot(load).run_apart::<Vec<_>>()?);
            }
        }
        if self.has("lengths") {
            let three = tables::contender(Way::Sandboxed, tables::trivial(3), Default::default());
            let runs = self.lengths().iter().map(|records| self.run(three, Length::Records(*records)));
            results.lengths = runs.collect::<Result<_>>()?;
        }
        if self.has("languages") {
            say("languages")?;
            let (rounds, lines) = if self.is_quick { (1, 100_000) } else { (3, 500_000) };
            results.languages = Measures::take(rounds, lines, &say)?;
        }
        if self.has("python-pool") {
            say("python-pool")?;
            let (rounds, lines) = if self.is_quick { (1, 20_000) } else { (3, 400_000) };
            results.pools = pools::rounds(rounds, lines)?;
        }
        if self.has("start") {
            say("start")?;
            results.starts = startup::measure(3, 3 * self.rounds())?;
        }
        Ok(())
    }

    fn run(&self, contender: Contender, length: Length) -> Result<Run> {
        let run = contender.run_apart(length)?;
        let (speed, job) = (page::si(run.records_per_second()), contender.job);
        say(&format!("  {} × {}, {}: {speed} records/s", job.stages, job.work.words(), contender.way.words()))?;
        Ok(run)
    }
}

/// The folder of the pages.
fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn say(progress: &str) -> Result<()> {
    Ok(writeln!(io::stderr(), "{progress}")?)
}
