//! The errors with which a pool ends a run.

use crate::error::Error;
use crate::program::GuestFailure;

/// An instance that keeps state has failed, and what it held of `held` records is gone.
pub(super) fn state_lost(stage: &str, held: usize, failure: GuestFailure) -> Error {
    let held = match held {
        0 => "what it held is lost".to_owned(),
        1 => "what it held from 1 record is lost".to_owned(),
        _ => format!("what it held from {held} records is lost"),
    };
    let advice = if matches!(failure, GuestFailure::Returned(_)) {
        "it refused a whole batch: name the records that fail, one by one"
    } else {
        "return an error for a record that cannot be processed: then only that one fails"
    };
    Error::guest(format!("an instance of stage \"{stage}\" failed, and {held}"))
        .caused_by(failure)
        .hint(advice)
        .hint("if the stage keeps nothing between batches, write reuse = \"batch\": then a trap costs one record")
}
