//! The section, and the measured columns of `docs/languages.md`.

use std::fmt::{Result as Written, Write};

use sandmill::plan::Reuse;

use super::subject::{BASELINE, Subject};
use super::{Cost, Measures};
use crate::page::{short, spread, words_of};
use crate::summary::Spread;
use crate::{goals, peers};

const REUSES: [Reuse; 3] = [Reuse::Batch, Reuse::Worker, Reuse::Record];

/// The section of the page of benchmarks.
pub(crate) fn write(measures: &Measures, page: &mut String) -> Written {
    writeln!(
        page,
        "## Languages\n\n\
         The same stage in every language makes 100-byte texts upper case, as one would write it with that SDK (`tests/works/upper`). \
         Processor time of the whole process for each record, µs, with the ratio to Rust's, taken within one round, for an instance that \
         lives for a batch, as long as its worker, or for one record.\n"
    )?;
    let reuses = REUSES.map(words_of).join(" | ");
    writeln!(page, "| | {reuses} |\n|---{}|", "|---".repeat(REUSES.len()))?;
    for subject in &measures.subjects {
        let cells = REUSES.map(|reuse| measures.cell(&subject.name, reuse, false)).join(" | ");
        writeln!(page, "| {} | {cells} |", subject.words())?;
    }
    let cells = REUSES.map(|reuse| measures.cell(BASELINE, reuse, true)).join(" | ");
    writeln!(page, "| {BASELINE}, again (A/A control) | {cells} |\n")?;
    measures.write_sizes(page)?;
    for line in &measures.left_out {
        writeln!(page, "- left out: {line}")?;
    }
    writeln!(page, "\n### Inline stages\n")?;
    peers::write_inline(&measures.inline, page)?;
    writeln!(page, "### Goals of languages\n\n{}", goals::table(super::goals(measures)))
}

/// The rows of `docs/languages.md`.
pub(crate) fn columns(measures: &Measures) -> String {
    let mut table = String::from(
        "| language | component | cold start, cpu s | cached start, ms | `batch`, µs | × Rust | `worker`, µs | `record`, µs | `new` to result, s |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for subject in &measures.subjects {
        let micros =
            |reuse| measures.micros(&subject.name, reuse).map_or_else(dash, |spread: Spread| short(spread.median));
        let times = measures.ratio(&subject.name, Reuse::Batch, false).map_or_else(dash, |it| short(it.median));
        let row = [
            subject.words().to_owned(),
            size(subject.bytes),
            measures.cold(subject),
            measures.cached(subject).map_or_else(dash, |it| short(it.median)),
            micros(Reuse::Batch),
            times,
            micros(Reuse::Worker),
            micros(Reuse::Record),
            measures.made(subject).map_or_else(dash, short),
        ];
        table.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    for line in &measures.left_out {
        table.push_str(&format!("\nLeft out: {line}.\n"));
    }
    table
}

fn dash() -> String {
    "–".to_owned()
}

fn size(bytes: u64) -> String {
    match bytes {
        n if n >= 1 << 20 => format!("{} MiB", short(n as f64 / f64::from(1 << 20))),
        n => format!("{} KiB", short(n as f64 / 1024.0)),
    }
}

impl Measures {
    fn write_sizes(&self, page: &mut String) -> Written {
        writeln!(
            page,
            "A cold start compiles the component for this machine; a cached start finds that code. \"`new` to result\" is \
             `sandmill new x --lang L`, then `echo hello | sandmill run` in it, on a machine that has already built another stage in \
             that language.\n"
        )?;
        writeln!(
            page,
            "| | component | cold start, cpu s | cached start to the first record, ms | `new` to result, s (cpu s) |"
        )?;
        writeln!(page, "|---|--:|--:|--:|--:|")?;
        for subject in &self.subjects {
            let made = self.folders.iter().find(|folder| folder.language == subject.name);
            let made = made.map_or_else(dash, |it| format!("{} ({})", short(it.seconds), short(it.cpu_seconds)));
            let cached = self.cached(subject).map_or_else(dash, spread);
            let (name, bytes) = (subject.words(), size(subject.bytes));
            writeln!(page, "| {name} | {bytes} | {} | {cached} | {made} |", self.cold(subject))?;
        }
        writeln!(page)
    }

    fn cell(&self, subject: &str, reuse: Reuse, is_control: bool) -> String {
        let cost = Spread::of(self.of(subject, reuse, is_control).map(|cost| cost.micros));
        let ratio = self.ratio(subject, reuse, is_control);
        match cost.zip(ratio) {
            None => dash(),
            Some((cost, _)) if subject == BASELINE && !is_control => short(cost.median),
            Some((cost, ratio)) => format!("{} · {} ×", short(cost.median), spread(ratio)),
        }
    }

    pub(super) fn micros(&self, subject: &str, reuse: Reuse) -> Option<Spread> {
        Spread::of(self.of(subject, reuse, false).map(|cost| cost.micros))
    }

    /// What a record costs, in records of Rust's, each pair taken in one round.
    pub(super) fn ratio(&self, subject: &str, reuse: Reuse, is_control: bool) -> Option<Spread> {
        let find = |round: &[Cost], subject: &str, is_control| {
            round
                .iter()
                .find(|it| it.subject == subject && it.reuse == reuse && it.is_control == is_control)?
                .micros
                .into()
        };
        let pair = |round: &Vec<Cost>| -> Option<f64> {
            let (one, baseline): (Option<f64>, Option<f64>) =
                (find(round, subject, is_control), find(round, BASELINE, false));
            Some(one? / baseline?)
        };
        Spread::of(self.costs.iter().filter_map(pair))
    }

    fn of(&self, subject: &str, reuse: Reuse, is_control: bool) -> impl Iterator<Item = &Cost> {
        self.costs
            .iter()
            .flatten()
            .filter(move |cost| cost.subject == subject && cost.reuse == reuse && cost.is_control == is_control)
    }

    fn cold(&self, subject: &Subject) -> String {
        let started = self.starts.iter().find(|started| started.subject == subject.name);
        started.map_or_else(dash, |started| short(started.cold_cpu_seconds))
    }

    fn cached(&self, subject: &Subject) -> Option<Spread> {
        let started = self.starts.iter().find(|started| started.subject == subject.name)?;
        Spread::of(started.cached.iter().map(|start| start.first_record_seconds * 1e3))
    }

    fn made(&self, subject: &Subject) -> Option<f64> {
        self.folders.iter().find(|folder| folder.language == subject.name).map(|folder| folder.seconds)
    }
}
