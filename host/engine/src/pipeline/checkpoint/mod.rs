//! Checkpoints: where a run begins, the points from which it can be resumed, and its end.

mod answers;
mod checkpointer;
mod interval;
mod lifecycle;
mod session;
mod sink;

pub(super) use checkpointer::{Checkpointer, Gate};
pub(super) use lifecycle::Closing;
pub use lifecycle::Conclusion;
pub(super) use session::{Keeping, Resumption, SourceDesk};
pub(super) use sink::SinkDesk;
