//! The tools: which there are on this machine, and how each is told to do a job.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

use super::contest::{Job, OUTPUT_LINES, OUTPUT_TABLE};
use crate::startup::program;

/// Who does a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Tool {
    Sandmill,
    /// The same once more: how far two runs of one thing lie apart.
    SandmillAgain,
    /// A line of jq in the pipeline file.
    InlineJq,
    /// A function in JavaScript there.
    InlineScript,
    Polars,
    Duckdb,
    Miller,
    Jq,
    Sqlite3,
}

impl Tool {
    pub(super) const ALL: [Self; 9] = [
        Self::Sandmill,
        Self::SandmillAgain,
        Self::InlineJq,
        Self::InlineScript,
        Self::Polars,
        Self::Duckdb,
        Self::Miller,
        Self::Jq,
        Self::Sqlite3,
    ];

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Sandmill => "Sandmill",
            Self::SandmillAgain => "Sandmill, again (A/A control)",
            Self::InlineJq => "Sandmill, inline jq",
            Self::InlineScript => "Sandmill, inline JavaScript",
            Self::Polars => "polars",
            Self::Duckdb => "DuckDB",
            Self::Miller => "Miller",
            Self::Jq => "jq",
            Self::Sqlite3 => "`sqlite3`",
        }
    }

    pub(super) fn is_ours(self) -> bool {
        matches!(self, Self::Sandmill | Self::SandmillAgain | Self::InlineJq | Self::InlineScript)
    }

    /// Whether it does such a job, and is on this machine.
    pub(super) fn can(self, job: Job) -> bool {
        self.command(job).is_ok_and(|command| command.is_some()) && (self.is_ours() || self.version().is_some())
    }

    /// What does the job, from the folder of the inputs; nothing where the tool does not do it by itself.
    ///
    /// # Errors
    /// When Sandmill is not built.
    pub(super) fn command(self, job: Job) -> Result<Option<Command>> {
        let input = job.input();
        let words: Vec<&str> = match (self, job) {
            (Self::Sandmill | Self::SandmillAgain, _) => {
                return Ok(Some(told(&program()?, &["run", "--quiet", job.pipeline()])));
            }
            (Self::InlineJq | Self::InlineScript, _) => {
                let inline = self.inline().filter(|_| job == Job::Transform);
                let Some((pipeline, _)) = inline else { return Ok(None) };
                return Ok(Some(told(&program()?, &["run", "--quiet", pipeline])));
            }
            (Self::Polars, Job::Rows | Job::ManyRows) => vec!["polars", "csv", input, OUTPUT_LINES],
            (Self::Duckdb, Job::Rows | Job::ManyRows) => vec!["duckdb", "csv", input, OUTPUT_LINES],
            (Self::Polars, Job::Transform | Job::Packed) => vec!["polars", "pick", input, OUTPUT_LINES],
            (Self::Duckdb, Job::Transform | Job::Packed) => vec!["duckdb", "pick", input, OUTPUT_LINES],
            (Self::Miller, Job::Rows | Job::ManyRows) => vec!["--icsv", "--ojsonl", "-S", "cat", input],
            (Self::Miller, Job::Transform) => MILLER_PICK.iter().copied().chain([input]).collect(),
            (Self::Miller, Job::Packed) => ["--gzin"].into_iter().chain(MILLER_PICK).chain([input]).collect(),
            (Self::Jq, Job::Transform) => vec!["-c", JQ_PICK, input],
            (Self::Sqlite3, Job::Table) => vec![OUTPUT_TABLE, "-cmd", ".mode csv", ".import in.csv t"],
            (Self::Polars | Self::Duckdb | Self::Miller, Job::Table)
            | (Self::Jq, Job::Rows | Job::ManyRows | Job::Packed | Job::Table)
            | (Self::Sqlite3, Job::Rows | Job::ManyRows | Job::Transform | Job::Packed) => return Ok(None),
        };
        Ok(Some(self.told(&words)?))
    }

    /// A pipeline file whose stage is a line in it, and that line.
    pub(super) fn inline(self) -> Option<(&'static str, String)> {
        match self {
            Self::InlineJq => Some(("inline-jq.toml", format!("jq = '{JQ_PICK}'"))),
            Self::InlineScript => Some(("inline-script.toml", format!("script = '{SCRIPT_PICK}'"))),
            Self::Sandmill
            | Self::SandmillAgain
            | Self::Polars
            | Self::Duckdb
            | Self::Miller
            | Self::Jq
            | Self::Sqlite3 => None,
        }
    }

    /// Whether it writes its output to standard output.
    pub(super) fn writes_to_stdout(self) -> bool {
        matches!(self, Self::Miller | Self::Jq)
    }

    /// As it says itself; nothing where it is not there.
    fn version(self) -> Option<String> {
        let words: &[&str] = match self {
            Self::Sandmill | Self::SandmillAgain | Self::InlineJq | Self::InlineScript => return None,
            Self::Polars => &["polars", "version"],
            Self::Duckdb => &["duckdb", "version"],
            Self::Miller | Self::Jq | Self::Sqlite3 => &["--version"],
        };
        let output = self.told(words).ok()?.output().ok().filter(|output| output.status.success())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let word =
            said.split(|c: char| c.is_whitespace() || c == '-').find(|word| word.starts_with(char::is_numeric))?;
        Some(word.to_owned())
    }

    /// The program, told so.
    fn told(self, words: &[&str]) -> Result<Command> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/peers.py");
        match self {
            Self::Sandmill | Self::SandmillAgain | Self::InlineJq | Self::InlineScript => Ok(told(&program()?, words)),
            Self::Polars | Self::Duckdb => {
                let mut command = Command::new(installed("venv/bin/python").context("there is no folder of peers")?);
                command.arg(script).args(words);
                Ok(command)
            }
            Self::Miller => Ok(told(&installed("bin/mlr").filter(|mlr| mlr.exists()).unwrap_or("mlr".into()), words)),
            Self::Jq => Ok(told(Path::new("jq"), words)),
            Self::Sqlite3 => Ok(told(Path::new("sqlite3"), words)),
        }
    }
}

const MILLER_PICK: [&str; 12] = [
    "--ijsonl",
    "--ojsonl",
    "filter",
    "$id % 5 != 0",
    "then",
    "cut",
    "-o",
    "-f",
    "id,name",
    "then",
    "put",
    "$name = toupper($name)",
];

const SCRIPT_PICK: &str = "r => r.id % 5 ? { id: r.id, name: r.name.toUpperCase() } : null";
const JQ_PICK: &str = "select(.id % 5 != 0) | {id, name: (.name | ascii_upcase)}";

/// Which releases the tools on this machine are, and which tools are not on it.
pub(super) fn versions() -> String {
    let others = || Tool::ALL.into_iter().filter(|tool| !tool.is_ours());
    let here = others().filter_map(|tool| Some(format!("{} {}", tool.words(), tool.version()?)));
    let missing: Vec<&str> = others().filter(|tool| tool.version().is_none()).map(Tool::words).collect();
    let here = here.collect::<Vec<_>>().join(", ");
    if missing.is_empty() { here } else { format!("{here}; not on this machine: {}", missing.join(", ")) }
}

/// Where `make bench` has installed the tools: beside this program's folder.
fn installed(path: &str) -> Option<PathBuf> {
    Some(env::current_exe().ok()?.parent()?.parent()?.join("peers").join(path))
}

fn told(program: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words);
    command
}
