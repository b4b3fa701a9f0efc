//! A script in the pipeline file, or in a file of its own: where a mistake in it is shown.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Error;

/// A script that a stage runs. The stage says where a mistake is, in lines and columns of the script; this makes of it
/// the place in the file that contains the script.
#[derive(Clone)]
pub struct Script {
    /// The name by which the stage knows the file, if it has one; otherwise empty.
    pub file: String,
    /// The file of its own, if it has one.
    pub path: Option<PathBuf>,
    /// The error for a mistake at a line and a column, both from 1.
    pub show: Arc<Show>,
}

/// See [`Script::show`].
pub type Show = dyn Fn(usize, usize, &str) -> Error + Send + Sync;

impl Script {
    /// The error for what the stage said when it was opened: `line:column: what`. None: it was not about a place.
    pub fn mistake(&self, said: &str) -> Option<Error> {
        let said = if self.file.is_empty() { said } else { said.strip_prefix(&self.file)?.strip_prefix(':')? };
        let (line, rest) = said.split_once(':')?;
        let (column, what) = rest.split_once(": ")?;
        Some((self.show)(line.parse().ok()?, column.parse().ok()?, what))
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("file", &self.file).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_has_the_place_that_the_stage_named() {
        let show = |line: usize, column: usize, what: &str| Error::config(format!("{line}/{column}/{what}"));
        let mistake = |file: &str, said: &str| {
            let script = Script { file: file.to_owned(), path: None, show: Arc::new(show) };
            script.mistake(said).map(|error| error.to_string())
        };
        assert_eq!(mistake("", "2:5: no: not this").as_deref(), Some("2/5/no: not this"));
        assert_eq!(mistake("x.jq", "x.jq:2:5: no").as_deref(), Some("2/5/no"));
        for other in ["no place", "2: no", "a:b: no", "x.jq:2:5: no"] {
            assert_eq!(mistake("", other), None, "{other}");
        }
    }
}
