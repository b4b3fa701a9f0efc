//! A way for the fuzzer to hand over what a guest might return, to the code that checks it, without a guest.

use super::bindings::stage::sandmill::stage::types as wit;
use super::contract::{self, Expected};
use super::log;
use crate::pool::{GuestFailure, Outcome};
use crate::record::Payload;

/// An outcome as a guest returns it, unchecked. Columns are their data and their ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Returned {
    /// The values of the outputs.
    pub values: (Vec<u8>, Vec<u32>),
    /// The keys of the outputs.
    pub keys: (Vec<u8>, Vec<u32>),
    /// The input record of each output.
    pub origins: Vec<u32>,
    /// The port of each output.
    pub ports: Vec<u16>,
    /// The failed input records, each with its message.
    pub failures: Vec<(u32, String)>,
}

/// Checks an outcome of a call that was given `records` records, of a stage with `ports` outputs.
///
/// # Errors
/// [`GuestFailure::Contract`] when it breaks the stage interface.
pub fn check_outcome(returned: Returned, records: usize, ports: usize) -> Result<Outcome, GuestFailure> {
    let column = |(data, ends)| wit::ColumnResult { data, ends };
    let failure = |(index, message)| wit::Failure { index, retryable: false, message };
    let outcome = wit::Outcome {
        emitted: wit::BatchResult { values: column(returned.values), keys: column(returned.keys) },
        origins: returned.origins,
        ports: returned.ports,
        failures: returned.failures.into_iter().map(failure).collect(),
    };
    contract::check(outcome, Expected { records, ports }, &legible)
}

/// Checks the columns of a chunk, as a source returns them.
///
/// # Errors
/// What is wrong with them.
pub fn check_columns(values: (Vec<u8>, Vec<u32>), keys: (Vec<u8>, Vec<u32>)) -> Result<Payload, String> {
    contract::payload(values, keys)
}

/// A guest's words as they are kept: bounded, and without control characters.
pub fn legible(text: &str) -> String {
    log::shown(text, 0)
}
