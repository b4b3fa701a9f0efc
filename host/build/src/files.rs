//! Lists the files of a stage's folder that its component may be made of.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::folder::unreadable;
use sandmill_engine::error::{Error, Result};

/// A folder with more files than this is somebody's home, not a stage.
const FILES_MAX: usize = 20_000;
/// Below this a folder is not searched.
const DEPTH_MAX: usize = 32;

/// All files below `folder` that `counts` says matter, links not followed. What is hidden, and what tools leave behind
/// (`target`, `node_modules`, `__pycache__`, `zig-out`), is not looked at.
///
/// # Errors
/// When a folder cannot be read, or there is no end of files.
pub(super) fn below(folder: &Path, counts: &dyn Fn(&Path) -> bool) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    let mut seen = 0;
    while let Some((path, depth)) = folders.pop() {
        for entry in fs::read_dir(&path).map_err(|error| unreadable(&path, error))? {
            let entry = entry.map_err(|error| unreadable(&path, error))?;
            let (name, path) = (entry.file_name(), entry.path());
            let kind = entry.file_type().map_err(|error| unreadable(&path, error))?;
            seen += 1;
            if seen > FILES_MAX || depth > DEPTH_MAX {
                return Err(Error::config(format!("\"{}\" contains more files than a stage should", folder.display()))
                    .hint("give the stage a folder of its own"));
            }
            if name.as_encoded_bytes().starts_with(b".") || LEFT_BEHIND.iter().any(|it| name == *it) {
                continue;
            }
            if kind.is_dir() {
                folders.push((path, depth + 1));
            } else if path.is_file() && counts(path.strip_prefix(folder).unwrap_or(&path)) {
                found.insert(path);
            }
        }
    }
    Ok(found)
}

const LEFT_BEHIND: [&str; 6] = ["target", "node_modules", "__pycache__", "zig-out", "zig-cache", "venv"];

/// Whether a file's name ends in one of `endings`, or is one of them.
pub(super) fn is_one_of(path: &Path, endings: &[&str]) -> bool {
    let name = path.file_name().unwrap_or_default();
    endings.iter().any(|ending| name == *ending || path.extension().is_some_and(|it| it == *ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_leave_behind_is_not_a_source() {
        let folder = tempfile::tempdir().unwrap();
        for file in
            ["stage.py", "lib/words.py", "target/x.py", ".sandmill/python/sandmill.py", "data.csv", "__pycache__/a.py"]
        {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = below(folder.path(), &|path| is_one_of(path, &["py"])).unwrap();
        let expected = ["lib/words.py", "stage.py"].map(|file| folder.path().join(file));
        assert_eq!(found, BTreeSet::from(expected));
    }
}
