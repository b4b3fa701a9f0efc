//! The jobs, and one round of them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use serde::Serialize;
use tempfile::TempDir;
use works::harness::Stopwatch;

use super::tools::Tool;
use super::{input, rows};
use crate::runner;
use crate::startup::{children_cpu, program, toml_string};

pub(super) const OUTPUT_LINES: &str = "out.jsonl";
pub(super) const OUTPUT_TABLE: &str = "out.db";

/// How often is looked how much memory a process has had. The system keeps the peak: only what is added in its last
/// moment can be missed.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Job {
    /// CSV to JSON Lines.
    Rows,
    /// The same, five times as much.
    ManyRows,
    /// JSON Lines: two fields of six, one made upper case, every fifth line left out.
    Transform,
    /// The same from a packed file.
    Packed,
    /// CSV into an SQLite table.
    Table,
}

/// What a tool took.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Timed {
    pub(super) job: Job,
    pub(super) tool: Tool,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) peak_bytes: u64,
}

/// The files, and what each tool makes of them.
#[derive(Debug)]
pub(crate) struct Peers {
    folder: TempDir,
    field: Vec<(Job, Tool)>,
    /// How large each output was that has been compared.
    bytes: HashMap<(Job, Tool), u64>,
}

impl Job {
    pub(super) const ALL: [Self; 5] = [Self::Rows, Self::ManyRows, Self::Transform, Self::Packed, Self::Table];

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Rows => "CSV to JSON Lines",
            Self::ManyRows => "CSV to JSON Lines, five times as many rows",
            Self::Transform => "JSON Lines: pick two fields of six, upper-case one, drop every fifth line",
            Self::Packed => "The same from a `.gz`",
            Self::Table => "CSV into an SQLite table",
        }
    }

    /// What it reads.
    pub(super) fn input(self) -> &'static str {
        match self {
            Self::Rows | Self::Table => "in.csv",
            Self::ManyRows => "many.csv",
            Self::Transform => "in.jsonl",
            Self::Packed => "in.jsonl.gz",
        }
    }

    /// What the pipelines of Sandmill are called that do it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::ManyRows => "many-rows",
            Self::Transform => "transform",
            Self::Packed => "packed",
            Self::Table => "table",
        }
    }

    /// What it writes.
    fn output(self) -> &'static str {
        if self == Self::Table { OUTPUT_TABLE } else { OUTPUT_LINES }
    }

    fn pipeline_text(self, tool: Tool) -> Result<String> {
        let format = if self.input().ends_with(".csv") { "csv" } else { "jsonl" };
        let stage = match self {
            Self::Transform | Self::Packed => {
                let does = match tool.inline_stage() {
                    Some(inline) => inline,
                    None => format!("component = {}", toml_string(&runner::built("works/pick")?)),
                };
                format!("[[stage]]\nname = \"pick\"\n{does}\n\n")
            }
            Self::Rows | Self::ManyRows | Self::Table => String::new(),
        };
        let sink = match self {
            Self::Table => format!("kind = \"sqlite\"\npath = \"{OUTPUT_TABLE}\"\ntable = \"t\"\n"),
            Self::Rows | Self::ManyRows | Self::Transform | Self::Packed => {
                format!("kind = \"file\"\npath = \"{OUTPUT_LINES}\"\nformat = \"jsonl\"\n")
            }
        };
        let (name, input) = (self.name(), self.input());
        let source = format!("[source]\nkind = \"file\"\npath = \"{input}\"\nformat = \"{format}\"\n\n");
        Ok(format!("name = \"{name}\"\n\n{source}{stage}[sink]\n{sink}"))
    }
}

impl Peers {
    /// Makes files of so many rows, and has every tool do every job that it can once: what it writes must be what Sandmill
    /// writes.
    pub(crate) fn make(rows: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        input::csv(&at(Job::Rows.input()), rows)?;
        input::csv(&at(Job::ManyRows.input()), 5 * rows)?;
        input::json_lines(&at(Job::Transform.input()), rows)?;
        input::packed(&at(Job::Packed.input()), rows)?;
        Self::compared(folder, Job::ALL.into_iter().flat_map(|job| Tool::ALL.map(|tool| (job, tool))))
    }

    /// The same for what can be written inline, beside the tools that do that.
    pub(crate) fn inline(lines: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        input::json_lines(&folder.path().join(Job::Transform.input()), lines)?;
        Self::compared(folder, Tool::INLINE.map(|tool| (Job::Transform, tool)).into_iter())
    }

