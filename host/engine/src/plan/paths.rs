//! No file is written twice, and none is both read and written: each would destroy records without a word.
//!
//! Paths are compared as they are written, `.` and doubled separators apart. Links are not followed: that would be I/O.
//! What that leaves is found when the pipeline is prepared, by device and inode; but only here is it known where in the
//! pipeline file the fault is.

use std::path::{Component, Path, PathBuf};

use super::{Flaw, Inputs, Part, Parts, SinkPlan};
use crate::edge::{Reads, Writes};

/// Something that the pipeline writes to.
struct Target {
    part: Part,
    who: String,
    path: PathBuf,
    /// Several sinks may write to tables of one database, each to its own.
    table: Option<String>,
}

/// Checks all files that the parts name.
pub(super) fn check(parts: &Parts) -> Result<(), Flaw> {
    let mut targets: Vec<Target> = parts.sinks.iter().enumerate().filter_map(target).collect();
    let who = "the state file".to_owned();
    targets.push(Target { part: Part::State, who, path: parts.state.path.clone(), table: None });
    let mut written: Vec<(PathBuf, &Target)> = Vec::new();
    for target in &targets {
        let path = tidy(&target.path);
        refuse_read(parts, &path, target)?;
        let clash = |(other, first): &&(PathBuf, &Target)| {
            *other == path && (first.table == target.table || first.table.is_none() || target.table.is_none())
        };
        if let Some((_, first)) = written.iter().find(clash) {
            let message = format!("{} and {} write to the same file", first.who, target.who);
            return Err(
                Flaw::new(target.part, message).hint("give each a path of its own; one sink can read several stages")
            );
        }
        written.push((path, target));
    }
    Ok(())
}

fn target((index, (sink, _)): (usize, &(SinkPlan, Inputs))) -> Option<Target> {
    let (path, table) = match sink.spec.writes()? {
        Writes::File(path) => (path, None),
        Writes::Table { database, table } => (database, Some(table)),
        Writes::Folder(_) | Writes::Stdout => return None,
    };
    Some(Target { part: Part::Path(index), who: format!("sink {:?}", sink.name), path, table })
}

/// Refuses a (tidy) path to write to that a source reads.
fn refuse_read(parts: &Parts, path: &Path, target: &Target) -> Result<(), Flaw> {
    for source in &parts.sources {
        let is_read = |of: &Reads| matches!(of, Reads::Files(pattern) if reads(pattern, path));
        if source.kind.reads().iter().any(is_read) {
            let message = format!("{} shares a file with source {:?}, which reads it", target.who, source.name);
            return Err(Flaw::new(target.part, message).hint("write somewhere else"));
        }
    }
    Ok(())
}

/// Whether a pattern, or the path that it may be as well, matches a tidy path.
fn reads(pattern: &str, path: &Path) -> bool {
    let plain = tidy(Path::new(pattern));
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::default() };
    let matches = || {
        let pattern = plain.to_str().and_then(|plain| glob::Pattern::new(plain).ok());
        pattern.is_some_and(|pattern| pattern.matches_path_with(path, options))
    };
    plain == path || matches()
}

fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|component| *component != Component::CurDir).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_reads_what_it_matches() {
        for (pattern, path) in [("a.log", "a.log"), ("./a.log", "a.log"), ("d/./a", "d//a"), ("*.csv", "out.csv")] {
            assert!(reads(pattern, &tidy(Path::new(path))), "{pattern} {path}");
        }
        for (pattern, path) in [("a.log", "b.log"), ("*.csv", "d/out.csv"), ("[", "a"), ("d/*", "a")] {
            assert!(!reads(pattern, &tidy(Path::new(path))), "{pattern} {path}");
        }
    }
}
