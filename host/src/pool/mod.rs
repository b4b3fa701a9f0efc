//! A stage's pool: workers that take batches from one queue and give them to instances of their own.

mod attempts;
mod breaker;
mod held;
mod instance;
mod keyed;
mod keys;
mod lanes;
mod line;
mod load;
mod native;
mod order;
mod pace;
mod pending;
mod places;
mod retries;
mod room;
mod rows;
mod shift;
mod stage;
mod words;
mod worker;

#[cfg(test)]
mod tests;

pub(crate) use attempts::Gathered;
pub use instance::{Budget, Failure, GuestFailure, Instance, Outcome, Program, WorkerId};
pub(crate) use load::Load;
pub(crate) use native::panic_message;
pub use native::{NativeStage, Verdict};
pub(crate) use pace::whole_budget;
pub(crate) use shift::Homes;
pub(crate) use stage::Stage;
pub(crate) use words::cannot_open;
pub(crate) use worker::Worker;
