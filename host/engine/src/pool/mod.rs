//! A stage's pool: workers that take batches from one queue and give them to instances of their own.

mod attempts;
mod breaker;
mod held;
mod keyed;
mod keys;
mod lanes;
mod line;
mod load;
mod order;
mod pace;
mod pending;
mod places;
mod retries;
mod room;
mod rows;
mod sending;
mod shift;
mod stage;
mod words;
mod worker;

#[cfg(test)]
mod tests;

pub(crate) use attempts::Gathered;
pub(crate) use load::Load;
pub(crate) use shift::Homes;
pub(crate) use stage::Stage;
pub(crate) use worker::Worker;
