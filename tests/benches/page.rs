//! The results as a page of Markdown.

use std::fmt::{Result as Written, Write};

use sandmill::plan::Isolation;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::contender::{Contender, Run, Way};
use crate::input::{BATCH_RECORDS, RECORD_BYTES};
use crate::limits::{self, Cost, Work};
use crate::machine::Machine;
use crate::metered::{self, Spent};
use crate::neighbour::{self, Beside};
use crate::overshoot::{self, Late, Load};
use crate::raw::Stop;
use crate::startup::Start;
use crate::summary::{Rounds, Spread};

/// Everything that was measured.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) load_after: f64,
    pub(crate) rounds: Vec<Vec<Run>>,
    /// The same pipeline on inputs of different length.
    pub(crate) memory: Vec<Run>,
    pub(crate) starts: Vec<Start>,
    pub(crate) limits: Vec<Vec<Cost>>,
    pub(crate) metered: Vec<Vec<Spent>>,
    pub(crate) overshoot: Vec<Late>,
    pub(crate) neighbours: Vec<Vec<Beside>>,
}

/// A contender's throughput is compared with this.
pub(crate) const BASELINE: Way = Way::Native;

impl Results {
    /// The whole page.
    pub(crate) fn page(&self) -> String {
        let mut page = String::new();
        self.write(&mut page).expect("writing to a string does not fail");
        page
    }

    fn write(&self, page: &mut String) -> Written {
        writeln!(page, "# Benchmarks\n\nWritten by `make bench`; the runs themselves are in `benchmarks.json`.\n")?;
        self.write_machine(page)?;
        self.write_goals(page)?;
        for (stages, title) in [(3, "Three trivial stages"), (1, "One trivial stage")] {
            writeln!(page, "## {title}\n")?;
            self.write_table(page, stages)?;
        }
        self.write_memory(page)?;
        self.write_start(page)?;
        self.write_limits(page)?;
        self.write_overshoot(page)?;
        self.write_neighbours(page)
    }

    fn write_machine(&self, page: &mut String) -> Written {
        let (rounds, load_after) = (self.rounds.len(), self.load_after);
        let Machine { cores, processor, kernel, load_before, commit, command } = &self.machine;
        writeln!(
            page,
            "- {cores} cores, {processor}, Linux {kernel}; load average {load_before:.1} before and {load_after:.1} after: what \
             runs beside the benchmark slows all contenders, so read the ratios, each taken within one round\n\
             - commit {commit}, `{command}`\n\
             - records of {RECORD_BYTES} bytes, ASCII letters made upper case; {BATCH_RECORDS} records per invocation, a \
             pristine instance for every invocation, all limits on, outputs in the order of the inputs\n\
             - {rounds} rounds, every contender once in each, in a process of its own, all on the same generated input; every \
             sandboxed or native stage of the runner has {cores} workers\n\
             - records are counted at the destination; a run that does not bring all of them there fails the benchmark\n"
        )
    }

