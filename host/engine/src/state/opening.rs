//! Opens a state file: checks it, brings it to the present format, and hides it from others.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::fault::{damaged, fault, no_state_file, unwritable};
use super::making::{APPLICATION, VERSION, remove_logs};
use super::writable::tighten;
use super::{inputs, letter, settled};
use crate::error::{Error, Result};

/// How long to wait for somebody else who writes to it.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes the folders of a path.
///
/// # Errors
/// When one cannot be made.
pub(super) fn make_folder_of(path: &Path) -> Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => fs::create_dir_all(folder).map_err(|error| {
            // What "exists" is a file, where the path needs a folder.
            let is_file = error.kind() == io::ErrorKind::AlreadyExists;
            unwritable(path, if is_file { io::ErrorKind::NotADirectory.into() } else { error })
        }),
        None => Ok(()),
    }
}

/// Moves a damaged file out of the way, with its log. Nothing is deleted unasked.
///
/// # Errors
/// When it cannot be moved.
pub(super) fn put_aside(path: &Path) -> io::Result<()> {
    tighten(path);
    let aside = with_end(path, ".damaged");
    remove_logs(&aside)?;
    fs::rename(path, &aside)?;
    match fs::rename(with_end(path, "-wal"), with_end(&aside, "-wal")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    remove_logs(path)
}

/// Opens a file that is there, and makes sure that it is one of ours, and whole.
///
/// # Errors
/// When it is not, or cannot be opened.
pub(super) fn open(path: &Path) -> Result<Connection> {
    match fs::metadata(path) {
        Ok(status) if !status.is_file() => return Err(no_state_file(path)),
        Ok(status) if status.len() == 0 => return Err(damaged(path, "it is empty")),
        Ok(_) | Err(_) => {}
    }
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| fault(path, error))?;
    check(path, &connection)?;
    tighten(path);
    let prepare = || {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")
    };
    prepare().map_err(|error| fault(path, error))?;
    Ok(connection)
}

/// Does something that has outlasted a loss of power when this returns.
pub(super) fn durably<T>(connection: &Connection, work: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    let done = work()?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(done)
}

/// A connection that waits for others who write.
pub(super) fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// The path of a file that is kept beside another.
pub(super) fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(end);
    PathBuf::from(path)
}

/// Format 1 knew nothing of logs, format 2 nothing of inputs, format 3 nothing of marks.
fn migrate(connection: &Connection, version: i32) -> rusqlite::Result<()> {
    let logs = if version == 1 { letter::FROM_1 } else { "" };
    let (inputs, marks) = (inputs::TABLE, settled::TABLE);
    connection
        .execute_batch(&format!("BEGIN IMMEDIATE; {logs} {inputs} {marks} PRAGMA user_version = {VERSION}; COMMIT"))
}

/// Makes sure that the file is one of ours, and whole: what is lost must not look like what never was.
fn check(path: &Path, connection: &Connection) -> Result<()> {
    let failed = |error| fault(path, error);
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0)).map_err(failed);
    if number("application_id")? != APPLICATION {
        return Err(no_state_file(path));
    }
    let version = number("user_version")?;
    if (1..VERSION).contains(&version) {
        migrate(connection, version).map_err(failed)?;
    } else if version != VERSION {
        return Err(Error::config(format!(
            "\"{}\" was written by another version of sandmill: it has format {version}, this one knows {VERSION}",
            path.display()
        ))
        .hint("finish the run with that version, or start over with --fresh"));
    }
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged(path, "it cannot be read").caused_by(error))?;
    let has_table = connection.table_exists(None, "checkpoint").map_err(failed)?;
    match (found.as_str(), has_table) {
        ("ok", true) => Ok(()),
        ("ok", false) => Err(damaged(path, "its tables are missing")),
        (_, _) => Err(damaged(path, "it is incomplete or was overwritten").caused_by(found)),
    }
}
