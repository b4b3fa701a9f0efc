//! The sandbox: the only module that names wasmtime.
//!
//! Owns the engine, the compiled components and the stores. Links what a component imports
//! and is granted (`interface`, `reach`, `egress`), and refuses every other import. Bounds each
//! call in time and each instance in memory. Trusts nothing that a guest returns: `contract` checks it. A failure costs
//! the instance, which its worker drops; no error of wasmtime's leaves this module.

mod bindings;
mod cache;
mod command;
mod compiler;
mod component;
mod contract;
mod deadline;
mod egress;
mod engine;
mod engines;
mod failure;
mod functions;
#[doc(hidden)]
pub mod fuzzing;
mod instance;
mod interface;
mod limits;
mod loader;
mod log;
mod mark;
mod output;
mod parts;
mod reach;
mod refusal;
mod signature;
mod slow;
mod source;
mod store;
mod warm;
mod work;

use command::Command;
pub use compiler::{VERB as COMPILER_VERB, compile_apart, serve as serve_as_compiler};
pub use component::{Component, World};
use egress::EgressBounds;
pub use engine::{Engine, Sizing};
pub(crate) use instance::Sandboxed;
pub use loader::Sandbox;
use reach::Provisions;
pub use slow::tell_of_slow_compilations;
use source::SandboxedSource;
use warm::ImageToMake;
