//! The results as a page of Markdown.

use std::fmt::{Result as Written, Write};

use sandmill::plan::Reuse;
use serde::{Serialize, Serializer};
use works::harness::{CHUNK_RECORDS, Job};

use crate::checkpoints::{self, Paused};
use crate::contender::Run;
use crate::elsewhere::INTERPRETER;
use crate::files::{self, Read};
use crate::languages::Measures;
use crate::limits::{self, Code, Cost};
use crate::machine::Machine;
use crate::neighbour::{self, Beside};
use crate::overshoot::{self, Late, Load};
use crate::peers::{self, Timed};
use crate::pools::Pools;
use crate::raw::Stop;
use crate::startup::Start;
use crate::summary::{Rounds, Spread};
use crate::tables::{Table, grid};
use crate::waiting::{self, Waited};
use crate::{goals, languages, losses, markers, pools};

/// Everything that was measured. What was not asked for is empty.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) load_after: f64,
    /// The contenders of all tables, each once a round.
    pub(crate) rounds: Vec<Vec<Run>>,
    /// The same pipeline on inputs of different length.
    pub(crate) lengths: Vec<Run>,
    pub(crate) waiting: Vec<Vec<Waited>>,
    pub(crate) files: Vec<Vec<Read>>,
    pub(crate) peers: Vec<Vec<Timed>>,
    pub(crate) checkpoints: Vec<Vec<Paused>>,
    pub(crate) starts: Vec<Start>,
    pub(crate) limits: Vec<Vec<Cost>>,
    pub(crate) overshoot: Vec<Late>,
    pub(crate) neighbours: Vec<Vec<Beside>>,
    pub(crate) languages: Measures,
    pub(crate) pools: Vec<Pools>,
    /// Those that were asked for.
    #[serde(skip)]
    pub(crate) tables: Vec<Table>,
}

impl Results {
    /// The whole page.
    pub(crate) fn page(&self) -> String {
        let mut page = String::new();
        self.write(&mut page).expect("writing to a string does not fail");
        page
    }

    fn write(&self, page: &mut String) -> Written {
        writeln!(page, "# Benchmarks\n\n`make bench` writes this page; the raw runs are in `benchmarks.json`.\n")?;
        self.write_machine(page)?;
        goals::write(self, page)?;
        losses::write(Rounds(&self.rounds), page)?;
        for table in &self.tables {
            table.write(Rounds(&self.rounds), page)?;
        }
        self.write_lengths(page)?;
        if !self.languages.is_empty() {
            markers::around("languages", page, |page| languages::write(&self.languages, page))?;
        }
        if !self.pools.is_empty() {
            markers::around("python-pool", page, |page| pools::write(&self.pools, page))?;
        }
        if !self.waiting.is_empty() {
            waiting::write(&self.waiting, page)?;
        }
        if !self.files.is_empty() {
            files::write(&self.files, page)?;
        }
        if !self.peers.is_empty() {
            peers::write(&self.peers, page)?;
        }
        if !self.checkpoints.is_empty() {
            checkpoints::write(&self.checkpoints, page)?;
        }
        if !self.starts.is_empty() {
            self.write_start(page)?;
        }
        if !self.limits.is_empty() {
            self.write_limits(page)?;
        }
        if !self.overshoot.is_empty() {
            self.write_overshoot(page)?;
        }
        if !self.neighbours.is_empty() {
            self.write_neighbours(page)?;
        }
        Ok(())
    }

