//! The tables of contenders: which jobs, in which ways, compared with what. A run that several tables show is made once a
//! round.

use std::fmt::{Result as Written, Write};

use sandmill::plan::Reuse;
use works::Work;
use works::harness::{CHUNK_RECORDS, Job};

use crate::contender::{Contender, Run, Setting, Way};
use crate::elsewhere::{Python, Rival};
use crate::page::{mebibytes, short, spread, with_ratio, words_of};
use crate::summary::Rounds;

/// One table: a cell for each job in each way.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    title: &'static str,
    note: &'static str,
    jobs: Vec<(String, Job, Setting)>,
    ways: Vec<Way>,
    baseline: Baseline,
    number: Number,
}

/// What a cell is compared with.
#[derive(Clone, Copy, Debug)]
enum Baseline {
    /// The same job done this way.
    Way(Way),
    /// The first setting of the same job, done the same way.
    FirstSetting,
}

#[derive(Clone, Copy, Debug)]
enum Number {
    RecordsPerSecond,
    CpuNanosPerRecord,
}

/// Two workers, whatever the machine.
pub(crate) const TWO: Setting = Setting { batch: CHUNK_RECORDS, reuse: Reuse::Batch, workers: Some(2) };

/// The trivial job in so many stages.
pub(crate) const fn trivial(stages: usize) -> Job {
    Job { stages, ..Job::TRIVIAL }
}

/// Every way to do a job.
fn all_ways() -> Vec<Way> {
    let own = [
        Way::Sandboxed,
        Way::SandboxedAgain,
        Way::Native,
        Way::Raw,
        Way::ChannelOfRecords,
        Way::ChannelOfBatches,
        Way::Loop,
        Way::Rival(Rival::Extism),
        Way::Rival(Rival::ArrowUdf),
    ];
    own.into_iter().chain(Python::ALL.map(Way::Python)).collect()
}

/// Of several ways in Python that come to the same, the best is enough for six works.
const THREE_ONLY: [Way; 2] = [Way::Python(Python::Threads), Way::Python(Python::ProcessesByRecord)];

/// All of them, in the order of the page.
pub(crate) fn all() -> Vec<Table> {
    let mut all = vec![
        against_native(
            "three",
            "Three trivial stages",
            "All contenders. In Python, a pool's task is all three stages; threads have one stage each.",
            vec![plain("three stages".to_owned(), trivial(3))],
            all_ways(),
        ),
        against_native(
            "works",
            "One stage, six works",
            "All contenders run the same functions, compiled natively or to Wasm; Python runs code that gives the \
             same bytes.",
            Work::ALL.map(|work| plain(work.words().to_owned(), Job { work, ..Job::TRIVIAL })).to_vec(),
            all_ways().into_iter().filter(|way| !THREE_ONLY.contains(way)).collect(),
        ),
        against_native(
            "stages",
            "One to twelve stages",
            "The stages are trivial.",
            [1, 2, 3, 4, 6, 8, 12].map(|stages| plain(stages.to_string(), trivial(stages))).to_vec(),
            vec![Way::Sandboxed, Way::Native, Way::ChannelOfRecords],
        ),
    ];
    all.extend(shapes());
    all.extend(settings());
    all
}

/// Records, batches and lives of instances of different length.
fn shapes() -> [Table; 3] {
    let both = || vec![Way::Sandboxed, Way::Native];
    [
        against_native(
            "sizes",
            "Small and large records",
            "One trivial stage.",
            [16, 100, 1 << 10, 16 << 10, 128 << 10, 1 << 20]
                .map(|record_bytes| plain(bytes(record_bytes), Job { record_bytes, ..Job::TRIVIAL }))
                .to_vec(),
            both(),
        ),
        against_native(
            "batches",
            "Small and large batches",
            "One trivial stage; the first column is the largest number of records in an invocation. Each has a fresh \
             instance.",
            [1, 8, 64, 512, 1024, CHUNK_RECORDS, 16_384]
                .map(|batch| (batch.to_string(), Job::TRIVIAL, Setting { batch, ..Setting::default() }))
                .to_vec(),
            both(),
        ),
        against_native(
            "reuse",
            "How long an instance lives",
            "One trivial stage. Native code has no instances, but is called as often.",
            reuses().to_vec(),
            both(),
        ),
    ]
}

