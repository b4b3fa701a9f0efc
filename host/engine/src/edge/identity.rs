//! Finds out which file a path leads to, whatever the path is called.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use crate::descriptor::LINKS_MAX;

/// The identity of an existing file or folder. Two paths with the same identity lead to the same file, be it by links,
/// by names of links or by names of folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The one of an open or named file; `None` for a device without contents of its own (a terminal, `/dev/null`) and
    /// for a socket, which any number of readers and writers can share.
    #[must_use]
    pub fn of(status: &Metadata) -> Option<Self> {
        let kind = status.file_type();
        let is_shared = kind.is_char_device() || kind.is_socket();
        (!is_shared).then(|| Self { device: status.dev(), inode: status.ino() })
    }

    /// The one that a path leads to; `None` when nothing is there.
    fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().and_then(Self::of)
    }
}

/// Where a path leads, also when nothing is there yet.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The identity of what exists: the file itself, or else the nearest folder above it.
    id: FileId,
    /// The path of that, without links.
    real: PathBuf,
    /// The rest of the path; empty when the file is there.
    missing: PathBuf,
}

impl Identity {
    /// Finds out where a path leads; `None` for what can be shared (see [`FileId::of`]).
    ///
    /// # Errors
    /// When a folder on the way cannot be looked at.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        let (there, missing) = resolve(path, LINKS_MAX)?;
        let Some(id) = FileId::of(&fs::metadata(&there)?) else { return Ok(None) };
        // A pipe that only a descriptor leads to has no other path.
        let real = fs::canonicalize(&there).unwrap_or(there);
        Ok(Some(Self { id, real, missing }))
    }

    /// The file, if it is there.
    pub(crate) fn existing(&self) -> Option<FileId> {
        self.missing.as_os_str().is_empty().then_some(self.id)
    }

    /// The folder in which a file is to be made; `None` when that is not there either.
    pub fn folder_of_new(&self) -> Option<&Path> {
        (self.missing.components().count() == 1).then_some(&self.real)
    }

    /// Whether both lead to the same file.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.id == other.id && self.missing == other.missing
    }

    /// Whether both lead there by the same path, links apart.
    pub(crate) fn has_path_of(&self, other: &Self) -> bool {
        self.real == other.real && self.missing == other.missing
    }

    /// Whether it lies in a folder, at any depth.
    pub(crate) fn is_in(&self, folder: &Self) -> bool {
        match folder.existing() {
            Some(folder) => self.real.ancestors().any(|path| FileId::at(path) == Some(folder)),
            None => self.id == folder.id && self.missing.starts_with(&folder.missing),
        }
    }
}

/// The longest existing beginning of a path, and the rest. Missing folders will be made, so `..` after one
/// leads back; a link that leads nowhere leads to what will be made at its target.
fn resolve(path: &Path, links: usize) -> io::Result<(PathBuf, PathBuf)> {
    let (mut there, mut missing) = (PathBuf::from("."), PathBuf::new());
    let mut parts = path.components();
    while let Some(part) = parts.next() {
        let next = match part {
            Component::CurDir => continue,
            Component::ParentDir if missing.pop() => continue,
            _ if missing.as_os_str().is_empty() => there.join(part),
            Component::Normal(_) | Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                missing.push(part);
                continue;
            }
        };
        match fs::metadata(&next) {
            Ok(_) => there = next,
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Err(error) => match fs::read_link(&next) {
                Ok(_) if links == 0 => return Err(error),
                Ok(target) => return resolve(&there.join(target).join(parts.as_path()), links - 1),
                Err(_) => missing.push(part),
            },
        }
    }
    Ok((there, missing))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn of(path: &Path) -> Identity {
        Identity::of(path).unwrap().expect("it is a file")
    }

    #[test]
    fn all_names_of_a_file_lead_to_it() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::create_dir_all(path("d/e")).unwrap();
        fs::write(path("d/a"), "").unwrap();
        fs::hard_link(path("d/a"), path("hard")).unwrap();
        symlink("d", path("linked")).unwrap();
        symlink("linked/a", path("soft")).unwrap();
        let names = ["d/a", "d/e/../a", "hard", "linked/a", "soft", "linked/e/../a", "not/there/../../d/a"];
        for name in names {
            assert!(of(&path(name)).is(&of(&path("d/a"))), "{name}");
        }
        assert!(of(&path("soft")).has_path_of(&of(&path("d/a"))) && !of(&path("hard")).has_path_of(&of(&path("d/a"))));
        assert!(of(&path("soft")).is_in(&of(&path("d"))) && of(&path("d/a")).is_in(&of(root.path())));
        assert!(!of(&path("hard")).is_in(&of(&path("d"))) && !of(&path("d/a")).is_in(&of(&path("d/e"))));
    }

    #[test]
    fn all_names_of_a_file_that_will_be_made_lead_to_it() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::create_dir(path("d")).unwrap();
        symlink("d", path("linked")).unwrap();
        symlink("d/new/a", path("soft")).unwrap();
        let names = ["d/new/a", "linked/new/a", "linked/./new/b/../a", "x/../d/new/a", "soft"];
        for name in names {
            assert!(of(&path(name)).is(&of(&path("d/new/a"))), "{name}");
            assert!(of(&path(name)).is_in(&of(&path("linked/new"))), "{name}");
        }
        assert!(!of(&path("d/new/b")).is(&of(&path("d/new/a"))));
        assert!(!of(&path("d/newer")).is_in(&of(&path("d/new"))));
    }

    #[test]
    fn devices_can_be_shared_and_links_in_a_circle_are_an_error() {
        assert!(Identity::of(Path::new("/dev/null")).unwrap().is_none());
        let root = tempfile::tempdir().unwrap();
        symlink("b", root.path().join("a")).unwrap();
        symlink("a", root.path().join("b")).unwrap();
        assert!(Identity::of(&root.path().join("a")).is_err());
    }
}
