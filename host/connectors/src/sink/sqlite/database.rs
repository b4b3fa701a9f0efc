//! The database file: how it is opened and closed, and what its failures mean.
//!
//! The path is a file's name, whatever is in it: SQLite has names that mean memory or a URI (`:memory:`, `file:…`), and
//! is only ever given absolute paths, which are none of these.
//!
//! A database keeps its journal mode. One that is new is in write-ahead mode while it is written, so that others can
//! read it meanwhile, and has a rollback journal at the end, which leaves one file that can be read anywhere.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::IfExists;
use crate::fault::unwritable;
use crate::sink::writable::{check_file, check_folder_of, make_folders_of};
use sandmill_engine::error::{Error, Result};

/// How long to wait for another process that writes to the database.
const BUSY_TIMEOUT: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 5000 });

/// Statements that are kept prepared: one for each set of columns that records leave out.
const STATEMENTS: usize = 64;

/// The page cache of a database that the run makes, KiB. Its tables have no index, so rows go to its end, and nothing
/// is read again. One that is there keeps SQLite's own (2,000 KiB): an index is written all over.
const NEW_CACHE_KIB: i64 = 256;

/// An open database.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Connection,
    path: PathBuf,
    file: FileId,
    /// Whether it is in write-ahead mode for this run only.
    is_new: bool,
}

/// The identity of the file, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl From<&Metadata> for FileId {
    fn from(status: &Metadata) -> Self {
        Self { device: status.dev(), inode: status.ino() }
    }
}

impl Database {
    /// Opens the database, and makes it where it is missing; `is_new` when it is this run that makes it. What is
    /// committed outlasts a loss of power where it `must_last`; else the last commits may be lost, in write-ahead mode.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open(path: &Path, is_new: bool, must_last: bool) -> Result<Self> {
        make_folders_of(path)?;
        let open = || {
            let flags =
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS);
            if is_new {
                connection.pragma_update(None, "journal_mode", "WAL")?;
                connection.pragma_update(None, "cache_size", -NEW_CACHE_KIB)?;
            }
            let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
            let synchronous = if mode == "wal" && !must_last { "NORMAL" } else { "FULL" };
            connection.pragma_update(None, "synchronous", synchronous)?;
            Ok(connection)
        };
        let connection = open().map_err(|error| fault(path, error))?;
        let status = std::fs::metadata(path).map_err(|error| unwritable(path, error))?;
        Ok(Self { connection, path: path.to_owned(), file: FileId::from(&status), is_new })
    }

    /// Makes sure that what is written can be found under the database's name.
    ///
    /// # Errors
    /// When somebody has moved or deleted the file.
    pub(super) fn check_there(&self) -> Result<()> {
        let path = self.path.display();
        match std::fs::metadata(&self.path) {
            Ok(status) if FileId::from(&status) == self.file => Ok(()),
            Ok(_) => Err(Error::edge(format!("\"{path}\" was replaced while it was written"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::edge(format!("\"{path}\" was moved or deleted while it was written")))
            }
            Err(error) => Err(unwritable(&self.path, error)),
        }
    }

    /// Closes it, so that what its log holds is merged into it.
    ///
    /// # Errors
    /// When that fails.
    pub(super) fn close(self) -> Result<()> {
        self.check_there()?;
        if self.is_new {
            // Best effort: another process that has it open keeps it in write-ahead mode.
            let modes = self.connection.busy_timeout(Duration::ZERO);
            drop(modes.and_then(|()| self.connection.pragma_update(None, "journal_mode", "DELETE")));
        }
        self.connection.close().map_err(|(_, error)| fault(&self.path, error))
    }
}

/// The path as SQLite is given it.
///
/// # Errors
/// When there is none.
pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        Error::config(format!("\"{}\" cannot be the path of a database", path.display())).caused_by(error)
    })
}

/// Makes sure, without a change, that a database can be written or made.
///
/// # Errors
/// When it cannot.
pub(super) fn check(path: &Path) -> Result<()> {
    check_file(path, IfExists::Append)?;
    if std::fs::metadata(path).is_ok_and(|status| !status.is_file()) {
        return Err(Error::config(format!("\"{}\" is a device or a pipe, not a file", path.display()))
            .hint("a database needs a file: name one"));
    }
    check_folder_of(path).map_err(|error| error.hint("while SQLite writes, it keeps a journal beside the database"))
}

/// The database, if it is there, to look at it.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn existing(path: &Path) -> Result<Option<Connection>> {
    if !path.exists() {
        return Ok(None);
    }
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(connection)
    };
    open().map(Some).map_err(|error| fault(path, error))
}

/// Whether there is nothing in the database yet.
pub(super) fn is_blank(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

/// Whether it keeps text as UTF-16.
pub(super) fn is_utf16(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA encoding", [], |row| row.get(0)).map(|encoding: String| encoding != "UTF-8")
}

/// The database fails. Whatever was under way is left as it was before, so it may be tried again where it may pass.
pub(super) fn fault(path: &Path, cause: rusqlite::Error) -> Error {
    const HINTS: &[(ErrorCode, &str)] = &[
        (ErrorCode::DatabaseBusy, "another process has been writing to it for more than 5 s: wait for it to end"),
        (ErrorCode::DatabaseLocked, "another process has locked it: wait for it to end"),
        (ErrorCode::NotADatabase, "the file is not an SQLite database: name another one"),
        (ErrorCode::DatabaseCorrupt, "the database is damaged: `sqlite3 … .recover` may save what it holds"),
        (ErrorCode::DiskFull, "the disk is full: make room, or write elsewhere"),
        (ErrorCode::ReadOnly, "the file, or the folder that it is in, may not be written to by this user"),
        (ErrorCode::CannotOpen, "the file, or the folder that it is in, may not be written to by this user"),
    ];
    let may_pass = matches!(
        cause.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull | ErrorCode::SystemIoFailure)
    );
    let hint = HINTS.iter().find_map(|(code, hint)| (cause.sqlite_error_code() == Some(*code)).then_some(*hint));
    let error = Error::edge(format!("cannot write to the database \"{}\"", path.display())).retryable(may_pass);
    let error = hint.into_iter().fold(error, |error, hint| error.hint(hint));
    if matches!(cause, rusqlite::Error::SqliteFailure(_, Some(_))) {
        // Its own cause says the same again, with a number.
        error.caused_by(cause.to_string())
    } else {
        error.caused_by(cause)
    }
}
