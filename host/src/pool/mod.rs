//! A stage's pool: workers that take batches from one queue and give them to instances of their own.

mod attempts;
mod instance;
mod native;
mod order;
mod pace;
mod worker;

pub(crate) use attempts::Gathered;
pub use instance::{Budget, Failure, GuestFailure, Instance, Outcome, Program, WorkerId};
pub(crate) use native::panic_message;
pub use native::{NativeStage, Verdict};
pub(crate) use worker::{Stage, Worker, cannot_open};
