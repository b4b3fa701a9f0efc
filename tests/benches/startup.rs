//! How long `sandmill run` takes from its start to the first record at the destination, and to its exit, when all code is
//! compiled already. The whole process is measured, as whoever types the command sees it.

use std::env;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use works::Work;
use works::harness::Stopwatch;

use crate::runner;

/// One start.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Start {
    /// Until the record stands in the pipe behind stdout.
    pub(crate) first_record_seconds: f64,
    /// Until the process has ended.
    pub(crate) exit_seconds: f64,
}

/// Starts a pipeline of so many stages and one record `times` times.
pub(crate) fn measure(stages: usize, times: usize) -> Result<Vec<Start>> {
    let folder = tempfile::tempdir()?;
    write(folder.path(), &runner::component(Work::Upper)?, stages)?;
    let program = program()?;
    // The first start compiles, and fills the cache.
    start(&program, folder.path())?;
    (0..times).map(|_| start(&program, folder.path())).collect()
}

/// Writes a pipeline of stages that make letters upper case, and its input of one record.
pub(crate) fn write(folder: &Path, component: &Path, stages: usize) -> Result<()> {
    fs::write(folder.join("in.txt"), "one record\n")?;
    Ok(fs::write(folder.join("pipeline.toml"), pipeline(component, stages))?)
}

/// Starts it once.
pub(crate) fn start(program: &Path, folder: &Path) -> Result<Start> {
    let stopwatch = Stopwatch::start();
    let mut child = Command::new(program)
        .args(["run", "pipeline.toml"])
        .current_dir(folder)
        .env("SANDMILL_CACHE", folder.join("cache"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start sandmill")?;
    let mut out = child.stdout.take().context("stdout is piped")?;
    let mut first = [0; 256];
    let read = out.read(&mut first)?;
    let first_record = stopwatch.stop();
    let ended = child.wait_with_output()?;
    let exit = stopwatch.stop();
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "sandmill run: {}\n{said}", ended.status);
    ensure!(first.get(..read) == Some(b"ONE RECORD\n"), "the record did not arrive\n{said}");
    Ok(Start { first_record_seconds: first_record.wall.as_secs_f64(), exit_seconds: exit.wall.as_secs_f64() })
}

fn pipeline(component: &Path, stages: usize) -> String {
    let component = toml_string(component);
    let stages: String =
        (1..=stages).map(|n| format!("[[stage]]\nname = \"upper-{n}\"\ncomponent = {component}\n\n")).collect();
    format!(
        "name = \"start\"\n\n[source]\nkind = \"file\"\npath = \"in.txt\"\nformat = \"lines\"\n\n\
         {stages}[sink]\nkind = \"stdout\"\nformat = \"lines\"\n"
    )
}

/// Processor time of all children that have ended, and of theirs, seconds. In hundredths.
pub(crate) fn children_cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_ascii_whitespace().skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / rustix::param::clock_ticks_per_second() as f64
}

pub(crate) fn toml_string(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy())
}

/// `sandmill`, which lies beside this program.
pub(crate) fn program() -> Result<PathBuf> {
    let program = env::current_exe()?.with_file_name("sandmill");
    ensure!(program.exists(), "there is no {}: build it with cargo build --release -p sandmill", program.display());
    Ok(program)
}
