//! JSON text, read strictly as the standard has it. The languages in a pipeline file share it.
//!
//! [`Text`] reads one token after the other and says what is wrong, and where. It makes no values: every language has its
//! own. [`Scan`] finds out whether a text is JSON, and where its parts are, faster and without a reason; [`Members`] are
//! those of a record. Both accept the same texts, but that a scan leaves to [`Text`] what is rare.
mod members;
mod plain;
mod scan;
mod text;

pub use members::{Hint, Members};
pub use scan::{Marks, Scan};
pub use text::{Fault, Number, Text};

/// Values in values in values: arbitrary, deeper than anybody writes, and well within the stack.
pub const DEPTH_MAX: usize = 512;
