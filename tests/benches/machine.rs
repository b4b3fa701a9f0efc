//! Where and of what the numbers were taken.

use std::fs;
use std::num::NonZeroUsize;
use std::process::Command;
use std::thread::available_parallelism;

use serde::Serialize;

/// The machine and the code.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) kernel: String,
    /// Of the last minute, before anything was measured: what else the machine was doing.
    pub(crate) load_before: f64,
    pub(crate) commit: String,
    pub(crate) command: &'static str,
}

impl Machine {
    /// This one.
    pub(crate) fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
        let processor = model.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, name)| name);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cores: cores(),
            processor: processor.to_owned(),
            kernel: kernel.trim().to_owned(),
            load_before: load(),
            commit: commit(),
            command: "make bench",
        }
    }
}

/// Processors that this process may use.
pub(crate) fn cores() -> usize {
    available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Processes that ran or wanted to, on average over the last minute.
pub(crate) fn load() -> f64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_ascii_whitespace().next().and_then(|minute| minute.parse().ok()).unwrap_or(0.0)
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    // The results themselves are written into the work tree: they are no change to what was measured.
    match git(&["status", "--porcelain", "--untracked-files=no", "--", ":/", ":(exclude,top)docs"]).as_deref() {
        Some("") => commit,
        _ => format!("{commit}, with changes"),
    }
}
