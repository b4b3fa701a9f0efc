#![doc = include_str!("../README.md")]

#[cfg(feature = "clock")]
pub mod clock;
mod column;
mod config;
#[cfg(feature = "env")]
pub mod env;
mod exact;
mod failure;
#[cfg(feature = "files")]
pub mod files;
mod finite;
mod function;
#[cfg(target_arch = "wasm32")]
mod guest;
#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "an allocator hands out raw memory")]
mod heap;
#[cfg(feature = "http")]
pub mod http;
mod input;
pub mod log;
mod macros;
mod output;
mod outputs;
pub mod print;
#[cfg(feature = "random")]
pub mod random;
mod record;
mod source;
mod stage;
mod trial;

pub use crate::config::Nothing as NoConfig;
pub use crate::failure::Failure;
pub use crate::function::{StageFunction, Verdict};
pub use crate::input::{FromRecord, Json};
pub use crate::output::Output;
pub use crate::outputs::{IntoOutputs, Keyed, To, Value};
pub use crate::print::{dbg, eprint, eprintln, print, println};
pub use crate::record::Record;
pub use crate::source::{Pulled, Source};
pub use crate::stage::{Flush, Stage};
pub use crate::trial::{Emitted, Fates, Trial};

/// What the macros expand to. No part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::function::{call, config_of, instance};
    #[cfg(target_arch = "wasm32")]
    pub use crate::guest::{flush, open_source, open_stage, process, pull, record_source, stage};
    pub use crate::record::Batch;
    pub use crate::source::{OpenSource, open as source_of};
    pub use crate::stage::{Form, Instance, Unflushed};

    /// The mark in a component that says whether it gives outputs at its end: the host reads it.
    #[must_use]
    pub const fn mark(flushes: bool) -> [u8; 8] {
        if flushes { *b"flush=1\n" } else { *b"flush=0\n" }
    }

    /// Opens a stage.
    pub type Opener = fn(&str) -> Result<Box<dyn Instance>, crate::Failure>;
    /// Opens a source.
    pub type SourceOpener = fn(&str, Option<String>) -> Result<Box<dyn OpenSource>, crate::Failure>;
}
