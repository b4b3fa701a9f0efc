//! A file that a run writes to, which knows what others have added to it meanwhile.
//!
//! Every write goes to the end of the file, wherever that is by then, so that nothing is written over. Before each, an
//! extended attribute says up to where the file will be this run's (see `torn`): whatever a later run finds after that,
//! or finds noted as somebody else's, is not cut off unasked. *Costs:* three system calls for a batch, some
//! microseconds.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use super::torn::{self, Note};
use sandmill_engine::error::{Error, Result};

/// A file, open at its end.
#[derive(Debug)]
pub(super) struct OwnFile {
    file: File,
    /// How much of it is whole batches.
    length: u64,
    note: Note,
}

impl OwnFile {
    /// Cuts a file to what is `kept` of it, or keeps all, and ends its last line. From byte `others` on, where there is
    /// one, it is not this run's.
    pub(super) fn begin(file: File, kept: Option<u64>, others: Option<u64>) -> io::Result<Self> {
        if let Some(length) = kept {
            file.set_len(length)?;
        }
        let length = file.metadata()?.len();
        let others = others.map(|at| (at, length.saturating_sub(at)));
        let mut own = Self { file, length, note: Note { from: length, to: Some(length), others } };
        torn::note(&own.file, &own.note);
        own.end_last_line()?;
        Ok(own)
    }

    fn end_last_line(&mut self) -> io::Result<()> {
        if self.length == 0 {
            return Ok(());
        }
        let mut last = [0];
        self.file.seek(SeekFrom::End(-1))?;
        self.file.read_exact(&mut last)?;
        if last != *b"\n" {
            self.file.write_all(b"\n")?;
            self.length += 1;
            self.note = Note { from: self.length, to: Some(self.length), ..self.note };
            torn::note(&self.file, &self.note);
        }
        Ok(())
    }

    /// Writes all of the text or nothing, where the file can be cut; the second of what a failure gives says whether it
    /// was.
    pub(super) fn write(&mut self, text: &[u8]) -> Result<(), (io::Error, bool)> {
        if text.is_empty() {
            return Ok(());
        }
        self.look_for_others().map_err(|error| (error, true))?;
        let end = self.length + text.len() as u64;
        self.note.to = Some(end);
        torn::note(&self.file, &self.note);
        match self.file.write_all(text) {
            Ok(()) => {
                let now = self.file.stream_position().unwrap_or(end);
                if now > end {
                    self.note.others = Some((self.length, now - end));
                }
                self.length = now;
                Ok(())
            }
            // The write's own failure is the one to report.
            Err(error) => Err((error, self.cut_back(end))),
        }
    }

    /// What others have written since stays, and so does the place where it is.
    fn look_for_others(&mut self) -> io::Result<()> {
        let now = self.file.metadata()?.len();
        if now > self.length {
            self.note.others = Some((self.length, now - self.length));
        }
        self.length = now;
        Ok(())
    }

    /// Takes back a part of a text, unless another has written after it.
    fn cut_back(&mut self, end: u64) -> bool {
        let length = self.file.metadata().map(|status| status.len());
        let is_own = length.is_ok_and(|length| length <= end) && self.file.stream_position().is_ok_and(|at| at <= end);
        is_own && self.file.set_len(self.length).is_ok()
    }

    /// Makes it outlast a loss of power, and gives its mark. What others have written up to here is kept by that.
    pub(super) fn mark(&mut self) -> io::Result<FileEnd> {
        self.look_for_others()?;
        if self.note.others.is_some() {
            torn::note(&self.file, &Note { to: Some(self.length), ..self.note });
        }
        self.file.sync_data()?;
        Ok(FileEnd { length: self.length, inode: torn::inode(&self.file) })
    }

    /// It ends with a whole record, and nothing more will be written.
    pub(super) fn end(&self) {
        // Not removed: the run may still be interrupted, and what it has written is not somebody else's then.
        torn::note(&self.file, &Note { from: self.length, to: Some(self.length), ..self.note });
    }
}

