//! What a pool says when it cannot go on.

use super::GuestFailure;
use crate::error::Error;

/// An instance that keeps state has failed, and what it held of `held` records is gone.
pub(super) fn state_lost(stage: &str, held: usize, failure: GuestFailure) -> Error {
    let held = match held {
        0 => "what it held is lost".to_owned(),
        1 => "what it held of 1 record is lost".to_owned(),
        _ => format!("what it held of {held} records is lost"),
    };
    let advice = if matches!(failure, GuestFailure::Returned(_)) {
        "it refused a whole batch: a stage names the records that fail, one by one"
    } else {
        "return an error for a record that cannot be processed: then only that one fails"
    };
    Error::guest(format!("an instance of stage \"{stage}\" failed, and {held}"))
        .caused_by(failure)
        .hint(advice)
        .hint("a stage that keeps nothing between batches should say reuse = \"batch\": then a trap costs one record")
}

/// No instance of the stage can be made: its configuration is refused, or it fails before it sees a record.
pub(crate) fn cannot_open(stage: &str, failure: GuestFailure) -> Error {
    if let GuestFailure::Returned(refusal) = failure {
        return Error::config(format!("stage \"{stage}\" refuses its configuration"))
            .caused_by(refusal)
            .hint(format!("mend \"config\" of stage \"{stage}\" in the pipeline file"));
    }
    let does_not_start = format!("stage \"{stage}\" does not start");
    if let Some(limit) = failure.limit() {
        return Error::config(does_not_start)
            .caused_by(failure)
            .hint(format!("raise limits.{limit} of stage \"{stage}\""));
    }
    if matches!(failure, GuestFailure::NoRoom(_)) {
        return Error::config(does_not_start)
            .caused_by(failure)
            .hint(format!("give the process more address space (ulimit -v), or stage \"{stage}\" fewer workers"));
    }
    Error::guest(does_not_start)
        .caused_by(failure)
        .hint(format!("it fails in `open`, before its first record: mend it, or \"config\" of stage \"{stage}\""))
}