    fn write_goals(&self, page: &mut String) -> Written {
        let rounds = Rounds(&self.rounds);
        let of = |way, stages| Contender { way, stages };
        let sandboxed = of(Way::Sandboxed, 3);
        let starts = Spread::of(self.starts.iter().map(|start| start.first_record_seconds * 1e3));
        let peaks = Spread::of(self.memory.iter().map(|run| run.peak_bytes as f64 / f64::from(1 << 20)));
        writeln!(page, "## Goals\n\n| goal | measured | |\n|---|---|---|")?;
        let mut row = |goal: &str, measured: Option<f64>, unit: &str, is_met: fn(f64) -> bool| {
            let Some(measured) = measured else { return Ok(()) };
            let verdict = if is_met(measured) { "met" } else { "**missed**" };
            writeln!(page, "| {goal} | {}{unit} | {verdict} |", short(measured))
        };
        let median = |spread: Option<Spread>| spread.map(|spread| spread.median);
        let alone = rounds.spread(of(Way::Sandboxed, 1), |run| 1e9 / run.records_per_second());
        row("one trivial stage: < 100 ns per record, both copies included", median(alone), " ns", |n| n < 100.0)?;
        let speed = rounds.spread(sandboxed, Run::records_per_second);
        row("three stages: ≥ 3 M records/s", median(speed).map(|n| n / 1e6), " M/s", |n| n >= 3.0)?;
        let native = rounds.ratio(sandboxed, of(Way::Native, 3));
        row("three stages: ≥ 0.9 of native in the same runner", median(native), " ×", |n| n >= 0.9)?;
        let channel = rounds.ratio(sandboxed, of(Way::ChannelOfRecords, 3));
        row("three stages: ≥ 5 × tokio `mpsc`, a record per message", median(channel), " ×", |n| n >= 5.0)?;
        row("cached start to the first record: < 50 ms", median(starts), " ms", |n| n < 50.0)?;
        let grown = peaks.map(|peak| peak.max / peak.min);
        row("peak memory, 10 M records against 1 M: flat (≤ 1.1 ×)", grown, " ×", |n| n <= 1.1)?;
        if let Some(cost) = rounds.cpu_nanos_per_stage() {
            writeln!(page, "\nProcessor time that a sandboxed stage adds to a record: {} ns.", spread(cost))?;
        }
        writeln!(page)
    }

    fn write_table(&self, page: &mut String, stages: usize) -> Written {
        let rounds = Rounds(&self.rounds);
        let contenders = self.rounds.first().into_iter().flatten().map(|run| run.contender);
        writeln!(page, "Baseline of the ratio: {}. Median (min–max).\n", BASELINE.words())?;
        writeln!(
            page,
            "| contender | M records/s | ns per record | cpu ns per record | ratio |\n|---|---|---|---|---|"
        )?;
        for contender in contenders.filter(|contender| contender.stages == stages) {
            let cells = [
                rounds.spread(contender, |run| run.records_per_second() / 1e6),
                rounds.spread(contender, |run| 1e9 / run.records_per_second()),
                rounds.spread(contender, Run::cpu_nanos_per_record),
                rounds.ratio(contender, Contender { way: BASELINE, stages }),
            ];
            let cells: Vec<String> = cells.into_iter().flatten().map(spread).collect();
            writeln!(page, "| {} | {} |", contender.way.words(), cells.join(" | "))?;
        }
        writeln!(page)
    }

