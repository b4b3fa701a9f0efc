//! Half a line at the end of a file: what a run leaves there that is killed in the middle of a write.
//!
//! As long as a run writes to a file, an extended attribute says how long the file was before. A run that is killed leaves
//! it, and whoever adds to the file then cuts off what follows the last whole record: everything behind that length was
//! written by Sandmill, which ends each record with a line feed. Without the attribute (a file system that has none,
//! another program's file), the last line may be somebody's, and is kept.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr};

const NAME: &str = "user.sandmill.writing-from";

/// How much is read at once.
const BLOCK_BYTES: usize = 64 * 1024;

/// Notes that a run begins to write behind the first `length` bytes. Best effort: without it, half a line is kept.
pub(super) fn note(file: &File, length: u64) {
    fsetxattr(file, NAME, length.to_string().as_bytes(), XattrFlags::empty()).ok();
}

/// Notes that the file ends with a whole record.
pub(super) fn clear(file: &File) {
    fremovexattr(file, NAME).ok();
}

/// Where the last whole record ends of a file to which a killed run has written; `None` for any other file. With `quoted`,
/// a line feed between quotes ends no record.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn whole_length(file: &File, quoted: bool) -> io::Result<Option<u64>> {
    let mut text = [0; 20];
    let read = fgetxattr(file, NAME, text.as_mut_slice()).unwrap_or_default();
    let number = text.get(..read).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    match number {
        Some(begun) if begun <= file.metadata()?.len() => last_end(file, begun, quoted).map(Some),
        Some(_) | None => Ok(None),
    }
}

/// The end of the last record behind byte `begun`.
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
