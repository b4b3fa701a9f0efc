//! One measurement in a process of its own, which begins with empty memory: this program starts itself again.

use std::env;
use std::io;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::contender::Contender;
use crate::metered::Metered;
use crate::neighbour::Company;
use crate::overshoot::Load;
use crate::{limits, neighbour, overshoot};

/// What a process is told so that it does one task and prints what it measured.
pub(crate) const RUN_ONE: &str = "run-one";

/// What a process of its own is asked to measure.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Task {
    /// A whole pipeline, on so many records.
    Pipeline(Contender, usize),
    /// What each way of stopping a guest costs it.
    Limits,
    /// The same through the whole of Sandmill.
    Metered(Metered),
    /// How late limits bite.
    Overshoot(Load),
    /// A good stage's throughput in company.
    Neighbour(Company),
}

impl Task {
    /// Does it in a process of its own.
    pub(crate) fn run_apart<M: DeserializeOwned>(self) -> Result<M> {
        let task = serde_json::to_string(&self)?;
        let child = Command::new(env::current_exe()?).args([RUN_ONE, &task]).stderr(Stdio::inherit()).output()?;
        if !child.status.success() {
            bail!("{task} failed: {}", child.status);
        }
        serde_json::from_slice(&child.stdout).with_context(|| format!("what {task} measured"))
    }
}

/// Does a task here, and prints what it measured: what the child does.
pub(crate) fn run_here(task: &str) -> Result<()> {
    // As the program does it, for everybody.
    sandmill::allocator::keep_freed_memory();
    match serde_json::from_str(task).context("which task")? {
        Task::Pipeline(contender, records) => print(&contender.run(records)?),
        Task::Limits => print(&limits::measure()?),
        Task::Metered(metered) => print(&metered.run()?),
        Task::Overshoot(load) => print(&overshoot::measure(load)?),
        Task::Neighbour(company) => print(&neighbour::measure(company)?),
    }
}

fn print(measured: &impl Serialize) -> Result<()> {
    Ok(serde_json::to_writer(io::stdout(), measured)?)
}