    fn write_memory(&self, page: &mut String) -> Written {
        writeln!(page, "## Memory\n\n| three sandboxed stages | peak resident memory |\n|---|---|")?;
        for run in &self.memory {
            let mebibytes = run.peak_bytes as f64 / f64::from(1 << 20);
            writeln!(page, "| {} M records | {} MiB |", run.records / 1_000_000, short(mebibytes))?;
        }
        writeln!(page, "\nOf these, the prepared input is 6.5 MiB.\n")
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
             What being stoppable costs a guest. The same component through wasmtime alone, with the pools of Sandmill's \
             engine, on one thread: compiled and called so that nothing stops it, or an epoch, or fuel, or both. An \
             instance for every `record` (an invocation each), for every `batch` of {BATCH_RECORDS}, or one that lives on \
             with its `worker`. `upper` is the stage of the tables above; the tight loop adds up bytes, one by one, and is \
             the worst case.\n\n\
             Processor time per record, ns, and its ratio to that of \"nothing\" (min–max over the rounds). Each round is \
             the median of {} turns; in a turn, all five follow each other within a fraction of a second.\n",
            limits::TURNS
        )?;
        limits::write(&self.limits, page)?;
        writeln!(
            page,
            "The same question to the whole of Sandmill, which always watches the time (it has no switch for that): one \
             stage, `upper`; processor time of all threads per record, ns.\n"
        )?;
        metered::write(&self.metered, page)?;
        let of = |column, stop| limits::ratio(&self.limits, column, stop).map_or_else(String::new, short);
        let (batch, worst) = ((Work::Upper, Isolation::Batch), (Work::TightLoop, Isolation::Batch));
        writeln!(
            page,
            "**The default is the epoch.** One of the two has to be paid for, or nothing ends a guest that spins: the epoch \
             costs {} × in `upper` (by batch) and {} × in the tight loop, fuel alone {} × and {} ×. That is no reason to prefer \
             fuel, which knows instructions, not time, and nothing of what a host call takes. Both cost {} × and {} ×: so fuel \
             is counted only where a stage says `limits.fuel`, which gives the same end in every run; then in all stages of its \
             pipeline, because they share an engine.\n",
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
             How much later than its limit a guest is stopped that would never stop. `cpu`: processor time inside the guest \
             beyond the limit. `wall`: time that passed beyond it, from the moment when a worker has the record until it has \
             given it up, instance and all. Milliseconds: median · nine of ten · the worst of {}, one record each, begun \
             anywhere between two ticks.\n",
            overshoot::TRIES
        )?;
        overshoot::write(&self.overshoot, page)?;
        let worst = |is_meant: fn(&Late) -> bool| short(overshoot::worst(&self.overshoot, is_meant));
        writeln!(
            page,
            "At every tick of the engine, 2 ms, a running guest is asked whether it has used up its `cpu`, and makes way for a look \
             at its `wall`; the rest is what the machine adds. The latest of all: `cpu` {} ms, `wall` {} ms; of those with \
             nothing beside them, {} ms. One bulk operation over a large memory, which nothing can interrupt, comes on top: \
             SECURITY.md has its measure.\n",
            worst(Late::is_cpu),
            worst(|late| !late.is_cpu()),
            worst(|late| late.load == Load::Idle)
        )
    }

    fn write_neighbours(&self, page: &mut String) -> Written {
        writeln!(
            page,
            "## Beside a stage that only spins\n\n\
             Throughput of one good stage (`upper`, a worker per core) alone, and beside guests that spin on every record until \
             their `cpu` limit, are thrown away, and made anew. Its share: of all threads that guests run on, how many are its \
             own. With so little work in it, most of what it needs is not time in guests but the source and the sink around it, \
             which share the same processors.\n"
        )?;
        neighbour::write(&self.neighbours, page)
    }
}

/// How long an instance lives, as the pipeline file says it.
pub(crate) fn words_of(reuse: Isolation) -> &'static str {
    match reuse {
        Isolation::Record => "`record`",
        Isolation::Batch => "`batch`",
        Isolation::Worker => "`worker`",
    }
}

/// The median of some numbers, and the spread of their ratios to their baselines.
pub(crate) fn with_ratio(pairs: impl IntoIterator<Item = (f64, f64)>) -> String {
    let pairs: Vec<(f64, f64)> = pairs.into_iter().collect();
    let number = Spread::of(pairs.iter().map(|(number, _)| *number));
    let ratio = Spread::of(pairs.iter().map(|(number, baseline)| number / baseline));
    let cell = |(number, ratio): (Spread, Spread)| match ratio {
        // The baseline itself.
        Spread { min: 1.0, max: 1.0, .. } => short(number.median),
        ratio => format!("{} · {} ×", short(number.median), spread(ratio)),
    };
    number.zip(ratio).map(cell).unwrap_or_default()
}

/// Many numbers on one line of the raw results, whole ones.
pub(crate) fn compact<S: Serializer>(numbers: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    let whole: Vec<i64> = numbers.iter().map(|number| number.round() as i64).collect();
    let line = serde_json::to_string(&whole).and_then(RawValue::from_string).map_err(S::Error::custom)?;
    line.serialize(serializer)
}

pub(crate) fn spread(spread: Spread) -> String {
    format!("{} ({}–{})", short(spread.median), short(spread.min), short(spread.max))
}

/// Three digits, as far as they are behind the point.
pub(crate) fn short(number: f64) -> String {
    match number.abs() {
        n if n >= 100.0 => format!("{number:.0}"),
        n if n >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}
