//! A regular file that must not become shorter while it is read.
//!
//! A file that is truncated looks to its reader as if it had ended: the beginning of a line would be taken for a whole one.
//! So its length is looked at where it seems to end, and compared with the one that it had when it was opened.

use std::fs::File;
use std::io::{self, ErrorKind, Read};

/// Reads a file.
#[derive(Debug)]
pub(super) struct Steady {
    file: File,
    /// Where it is read next.
    at: u64,
    /// How long it was when it was opened; `None` for a pipe or a device.
    length: Option<u64>,
}

impl Steady {
    /// Reads a file that is open at byte `at`.
    ///
    /// # Errors
    /// When its length is not known.
    pub(super) fn new(file: File, at: u64) -> io::Result<Self> {
        let status = file.metadata()?;
        Ok(Self { file, at, length: status.is_file().then_some(status.len()) })
    }

    /// Makes sure that it still holds what was not read yet. Some files, such as those of `/sys`, are shorter than they
    /// say; only one that says something else now has been truncated.
    fn check_length(&self) -> io::Result<()> {
        let Some(before) = self.length else { return Ok(()) };
        let now = self.file.metadata()?.len();
        if now < before && self.at < before {
            let what =
                format!("it had {before} bytes when it was opened, and was truncated to {now} while it was read");
            return Err(io::Error::new(ErrorKind::UnexpectedEof, what));
        }
        Ok(())
    }
}

impl Read for Steady {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(room)?;
        self.at += read as u64;
        if read == 0 && !room.is_empty() {
            self.check_length()?;
        }
        Ok(read)
    }
}
