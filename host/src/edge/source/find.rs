//! From patterns to files: expanded, sorted, each of them there and readable, before anything runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glob::MatchOptions;

use crate::edge::fault;
use crate::error::{Error, Result};

/// A file to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The pattern that it was found by, from 0.
    pub(super) pattern: usize,
    /// Where it is.
    pub(super) path: Arc<Path>,
    /// Its name below the fixed part of its pattern.
    pub(super) name: PathBuf,
    /// Its size on disk; `None` when it is no plain file but a pipe or a device, which has none.
    pub(super) bytes: Option<u64>,
}

/// As a shell does it: `*` neither crosses a folder nor matches a hidden file.
const AS_A_SHELL: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Names this alike may be meant. 0.8 finds a transposition or a wrong ending in a name of five letters.
const ALIKE: f64 = 0.8;

/// All files of all patterns, each once: in the order of the patterns, then of their names.
///
/// # Errors
/// When a pattern is none or matches no file, or a file cannot be read.
pub(super) fn find(patterns: &[String]) -> Result<Vec<Found>> {
    let mut found: Vec<Found> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (number, pattern) in patterns.iter().enumerate() {
        let files = expand(pattern)?.into_iter().map(|file| Found { pattern: number, ..file });
        found.extend(files.filter(|file| seen.insert(Arc::clone(&file.path))));
    }
    Ok(found)
}

/// The files of one pattern.
fn expand(pattern: &str) -> Result<Vec<Found>> {
    let literal = Path::new(pattern);
    if literal.is_dir() {
        return Err(Error::config(format!("\"{pattern}\" is a folder, not a file"))
            .hint(format!("to read the files in it, write \"{}\"", literal.join("*").display())));
    }
    // A file whose name happens to look like a pattern is itself.
    if literal.exists() {
        return Ok(vec![look_at(literal, literal.parent().unwrap_or(literal))?]);
    }
    if !is_wild(pattern) {
        return Err(no_file(pattern));
    }
    let paths = glob::glob_with(pattern, AS_A_SHELL).map_err(|error| bad_pattern(pattern, &error))?;
    let mut paths = paths
        .collect::<Result<Vec<PathBuf>, _>>()
        .map_err(|error| fault::unreadable(error.path(), io_error(&error)))?;
    paths.retain(|path| !path.is_dir());
    paths.sort();
    if paths.is_empty() {
        return Err(no_file(pattern));
    }
    let fixed = fixed_part(pattern);
    paths.iter().map(|path| look_at(path, &fixed)).collect()
}

/// Makes sure that a file can be read. A pipe or a device is not touched: opening it might wait, or take something out.
fn look_at(path: &Path, fixed: &Path) -> Result<Found> {
    let status = fs::metadata(path).map_err(|error| fault::unreadable(path, error))?;
    let plain = status.is_file();
    if plain {
        File::open(path).map_err(|error| fault::unreadable(path, error))?;
    }
    let name = path.strip_prefix(fixed).unwrap_or(path).to_owned();
    Ok(Found { pattern: 0, path: Arc::from(path), name, bytes: plain.then_some(status.len()) })
}

/// The cause, as far as it can be copied.
fn io_error(error: &glob::GlobError) -> std::io::Error {
    std::io::Error::new(error.error().kind(), error.error().to_string())
}

fn is_wild(part: &str) -> bool {
    part.contains(['*', '?', '['])
}

/// The folders of a pattern before its first wildcard.
fn fixed_part(pattern: &str) -> PathBuf {
    let components = Path::new(pattern).components();
    components.take_while(|part| !is_wild(&part.as_os_str().to_string_lossy())).collect()
}

fn bad_pattern(pattern: &str, error: &glob::PatternError) -> Error {
    Error::config(format!("\"{pattern}\" is no pattern: {}, at character {}", error.msg, error.pos + 1))
        .hint("`*` stands for any part of a name, `**` for any folders, `?` for one character, `[ab]` for one of them")
}

fn no_file(pattern: &str) -> Error {
    let error = match is_wild(pattern) {
        true => Error::config(format!("no file matches \"{pattern}\"")),
        false => Error::config(format!("there is no file \"{pattern}\"")),
    };
    match advice(pattern) {
        Some(advice) => error.hint(advice),
        None => error,
    }
}

/// Where a path goes wrong: the first folder that is missing, or else a file with a similar name.
fn advice(pattern: &str) -> Option<String> {
    if pattern.starts_with("~/") {
        return Some("`~` is not expanded here: write the path in full".to_owned());
    }
    let mut there = PathBuf::new();
    let mut parts = Path::new(pattern).components().peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        let name = part.as_os_str().to_string_lossy();
        let next = there.join(part);
        if !is_wild(&name) && next.exists() {
            there = next;
            continue;
        }
        return match similar(&there, &name) {
            Some(similar) => Some(format!("did you mean \"{}\"?", there.join(similar).display())),
            None if last || is_wild(&name) => Some(count_of_files(&there)),
            None => Some(format!("there is no folder \"{}\"", next.display())),
        };
    }
    None
}

/// The name in `folder` that is most like `name`.
fn similar(folder: &Path, name: &str) -> Option<String> {
    let alike = |other: &str| strsim::jaro_winkler(&other.to_lowercase(), &name.to_lowercase());
    names_in(folder)
        .map(|other| (alike(&other), other))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

fn count_of_files(folder: &Path) -> String {
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match names_in(folder).count() {
        0 => format!("the folder \"{}\" is empty", shown.display()),
        1 => format!("the folder \"{}\" holds one other name", shown.display()),
        count => format!("the folder \"{}\" holds {count} other names", shown.display()),
    }
}

fn names_in(folder: &Path) -> impl Iterator<Item = String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}
