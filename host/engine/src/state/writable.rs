//! Checks whether a state file could be written, without writing it; and that nobody but its owner reads it.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{Access, access};

use super::StateFile;
use super::fault::{no_state_file, unwritable};
use super::file::lock;
use super::opening::{open, put_aside, with_end};
use crate::error::Result;

/// Only its owner: records that failed, and cursors, may hold what is nobody else's business.
pub(super) const MODE: u32 = 0o600;

/// Makes sure that the file can be written, as far as this can be known without writing. `SQLite` and the lock need
/// other files beside it.
///
/// # Errors
/// When it cannot, or is not a file.
pub(super) fn check(path: &Path) -> Result<()> {
    let failed = |error| unwritable(path, error);
    match fs::metadata(path) {
        Ok(status) if !status.is_file() => return Err(no_state_file(path)),
        Ok(_) => access(path, Access::READ_OK | Access::WRITE_OK).map_err(|errno| failed(errno.into()))?,
        // The file is made under another name, and could not get the one of a link.
        Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => return Err(failed(error)),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    check_nearest(path).map_err(failed)
}

/// The nearest folder that is there must take new names.
fn check_nearest(path: &Path) -> io::Result<()> {
    for folder in path.ancestors().skip(1) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        match fs::metadata(folder) {
            Ok(status) if status.is_dir() => return Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?),
            Ok(_) => return Err(ErrorKind::NotADirectory.into()),
            // A folder cannot be made in place of a link.
            Err(error) if error.kind() == ErrorKind::NotFound && folder.is_symlink() => return Err(error),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Takes away from others what they may do with the file and with what `SQLite` keeps beside it. Best effort: the owner
/// of a file that is somebody else's decides about it.
pub(super) fn tighten(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let path = with_end(path, end);
        if fs::metadata(&path).is_ok_and(|status| status.permissions().mode() & 0o077 != 0) {
            drop(fs::set_permissions(&path, Permissions::from_mode(MODE)));
        }
    }
}

impl StateFile {
    /// Makes sure that the file can be written, as far as this can be known without writing, and that what is there, if
    /// anything is, is one of ours and whole: for a run that takes no checkpoints, which would find out with its first
    /// dead dead letter. With `fresh`, a damaged file is moved away.
    ///
    /// # Errors
    /// When it cannot, or is not.
    pub(crate) fn examine(&self, fresh: bool) -> Result<()> {
        check(self.path())?;
        if !self.path().exists() {
            return Ok(());
        }
        match open(self.path()) {
            Err(_) if fresh => {
                let passing = lock(self.path())?;
                let aside = put_aside(self.path()).map_err(|error| unwritable(self.path(), error));
                drop(passing);
                aside
            }
            opened => opened.map(drop),
        }
    }
}