/// What is compared with another setting of the same.
fn settings() -> [Table; 3] {
    let workers = |work: Work| {
        [1, 2, 4].map(|workers| {
            let label = format!("{}: {workers}", work.words());
            (label, Job { work, ..Job::TRIVIAL }, Setting { workers: Some(workers), ..Setting::default() })
        })
    };
    [
        Table {
            name: "workers",
            title: "One, two and four workers",
            note: "One stage; the ratio is to one worker.",
            jobs: [Work::Upper, Work::Json].into_iter().flat_map(workers).collect(),
            ways: vec![Way::Sandboxed, Way::Native],
            baseline: Baseline::FirstSetting,
            number: Number::RecordsPerSecond,
        },
        Table {
            name: "order",
            title: "Order by key",
            note: "One stage, two workers; records with 1,000 keys, in turn. What arrives is only counted, because it comes in any order. The ratio is to outputs that leave as they are done.",
            jobs: [Work::Upper, Work::Json]
                .map(|work| (work.words().to_owned(), Job { work, ..Job::TRIVIAL }, TWO))
                .to_vec(),
            ways: vec![Way::SandboxedInAnyOrder, Way::SandboxedByKey],
            baseline: Baseline::Way(Way::SandboxedInAnyOrder),
            number: Number::RecordsPerSecond,
        },
        Table {
            name: "fuel",
            title: "What counting instructions costs",
            note: "One trivial stage. Sandmill always watches time, and has no switch for that; it counts fuel if a \
                   stage has `limits.fuel`.",
            jobs: reuses().to_vec(),
            ways: vec![Way::Sandboxed, Way::SandboxedWithFuel, Way::SandboxedAgain],
            baseline: Baseline::Way(Way::Sandboxed),
            number: Number::CpuNanosPerRecord,
        },
    ]
}

fn against_native(
    name: &'static str,
    title: &'static str,
    note: &'static str,
    jobs: Vec<(String, Job, Setting)>,
    ways: Vec<Way>,
) -> Table {
    let (baseline, number) = (Baseline::Way(Way::Native), Number::RecordsPerSecond);
    Table { name, title, note, jobs, ways, baseline, number }
}

fn plain(label: String, job: Job) -> (String, Job, Setting) {
    (label, job, Setting::default())
}

fn reuses() -> [(String, Job, Setting); 3] {
    [Reuse::Record, Reuse::Batch, Reuse::Worker]
        .map(|reuse| (words_of(reuse).to_owned(), Job::TRIVIAL, Setting { reuse, ..Setting::default() }))
}

/// Who runs in a round of these tables, each once.
pub(crate) fn field(tables: &[Table]) -> Vec<Contender> {
    let mut field: Vec<Contender> = Vec::new();
    for contender in tables.iter().flat_map(Table::contenders) {
        if !field.contains(&contender) && contender.way.can(contender.job) {
            field.push(contender);
        }
    }
    field
}

impl Table {
    fn contenders(&self) -> impl Iterator<Item = Contender> {
        let of_job = |(_, job, setting): &(String, Job, Setting)| {
            let (job, setting) = (*job, *setting);
            self.ways.iter().map(move |way| contender(*way, job, setting)).collect::<Vec<_>>()
        };
        self.jobs.iter().flat_map(of_job)
    }

