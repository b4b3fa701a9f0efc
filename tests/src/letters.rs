//! The dead letters of a run that has ended.

use std::path::Path;

use sandmill::state::StateFile;

/// Those in a state file as lines of JSON, as `sandmill dead-letters export` writes them.
///
/// # Panics
/// When the file cannot be read.
#[must_use]
pub fn lines(state: &Path) -> String {
    let mut lines = String::new();
    let read = StateFile::at(state).letters(|letter| {
        lines.push_str(&serde_json::to_string(&letter).expect("a letter is JSON"));
        lines.push('\n');
        Ok(())
    });
    read.expect("a state file");
    lines
}
