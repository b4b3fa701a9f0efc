//! Expands a pattern to the paths that it matches.
//!
//! The `glob` crate says what a pattern means and which names match. It does not walk: its own walk panics at names
//! that are not UTF-8, and its `**` follows links, without an end where they lead back. Here `**` enters folders, not
//! links to folders, so every path is found once and the walk ends. A name that is not UTF-8 matches as it is shown,
//! with a replacement character for what cannot be. Memory: the paths found, and one listing for each folder on the way
//! down.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern, PatternError};

/// As a shell does it: `*` neither crosses a folder nor matches a hidden file.
const AS_A_SHELL: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Why a pattern cannot be expanded.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is not a pattern.
    Pattern(PatternError),
    /// This folder cannot be listed.
    Folder(PathBuf, io::Error),
}

/// One part of a pattern.
enum Part {
    /// A name.
    Plain(PathBuf),
    /// A name with wildcards.
    Wild(Pattern),
    /// `**`: any number of folders.
    Deep,
}

/// All paths that a pattern matches, in their order.
///
/// # Errors
/// When it is not a pattern, or a folder that may hold matches cannot be listed.
pub(super) fn expand(pattern: &str) -> Result<BTreeSet<PathBuf>, Trouble> {
    let parts = parse(pattern).map_err(Trouble::Pattern)?;
    let mut found = BTreeSet::new();
    walk(Path::new(""), &parts, &mut found)?;
    Ok(found)
}

/// Whether a name, or a part of a pattern, has wildcards.
pub(super) fn is_wild(part: &str) -> bool {
    part.contains(['*', '?', '['])
}

fn parse(pattern: &str) -> Result<Vec<Part>, PatternError> {
    // As a whole first: its position in an error is that in the whole.
    Pattern::new(pattern)?;
    let mut parts: Vec<Part> = Vec::new();
    for component in Path::new(pattern).components() {
        let text = component.as_os_str().to_string_lossy();
        match component {
            Component::Normal(_) if text == "**" => {
                if !matches!(parts.last(), Some(Part::Deep)) {
                    parts.push(Part::Deep);
                }
            }
            Component::Normal(_) if is_wild(&text) => parts.push(Part::Wild(Pattern::new(&text)?)),
            Component::Normal(_)
            | Component::RootDir
            | Component::ParentDir
            | Component::CurDir
            | Component::Prefix(_) => parts.push(Part::Plain(component.as_os_str().into())),
        }
    }
    if matches!(parts.last(), Some(Part::Deep)) {
        parts.push(Part::Wild(Pattern::new("*")?));
    }
    Ok(parts)
}

/// Adds what the parts match in a folder. It calls itself as deep as folders lie in one another, which the system
/// bounds by the length of a path.
fn walk(folder: &Path, parts: &[Part], found: &mut BTreeSet<PathBuf>) -> Result<(), Trouble> {
    let Some((part, rest)) = parts.split_first() else {
        found.insert(folder.to_owned());
        return Ok(());
    };
    match part {
        Part::Plain(name) => {
            let next = folder.join(name);
            // With more to come, it is found out below whether it is there.
            if rest.is_empty() && next.symlink_metadata().is_err() { Ok(()) } else { walk(&next, rest, found) }
        }
        Part::Wild(pattern) => {
            let is_match = |name: &DirEntry| pattern.matches_with(&name.file_name().to_string_lossy(), AS_A_SHELL);
            list(folder)?.iter().filter(|entry| is_match(entry)).try_for_each(|entry| {
                let next = folder.join(entry.file_name());
                walk(&next, rest, found)
            })
        }
        Part::Deep => {
            walk(folder, rest, found)?;
            let is_hidden = |entry: &DirEntry| entry.file_name().as_encoded_bytes().starts_with(b".");
            let is_folder = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            list(folder)?.iter().filter(|entry| is_folder(entry) && !is_hidden(entry)).try_for_each(|entry| {
                let next = folder.join(entry.file_name());
                walk(&next, parts, found)
            })
        }
    }
}

/// The contents of a folder; nothing, when it is not a folder, or not there any more.
fn list(folder: &Path) -> Result<Vec<DirEntry>, Trouble> {
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match fs::read_dir(shown).and_then(Iterator::collect) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Vec::new()),
        listed => listed.map_err(|error| Trouble::Folder(shown.to_owned(), error)),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree(names: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in names {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    fn found(root: &Path, pattern: &str) -> Vec<String> {
        let pattern = format!("{}/{pattern}", Pattern::escape(root.to_str().unwrap()));
        let paths = expand(&pattern).unwrap();
        paths.iter().map(|path| path.strip_prefix(root).unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_pattern_matches_as_in_a_shell() {
        let root = tree(&["a.log", "b.log", ".h.log", "d/c.log", "d/e/c.log", "d/.h/c.log", "c[1].log"]);
        for (pattern, expected) in [
            ("*.log", vec!["a.log", "b.log", "c[1].log"]),
            ("[a].log", vec!["a.log"]),
            ("c[[]1].log", vec!["c[1].log"]),
            (".*.log", vec![".h.log"]),
            ("?/*.log", vec!["d/c.log"]),
            ("d/**/c.log", vec!["d/c.log", "d/e/c.log"]),
            ("**/**/e/*", vec!["d/e/c.log"]),
            ("d/**", vec!["d/c.log", "d/e", "d/e/c.log"]),
            ("d/../a.log", vec!["d/../a.log"]),
            ("a.log/*", vec![]),
            ("*/nowhere", vec![]),
        ] {
            assert_eq!(found(root.path(), pattern), expected, "{pattern}");
        }
    }

    /// Without the rule, a folder that links to itself was read 41 times, and two such links never ended (12).
    #[test]
    fn a_deep_pattern_does_not_follow_links() {
        let root = tree(&["a.log", "d/b.log"]);
        symlink(".", root.path().join("self")).unwrap();
        symlink("..", root.path().join("d/up")).unwrap();
        symlink("d", root.path().join("linked")).unwrap();
        assert_eq!(found(root.path(), "**/*.log"), ["a.log", "d/b.log"]);
        assert_eq!(found(root.path(), "*/b.log"), ["d/b.log", "linked/b.log"], "one that is named is followed");
        assert_eq!(found(root.path(), "linked/**/*.log"), ["linked/b.log"], "and so is the way to it");
    }

    /// Panicked in the walk of the `glob` crate (12).
    #[test]
    fn names_that_are_not_utf_8_are_found() {
        let root = tree(&["a.log"]);
        let odd = root.path().join(OsStr::from_bytes(b"caf\xe9.log"));
        fs::write(&odd, "").unwrap();
        fs::create_dir(root.path().join(OsStr::from_bytes(b"\xff"))).unwrap();
        fs::write(root.path().join(OsStr::from_bytes(b"\xff/b.log")), "").unwrap();
        let pattern = format!("{}/**/*.log", root.path().display());
        let all = expand(&pattern).unwrap();
        assert!(all.contains(&odd) && all.len() == 3, "{all:?}");
        assert_eq!(found(root.path(), "a*").len(), 1);
    }

    #[test]
    fn what_is_not_a_pattern_and_what_cannot_be_listed_is_told() {
        assert!(matches!(expand("a**"), Err(Trouble::Pattern(_))));
        assert!(matches!(expand("[a/b]*"), Err(Trouble::Pattern(_))));
        let root = tempfile::tempdir().unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        let pattern = format!("{}/loop/*", root.path().display());
        assert!(matches!(expand(&pattern), Err(Trouble::Folder(..))));
    }
}
