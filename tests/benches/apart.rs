//! One measurement in a process of its own, which begins with empty memory: this program starts itself again.

use std::env;
use std::io;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use works::harness::Length;

use crate::checkpoints::Pause;
use crate::contender::Contender;
use crate::languages::Upper;
use crate::neighbour::Company;
use crate::overshoot::Load;
use crate::{limits, neighbour, overshoot, waiting};

/// What a process is told so that it does one task and prints what it measured.
pub(crate) const RUN_ONE: &str = "run-one";

/// What a process of its own is asked to measure.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Task {
    /// A whole pipeline, on so much input.
    Pipeline(Contender, Length),
    /// What each way of stopping a guest costs it.
    Limits,
    /// How late limits bite.
    Overshoot(Load),
    /// A good stage's throughput in company.
    Neighbour(Company),
    /// So many instances that mostly wait.
    Waiting(usize),
    /// A pipeline that takes checkpoints.
    Checkpoints(Pause),
    /// A stage in any language.
    Upper(Upper),
}

impl Task {
    /// Does it in a process of its own.
    pub(crate) fn run_apart<M: DeserializeOwned>(self) -> Result<M> {
        let task = serde_json::to_string(&self)?;
        measured(Command::new(env::current_exe()?).args([RUN_ONE, &task]))
    }
}

/// What a process prints that measures something.
pub(crate) fn measured<M: DeserializeOwned>(command: &mut Command) -> Result<M> {
    let child = command.stderr(Stdio::inherit()).output()?;
    ensure!(child.status.success(), "{command:?} failed: {}", child.status);
    serde_json::from_slice(&child.stdout).with_context(|| format!("what {command:?} measured"))
}

/// Does a task here, and prints what it measured: what the child does.
pub(crate) fn run_here(task: &str) -> Result<()> {
    // As the program does it, for everybody.
    sandmill::allocator::keep_freed_memory();
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files })?;
    match serde_json::from_str(task).context("which task")? {
        Task::Pipeline(contender, length) => print(&contender.run(length)?),
        Task::Limits => print(&limits::measure()?),
        Task::Overshoot(load) => print(&overshoot::measure(load)?),
        Task::Neighbour(company) => print(&neighbour::measure(company)?),
        Task::Waiting(instances) => print(&waiting::measure(instances)?),
        Task::Checkpoints(pause) => print(&pause.measure()?),
        Task::Upper(upper) => print(&upper.measure()?),
    }
}

fn print(measured: &impl Serialize) -> Result<()> {
    Ok(serde_json::to_writer(io::stdout(), measured)?)
}