    /// The table of these runs, with its heading.
    pub(crate) fn write(&self, rounds: Rounds<'_>, page: &mut String) -> Written {
        writeln!(page, "## {}\n\n{} {}\n", self.title, self.note, self.explain())?;
        let ways: Vec<String> = self.ways.iter().map(|way| way.words()).collect();
        let jobs: Vec<String> = self.jobs.iter().map(|(label, ..)| label.clone()).collect();
        if let [(_, job, setting)] = self.jobs.as_slice() {
            let heads = ["records/s", "ns per record", "cpu ns per record", "peak memory, MiB"].map(str::to_owned);
            return grid(page, &ways, &heads, |way, column| {
                let detail = |way: &Way| details(rounds, contender(*way, *job, *setting), column);
                if column == 0 {
                    self.cell(rounds, way, 0)
                } else {
                    self.ways.get(way).and_then(detail).unwrap_or_default()
                }
            });
        }
        // The longer list goes down.
        if self.ways.len() > self.jobs.len() {
            grid(page, &ways, &jobs, |way, job| self.cell(rounds, way, job))
        } else {
            grid(page, &jobs, &ways, |job, way| self.cell(rounds, way, job))
        }
    }

    fn explain(&self) -> String {
        let number = match self.number {
            Number::RecordsPerSecond => "Records per second",
            Number::CpuNanosPerRecord => "Processor time of all threads per record, ns",
        };
        match self.baseline {
            Baseline::Way(way) => format!("{number} · its ratio to \"{}\" (min–max).", way.words()),
            Baseline::FirstSetting => format!("{number} · its ratio (min–max)."),
        }
    }

    fn cell(&self, rounds: Rounds<'_>, way: usize, job: usize) -> String {
        let (Some(way), Some((_, job, setting))) = (self.ways.get(way), self.jobs.get(job)) else {
            return String::new();
        };
        let it = contender(*way, *job, *setting);
        let baseline = match self.baseline {
            Baseline::Way(way) => contender(way, *job, *setting),
            Baseline::FirstSetting => {
                self.jobs.iter().find(|row| row.1 == *job).map_or(it, |row| contender(*way, *job, row.2))
            }
        };
        let number = match self.number {
            Number::RecordsPerSecond => Run::records_per_second,
            Number::CpuNanosPerRecord => Run::cpu_nanos_per_record,
        };
        with_ratio(rounds.pairs(it, baseline, number))
    }
}

/// What else is known of one contender.
fn details(rounds: Rounds<'_>, contender: Contender, column: usize) -> Option<String> {
    let number = |run: &Run| match column {
        1 => 1e9 / run.records_per_second(),
        2 => run.cpu_nanos_per_record(),
        _ => mebibytes(run.measured.peak_bytes),
    };
    rounds.spread(contender, number).map(|found| if column == 3 { short(found.median) } else { spread(found) })
}

/// Only the runner has settings.
pub(crate) fn contender(way: Way, job: Job, setting: Setting) -> Contender {
    match way {
        Way::Sandboxed
        | Way::SandboxedAgain
        | Way::SandboxedWithFuel
        | Way::SandboxedInAnyOrder
        | Way::SandboxedByKey
        | Way::Native => Contender { way, job, setting },
        Way::Raw | Way::ChannelOfRecords | Way::ChannelOfBatches | Way::Loop | Way::Rival(_) | Way::Python(_) => {
            Contender { way, job, setting: Setting::default() }
        }
    }
}

/// A table; what was not measured is a dash.
pub(crate) fn grid(
    page: &mut String,
    down: &[String],
    across: &[String],
    cell: impl Fn(usize, usize) -> String,
) -> Written {
    writeln!(page, "| | {} |\n|---{}|", across.join(" | "), "|---".repeat(across.len()))?;
    for (row, label) in down.iter().enumerate() {
        let cells = (0..across.len()).map(|column| cell(row, column));
        let cells = cells.map(|cell| if cell.is_empty() { "–".to_owned() } else { cell }).collect::<Vec<_>>();
        writeln!(page, "| {label} | {} |", cells.join(" | "))?;
    }
    writeln!(page)
}

fn bytes(number: usize) -> String {
    match number {
        n if n >= 1 << 20 => format!("{} MiB", n >> 20),
        n if n >= 1 << 10 => format!("{} KiB", n >> 10),
        n => format!("{n} B"),
    }
}
