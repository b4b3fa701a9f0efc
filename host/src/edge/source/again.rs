//! Whether the files of an earlier run are still there, and still what they were.
//!
//! Of each file its size, inode and time of change are kept, and checksums of its first and last KiB. Where the first three
//! are the same, the file is. Where not (it was copied, moved, touched, added to), what it holds decides: of a file that was
//! read in part, all of that part (see `digest`); of the others, both ends.
//!
//! A file that has grown is the same file, with more in it. One that was read to its end is not read again: what was added
//! to it, and its absence, are nothing to the run. Files that have come since are read behind the others.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::find::Found;
use crate::edge::{Input, fault};
use crate::error::{Error, Result};

/// How much of either end of a file is looked at. Arbitrary: some lines.
const END_BYTES: u64 = 1024;

/// What to do about an input that is another one.
pub(super) const FRESH: &str = "restore what was there, or start over with --fresh";

/// How far the earlier run had come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Files that were read to their ends.
    pub(super) done: usize,
    /// Whether the next one was read in part.
    pub(super) has_begun: bool,
}

/// What was found of an earlier run's files.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// Those that are still to be read; first the one that was read in part.
    pub(super) files: VecDeque<Found>,
    /// All of them, as they are now.
    pub(super) inputs: Vec<Input>,
    /// Bytes of those that were read.
    pub(super) bytes_done: u64,
    /// Whether the one that was read in part has not been touched since.
    pub(super) is_untouched: bool,
}

/// A file as it is, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    bytes: u64,
    inode: u64,
    /// When it was changed, since 1970.
    seconds: i64,
    nanoseconds: i64,
    /// The checksums of its first and last bytes.
    head: u32,
    tail: u32,
}

/// What a file is to what it was.
enum Likeness {
    /// Nothing has touched it.
    Untouched,
    /// It holds what it held, as far as can be told from both ends; perhaps more.
    Alike,
    /// The same, but something has been written within it.
    Rewritten,
    /// It holds something else: in words.
    Other(String),
}

/// The parts of a source that reads these files.
///
/// # Errors
/// When one cannot be read.
pub(super) fn inputs<'a>(files: impl IntoIterator<Item = &'a Found>) -> Result<Vec<Input>> {
    files.into_iter().map(input).collect()
}

/// Finds the files of an earlier run among those that there are now.
///
/// # Errors
/// When one that is needed is gone, or one has changed.
pub(super) fn find_again(files: VecDeque<Found>, inputs: &[Input], progress: Progress) -> Result<Again> {
    let mut places: HashMap<Vec<u8>, usize> = files.iter().enumerate().map(|(i, file)| (name(file), i)).collect();
    let mut files: Vec<Option<Found>> = files.into_iter().map(Some).collect();
    let mut again = Again::default();
    for (index, then) in inputs.iter().enumerate() {
        let place = places.remove(&then.name);
        let now = place.and_then(|place| files.get_mut(place)?.take());
        again.add(then, now, Role::of(index, progress))?;
    }
    for file in files.into_iter().flatten() {
        again.inputs.push(input(&file)?);
        again.files.push_back(file);
    }
    Ok(again)
}

/// What a file was to the earlier run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Done,
    Begun,
    ToCome,
}

impl Role {
    fn of(index: usize, progress: Progress) -> Self {
        match index.cmp(&progress.done) {
            std::cmp::Ordering::Less => Self::Done,
            std::cmp::Ordering::Equal if progress.has_begun => Self::Begun,
            std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => Self::ToCome,
        }
    }
}

impl Again {
    fn add(&mut self, then: &Input, now: Option<Found>, role: Role) -> Result<()> {
        let Some(file) = now else {
            self.inputs.push(then.clone());
            let name = String::from_utf8_lossy(then.name.splitn(2, |byte| *byte == b':').nth(1).unwrap_or_default());
            return if role == Role::Done { Ok(()) } else { Err(changed(&format!("\"{name}\" is gone"))) };
        };
        let stamp: Option<Stamp> = serde_json::from_str(&then.what)
            .map_err(|error| Error::config("what the earlier run knew of a file cannot be read").caused_by(error))?;
        let likeness = match stamp {
            Some(stamp) => stamp.likeness(&file.path).map_err(|error| fault::unreadable(&file.path, error))?,
            // The earlier run could not read it either, and has passed or will pass over it.
            None => Likeness::Alike,
        };
        let path = file.path.display();
        match (role, likeness) {
            // What was read of it is compared byte by byte.
            (Role::Begun, likeness) => self.is_untouched = matches!(likeness, Likeness::Untouched),
            (Role::Done | Role::ToCome, Likeness::Other(what)) => return Err(changed(&format!("\"{path}\" {what}"))),
            (Role::Done, Likeness::Rewritten) => {
                return Err(changed(&format!("\"{path}\" was written to after it had been read")));
            }
            (Role::Done | Role::ToCome, Likeness::Untouched | Likeness::Alike | Likeness::Rewritten) => {}
        }
        self.inputs.push(input(&file)?);
        match role {
            Role::Done => self.bytes_done += file.bytes.unwrap_or_default(),
            Role::Begun | Role::ToCome => self.files.push_back(file),
        }
        Ok(())
    }
}

/// The list of files is another one.
fn changed(what: &str) -> Error {
    Error::config(format!("the files of the source have changed since the interrupted run: {what}")).hint(FRESH)
}

fn input(file: &Found) -> Result<Input> {
    let stamp = File::open(&file.path).and_then(|open| Stamp::of(&open)).map(Some).or_else(|error| match file.id {
        // One of several that cannot be read: that is told when its turn comes.
        None => Ok(None),
        Some(_) => Err(fault::unreadable(&file.path, error)),
    })?;
    let what = serde_json::to_string(&stamp).expect("a stamp is made of numbers");
    Ok(Input { name: name(file), what })
}

