//! The JavaScript engine QuickJS, with the little of a C library that it needs inside a component: a context, its values,
//! JSON, and what a script throws, in words. One engine for each instance, never freed.

mod case;
mod clock;
mod engine;
#[cfg(target_arch = "wasm32")]
mod libc;
mod read;
mod value;
mod write;

/// Which values are read from JSON, and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// All. Integers beyond 2^53 are `BigInt`s.
    All,
    /// Those of which the language's own `JSON.parse` and `JSON.stringify` make exactly the same. The others are refused,
    /// so that they can be left to these.
    Plain,
}

pub use clock::set_clock;
pub use engine::{Context, Form, PRELUDE, Thrown};
pub use read::Reader;
pub use rquickjs_sys as sys;
pub use value::{Value, argument, size};
pub use write::Writer;
