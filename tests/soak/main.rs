//! `make soak`: a hundred million records through three sandboxed stages into a file, cut several times on the way, by
//! SIGTERM and by SIGKILL in turn, and resumed. Then every record is there once, in its place, and the memory of no process
//! has grown with what it has done.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::time::{Instant, sleep};

const RECORDS: u64 = 100_000_000;

/// How often the run is cut.
const CUTS: u32 = 6;

/// How often is looked how far it is, and how much memory it has.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What one process did, from its start to its end.
struct Leg {
    how: &'static str,
    seconds: f64,
    /// Peak resident memory a second after its start, and at its end; bytes.
    peak_early: u64,
    peak: u64,
    /// The output, at its end.
    bytes: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let records = match std::env::args().nth(1) {
        Some(records) => records.parse().context("how many records")?,
        None => RECORDS,
    };
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("pipeline.toml"), pipeline(records)?)?;
    let output = folder.path().join("out.txt");
    // Every number and its line feed.
    let total: u64 = (1..=20).map(|digits| lines_of(digits, records) * (u64::from(digits) + 1)).sum();
    let mut legs = Vec::new();
    for cut in 1..=CUTS {
        let signal = if cut % 2 == 0 { Signal::KILL } else { Signal::TERM };
        let until = total / u64::from(CUTS + 1) * u64::from(cut);
        legs.push(leg(folder.path(), Some((signal, until))).await?);
        say(&legs)?;
    }
    legs.push(leg(folder.path(), None).await?);
    say(&legs)?;
    let report: Value = serde_json::from_str(&fs::read_to_string(folder.path().join("report.json"))?)?;
    check(&output, &report, records)?;
    summary(&legs, records)
}

fn pipeline(records: u64) -> Result<String> {
    let stages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stages/identity").canonicalize()?;
    let mut text = format!(
        "name = \"soak\"\nsource = {{ kind = \"generate\", what = \"numbers\", records = {records} }}\n\
         sink = {{ kind = \"file\", path = \"out.txt\" }}\n"
    );
    for stage in ["one", "two", "three"] {
        text.push_str(&format!("[[stage]]\nname = \"{stage}\"\ncomponent = {:?}\nworkers = 2\n", stages.display()));
    }
    Ok(text)
}

/// How many of the numbers from 1 to `records` have so many digits.
fn lines_of(digits: u32, records: u64) -> u64 {
    let first = 10_u64.saturating_pow(digits - 1);
    (10_u64.saturating_pow(digits) - 1).min(records).saturating_sub(first - 1)
}

/// Runs until the output is so long, then sends a signal; or to the end.
async fn leg(folder: &Path, cut: Option<(Signal, u64)>) -> Result<Leg> {
    let binary: PathBuf = std::env::current_exe()?.with_file_name("sandmill");
    let mut command = Command::new(binary);
    command.args(["run", "--quiet", "--report", "report.json"]).current_dir(folder).stdin(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().context("sandmill")?;
    let (mut peak_early, mut peak, mut signal) = (0, 0, cut);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak = peak_memory(&child).unwrap_or(peak);
        if begun.elapsed() < Duration::from_secs(1) {
            peak_early = peak;
        }
        let bytes = fs::metadata(folder.join("out.txt")).map_or(0, |file| file.len());
        if let Some((kind, _)) = signal.take_if(|(_, until)| bytes >= *until) {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process")?;
            kill_process(pid, kind)?;
        }
        sleep(LOOK_EVERY).await;
    };
    let how = match (cut, status.code()) {
        (None, Some(0)) => "to its end",
        (Some((Signal::TERM, _)), Some(130)) => "SIGTERM: drained",
        (Some((Signal::KILL, _)), None) => "SIGKILL",
        (_, code) => bail!("a run ended with {code:?}"),
    };
    let bytes = fs::metadata(folder.join("out.txt"))?.len();
    Ok(Leg { how, seconds: begun.elapsed().as_secs_f64(), peak_early, peak, bytes })
}

fn peak_memory(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib << 10)
}

/// Every number is on its own line, once; and the account says so.
fn check(output: &Path, report: &Value, records: u64) -> Result<()> {
    let mut lines = BufReader::with_capacity(1 << 20, File::open(output)?);
    let (mut line, mut number) = (String::new(), 0);
    while lines.read_line(&mut line)? > 0 {
        number += 1;
        ensure!(line.trim_end().parse() == Ok(number), "line {number} is {line:?}");
        line.clear();
    }
    ensure!(number == records, "{number} of {records} records are there");
    let count = |account: &str, what: &str| report.pointer(&format!("{account}/{what}")).and_then(Value::as_u64);
    let total = |what: &str| {
        let before = count("/checkpoints/resumed_from/accounting", what).unwrap_or(0);
        count("/accounting", what).map(|count| count + before)
    };
    let all = Some(records);
    ensure!(total("read") == all && total("delivered") == all, "the account does not say so: {report}");
    ensure!(total("in_flight") == Some(0), "something is in flight: {report}");
    Ok(())
}

fn say(legs: &[Leg]) -> Result<()> {
    let Some(leg) = legs.last() else { return Ok(()) };
    let Leg { how, seconds, peak, bytes, .. } = leg;
    Ok(writeln!(io::stderr(), "{seconds:.1} s, {} MiB written, peak {} MiB: {how}", bytes >> 20, peak >> 20)?)
}

fn summary(legs: &[Leg], records: u64) -> Result<()> {
    let mut out = io::stdout();
    writeln!(
        out,
        "| process | s | peak memory after a second, MiB | peak memory, MiB | output, MiB |\n|---|---|---|---|---|"
    )?;
    for Leg { how, seconds, peak_early, peak, bytes } in legs {
        writeln!(out, "| {how} | {seconds:.1} | {} | {} | {} |", peak_early >> 20, peak >> 20, bytes >> 20)?;
    }
    let seconds: f64 = legs.iter().map(|leg| leg.seconds).sum();
    let peak = legs.iter().map(|leg| leg.peak).max().unwrap_or(0) >> 20;
    writeln!(out, "\n{records} records, each in its place once; {seconds:.0} s in all, peak {peak} MiB.")?;
    Ok(())
}
