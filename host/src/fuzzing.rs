//! Entry points for the fuzzer and tests to what is private: what a guest might return is handed to the code that checks it and to the
//! code that divides claims by it, and a stage is called with batches of their own. Not a part of what the library promises.

use crate::legible;

pub use sandmill_connectors::fuzzing::{Given, Reading, fields, is_json, read};
pub use sandmill_engine::fuzzing::{Settled, settle};
pub use sandmill_sandbox::fuzzing::{Returned, call_stage, check_columns, check_outcome, legible};

/// Text of others as the command line shows it.
#[must_use]
pub fn harmless(text: &str) -> String {
    legible::harmless(text).into_owned()
}
