//! The sandbox: everything that names wasmtime.
//!
//! Owns the engine, the compiled components and the stores. Refuses every import but `sandmill:stage/host`. Bounds each
//! call in time and each instance in memory. Trusts nothing that a guest returns: `contract` checks it. A failure costs
//! the instance, which its worker drops; no error of wasmtime's leaves this module.

mod bindings;
mod cache;
mod component;
mod contract;
mod deadline;
pub(crate) mod doors;
mod engine;
mod failure;
mod instance;
mod limits;
mod source;
mod store;

pub use component::{Component, World};
pub use engine::{Engine, Sizing};
pub use instance::Sandboxed;
pub use source::SandboxedSource;
pub use store::LogBounds;
