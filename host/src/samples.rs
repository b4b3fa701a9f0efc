//! Sample reports for tests.

use crate::error::ErrorKind;
use crate::report::Problem;

// Of the engine, whose tests are made of it too; no program needs it.
#[path = "../engine/src/samples.rs"]
mod of_engine;

pub(crate) use of_engine::{report, stage};

/// An error of that kind.
pub(crate) fn problem(kind: ErrorKind) -> Problem {
    Problem {
        kind,
        message: "stage \"parse\" failed on record 17 (access.log:17)".into(),
        snippet: None,
        causes: vec!["no status in this line".into()],
        hints: vec!["`on_error = \"dead-letter\"` keeps the run going".into()],
        broken_pipe: false,
    }
}
