//! Checks whether a file could be written, without touching it.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::IfExists;
use crate::fault;
use sandmill_engine::descriptor::LINKS_MAX;
use sandmill_engine::error::{Error, Result};

/// Makes sure that a file can be written, as far as this can be known without writing.
///
/// # Errors
/// When it cannot be written, or is there and must not be.
pub(super) fn check_file(path: &Path, if_exists: IfExists) -> Result<()> {
    let status = match fs::metadata(path) {
        Ok(status) => status,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match target(path) {
                // With `if_exists = "fail"`, a link does not yield a new file.
                Some(_) if if_exists == IfExists::Fail => Err(exists(path)),
                Some(target) => check_target(path, &target),
                None => check_folder_of(path),
            };
        }
        Err(error) => return Err(fault::unwritable(path, error)),
    };
    if status.is_dir() {
        return Err(Error::config(format!("\"{}\" is a folder, not a file", path.display()))
            .hint("name a file in it, or use a sink of kind \"folder\" to write one file per record"));
    }
    if if_exists == IfExists::Fail {
        return Err(exists(path));
    }
    let opened = match status.is_file() {
        true => OpenOptions::new().write(true).open(path).map(|_| ()),
        // Opening a pipe would wait for its reader.
        false => access(path, Access::WRITE_OK).map_err(io::Error::from),
    };
    opened.map_err(|error| fault::unwritable(path, error))
}

/// Where a link leads that leads nowhere yet; `None` for what is not a link.
fn target(path: &Path) -> Option<PathBuf> {
    let mut target = None;
    let mut next = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(link) = fs::read_link(&next) else { break };
        next = next.parent().unwrap_or(Path::new("")).join(link);
        target = Some(next.clone());
    }
    target
}

/// A file can be made at the end of a link, but not the folders of that.
fn check_target(path: &Path, target: &Path) -> Result<()> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(leads_nowhere(path, path, target));
    }
    check_folder_of(target)
}

fn leads_nowhere(path: &Path, link: &Path, target: &Path) -> Error {
    let (path, link, target) = (path.display(), link.display(), target.display());
    Error::config(format!("cannot write \"{path}\": \"{link}\" is a link to \"{target}\", whose folder does not exist"))
        .hint("create that folder, or write somewhere else")
}

/// Makes sure that a folder can be written to, or made.
///
/// # Errors
/// When it cannot, or something else has its name.
pub(super) fn check_folder(path: &Path) -> Result<()> {
    if fs::metadata(path).is_ok_and(|status| !status.is_dir()) {
        return Err(Error::config(format!("\"{}\" is a file, not a folder", path.display()))
            .hint("a sink of kind \"folder\" writes one file per record: name a folder"));
    }
    check_nearest(path, path.ancestors())
}

/// Makes sure that the folder of a path can be made and written to.
///
/// # Errors
/// When the nearest folder that is there cannot be written to, or is none.
pub(super) fn check_folder_of(path: &Path) -> Result<()> {
    check_nearest(path, path.ancestors().skip(1))
}

/// The nearest folder that is there must take new names.
fn check_nearest<'a>(path: &Path, folders: impl Iterator<Item = &'a Path>) -> Result<()> {
    let folders = folders.map(|folder| match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    });
    for folder in folders {
        match fs::metadata(folder) {
            Ok(status) if status.is_dir() => {
                let writable = access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from);
                return writable.map_err(|error| fault::unwritable(path, error));
            }
            Ok(_) => return Err(fault::unwritable(path, ErrorKind::NotADirectory.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if let Some(target) = target(folder) {
                    return Err(leads_nowhere(path, folder, &target));
                }
            }
            Err(error) => return Err(fault::unwritable(path, error)),
        }
    }
    Ok(())
}

/// The file is there, and `if_exists` says that it must not be.
pub(super) fn exists(path: &Path) -> Error {
    Error::config(format!("\"{}\" already exists", path.display()))
        .hint("set `if_exists` to \"replace\" or \"append\", or name another file")
}

/// Makes the folders of a path.
///
/// # Errors
/// When one cannot be made.
pub(super) fn make_folders_of(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder).map_err(|error| fault::unwritable(path, error)),
        None => Ok(()),
    }
}
