//! A stage's pool: workers that take batches from one queue and give them to instances of their own.

mod instance;
mod native;

pub use instance::{Budget, Failure, GuestFailure, Instance, Outcome, Program, WorkerId};
pub use native::{NativeStage, Verdict};
