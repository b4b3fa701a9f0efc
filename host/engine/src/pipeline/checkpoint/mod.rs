//! Checkpoints: where a run begins, the points from which it can be resumed, and its end.
//!
//! [`Session`] finds out where the run begins. [`Lifecycle`] has checkpoints taken while the run lasts ([`Checkpointer`]),
//! and ends it. Both work with [`CommittedSink`]s and [`SourcePosition`]s, which they share with the tasks of sinks and
//! sources. No lock is held while anything is retried, nor for as long as a run.

mod answers;
mod beginning;
mod checkpointer;
mod interval;
mod lifecycle;
mod position;
mod session;
mod sink;
mod writer;

pub(super) use beginning::Resumption;
pub(super) use checkpointer::{Checkpointer, Gate, Subject};
pub use lifecycle::Conclusion;
pub(super) use lifecycle::Lifecycle;
pub(super) use position::SourcePosition;
pub(super) use session::{OpenSink, Session};
pub(super) use sink::CommittedSink;
pub(super) use writer::{Deliveries, Settling, Writer};
