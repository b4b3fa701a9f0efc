//! A folder: one file per record, named by the record's key.
//!
//! Keys are not trusted. Beside the check of the key itself, every part of it is opened relative to the folder above it,
//! and never through a symbolic link, so that no link that is there, or is put there meanwhile, leads out of the folder.
//! A file appears under its name when it is whole. A record whose key names an earlier record's file replaces it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;

use super::blocking::BlockingSink;
use super::key::{Key, PARTIAL_PREFIX};
use super::writable::check_folder;
use crate::edge::{Rejected, fault};
use crate::error::Result;
use crate::plan;
use crate::record::Payload;

/// Only folders, and not through a symbolic link.
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::RDONLY).union(OFlags::CLOEXEC);

/// Writes files into a folder.
#[derive(Debug)]
pub(super) struct FolderSink {
    path: PathBuf,
    root: Option<OwnedFd>,
    /// The folder that was written to last: its parts, and itself.
    last: Option<(Vec<String>, OwnedFd)>,
    /// The name of a file that is not whole yet.
    partial: String,
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
    /// When it cannot, or a file has its name.
    pub(super) fn open(sink: plan::FolderSink) -> Result<Self> {
        check_folder(&sink.path)?;
        let partial = format!("{PARTIAL_PREFIX}{}.partial", std::process::id());
        Ok(Self { path: sink.path, root: None, last: None, partial })
    }

    /// Makes and opens the folder, when it is first needed.
    fn begin(&mut self) -> io::Result<()> {
        if self.root.is_none() {
            fs::create_dir_all(&self.path)?;
            // A link to the folder itself is the user's own.
            let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
            self.root = Some(openat(CWD, &self.path, flags, Mode::empty())?);
        }
        Ok(())
    }

    fn write_file(&mut self, key: &[u8], value: &[u8]) -> Result<(), Trouble> {
        let key = Key::parse(key).map_err(Trouble::Key)?;
        let trouble = |errno| Trouble::of(&key, errno);
        if self.last.as_ref().is_none_or(|(parts, _)| *parts != key.folders) {
            let folder = self.enter(&key.folders).map_err(trouble)?;
            self.last = Some((key.folders.iter().map(|&part| part.to_owned()).collect(), folder));
        }
        let Some((_, folder)) = &self.last else { return Ok(()) };
        let written = write_partial(folder, &self.partial, value).map_err(Trouble::Folder);
        let named = written.and_then(|()| renameat(folder, &self.partial, folder, key.file).map_err(trouble));
        if named.is_err() {
            // Best effort: the failure that left it there is the one to report.
            unlinkat(folder, &self.partial, AtFlags::empty()).ok();
        }
        named
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
            Errno::NOTDIR | Errno::LOOP => "leads through something that is no folder, or is a symbolic link",
            Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST => "is the name of a folder that is there",
            Errno::NAMETOOLONG => "is too long for the file system",
            Errno::INVAL | Errno::ILSEQ => "is no name on this file system",
            other => return Self::Folder(other.into()),
        };
        Self::Key(format!("the key {name:?} {what}"))
    }
}

/// Writes a file under a name of its own. What a run that was killed left under that name is replaced.
fn write_partial(folder: impl AsFd, name: &str, value: &[u8]) -> io::Result<()> {
    const NEW: OFlags = OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::CLOEXEC);
    let mode = Mode::from_raw_mode(0o666);
    let file = match openat(&folder, name, NEW, mode) {
        Err(Errno::EXIST) => {
            unlinkat(&folder, name, AtFlags::empty())?;
            openat(&folder, name, NEW, mode)?
        }
        opened => opened?,
    };
    File::from(file).write_all(value)
}

impl BlockingSink for FolderSink {
    fn write(&mut self, records: &Payload) -> Result<Vec<Rejected>> {
        self.begin().map_err(|error| fault::unwritable(&self.path, error))?;
        let mut rejected = Vec::new();
        for (index, value) in records.values().iter().enumerate() {
            match self.write_file(records.key(index).unwrap_or_default(), value) {
                Ok(()) => {}
                Err(Trouble::Key(reason)) => rejected.push(Rejected { index, reason }),
                Err(Trouble::Folder(error)) => return Err(fault::unwritable(&self.path, error)),
            }
        }
        Ok(rejected)
    }

    fn finish(&mut self) -> Result<()> {
        self.begin().map_err(|error| fault::unwritable(&self.path, error))
    }
}
