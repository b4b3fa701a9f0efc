//! Handles records between an invocation and their fate: on to the next queue, or to the error policy.
//!
//! Shared by sources, workers and sinks. Holds no records of its own: what is handed in has left when the call returns.

mod attempt;
mod backoff;
mod completion;
mod counters;
mod dead_letters;
mod failed;
mod outlet;
mod tap;

pub(crate) use attempt::Earlier;
pub(crate) use backoff::Backoff;
pub(crate) use completion::Settler;
pub use completion::{Completion, Completions};
pub(crate) use counters::{Counter, Hold, SinkCounters, SourceCounters, StageCounters, Stopwatch};
pub(crate) use dead_letters::DeadLetters;
pub(crate) use failed::{Failed, FailurePolicy, Reason};
pub(crate) use outlet::Outlet;
pub(crate) use tap::TapPoint;
pub use tap::{Sample, Tap};