    fn compared(folder: TempDir, jobs: impl Iterator<Item = (Job, Tool)>) -> Result<Self> {
        let field: Vec<_> = jobs.filter(|(job, tool)| tool.can(*job)).collect();
        for (job, tool) in field.iter().filter(|(_, tool)| tool.is_ours()) {
            fs::write(folder.path().join(tool.pipeline(*job)), job.pipeline_text(*tool)?)?;
        }
        let mut peers = Self { folder, field, bytes: HashMap::new() };
        peers.compare()?;
        Ok(peers)
    }

    /// Everybody once, in any order.
    pub(crate) fn round(&self, round: usize) -> Result<Vec<Timed>> {
        let mut field = self.field.clone();
        Rng::with_seed(round as u64).shuffle(&mut field);
        field.into_iter().map(|(job, tool)| self.timed(job, tool)).collect()
    }

    /// Sandmill is the first of each job.
    fn compare(&mut self) -> Result<()> {
        for (job, tool) in self.field.clone() {
            if tool.is_ours() {
                self.check(job, tool)?;
            }
            self.run(job, tool)?;
            let (output, expected) = (self.path(job.output()), self.path("expected"));
            self.bytes.insert((job, tool), fs::metadata(&output)?.len());
            if tool == Tool::Sandmill {
                fs::rename(&output, &expected)?;
                continue;
            }
            let same = if job == Job::Table { rows::same_tables } else { rows::same_lines };
            same(&expected, &output).with_context(|| format!("{}, by {}", job.words(), tool.words()))?;
        }
        Ok(())
    }

    /// Has everything compiled that a run needs, and the snapshots made that it would begin beside its work.
    fn check(&self, job: Job, tool: Tool) -> Result<()> {
        let mut command = Command::new(program()?);
        command.args(["check", &tool.pipeline(job)]).current_dir(self.folder.path());
        let checked = command.env("SANDMILL_CACHE", self.path("cache")).output()?;
        ensure!(checked.status.success(), "{command:?}: {}", String::from_utf8_lossy(&checked.stderr));
        Ok(())
    }

    fn timed(&self, job: Job, tool: Tool) -> Result<Timed> {
        let timed = self.run(job, tool)?;
        let bytes = fs::metadata(self.path(job.output()))?.len();
        let expected = self.bytes.get(&(job, tool)).copied().unwrap_or_default();
        ensure!(bytes == expected, "{:?} by {}: {bytes} bytes, and {expected} before", job, tool.words());
        Ok(timed)
    }

    fn run(&self, job: Job, tool: Tool) -> Result<Timed> {
        for output in [OUTPUT_LINES, OUTPUT_TABLE] {
            drop(fs::remove_file(self.path(output)));
        }
        let Some(mut command) = tool.command(job)? else { bail!("{} does not do that", tool.words()) };
        command.current_dir(self.folder.path()).env("SANDMILL_CACHE", self.path("cache"));
        if tool.writes_to_stdout() {
            command.stdout(File::create(self.path(job.output()))?);
        }
        let before = children_cpu();
        let (seconds, peak_bytes) = watched(&mut command)?;
        Ok(Timed { job, tool, seconds, cpu_seconds: children_cpu() - before, peak_bytes })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Seconds that a process took, and its peak of memory.
fn watched(command: &mut Command) -> Result<(f64, u64)> {
    let stopwatch = Stopwatch::start();
    let mut child = command.stderr(Stdio::inherit()).spawn().with_context(|| format!("{command:?}"))?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let has_ended = AtomicBool::new(false);
    let (ended, seconds, peak) = thread::scope(|scope| {
        let watcher = scope.spawn(|| peak_memory(&status, &has_ended));
        let ended = child.wait();
        let seconds = stopwatch.wall().as_secs_f64();
        has_ended.store(true, Ordering::Release);
        watcher.thread().unpark();
        (ended, seconds, watcher.join().unwrap_or_default())
    });
    let ended = ended?;
    ensure!(ended.success(), "{command:?}: {ended}");
    Ok((seconds, peak))
}

/// The most memory that a process says it has had, bytes, until it `has_ended`.
fn peak_memory(status: &Path, has_ended: &AtomicBool) -> u64 {
    let mut peak = 0;
    while !has_ended.load(Ordering::Acquire) {
        let text = fs::read_to_string(status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        peak = peak.max(kibibytes.unwrap_or(0) * 1024);
        thread::park_timeout(LOOK_EVERY);
    }
    peak
}
