#![doc = include_str!("../ARCHITECTURE.md")]

mod adapter;
pub mod allocator;
pub mod build;
mod builder;
mod cache;
pub mod check;
pub mod cli;
pub mod config;
pub mod connector;
mod descriptor;
#[doc(hidden)]
pub mod doors;
pub mod edge;
pub mod error;
pub mod exit;
pub mod failpoint;
mod flow;
pub mod kept;
mod legible;
pub mod loader;
mod panic;
pub mod pipeline;
pub mod plan;
pub mod pool;
pub mod program;
pub mod queue;
pub mod record;
mod redact;
pub mod replay;
pub mod report;
pub mod sandbox;
mod section;
pub mod settings;
pub mod state;
mod suggest;
mod task;
pub mod time;

pub use builder::{PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
pub use error::{Error, ErrorKind, Result};
pub use flow::{Completion, Completions};
pub use pipeline::{Host, Pipeline, Running, Stopper};

/// Makes a plan ready to run, on threads of its own and with components in the sandbox: [`Pipeline::prepare`] for a program
/// that runs one pipeline. Those of a program that runs several share a [`Host`].
///
/// # Errors
/// As [`Pipeline::prepare`].
pub async fn prepare(plan: plan::Plan) -> Result<Pipeline> {
    Pipeline::prepare(plan, &Host::start(sandbox::Sandbox)?).await
}
