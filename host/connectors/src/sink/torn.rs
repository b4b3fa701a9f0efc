//! Notes on a file from which the next run recognises half a line that a killed run left at its end.
//!
//! As long as a run writes to a file, an extended attribute says how long the file was before, and how long it will be
//! with what is being written; at the end of the run both are the length of the file. A run that adds to the file then
//! cuts off what follows the last whole record: everything between these two places was written by Sandmill, which ends
//! each record with a line feed. Without the attribute (a file system that has none, another program's file), the last
//! line may be somebody's, and is kept; and so it is where something follows that is not Sandmill's.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr};

const NAME: &str = "user.sandmill.writing-from";

/// To see whether a file can have attributes.
const PROBE: &str = "user.sandmill.probe";

/// Longer than four numbers.
const NOTE_BYTES: usize = 100;

/// How much is read at once.
const BLOCK_BYTES: usize = 64 * 1024;

/// A run's note on a file that it writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// How long it was when the run began.
    pub(super) from: u64,
    /// How long it will be with what is being written; earlier versions did not say that.
    pub(super) to: Option<u64>,
    /// Where others have written to it last while the run did, and how many bytes.
    pub(super) others: Option<(u64, u64)>,
}

impl Note {
    fn parse(text: &[u8]) -> Option<Self> {
        let numbers = str::from_utf8(text).ok()?.split(' ').map(str::parse);
        let numbers: Vec<u64> = numbers.collect::<Result<_, _>>().ok()?;
        match *numbers.as_slice() {
            [from] => Some(Self { from, to: None, others: None }),
            [from, to] => Some(Self { from, to: Some(to), others: None }),
            [from, to, at, bytes] => Some(Self { from, to: Some(to), others: Some((at, bytes)) }),
            _ => None,
        }
    }

    fn text(&self) -> String {
        let numbers = [Some(self.from), self.to, self.others.map(|(at, _)| at), self.others.map(|(_, bytes)| bytes)];
        numbers.into_iter().flatten().map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
    }
}

/// Notes what a run is about to write. Best effort: without it, half a line is kept.
pub(super) fn note(file: &File, note: &Note) {
    fsetxattr(file, NAME, note.text().as_bytes(), XattrFlags::empty()).ok();
}

/// Reads the note of a run that was killed, or still writes.
pub(super) fn read(file: &File) -> Option<Note> {
    let mut text = [0; NOTE_BYTES];
    let read = fgetxattr(file, NAME, text.as_mut_slice()).ok()?;
    Note::parse(text.get(..read)?)
}

/// Whether a file can have such a note.
pub(super) fn can_note(file: &File) -> bool {
    let noted = fsetxattr(file, PROBE, b"1", XattrFlags::empty()).is_ok();
    noted && fremovexattr(file, PROBE).is_ok()
}

/// The number of the file on its disk.
pub(super) fn inode(file: &File) -> Option<u64> {
    file.metadata().ok().map(|status| status.ino())
}

/// Where the last whole record ends of a file to which a killed run has written; `None` for any other file. With
/// `quoted`, a line feed between quotes ends no record.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn whole_length(file: &File, quoted: bool) -> io::Result<Option<u64>> {
    let Some(Note { from, to, .. }) = read(file) else { return Ok(None) };
    let length = file.metadata()?.len();
    let is_own = from <= length && to.is_none_or(|to| length <= to);
    if is_own { last_end(file, from, quoted).map(Some) } else { Ok(None) }
}

/// The end of the last record after byte `begun`.
fn last_end(file: &File, begun: u64, quoted: bool) -> io::Result<u64> {
    let mut block = vec![0; BLOCK_BYTES];
    let (mut at, mut end, mut is_open) = (begun, begun, false);
    loop {
        let read = file.read_at(&mut block, at)?;
        if read == 0 {
            return Ok(end);
        }
        let bytes = block.get(..read).unwrap_or_default();
        for found in memchr::memchr2_iter(b'\n', b'"', bytes) {
            match bytes.get(found) {
                Some(b'"') => is_open ^= quoted,
                Some(_) if !is_open => end = at + found as u64 + 1,
                Some(_) | None => {}
            }
        }
        at += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_record_ends_with_a_line_feed_outside_of_quotes() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"theirs\na,\"x\ny\"\"\n\"\nb,\"x\nhal").unwrap();
        assert_eq!(last_end(&file, 7, true).unwrap(), 18);
        assert_eq!(last_end(&file, 7, false).unwrap(), 23);
        assert_eq!(last_end(&file, 23, false).unwrap(), 23);
        assert_eq!(whole_length(&file, false).unwrap(), None, "nobody was writing to it");
    }

    #[test]
    fn records_longer_than_a_block_are_found() {
        let mut file = tempfile::tempfile().unwrap();
        let line = "x".repeat(3 * BLOCK_BYTES);
        file.write_all(format!("{line}\n{line}\n{line}").as_bytes()).unwrap();
        assert_eq!(last_end(&file, 0, true).unwrap(), 2 * (line.len() as u64 + 1));
    }
}
