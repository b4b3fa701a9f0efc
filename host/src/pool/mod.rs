//! A stage's pool: workers that take batches from one queue and give them to instances of their own.

mod attempts;
mod breaker;
mod instance;
mod native;
mod order;
mod pace;
mod words;
mod worker;

pub(crate) use attempts::Gathered;
pub use instance::{Budget, Failure, GuestFailure, Instance, Outcome, Program, WorkerId};
pub(crate) use native::panic_message;
pub use native::{NativeStage, Verdict};
pub(crate) use pace::whole_budget;
pub(crate) use words::cannot_open;
pub(crate) use worker::{Stage, Worker};
