//! Finds the files of patterns: expanded, sorted, each of them once, and looked at before anything runs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::expand::{self, Trouble, is_wild};
use crate::fault;
use crate::kind;
use sandmill_engine::descriptor;
use sandmill_engine::edge::FileId;
use sandmill_engine::error::{Error, Result};

/// A file to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The pattern that it was found by, from 0.
    pub(super) pattern: usize,
    /// Where it is.
    pub(super) path: Arc<Path>,
    /// Its name below the fixed part of its pattern.
    pub(super) name: PathBuf,
    /// Its size on disk; `None` when it is not a regular file but a pipe or a device, which has none.
    pub(super) bytes: Option<u64>,
    /// Which file it is; `None` for what cannot be identified or looked at.
    pub(super) id: Option<FileId>,
}

/// All files of all patterns.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Each once: in the order of the patterns, then of their names.
    pub(super) found: Vec<Found>,
    /// Other names of some of them, and the names by which these are read.
    pub(super) other_names: Vec<(Found, Arc<Path>)>,
}

/// Names this alike may be meant. 0.8 finds a transposition or a wrong ending in a name of five letters.
const ALIKE: f64 = 0.8;

/// The files of a source. One that is there twice, by links or by two spellings of its path, is read once; where whole
/// files are records and their names are keys, once for each name.
///
/// # Errors
/// When a pattern is none or matches no file, and when the only file, or each of several, cannot be read.
pub(super) fn find(source: &kind::FileSource) -> Result<Files> {
    let mut paths = Vec::new();
    for (number, pattern) in source.patterns.iter().enumerate() {
        let fixed = fixed_part(pattern);
        paths.extend(expand(pattern)?.into_iter().map(|path| (path, fixed.clone(), number)));
    }
    let is_only = paths.len() == 1;
    let (mut files, mut seen, mut failure, mut is_any_good) = (Files::default(), HashMap::new(), None, false);
    for (path, fixed, pattern) in paths {
        let name = path.strip_prefix(&fixed).unwrap_or(&path).to_owned();
        let found = match look_at(&path) {
            Ok((bytes, id)) => Found { pattern, path: path.into(), name, bytes, id },
            Err(error) if is_only || error.is_retryable() => return Err(error),
            Err(error) => {
                failure.get_or_insert(error);
                // It is reported when its turn comes, and the others are read.
                files.found.push(Found { pattern, path: path.into(), name, bytes: Some(0), id: None });
                continue;
            }
        };
        is_any_good = true;
        match seen.entry(Key::of(&found, &source.format)) {
            Entry::Vacant(free) => {
                free.insert(Arc::clone(&found.path));
                files.found.push(found);
            }
            Entry::Occupied(first) if **first.get() == *found.path => {}
            Entry::Occupied(first) => files.other_names.push((found, Arc::clone(first.get()))),
        }
    }
    match failure {
        Some(error) if !is_any_good => Err(error),
        Some(_) | None => Ok(files),
    }
}

/// The key that tells one input from another.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    File(FileId),
    /// A file whose name is the key of its record.
    Named(FileId, PathBuf),
    /// A device.
    Path(Arc<Path>),
}

impl Key {
    fn of(found: &Found, format: &kind::SourceFormat) -> Self {
        match found.id {
            Some(id) if *format == kind::SourceFormat::Files => Self::Named(id, found.name.clone()),
            Some(id) => Self::File(id),
            None => Self::Path(Arc::clone(&found.path)),
        }
    }
}

/// The paths of one pattern.
fn expand(pattern: &str) -> Result<Vec<PathBuf>> {
    let literal = Path::new(pattern);
    if literal.is_dir() {
        return Err(Error::config(format!("\"{pattern}\" is a folder, not a file"))
            .hint(format!("to read the files in it, write \"{}\"", literal.join("*").display())));
    }
    // A file whose name happens to look like a pattern is itself.
    if literal.exists() {
        return Ok(vec![literal.to_owned()]);
    }
    if !is_wild(pattern) {
        return Err(no_file(pattern));
    }
    let mut paths = expand::expand(pattern).map_err(|trouble| match trouble {
        Trouble::Pattern(error) => bad_pattern(pattern, &error),
        Trouble::Folder(folder, error) => fault::unreadable(&folder, error),
    })?;
    paths.retain(|path| !path.is_dir());
    if paths.is_empty() {
        return Err(no_file(pattern));
    }
    Ok(paths.into_iter().collect())
}

/// Makes sure that a file can be read, and gives its size and which it is. A pipe or a device is not touched: opening
/// it might wait, or take something out.
fn look_at(path: &Path) -> Result<(Option<u64>, Option<FileId>)> {
    if let Some(fd) = descriptor::named(path).filter(|fd| descriptor::was_closed(*fd)) {
        descriptor::duplicate(fd)?;
    }
    let status = fs::metadata(path).map_err(|error| fault::unreadable(path, error))?;
    let plain = status.is_file();
    if plain {
        File::open(path).map_err(|error| fault::unreadable(path, error))?;
    }
    Ok((plain.then_some(status.len()), FileId::of(&status)))
}

/// The folders of a pattern before its first wildcard; those of a file, where it is one.
fn fixed_part(pattern: &str) -> PathBuf {
    let literal = Path::new(pattern);
    if !is_wild(pattern) || literal.exists() {
        return literal.parent().unwrap_or(literal).to_owned();
    }
    let components = Path::new(pattern).components();
    components.take_while(|part| !is_wild(&part.as_os_str().to_string_lossy())).collect()
}

fn bad_pattern(pattern: &str, error: &glob::PatternError) -> Error {
    Error::config(format!("\"{pattern}\" is not a pattern: {}, at character {}", error.msg, error.pos + 1))
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
        1 => format!("the folder \"{}\" contains one other entry", shown.display()),
        count => format!("the folder \"{}\" contains {count} other entries", shown.display()),
    }
}

fn names_in(folder: &Path) -> impl Iterator<Item = String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}
