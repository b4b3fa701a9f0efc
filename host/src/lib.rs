//! Sandmill runs every stage of a data pipeline as a pool of isolated WebAssembly instances, joined by bounded queues.

pub mod config;
pub mod edge;
pub mod error;
pub mod plan;
pub mod pool;
pub mod queue;
pub mod record;
pub mod report;
mod suggest;