    /// The raw numbers, those of a run on one line.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        let serde_json::Value::Object(parts) = serde_json::to_value(self)? else { return Ok(String::new()) };
        let parts: Vec<String> = parts.iter().map(|(name, part)| format!("{name:?}: {}", lines(part, 2))).collect();
        Ok(format!("{{\n{}\n}}\n", parts.join(",\n")))
    }

    fn write_machine(&self, page: &mut String) -> Written {
        let (rounds, load_after) = (self.rounds.len(), self.load_after);
        let Machine { cores, processor, kernel, load_before, commit, command } = &self.machine;
        let python = INTERPRETER.as_ref().map_or("none", |python| &python.version);
        writeln!(
            page,
            "- {cores} cores, {processor}, Linux {kernel}; load average {load_before:.1} before and {load_after:.1} after. \
             Other work on the machine slows all contenders, so read the ratios, each of which is taken within one round\n\
             - commit {commit}, `{command}`; Python {python}, Extism and arrow-udf as `tests/rivals/Cargo.lock` has them\n\
             - unless a section says otherwise: records of {} bytes, ASCII letters made upper case; {CHUNK_RECORDS} records per \
             invocation, a fresh instance for every invocation, all limits on, outputs in the order of the inputs, {cores} \
             workers for each stage\n\
             - rounds: {rounds}; in each, every contender runs once, in random order, in a separate process, for the same time, \
             on the same generated input. Numbers are medians\n\
             - the benchmark counts the records at the destination, and checks one of each {CHUNK_RECORDS}: a wrong number or a \
             wrong result fails the benchmark\n",
            Job::TRIVIAL.record_bytes,
        )
    }

    fn write_lengths(&self, page: &mut String) -> Written {
        if self.lengths.is_empty() {
            return Ok(());
        }
        let input = "Three trivial stages, one run for each length. The memory includes 6.2 MiB of prepared input.";
        writeln!(page, "## Short and long inputs\n\n{input}\n")?;
        let heads = ["seconds", "records/s", "peak memory, MiB"].map(str::to_owned);
        let labels: Vec<String> = self.lengths.iter().map(|run| si(run.measured.records as f64)).collect();
        grid(page, &labels, &heads, |row, column| {
            let cell = |run: &Run| match column {
                0 => short(run.measured.wall_seconds),
                1 => si(run.records_per_second()),
                _ => short(mebibytes(run.measured.peak_bytes)),
            };
            self.lengths.get(row).map(cell).unwrap_or_default()
        })
    }

    fn write_start(&self, page: &mut String) -> Written {
        let cell = |number: fn(&Start) -> f64| Spread::of(self.starts.iter().map(|start| number(start) * 1e3));
        let (first, exit) = (cell(|start| start.first_record_seconds), cell(|start| start.exit_seconds));
        writeln!(
            page,
            "## Start\n\n`sandmill run`, three stages, code compiled before, {} starts.\n",
            self.starts.len()
        )?;
        writeln!(page, "| from the start of the process to | ms |\n|---|---|")?;
        for (what, cell) in [("the first record at the destination", first), ("its end", exit)] {
            writeln!(page, "| {what} | {} |", cell.map(spread).unwrap_or_default())?;
        }
        writeln!(page)
    }

    fn write_limits(&self, page: &mut String) -> Written {
        writeln!(
            page,
            "## The cost of limits\n\n\
             This is what it costs a guest that it can be stopped. The same component runs through wasmtime alone, \
             with the pools of Sandmill's engine, on one thread: compiled and called so that nothing stops it, or an \
             epoch, or fuel, or both. There is an instance for every `record` (an invocation each), for every \
             `batch` of {CHUNK_RECORDS}, or for the whole life of its `worker`. `upper` is the stage of the tables \
             above; the tight loop adds up bytes, one by one, and is the worst case.\n\n\
             Processor time per record, ns, and its ratio to that of \"nothing\" (min–max over the rounds). Each round is \
             the median of {} turns; in a turn, all five follow each other within a fraction of a second.\n",
            limits::TURNS
        )?;
        limits::write(&self.limits, page)?;
        let of = |column, stop| limits::ratio(&self.limits, column, stop).map_or_else(String::new, short);
        let (batch, worst) = ((Code::Upper, Reuse::Batch), (Code::TightLoop, Reuse::Batch));
        writeln!(
            page,
            "**The default is the epoch.** Sandmill needs one of the two, or nothing ends a guest that spins: the \
             epoch costs {} × in `upper` (by batch) and {} × in the tight loop, fuel alone {} × and {} ×. This does \
             not speak for fuel, which counts instructions, not time, and does not see how long a host call takes. \
             Both together cost {} × and {} ×. So Sandmill counts fuel only if a stage has `limits.fuel`, which ends \
             a guest at the same place in every run; it then counts fuel in all stages of the pipeline, because they \
             share an engine.\n",
            of(batch, Stop::Epoch),
            of(worst, Stop::Epoch),
            of(batch, Stop::Fuel),
            of(worst, Stop::Fuel),
            of(batch, Stop::EpochAndFuel),
            of(worst, Stop::EpochAndFuel)
        )
    }

    fn write_overshoot(&self, page: &mut String) -> Written {
        writeln!(
            page,
            "## Overshoot\n\n\
             This is how much later than its limit Sandmill stops a guest that would never stop. `cpu`: processor \
             time inside the guest beyond the limit. `wall`: time beyond the limit, from the moment when a worker \
             has the record until it has discarded the instance. Milliseconds: median · nine of ten · the worst of \
             {}, one record each, begun anywhere between two ticks.\n",
            overshoot::TRIES
        )?;
        overshoot::write(&self.overshoot, page)?;
        let worst = |is_meant: fn(&Late) -> bool| short(overshoot::worst(&self.overshoot, is_meant));
        writeln!(
            page,
            "At every tick of the engine, 2 ms, Sandmill checks whether a running guest has used up its `cpu`, and \
             the guest yields for a check of its `wall`; the machine adds the rest. The latest of all: `cpu` {} ms, \
             `wall` {} ms; of those with nothing beside them, {} ms. One bulk operation over a large memory, which \
             nothing can interrupt, comes on top: SECURITY.md has the numbers.\n",
            worst(Late::is_cpu),
            worst(|late| !late.is_cpu()),
            worst(|late| late.load == Load::Idle)
        )
    }

    fn write_neighbours(&self, page: &mut String) -> Written {
        writeln!(
            page,
            "## Beside a stage that only spins\n\n\
             This is the throughput of one good stage (`upper`, a worker per core), alone and beside guests that \
             spin on every record until their `cpu` limit and are then replaced. Its share says how many of the \
             threads that guests run on are its own. The stage does so little work that it needs mostly the source \
             and the sink around it, which share the same processors, and not time in guests.\n"
        )?;
        neighbour::write(&self.neighbours, page)
    }
}

