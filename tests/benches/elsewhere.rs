//! Contenders that are programs of their own: other hosts of Wasm, which bring other releases of the engine along, and
//! Python. They are told their job in one argument and print what they measured, as this program's own children do.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tests::python;
use works::harness::{Input, Job, Length, Measured, each};

use crate::apart;

/// A program of the package `rivals`, which `make bench` builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rival {
    Extism,
    ArrowUdf,
}

/// What `python.py` does it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Python {
    Loop,
    Threads,
    Processes,
    ProcessesByRecord,
    Interpreters,
}

impl Rival {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Extism => "Extism, a call per record, a thread per core",
            Self::ArrowUdf => "arrow-udf, a call per batch, a thread per core",
        }
    }

    /// Has it do a job.
    pub(crate) fn run(self, job: Job, length: Length) -> Result<Measured> {
        let program = rivals().context("the rivals are not built: use `make bench`")?;
        let task = serde_json::to_string(&(self, job, length))?;
        apart::measured(Command::new(program).arg(task))
    }
}

/// The program, which lies beside this one's folder, when it is built.
pub(crate) fn rivals() -> Option<PathBuf> {
    let program = env::current_exe().ok()?.parent()?.parent()?.join("rivals/release/rivals");
    program.exists().then_some(program)
}

impl Python {
    pub(crate) const ALL: [Self; 5] =
        [Self::Loop, Self::Threads, Self::Processes, Self::ProcessesByRecord, Self::Interpreters];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Loop => "one thread, a loop",
            Self::Threads => "threads and queues, 4096 records per message",
            Self::Processes => "`ProcessPoolExecutor`, 4096 records per task",
            Self::ProcessesByRecord => "`ProcessPoolExecutor`, a record per task",
            Self::Interpreters => "sub-interpreters, 4096 records per task",
        }
    }

    /// Whether there is a Python that has it.
    pub(crate) fn is_here(self) -> bool {
        INTERPRETER.as_ref().is_some_and(|python| self != Self::Interpreters || python.has_subinterpreters)
    }

    /// Has it do a job.
    pub(crate) fn run(self, job: Job, length: Length) -> Result<Measured> {
        let python = INTERPRETER.as_ref().context("there is no Python")?;
        let input = tempfile::NamedTempFile::new()?;
        write(&Input::generate(job)?, input.path())?;
        let task = serde_json::to_string(&(self, job, length))?;
        apart::measured(Command::new(&python.program).args(["-I", "-S"]).arg(script()).arg(task).arg(input.path()))
    }
}

/// The Python that runs, and what it has.
#[derive(Clone, Debug)]
pub(crate) struct Interpreter {
    pub(crate) program: PathBuf,
    has_subinterpreters: bool,
    /// As it says itself.
    pub(crate) version: String,
}

impl Interpreter {
    fn release(&self) -> Vec<u32> {
        self.version.split('.').map_while(|number| number.parse().ok()).collect()
    }
}

/// The newest on this machine.
pub(crate) static INTERPRETER: LazyLock<Option<Interpreter>> = LazyLock::new(|| {
    let found = python::candidates();
    found.iter().filter_map(|program| interpreter(program)).max_by_key(Interpreter::release)
});

fn interpreter(program: &Path) -> Option<Interpreter> {
    let asked = Command::new(program).arg(script()).arg("about").stderr(Stdio::null()).output().ok()?;
    // The program itself: what the path leads to may be a script that looks for it.
    let (program, version, has_subinterpreters): (String, _, _) = serde_json::from_slice(&asked.stdout).ok()?;
    Some(Interpreter { program: program.into(), version, has_subinterpreters })
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/python.py")
}

/// A line of JSON: the lengths of the records of each chunk, and what comes of the last record of each; then the records.
fn write(input: &Input, path: &Path) -> Result<()> {
    let lengths = |(data, ends): &(Vec<u8>, Vec<u32>)| each(data, ends).map(<[u8]>::len).collect::<Vec<_>>();
    let lengths: Vec<Vec<usize>> = input.chunks().iter().map(lengths).collect();
    let expected: Vec<_> = input.expected().iter().map(|value| String::from_utf8_lossy(value)).collect();
    let mut file = fs::File::create(path)?;
    writeln!(file, "{}", serde_json::to_string(&(lengths, expected))?)?;
    for (data, _) in input.chunks() {
        file.write_all(data)?;
    }
    Ok(())
}
