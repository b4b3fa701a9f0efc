//! The engine of Sandmill: what moves records, and what keeps account of them.
//!
//! It knows no component, no file format and no command line. Programs come from a [`loader`], sources and sinks from
//! values that implement [`edge::SourceSpec`] and [`edge::SinkSpec`]. The crate `sandmill` puts all of it together.

mod builder;
pub mod descriptor;
pub mod edge;
pub mod error;
pub mod failpoint;
mod flow;
#[doc(hidden)]
pub mod fuzzing;
pub mod legible;
pub mod loader;
pub mod panic;
pub mod pipeline;
pub mod plan;
mod pool;
pub mod program;
pub mod queue;
pub mod record;
pub mod redact;
pub mod report;
#[cfg(test)]
mod samples;
pub mod settings;
pub mod state;
pub mod suggest;
mod task;
#[cfg(test)]
mod testing;
pub mod time;

pub use builder::{PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
pub use error::{Error, ErrorKind, Result};
pub use flow::{Completion, Completions, Sample, Tap};
pub use pipeline::{Host, Observer, Pipeline, Running, Stopper};
