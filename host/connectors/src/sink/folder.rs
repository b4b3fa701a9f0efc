//! A folder: one file per record, named by the record's key.
//!
//! Keys are not trusted. Beside the check of the key itself, every part of it is opened relative to the folder above it,
//! and never through a symbolic link, so that no link that is there, or is put there meanwhile, leads out of the folder.
//! A file appears under its name when it is whole, and replaces what an earlier run has left there. A second record of one
//! key is refused: it would replace the first one's file.
//!
//! The folder is locked while a run writes to it. What is not whole yet lies in it under one name, so what a run that was
//! killed has left there is found and removed by the next one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

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
use sandmill_engine::record::Payload;

/// Only folders, and not through a symbolic link.
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::RDONLY).union(OFlags::CLOEXEC);

/// Writes files into a folder.
#[derive(Debug)]
pub(super) struct FolderSink {
    path: PathBuf,
    /// The folder, open and locked, from when it is there.
    root: Option<File>,
    /// The folder that was written to last: its parts, and itself.
    last: Option<(Vec<String>, OwnedFd)>,
    /// The name of a file that is not whole yet.
    partial: String,
    /// The keys of this run; `None` before the first record.
    written: Option<Written>,
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
        let mut sink = Self { path: sink.path, root: None, last: None, partial: String::new(), written: None };
        if sink.path.is_dir() {
            sink.open_root()?;
        }
        Ok(sink)
    }

    fn open_root(&mut self) -> Result<()> {
        // A link to the folder itself is the user's own.
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let opened = openat(CWD, &self.path, flags, Mode::empty());
        let root = File::from(opened.map_err(|errno| fault::unwritable(&self.path, errno.into()))?);
        self.partial = match sole::lock(&self.path, &root)? {
            true => format!("{PARTIAL_PREFIX}partial"),
            // Another run may be writing: each has a name of its own.
            false => format!("{PARTIAL_PREFIX}{}.partial", std::process::id()),
        };
        self.root = Some(root);
        Ok(())
    }

    /// Makes the folder, and removes what a run that was killed has left, when it is first needed. Gives the keys of this
    /// run, which are to be given back.
    fn begin(&mut self) -> Result<Written> {
        if self.root.is_none() {
            fs::create_dir_all(&self.path).map_err(|error| fault::unwritable(&self.path, error))?;
            self.open_root()?;
        }
        if let Some(written) = self.written.take() {
            return Ok(written);
        }
        if let Some(root) = &self.root {
            // Best effort: most times there is nothing.
            unlinkat(root, &self.partial, AtFlags::empty()).ok();
        }
        Written::new()
    }

    fn write_all(&mut self, written: &Written, records: &Payload) -> Result<Vec<Rejected>> {
        let mut rejected = Vec::new();
        for (index, value) in records.values().iter().enumerate() {
            let key = records.key(index).unwrap_or_default();
            let done = match written.contains(key)? {
                true => Err(Trouble::Key(is_taken(key))),
                false => self.write_file(key, value),
            };
            match done {
                Ok(()) => written.add(key)?,
                Err(Trouble::Key(reason)) => rejected.push(Rejected { index, reason }),
                Err(Trouble::Folder(error)) => return Err(fault::unwritable(&self.path, error)),
            }
        }
        Ok(rejected)
    }

    fn write_file(&mut self, key: &[u8], value: &[u8]) -> Result<(), Trouble> {
        let key = Key::parse(key).map_err(Trouble::Key)?;
        let trouble = |errno| Trouble::of(&key, errno);
        if self.last.as_ref().is_none_or(|(parts, _)| *parts != key.folders) {
            let folder = self.enter(&key.folders).map_err(trouble)?;
            self.last = Some((key.folders.iter().map(|&part| part.to_owned()).collect(), folder));
        }
        let (Some(root), Some((_, folder))) = (&self.root, &self.last) else { return Ok(()) };
        let target = Target { folder: folder.as_fd(), name: key.file };
        match self.place(root.as_fd(), target, value) {
            // Another disk is mounted there: a file cannot be moved to it.
            Err(Errno::XDEV) => self.place(folder.as_fd(), target, value),
            placed => placed,
        }
        .map_err(trouble)
    }

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

    /// Opens a folder below the root, and makes what is missing.
    fn enter(&self, parts: &[&str]) -> Result<OwnedFd, Errno> {
        let Some(root) = &self.root else { return Err(Errno::BADF) };
        let mut folder = openat(root, ".", FOLDER, Mode::empty())?;
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
        let written = self.begin()?;
        let done = written.in_batch(|| self.write_all(&written, records));
        self.written = Some(written);
        done
    }

    fn finish(&mut self) -> Result<()> {
        self.written = Some(self.begin()?);
        Ok(())
    }
}
