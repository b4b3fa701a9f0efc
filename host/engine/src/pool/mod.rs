//! A stage's pool: workers that take batches from one queue and give them to instances of their own.

mod attempted;
mod breaker;
mod gathered;
mod growth;
mod keys;
mod lanes;
mod line;
mod load;
mod order;
mod outcome;
mod pace;
mod parked;
mod pending;
mod retries;
mod retry_queue;
mod rows;
mod slots;
mod stage;
mod words;
mod worker;

#[cfg(test)]
mod tests;

pub(crate) use gathered::Gathered;
pub(crate) use growth::Growth;
pub(crate) use load::Load;
pub(crate) use pace::Pace;
pub(crate) use slots::Slots;
pub(crate) use stage::Stage;
pub(crate) use worker::{Runtimes, Worker, Workplace};
