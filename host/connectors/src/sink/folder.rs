//! A folder: one file per record, named by the record's key.
//!
//! Keys are not trusted. Beside the check of the key itself, every part of it is opened relative to the folder above it,
//! and never through a symbolic link, so that no link that is there, or is put there meanwhile, leads out of the folder.
//! A file appears under its name when it is whole, and replaces what an earlier run has left there. A second record of one
//! key is refused: it would replace the first one's file.
//!
//! The folder is locked while a run writes to it. What is not whole yet lies in it under one name for each writer, so what
//! a run that was killed has left there is found and removed by the next one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;

use super::blocking::BlockingSink;
use super::key::{Key, PARTIAL_PREFIX};
use super::sole;
use super::writable::check_folder;
use super::written::Written;
use crate::fault;
use crate::kind;
use sandmill_engine::edge::Rejected;
use sandmill_engine::error::Result;
use sandmill_engine::plan::bounds::WRITERS_MAX;
use sandmill_engine::record::Payload;

/// Only folders, and not through a symbolic link.
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::RDONLY).union(OFlags::CLOEXEC);

/// Writes files into a folder: one of its writers.
#[derive(Debug)]
pub(super) struct FolderSink {
    shared: Arc<Shared>,
    /// The writer's number, from 0.
    number: usize,
    /// How many writers there are, where this is the first of them.
    writers: usize,
    /// `None` before the first record.
    begun: Option<Arc<Begun>>,
    /// The folder that was written to last: its parts, and itself.
    last: Option<(Vec<String>, OwnedFd)>,
}