/// How long an instance lives, as the pipeline file says it.
pub(crate) fn words_of(reuse: Reuse) -> &'static str {
    match reuse {
        Reuse::Record => "`record`",
        Reuse::Batch => "`batch`",
        Reuse::Worker => "`worker`",
    }
}

/// The median of some numbers, and the spread of their ratios to their baselines.
pub(crate) fn with_ratio(pairs: impl IntoIterator<Item = (f64, f64)>) -> String {
    let pairs: Vec<(f64, f64)> = pairs.into_iter().collect();
    let number = Spread::of(pairs.iter().map(|(number, _)| *number));
    let ratio = Spread::of(pairs.iter().map(|(number, baseline)| number / baseline));
    let cell = |(number, ratio): (Spread, Spread)| match ratio {
        // The baseline itself.
        Spread { min: 1.0, max: 1.0, .. } => si(number.median),
        ratio => format!("{} · {} ×", si(number.median), spread(ratio)),
    };
    number.zip(ratio).map(cell).unwrap_or_default()
}

/// Arrays of objects, a line for each of these.
fn lines(value: &serde_json::Value, depth: usize) -> String {
    let items = value.as_array().filter(|items| depth > 0 && items.iter().any(|item| !item.is_number()));
    let Some(items) = items else { return value.to_string() };
    let items: Vec<String> = items.iter().map(|item| lines(item, depth - 1)).collect();
    format!("[\n{}\n]", items.join(",\n"))
}

/// Whole numbers: more digits are noise.
pub(crate) fn whole<S: Serializer>(numbers: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    numbers.iter().map(|number| number.round() as i64).collect::<Vec<_>>().serialize(serializer)
}

/// The median, and the ends where these are others.
pub(crate) fn spread(spread: Spread) -> String {
    if spread.min == spread.max {
        return short(spread.median);
    }
    format!("{} ({}–{})", short(spread.median), short(spread.min), short(spread.max))
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Three digits, and thousands, millions or thousands of these.
pub(crate) fn si(number: f64) -> String {
    let (factor, unit) = match number.abs() {
        n if n >= 1e9 => (1e9, " G"),
        n if n >= 1e6 => (1e6, " M"),
        n if n >= 1e4 => (1e3, " k"),
        _ => (1.0, ""),
    };
    format!("{}{unit}", short(number / factor))
}

/// Three digits, as far as they are behind the point.
pub(crate) fn short(number: f64) -> String {
    match number.abs() {
        n if n >= 100.0 => format!("{number:.0}"),
        n if n >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}
