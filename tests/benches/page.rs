//! The results as a page of Markdown.

use std::fmt::{Result as Written, Write};

use crate::contender::{Contender, Run, Way};
use crate::input::{BATCH_RECORDS, RECORD_BYTES};
use crate::machine::Machine;
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
        self.write_start(page)
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
        Ok(())
    }
}

fn spread(spread: Spread) -> String {
    format!("{} ({}–{})", short(spread.median), short(spread.min), short(spread.max))
}

/// Three digits, as far as they are behind the point.
fn short(number: f64) -> String {
    match number.abs() {
        n if n >= 100.0 => format!("{number:.0}"),
        n if n >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}
