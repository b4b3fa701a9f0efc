//! Locks a file for one run: from before it is changed until the run has ended, however it ends.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::fault;
use sandmill_engine::error::{Error, Result};

/// How often, and how many times, the lock is tried: a run that has just ended may leave a thread in its last write.
const STEP: Duration = Duration::from_millis(10);
const STEPS: u32 = if cfg!(test) { 10 } else { 100 };

/// Locks an open file or folder, as long as any handle on it is open. `false` where the file system has no locks.
///
/// # Errors
/// When another run has it.
pub(super) fn lock(path: &Path, file: &File) -> Result<bool> {
    for _ in 0..STEPS {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => std::thread::park_timeout(STEP),
            Err(Errno::INTR) => {}
            Err(Errno::BADF | Errno::NOLCK | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => return Ok(false),
            Err(errno) => return Err(fault::unwritable(path, io::Error::from(errno))),
        }
    }
    Err(Error::config(format!("another run is writing to \"{}\"", path.display()))
        .hint("wait for it to end, or write somewhere else"))
}
