//! What is kept of a file, so that a later run can tell whether it still is what it was.
//!
//! Size, inode, and both times: the one at which its bytes were written, and the one at which anything about it was
//! changed. The first can be put back (`touch -r`, `rsync --times`), the second cannot; but `chmod`, a new link or a
//! new name change it, too. Where all of these are the same, the file is. Where not, what it holds decides, as far as
//! that is known.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::digest::Prefix;
use super::sniff::{HEAD_BYTES, Packing};

/// How much of either end of a file is looked at. Arbitrary: some lines.
const END_BYTES: u64 = 1024;

/// A shorter end, which tells whether a file that has become shorter still ends as it did. Arbitrary: most of a line.
const SHORT_END_BYTES: u64 = 64;

/// How much of a file is read at once to compare it.
const BLOCK_BYTES: usize = 256 * 1024;

/// A file as it is, or was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stamp {
    bytes: u64,
    inode: u64,
    /// When its bytes were written, since 1970.
    seconds: i64,
    nanoseconds: i64,
    /// The checksums of its first and last bytes.
    head: u32,
    tail: u32,
    /// Details that earlier versions did not keep.
    #[serde(flatten)]
    more: Option<More>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct More {
    /// When anything about it was changed, since 1970.
    changed: (i64, i64),
    /// The checksum of its very last bytes.
    end: u32,
    /// Whether its last byte is a line feed.
    ends_line: bool,
}

/// How a file compares to what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// Nothing has touched it.
    Untouched,
    /// Its content is the same, as far as both ends show; perhaps there is more.
    Alike,
    /// Its content looks the same, but a byte in the middle may differ: only its time of change shows that something
    /// was done to it.
    Touched,
    /// It begins and ends as it did, but something has been written to it.
    Rewritten,
    /// Its content is different; with the reason.
    Other(String),
}

/// How the unread rest of a file that was read in part compares to what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing has touched it.
    Untouched,
    /// Its content is the same, as far as can be known; perhaps there is more.
    Alike,
    /// It was edited, and is whole.
    Edited,
    /// It may end in the middle of a record; with the reason.
    Torn(String),
}

impl Stamp {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let status = file.metadata()?;
        let bytes = status.len();
        let end = bytes.min(END_BYTES);
        let short = bytes.min(SHORT_END_BYTES);
        Ok(Self {
            bytes,
            inode: status.ino(),
            seconds: status.mtime(),
            nanoseconds: status.mtime_nsec(),
            head: checksum(file, 0, end)?,
            tail: checksum(file, bytes - end, end)?,
            more: Some(More {
                changed: (status.ctime(), status.ctime_nsec()),
                end: checksum(file, bytes - short, short)?,
                ends_line: ends_line(file, bytes)?,
            }),
        })
    }

    /// Compares a file that was read to its end, or not at all.
    pub(super) fn likeness(&self, file: &File) -> io::Result<Likeness> {
        let now = Self::of(file)?;
        if self.is_untouched(&now) {
            return Ok(Likeness::Untouched);
        }
        if now.bytes < self.bytes {
            return Ok(Likeness::Other(format!("has {} bytes now, and had {}", now.bytes, self.bytes)));
        }
        if !self.has_ends_in(file)? {
            return Ok(Likeness::Other("has other content now".to_owned()));
        }
        let is_seen_whole = self.bytes <= 2 * END_BYTES;
        Ok(if is_seen_whole || (now.inode, now.bytes) != (self.inode, self.bytes) {
            Likeness::Alike
        } else if (now.seconds, now.nanoseconds) == (self.seconds, self.nanoseconds) {
            Likeness::Touched
        } else {
            Likeness::Rewritten
        })
    }

    /// Compares a file that was read in part. What was read of it is compared byte by byte elsewhere; this is about the
    /// rest. It may have been edited, or added to; it must not have been truncated within a record, which would be
    /// taken for a whole one.
    pub(super) fn rest(&self, file: &File, path: &Path) -> io::Result<Rest> {
        let now = Self::of(file)?;
        if self.is_untouched(&now) {
            return Ok(Rest::Untouched);
        }
        // What is packed and was truncated cannot be unpacked to its end.
        if (now.bytes >= self.bytes && self.has_ends_in(file)?) || is_packed(file, path)? {
            return Ok(Rest::Alike);
        }
        let (Some(more), Some(more_now)) = (&self.more, &now.more) else { return Ok(Rest::Edited) };
        let is_shorter = now.bytes < self.bytes;
        Ok(if is_shorter && !self.ends_as(&now, file)? {
            Rest::Torn(format!("it has {} bytes now, had {}, and ends differently", now.bytes, self.bytes))
        } else if more.ends_line && !more_now.ends_line {
            Rest::Torn("its last line ended with a line feed, and no longer does".to_owned())
        } else {
            Rest::Edited
        })
    }

    fn is_untouched(&self, now: &Self) -> bool {
        let of = |stamp: &Self| (stamp.bytes, stamp.inode, stamp.seconds, stamp.nanoseconds, stamp.head, stamp.tail);
        of(self) == of(now) && (self.more.is_none() || self.more == now.more)
    }

    /// Whether a file, which is not shorter, still holds both ends where they were.
    fn has_ends_in(&self, file: &File) -> io::Result<bool> {
        let end = self.bytes.min(END_BYTES);
        Ok([checksum(file, 0, end)?, checksum(file, self.bytes - end, end)?] == [self.head, self.tail])
    }

    /// Whether a file ends with what was its end, wherever that is now.
    fn ends_as(&self, now: &Self, file: &File) -> io::Result<bool> {
        let (Some(more), short) = (&self.more, self.bytes.min(SHORT_END_BYTES)) else { return Ok(false) };
        Ok(now.bytes >= short && checksum(file, now.bytes - short, short)? == more.end)
    }
}

/// Whether an input, as it is read, still begins with what it held.
///
/// # Errors
/// When it cannot be read.
pub(super) fn begins_with(mut input: impl Read, prefix: Prefix) -> io::Result<bool> {
    let (mut hasher, mut left) = (crc32fast::Hasher::new(), prefix.bytes);
    let mut block = vec![0; BLOCK_BYTES];
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
        let room = block.get_mut(..most).unwrap_or_default();
        match input.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => match read? {
                0 => return Ok(false),
                read => {
                    hasher.update(room.get(..read).unwrap_or_default());
                    left -= read as u64;
                }
            },
        }
    }
    Ok(hasher.finalize() == prefix.checksum)
}

/// A checksum of this many bytes at a place.
fn checksum(file: &File, at: u64, bytes: u64) -> io::Result<u32> {
    let mut part = vec![0; usize::try_from(bytes).unwrap_or_default()];
    match file.read_exact_at(&mut part, at) {
        // It became shorter meanwhile: whatever reads it will notice.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        read => read.map(|()| crc32fast::hash(&part)),
    }
}

fn ends_line(file: &File, bytes: u64) -> io::Result<bool> {
    let mut last = [0];
    let read = if bytes == 0 { 0 } else { file.read_at(&mut last, bytes - 1)? };
    Ok(read == 1 && last == *b"\n")
}

fn is_packed(file: &File, path: &Path) -> io::Result<bool> {
    let mut head = [0; HEAD_BYTES];
    let read = file.read_at(&mut head, 0)?;
    let of_head = Packing::of_head(head.get(..read).unwrap_or_default());
    Ok(of_head.ok().flatten().unwrap_or(Packing::of_name(path)) != Packing::Plain)
}
