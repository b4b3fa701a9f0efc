//! A file through a stage that does nothing, against `wc -l`, which only looks for the ends of its lines.

use std::fmt::{Result as Written, Write};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use serde::Serialize;
use tempfile::TempDir;
use works::harness::{Input, Job, Length, Stopwatch};

use crate::page::with_ratio;
use crate::runner;
use crate::startup::{program, toml_string};
use crate::summary::Spread;
use crate::tables::grid;

/// The file, and pipelines that read it.
#[derive(Debug)]
pub(crate) struct Files {
    folder: TempDir,
    bytes: u64,
    lines: usize,
}

/// Who reads the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Reader {
    Wc,
    WcAgain,
    /// No stage: what source and sink take.
    NoStage,
    Stage,
}

/// How fast one was.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Read {
    reader: Reader,
    bytes_per_second: f64,
}

const READERS: [Reader; 4] = [Reader::Stage, Reader::NoStage, Reader::Wc, Reader::WcAgain];

impl Files {
    /// Writes them: lines of as many bytes as the trivial records have.
    pub(crate) fn make(lines: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut file = BufWriter::new(File::create(folder.path().join("in.txt"))?);
        for portion in Input::generate(Job::TRIVIAL)?.portions(Length::Records(lines)) {
            for line in works::harness::each(&portion.columns.0, &portion.columns.1) {
                file.write_all(line)?;
                file.write_all(b"\n")?;
            }
        }
        let bytes = file.into_inner()?.metadata()?.len();
        let identity = format!(
            "[[stage]]\nname = \"identity\"\ncomponent = {}\n\n",
            toml_string(&runner::built("../stages/identity")?)
        );
        let files = Self { folder, bytes, lines };
        for (name, stages) in
            [(files.pipeline(Reader::Stage), identity), (files.pipeline(Reader::NoStage), String::new())]
        {
            fs::write(
                name,
                format!(
                    "name = \"file\"\n\n[state]\ncheckpoint = \"off\"\n\n[source]\nkind = \"file\"\npath = \"in.txt\"\n\
                     format = \"lines\"\n\n{stages}[sink]\nkind = \"null\"\n"
                ),
            )?;
        }
        // Compiles, and reads the file into memory.
        files.round()?;
        Ok(files)
    }

    fn pipeline(&self, reader: Reader) -> PathBuf {
        let name = if reader == Reader::Stage { "stage.toml" } else { "no-stage.toml" };
        self.folder.path().join(name)
    }

    /// Everybody once, as whole processes.
    pub(crate) fn round(&self) -> Result<Vec<Read>> {
        // Whoever reads it first after other contenders pays for the rest: the machine below this one may have put the file
        // elsewhere meanwhile.
        self.read(Reader::Wc)?;
        READERS.into_iter().map(|reader| self.read(reader)).collect()
    }

    fn read(&self, reader: Reader) -> Result<Read> {
        let mut command = match reader {
            Reader::Wc | Reader::WcAgain => command(Path::new("wc"), ["-l", "in.txt"]),
            Reader::NoStage | Reader::Stage => {
                command(&program()?, ["run", "--json", &self.pipeline(reader).to_string_lossy()])
            }
        };
        command.current_dir(self.folder.path()).env("SANDMILL_CACHE", self.folder.path().join("cache"));
        let stopwatch = Stopwatch::start();
        let output = command.output()?;
        let seconds = stopwatch.wall().as_secs_f64();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{command:?}: {}\n{said}", output.status);
        ensure!(said.contains(&self.lines.to_string()), "{command:?} has not read {} lines\n{said}", self.lines);
        Ok(Read { reader, bytes_per_second: self.bytes as f64 / seconds })
    }
}

fn command<const N: usize>(program: &Path, arguments: [&str; N]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

impl Reader {
    fn words(self) -> &'static str {
        match self {
            Self::Wc => "`wc -l`",
            Self::WcAgain => "`wc -l`, again (A/A control)",
            Self::NoStage => "`sandmill run`: file → `null`",
            Self::Stage => "`sandmill run`: file → `identity` → `null`",
        }
    }
}

/// The runs of several rounds, as a table.
pub(crate) fn write(rounds: &[Vec<Read>], page: &mut String) -> Written {
    writeln!(
        page,
        "## A file, and a stage that does nothing\n\nLines of 100 bytes, from a file that the system has in memory; \
         whole processes, including their start.\n"
    )?;
    let heads = ["Bytes per second · its ratio to `wc -l` (min–max)".to_owned()];
    grid(page, &READERS.map(|reader| reader.words().to_owned()), &heads, |row, _| {
        READERS.get(row).map(|reader| with_ratio(pairs(rounds, *reader))).unwrap_or_default()
    })
}

/// Bytes per second of the file through the stage, and what that is of `wc -l`.
pub(crate) fn goal(rounds: &[Vec<Read>]) -> Option<(Spread, Spread)> {
    let pairs = pairs(rounds, Reader::Stage);
    let ratio = Spread::of(pairs.iter().map(|(number, wc)| number / wc));
    Spread::of(pairs.iter().map(|(number, _)| *number)).zip(ratio)
}

fn pairs(rounds: &[Vec<Read>], reader: Reader) -> Vec<(f64, f64)> {
    let find =
        |round: &[Read], reader| round.iter().find(|read| read.reader == reader).map(|read| read.bytes_per_second);
    rounds.iter().filter_map(|round| find(round, reader).zip(find(round, Reader::Wc))).collect()
}