/// Where a file ended at a checkpoint. As text, it is the mark of its sink.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileEnd {
    pub(super) length: u64,
    /// Which file it was, if it was there. Earlier versions did not say that.
    pub(super) inode: Option<u64>,
}

impl fmt::Display for FileEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { length, inode } = self;
        match inode {
            Some(inode) => write!(f, "{length} {inode}"),
            None => write!(f, "{length}"),
        }
    }
}

impl FromStr for FileEnd {
    type Err = std::num::ParseIntError;

    fn from_str(mark: &str) -> Result<Self, Self::Err> {
        match mark.split_once(' ') {
            Some((length, inode)) => Ok(Self { length: length.parse()?, inode: Some(inode.parse()?) }),
            None => Ok(Self { length: mark.parse()?, inode: None }),
        }
    }
}

/// What to do about the bytes that a file has after the position to which a run returns.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// The run wrote them itself, and will write them again.
    Own,
    /// The run has written nothing after the place: they are others', and stay.
    Others,
    /// The run has not begun to write to the file: if that is to be replaced, they were there before.
    Before,
    /// Nothing tells whose they are: the file was copied, or its file system keeps no attributes.
    Unknown,
}

/// Whose the bytes are that a file has after the `end` that it had at a checkpoint.
///
/// # Errors
/// When some are others' that would be cut off with the run's own.
pub(super) fn behind(path: &Path, file: &File, end: FileEnd) -> Result<Behind> {
    let FileEnd { length: place, inode } = end;
    let now = file.metadata().map(|status| status.len()).unwrap_or_default();
    let Some(Note { to, others, .. }) = torn::read(file) else {
        let is_same = inode.is_some() && torn::inode(file) == inode;
        return Ok(if is_same && torn::can_note(file) { Behind::Before } else { Behind::Unknown });
    };
    let Some(to) = to else { return Ok(Behind::Unknown) };
    if to <= place {
        return Ok(Behind::Others);
    }
    // Both at once, so that who has moved them away is not asked a second time.
    match (others.filter(|(at, _)| *at >= place), now.saturating_sub(to)) {
        (Some((at, bytes)), later) => Err(not_own(path, at..at + bytes + later, place)),
        (None, 0) => Ok(Behind::Own),
        (None, later) => Err(not_own(path, to..to + later, to)),
    }
}

/// `others` are the bytes of somebody else. Without them, the file can be cut at `place`.
fn not_own(path: &Path, others: Range<u64>, place: u64) -> Error {
    let (path, at, bytes) = (path.display(), others.start, others.end - others.start);
    Error::config(format!(
        "another program has written {bytes} bytes to \"{path}\", from byte {at} on, since the run was interrupted or \
         while it ran: resuming would remove them"
    ))
    .hint(format!(
        "move them away, then run again: `tail -c +{} \"{path}\" > rest.txt && truncate -s {place} \"{path}\"`",
        place + 1
    ))
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    /// Others had written both while the run did and after it: once the second part was moved away, the first was
    /// refused.
    #[test]
    fn what_others_wrote_during_a_run_and_after_it_is_moved_away_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out.txt");
        let open = || OpenOptions::new().read(true).append(true).create(true).open(&path).expect("a file of our own");
        let mut own = OwnFile::begin(open(), None, None).expect("a file that can be written");
        own.write(b"one\n").expect("room");
        let end = own.mark().expect("a disk").to_string().parse().expect("a mark of our own");
        open().write_all(b"stranger\n").expect("room");
        own.write(b"two\n").expect("room");
        open().write_all(b"another\n").expect("room");

        let refusal = behind(&path, &open(), end).expect_err("others' lines would be cut off");
        assert!(refusal.to_string().contains("written 17 bytes"), "{refusal}");
        assert!(refusal.hints()[0].contains("tail -c +5 "), "{:?}", refusal.hints());
        assert!(refusal.hints()[0].contains("truncate -s 4 "), "{:?}", refusal.hints());
    }
}
