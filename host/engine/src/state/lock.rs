//! One run of a pipeline at a time: a file beside the state file, locked as long as the run has it.
//!
//! Not a lock on the state file itself: `SQLite` keeps its own there, and closing any other handle on the file would
//! end them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

/// Held until it is dropped, or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

/// How often is looked whether a lock that somebody else has is free.
const LOOK_EVERY: Duration = Duration::from_millis(5);

impl Lock {
    /// Like [`Self::take`], but waits up to this long for the run that has it. Blocks.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(super) fn take_within(state: &Path, patience: Duration) -> io::Result<Option<Self>> {
        let mut looks = patience.as_millis() / LOOK_EVERY.as_millis();
        loop {
            let lock = Self::take(state)?;
            if lock.is_some() || looks == 0 {
                return Ok(lock);
            }
            looks -= 1;
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// `None` when another process, or another run in this one, has it.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub(super) fn take(state: &Path) -> io::Result<Option<Self>> {
        let mut path = state.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        loop {
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
            // Its last owner removes the file: one that is not there any more is nobody's lock.
            if fs::metadata(&path).is_ok_and(|now| file.metadata().is_ok_and(|ours| ours.ino() == now.ino())) {
                return Ok(Some(Self { path, _file: file }));
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Still locked: who opened it meanwhile sees that it is gone, and makes another.
        drop(fs::remove_file(&self.path));
    }
}