/// What the writers of a folder share.
#[derive(Debug)]
struct Shared {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` until the folder is there.
    root: Option<Arc<Root>>,
    /// The keys of this run; `None` before the first record.
    written: Option<Arc<Written>>,
}

/// The folder, open and locked.
#[derive(Debug)]
struct Root {
    folder: File,
    /// The name of a file that is not whole yet, up to the number of its writer.
    partial: String,
}

/// What a writer writes with.
#[derive(Debug)]
struct Begun {
    root: Arc<Root>,
    written: Arc<Written>,
    /// The name of a file that is not whole yet.
    partial: String,
}

/// Where the file of a record belongs.
#[derive(Clone, Copy)]
struct Target<'a> {
    folder: BorrowedFd<'a>,
    name: &'a str,
}

/// Why a record was not written.
enum Trouble {
    /// Its key is at fault, and the others can be written.
    Key(String),
    /// Anything else.
    Folder(io::Error),
}

impl FolderSink {
    /// Makes sure that the folder can be made and written to, and changes nothing.
    ///
    /// # Errors
    /// When it cannot, a file has its name, or another run is writing to it.
    pub(super) fn open(sink: kind::FolderSink) -> Result<Self> {
        check_folder(&sink.path)?;
        let root = if sink.path.is_dir() { Some(Arc::new(Root::open(&sink.path)?)) } else { None };
        let shared = Shared { path: sink.path, state: Mutex::new(State { root, written: None }) };
        Ok(Self { shared: Arc::new(shared), number: 0, writers: 1, begun: None, last: None })
    }

    fn begin(&mut self) -> Result<Arc<Begun>> {
        let begun = match self.begun.take() {
            Some(begun) => begun,
            None => Arc::new(self.shared.begin(self.number)?),
        };
        Ok(Arc::clone(self.begun.insert(begun)))
    }

    fn write_file(&mut self, begun: &Begun, key: &Key<'_>, value: &[u8]) -> Result<(), Errno> {
        if self.last.as_ref().is_none_or(|(parts, _)| *parts != key.folders) {
            let folder = begun.root.enter(&key.folders)?;
            self.last = Some((key.folders.iter().map(|&part| part.to_owned()).collect(), folder));
        }
        let Some((_, folder)) = &self.last else { return Ok(()) };
        let target = Target { folder: folder.as_fd(), name: key.file };
        match begun.place(begun.root.folder.as_fd(), target, value) {
            // Another disk is mounted there: a file cannot be moved to it.
            Err(Errno::XDEV) => begun.place(folder.as_fd(), target, value),
            placed => placed,
        }
    }
}

impl Shared {
    /// Makes the folder, and removes what a run that was killed has left, when the first of the writers needs it.
    fn begin(&self, writer: usize) -> Result<Begun> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let root = match state.root.take() {
            Some(root) => root,
            None => {
                fs::create_dir_all(&self.path).map_err(|error| fault::unwritable(&self.path, error))?;
                Arc::new(Root::open(&self.path)?)
            }
        };
        let root = Arc::clone(state.root.insert(root));
        let written = match state.written.take() {
            Some(written) => written,
            None => {
                root.sweep();
                Arc::new(Written::new()?)
            }
        };
        let written = Arc::clone(state.written.insert(written));
        let partial = root.partial_of(writer);
        Ok(Begun { root, written, partial })
    }
}

impl Root {
    fn open(path: &Path) -> Result<Self> {
        // A link to the folder itself is the user's own.
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let opened = openat(CWD, path, flags, Mode::empty());
        let folder = File::from(opened.map_err(|errno| fault::unwritable(path, errno.into()))?);
        let partial = match sole::lock(path, &folder)? {
            true => format!("{PARTIAL_PREFIX}partial"),
            // Another run may be writing: each has names of its own.
            false => format!("{PARTIAL_PREFIX}{}.partial", std::process::id()),
        };
        Ok(Self { folder, partial })
    }

    /// The name of a file that a writer has begun.
    fn partial_of(&self, writer: usize) -> String {
        if writer == 0 { self.partial.clone() } else { format!("{}-{writer}", self.partial) }
    }

    /// Removes what a run that was killed has left: it may have had more writers than this one. Best effort: most times
    /// there is nothing.
    fn sweep(&self) {
        for writer in 0..WRITERS_MAX {
            unlinkat(&self.folder, self.partial_of(writer), AtFlags::empty()).ok();
        }
    }

    /// Opens a folder below this one, and makes what is missing.
    fn enter(&self, parts: &[&str]) -> Result<OwnedFd, Errno> {
        let mut folder = openat(&self.folder, ".", FOLDER, Mode::empty())?;
        for part in parts {
            folder = match openat(&folder, *part, FOLDER, Mode::empty()) {
                Err(Errno::NOENT) => {
                    match mkdirat(&folder, *part, Mode::from_raw_mode(0o777)) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(errno) => return Err(errno),
                    }
                    openat(&folder, *part, FOLDER, Mode::empty())?
                }
                opened => opened?,
            };
        }
        Ok(folder)
    }
}

impl Begun {
    /// Writes a file in the folder `from`, under the name of what is not whole yet, and moves it to its target.
    fn place(&self, from: BorrowedFd<'_>, target: Target<'_>, value: &[u8]) -> Result<(), Errno> {
        let written = write_partial(from, &self.partial, value);
        let placed = written.and_then(|()| renameat(from, &self.partial, target.folder, target.name));
        if placed.is_err() {
            // Best effort: the failure that left it there is the one to report.
            unlinkat(from, &self.partial, AtFlags::empty()).ok();
        }
        placed
    }
}

impl Trouble {
    /// Tells a key that cannot be a path here from a folder that cannot be written to.
    fn of(key: &Key<'_>, errno: Errno) -> Self {
        let name = key.folders.iter().chain([&key.file]).copied().collect::<Vec<_>>().join("/");
        let what = match errno {
            Errno::NOTDIR | Errno::LOOP => "leads through something that is not a folder, or is a symbolic link",
            Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST => "is the name of a folder",
            Errno::NAMETOOLONG => "is too long for the file system",
            Errno::INVAL | Errno::ILSEQ => "is not a valid name on this file system",
            other => return Self::Folder(other.into()),
        };
        Self::Key(format!("the key {name:?} {what}"))
    }
}

/// A second record of one key.
fn is_taken(key: &[u8]) -> String {
    let key = String::from_utf8_lossy(key);
    format!("the key {key:?} is that of an earlier record of this run, whose file it would replace")
}

/// Writes a file under a name of its own. What a run that was killed left under that name is replaced.
fn write_partial(folder: impl AsFd, name: &str, value: &[u8]) -> Result<(), Errno> {
    const NEW: OFlags = OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::CLOEXEC);
    let mode = Mode::from_raw_mode(0o666);
    let file = match openat(&folder, name, NEW, mode) {
        Err(Errno::EXIST) => {
            unlinkat(&folder, name, AtFlags::empty())?;
            openat(&folder, name, NEW, mode)?
        }
        opened => opened?,
    };
    // What does not come from the system is a write of nothing.
    File::from(file).write_all(value).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

impl BlockingSink for FolderSink {
    fn write(&mut self, records: &Payload) -> Result<Vec<Rejected>> {
        let begun = self.begin()?;
        let (mut rejected, mut added) = (Vec::new(), Vec::new());
        for (index, value) in records.values().iter().enumerate() {
            let bytes = records.key(index).unwrap_or_default();
            let key = match Key::parse(bytes) {
                Ok(key) => key,
                Err(reason) => {
                    rejected.push(Rejected { index, reason });
                    continue;
                }
            };
            // Before the file is there: another writer may have a record of the same key.
            if !begun.written.add(bytes)? {
                rejected.push(Rejected { index, reason: is_taken(bytes) });
                continue;
            }
            added.push(bytes);
            match self.write_file(&begun, &key, value).map_err(|errno| Trouble::of(&key, errno)) {
                Ok(()) => {}
                Err(Trouble::Key(reason)) => {
                    begun.written.forget(added.pop())?;
                    rejected.push(Rejected { index, reason });
                }
                Err(Trouble::Folder(error)) => {
                    // The same records may be written again.
                    begun.written.forget(added)?;
                    return Err(fault::unwritable(&self.shared.path, error));
                }
            }
        }
        Ok(rejected)
    }

    fn finish(&mut self) -> Result<()> {
        self.begin().map(drop)
    }

    fn writer(&mut self) -> Result<Self> {
        let (shared, number) = (Arc::clone(&self.shared), self.writers);
        self.writers += 1;
        Ok(Self { shared, number, writers: 1, begun: None, last: None })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    fn sink(folder: &Path) -> FolderSink {
        FolderSink::open(kind::FolderSink { path: folder.to_owned() }).expect("a folder of our own")
    }

    fn files(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("a file").file_name().into_string().expect("text"))
            .collect();
        names.sort_unstable();
        names
    }

    /// Whichever comes first: the other's record is refused, and no file has a part of each.
    #[test]
    fn two_writers_of_one_key_make_one_whole_file() {
        const KEYS: usize = 200;
        let folder = tempfile::tempdir().expect("a folder");
        let mut first = sink(folder.path());
        let second = first.writer().expect("a folder has several");
        let barrier = Arc::new(Barrier::new(2));
        let write = |mut sink: FolderSink, letter: &str| {
            let (barrier, value) = (Arc::clone(&barrier), letter.repeat(10_000));
            std::thread::spawn(move || {
                let one = |key: usize| {
                    let mut records = Payload::default();
                    records.push(Some(key.to_string().as_bytes()), value.as_bytes());
                    barrier.wait();
                    sink.write(&records).expect("a folder that can be written to").len()
                };
                (0..KEYS).map(one).sum::<usize>()
            })
        };
        let writing = [write(first, "a"), write(second, "b")];
        let refused: usize = writing.into_iter().map(|thread| thread.join().expect("no panic")).sum();
        assert_eq!((refused, files(folder.path()).len()), (KEYS, KEYS), "nothing half-written is left");
        for key in 0..KEYS {
            let text = fs::read_to_string(folder.path().join(key.to_string())).expect("a file");
            assert!(text == "a".repeat(10_000) || text == "b".repeat(10_000), "{key}");
        }
    }

    #[test]
    fn what_several_writers_left_when_they_were_killed_is_removed_by_one() {
        let folder = tempfile::tempdir().expect("a folder");
        for left in ["partial", "partial-1", "partial-255"] {
            fs::write(folder.path().join(format!("{PARTIAL_PREFIX}{left}")), "half").expect("a folder");
        }
        sink(folder.path()).finish().expect("there is nothing to write");
        assert_eq!(files(folder.path()), [""; 0]);
    }
}
