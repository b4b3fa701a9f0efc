//! Messages for what goes wrong with a state file.

use std::path::Path;

use crate::error::Error;

/// It is something else.
pub(super) fn no_state_file(path: &Path) -> Error {
    Error::config(format!("\"{}\" is not a state file of sandmill", path.display()))
        .hint("name another place in the pipeline file: [state] path = \"…\"")
}

/// Reports that what a run kept cannot be trusted. Never ignored: starting over unasked would write everything a second
/// time.
pub(super) fn damaged(path: &Path, what: &str) -> Error {
    Error::config(format!("the state file \"{}\" is damaged: {what}", path.display()))
        .hint("restore it from a copy, or start over with --fresh")
}

/// Another run has it.
pub(super) fn taken(path: &Path) -> Error {
    Error::config(format!("another run of this pipeline is using the state file \"{}\"", path.display()))
        .hint("wait for it to end; two pipelines that run at the same time need different names, or [state] path")
}

/// It was there when the run began.
pub(super) fn vanished(path: &Path) -> Error {
    Error::edge(format!("the state file \"{}\" was removed or replaced during the run", path.display()))
        .hint("the position of this run is lost, and the next run starts over: leave the state file alone while a run uses it")
}

/// It cannot be made.
pub(super) fn unwritable(path: &Path, cause: std::io::Error) -> Error {
    Error::config(format!("the state file \"{}\" cannot be written", path.display()))
        .caused_by(cause)
        .hint("name another place in the pipeline file: [state] path = \"…\"")
}

/// `SQLite` fails.
pub(super) fn fault(path: &Path, cause: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match cause.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => damaged(path, "it is not a database").caused_by(cause),
        _ => Error::edge(format!("the state file \"{}\" cannot be read or written", path.display())).caused_by(cause),
    }
}