/// Wherever the folder is that holds them all: the pattern, and the name below its fixed part.
fn name(file: &Found) -> Vec<u8> {
    [format!("{}:", file.pattern).as_bytes(), file.name.as_os_str().as_encoded_bytes()].concat()
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let status = file.metadata()?;
        let bytes = status.len();
        let end = bytes.min(END_BYTES);
        Ok(Self {
            bytes,
            inode: status.ino(),
            seconds: status.mtime(),
            nanoseconds: status.mtime_nsec(),
            head: checksum(file, 0, end)?,
            tail: checksum(file, bytes - end, end)?,
        })
    }

    fn likeness(&self, path: &Path) -> io::Result<Likeness> {
        let file = File::open(path)?;
        let now = Self::of(&file)?;
        if now == *self {
            return Ok(Likeness::Untouched);
        }
        if now.bytes < self.bytes {
            return Ok(Likeness::Other(format!("has {} bytes, and had {}", now.bytes, self.bytes)));
        }
        let end = self.bytes.min(END_BYTES);
        let ends = [checksum(&file, 0, end)?, checksum(&file, self.bytes - end, end)?];
        Ok(if ends != [self.head, self.tail] {
            Likeness::Other("holds something else".to_owned())
        } else if (now.inode, now.bytes) == (self.inode, self.bytes) {
            Likeness::Rewritten
        } else {
            Likeness::Alike
        })
    }
}

/// Of so many bytes at a place.
fn checksum(file: &File, at: u64, bytes: u64) -> io::Result<u32> {
    let mut part = vec![0; usize::try_from(bytes).unwrap_or_default()];
    match file.read_exact_at(&mut part, at) {
        // It became shorter meanwhile: whoever reads it will notice.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        read => read.map(|()| crc32fast::hash(&part)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::edge::source::find::find;
    use crate::plan;

    fn found(patterns: &[String]) -> Result<Vec<Found>> {
        let (matter, record_bytes_max) = (plan::Matter::Lines, plan::bounds::RECORD_BYTES_DEFAULT);
        let source = plan::FileSource { patterns: patterns.to_vec(), matter, record_bytes_max };
        find(&source).map(|files| files.found)
    }

    /// Long enough for its ends not to meet.
    fn text() -> String {
        (0..2000).map(|line| format!("line {line}\n")).collect()
    }

    /// What becomes of a file, whatever is done to it between two runs, by what it was to the first: read to its end, read in
    /// part, not read yet.
    fn outcomes(change: impl Fn(&Path)) -> [Result<bool, String>; 3] {
        [(1, false), (0, true), (0, false)].map(|(done, has_begun)| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.log");
            fs::write(&path, text()).unwrap();
            let patterns = [folder.path().join("*.log").to_str().unwrap().to_owned()];
            // So that a write shows in the time of change.
            let past = std::time::SystemTime::now() - std::time::Duration::from_secs(5);
            File::options().write(true).open(&path).unwrap().set_modified(past).unwrap();
            let before = inputs(&found(&patterns).unwrap()).unwrap();
            change(&path);
            let now = found(&patterns).unwrap_or_default().into();
            let again = find_again(now, &before, Progress { done, has_begun });
            again.map(|again| again.is_untouched).map_err(|error| error.to_string())
        })
    }

    #[test]
    fn what_was_done_to_a_file_decides_whether_a_run_can_resume() {
        let write = |path: &Path, text: &str| fs::write(path, text).unwrap();
        let copy = |path: &Path| {
            let aside = path.with_extension("old");
            fs::rename(path, &aside).unwrap();
            fs::copy(&aside, path).unwrap();
        };
        let middle = text().replace("line 1000\n", "LINE 1000\n");
        let is = |outcomes: &[Result<bool, String>; 3], expected: [Option<bool>; 3]| {
            let found = outcomes.each_ref().map(|outcome| outcome.as_ref().ok().copied());
            assert_eq!(found, expected, "{outcomes:?}");
        };
        is(&outcomes(|_| {}), [Some(false), Some(true), Some(false)]);
        is(&outcomes(copy), [Some(false); 3]);
        is(&outcomes(|path| write(path, &format!("{}more\n", text()))), [Some(false); 3]);
        // Mended where it had not been read yet, or spoilt where it had been.
        is(&outcomes(|path| write(path, &middle)), [None, Some(false), Some(false)]);
        is(&outcomes(|path| write(path, &text()[..9000])), [None, Some(false), None]);
        is(&outcomes(|path| write(path, &text().replace("line 1\n", "line x\n"))), [None, Some(false), None]);
        is(&outcomes(|path| fs::remove_file(path).unwrap()), [Some(false), None, None]);
    }

    #[test]
    fn files_that_have_come_since_are_read_behind_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let pattern = [folder.path().join("*").to_str().unwrap().to_owned()];
        let write = |name: &&str| fs::write(folder.path().join(name), name).unwrap();
        ["b", "d"].iter().for_each(write);
        let before = inputs(&found(&pattern).unwrap()).unwrap();
        ["a", "c", "e"].iter().for_each(write);
        let progress = Progress { done: 1, has_begun: false };
        let again = find_again(found(&pattern).unwrap().into(), &before, progress).unwrap();
        let names: Vec<_> = again.files.iter().map(|file| file.name.to_str().unwrap()).collect();
        assert_eq!(names, ["d", "a", "c", "e"]);
        let inputs: Vec<_> = again.inputs.iter().map(|input| String::from_utf8_lossy(&input.name)).collect();
        assert_eq!(inputs, ["0:b", "0:d", "0:a", "0:c", "0:e"], "numbered so for the next time, too");
    }
}
