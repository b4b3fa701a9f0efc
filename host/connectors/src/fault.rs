//! Messages for what goes wrong with files: the same for every source and sink.

use std::io::{self, ErrorKind};
use std::path::Path;

use sandmill_engine::error::Error;

/// What to do when a file cannot be read.
const READ_HINTS: &[(ErrorKind, &str)] = &[
    (ErrorKind::PermissionDenied, "give the user who runs this permission to read the file"),
    (ErrorKind::NotFound, "it was there when the run began: does something else move or delete it?"),
    (ErrorKind::UnexpectedEof, "all whole records before that place were read: does something else truncate the file?"),
];

/// What to do when a file cannot be written.
const WRITE_HINTS: &[(ErrorKind, &str)] = &[
    (ErrorKind::PermissionDenied, "give the user who runs this permission to write there"),
    (ErrorKind::StorageFull, "the disk is full: make room, or write elsewhere"),
    (ErrorKind::QuotaExceeded, "the quota is used up: make room, or write elsewhere"),
    (ErrorKind::FileTooLarge, "the file system or `ulimit -f` allows no larger file: write elsewhere"),
    (ErrorKind::ReadOnlyFilesystem, "the file system is mounted read-only: write elsewhere"),
    (ErrorKind::NotADirectory, "a part of the path is a file, not a folder"),
    (ErrorKind::IsADirectory, "this is a folder: name a file"),
];

/// Errors that last until somebody does something about them. Anything else may pass by itself: a full disk, a device
/// or a network that does not answer, too many open files.
const LASTING: &[ErrorKind] = &[
    ErrorKind::NotFound,
    ErrorKind::PermissionDenied,
    ErrorKind::AlreadyExists,
    ErrorKind::BrokenPipe,
    ErrorKind::InvalidInput,
    ErrorKind::InvalidData,
    ErrorKind::UnexpectedEof,
    ErrorKind::NotADirectory,
    ErrorKind::IsADirectory,
    ErrorKind::ReadOnlyFilesystem,
    ErrorKind::FileTooLarge,
    ErrorKind::InvalidFilename,
    ErrorKind::Unsupported,
];

/// Whether what failed may succeed when nothing but time has passed.
fn may_pass(cause: &io::Error) -> bool {
    !LASTING.contains(&cause.kind())
}

/// The input cannot be opened or read. May be tried again where it may pass.
pub(super) fn unreadable(path: &Path, cause: io::Error) -> Error {
    let may_pass = may_pass(&cause);
    hinted(Error::edge(format!("cannot read \"{}\"", path.display())), READ_HINTS, cause).retryable(may_pass)
}

/// The output cannot be opened or written. May be tried again where it may pass, unless the caller knows better.
pub(super) fn unwritable(path: &Path, cause: io::Error) -> Error {
    let may_pass = may_pass(&cause);
    hinted(Error::edge(format!("cannot write \"{}\"", path.display())), WRITE_HINTS, cause).retryable(may_pass)
}

/// Standard output cannot be written: nobody knows how much of it was.
pub(super) fn unwritable_stdout(cause: io::Error) -> Error {
    hinted(Error::edge("cannot write standard output"), WRITE_HINTS, cause)
}

/// What an earlier run noted of an output cannot be read. This is never ignored: the output would not be cut back.
pub(super) fn no_mark(path: &Path, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::config(format!("the position that the interrupted run stored for \"{}\" cannot be read", path.display()))
        .caused_by(cause)
        .hint("start over with --fresh")
}

fn hinted(error: Error, hints: &[(ErrorKind, &str)], cause: io::Error) -> Error {
    let hint = hints.iter().find_map(|(kind, hint)| (*kind == cause.kind()).then_some(*hint));
    let error = hint.into_iter().fold(error, |error, hint| error.hint(hint));
    error.caused_by(cause)
}
