//! Why no instance of a stage can be made, worded for its author.

use super::GuestFailure;
use crate::error::Error;
use crate::legible::one_line;

/// No instance of the stage can be made: its configuration is refused, or it fails before it sees a record.
pub fn cannot_open(stage: &str, failure: GuestFailure) -> Error {
    if let GuestFailure::Returned(refusal) = failure {
        let hint = advice(stage, &refusal);
        return Error::config(format!("stage \"{stage}\" refuses its configuration")).caused_by(refusal).hint(hint);
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
    let hint = match reaches_out(&failure.to_string()) {
        true => advice(stage, &failure.to_string()),
        false => format!("it fails in `open`, before its first record: fix it, or \"config\" of stage \"{stage}\""),
    };
    Error::guest(does_not_start).caused_by(failure).hint(hint)
}

/// Suggests what to write into the pipeline file, from the message of `open`.
fn advice(stage: &str, refusal: &str) -> String {
    if reaches_out(refusal) {
        return format!(
            "stage \"{stage}\" sees only the folders that are granted: [stage.grant] read = [\"folder\"], a path from the \
             folder of the pipeline file; it then opens \"folder/file\""
        );
    }
    // As serde says it, which is what the Rust SDK reads configurations with.
    let missing = refusal.split_once("missing field `").and_then(|(_, rest)| rest.split_once('`'));
    match missing {
        Some((field, _)) => {
            format!("set it in stage \"{stage}\" of the pipeline file: config = {{ {} = … }}", one_line(field))
        }
        None => format!("fix \"config\" of stage \"{stage}\" in the pipeline file"),
    }
}

/// The messages of Rust's and C's libraries, and of the SDKs, about a file that is not there or not granted.
const REFUSALS: [&str; 7] = [
    "no such file",
    "pre-opened",
    "permission denied",
    "not permitted",
    "not granted",
    "cannot be read: it is not there",
    "in no folder that this stage is granted",
];

/// Whether a message is one of those with which systems and standard libraries refuse a file.
fn reaches_out(message: &str) -> bool {
    let message = message.to_lowercase();
    REFUSALS.iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(failure: GuestFailure) -> String {
        cannot_open("geo", failure).hints().join(" | ")
    }

    /// Issue 12: it said that the configuration was to be fixed, but not how.
    #[test]
    fn a_stage_that_cannot_be_opened_says_what_to_write() {
        let returned = |refusal: &str| hint(GuestFailure::Returned(refusal.into()));
        assert_eq!(
            returned("the configuration: missing field `discount` at line 1 column 2"),
            "set it in stage \"geo\" of the pipeline file: config = { discount = … }"
        );
        assert_eq!(returned("\"fields\" must not be empty"), "fix \"config\" of stage \"geo\" in the pipeline file");
        for refusal in ["geo.csv: No such file or directory (os error 44)", "\"a/b\" cannot be read: it is not there"] {
            assert!(returned(refusal).contains("stage \"geo\" sees only the folders that are granted"), "{refusal}");
        }
        let panicked = |panic: &str| GuestFailure::Trap {
            reason: "wasm `unreachable` instruction executed".into(),
            panic: Some(panic.into()),
            backtrace: Vec::new(),
        };
        assert!(hint(panicked("no such file: geo.csv")).contains("[stage.grant]"));
        assert!(hint(panicked("index out of bounds")).contains("it fails in `open`"));
    }
}
