#![doc = include_str!("../ARCHITECTURE.md")]

pub mod allocator;
pub mod check;
pub mod cli;
pub mod config;
pub mod exit;
#[doc(hidden)]
pub mod fuzzing;
pub mod replay;
#[cfg(test)]
mod samples;

pub use sandmill_build as build;
pub use sandmill_component::{defaults, kept};
pub use sandmill_connectors as connector;
pub use sandmill_engine::{
    Completion, Completions, Error, ErrorKind, Host, Observer, Pipeline, PipelineBuilder, Result, Running, Sample,
    SinkBuilder, SourceBuilder, StageBuilder, Stopper, Tap, edge, error, failpoint, loader, pipeline, plan, program,
    queue, record, report, settings, state,
};
pub use sandmill_sandbox as sandbox;

use sandmill_engine::{descriptor, legible, suggest, time};

/// Makes a plan ready to run, on threads of its own and with components in the sandbox: [`Pipeline::prepare`] for a program
/// that runs one pipeline. Those of a program that runs several share a [`Host`].
///
/// ```
/// use sandmill::connector::{Generate, Generated, NullSink};
/// use sandmill::program::{NativeStage, Verdict};
/// use sandmill::{PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
///
/// let even = NativeStage::new(|_key, value, out| {
///     if value.last().is_some_and(|digit| digit % 2 == 0) {
///         out.push(None, value);
///     }
///     Verdict::Done
/// });
/// let numbers = Generate { what: Generated::Numbers, records: 10, seed: 1 };
/// let plan = PipelineBuilder::new("even")
///     .source(SourceBuilder::new("numbers", numbers))
///     .stage(StageBuilder::native("keep-even", even))
///     .sink(SinkBuilder::new("nowhere", NullSink))
///     .plan()?;
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// let report = sandmill::prepare(plan).await?.run().await;
/// assert_eq!(report.stats.accounting.delivered, 5);
/// assert_eq!(report.stats.accounting.dropped, 5);
/// # Ok::<(), sandmill::Error>(())
/// # })?;
/// # Ok::<(), sandmill::Error>(())
/// ```
///
/// # Errors
/// As [`Pipeline::prepare`].
pub async fn prepare(plan: plan::Plan) -> Result<Pipeline> {
    Pipeline::prepare(plan, &Host::start(sandbox::Sandbox::new())?).await
}
