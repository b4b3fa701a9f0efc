//! Creates a state file: whole, or not at all.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::OpenFlags;
use rustix::process::{Pid, test_kill_process};

use super::fault::{fault, unwritable};
use super::file::Beginning;
use super::opening::{connect, with_end};
use super::writable::MODE;
use super::{inputs, letter, settled};
use crate::error::Result;

/// `SQLite`'s own place to say whose file it is: "SAND".
pub(super) const APPLICATION: i32 = 0x5341_4E44;
/// The version of the tables.
pub(super) const VERSION: i32 = 4;

const CHECKPOINT_TABLE: &str =
    "CREATE TABLE checkpoint (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL, body TEXT NOT NULL);";

/// How the name ends of a file that is being made; the number of the process that makes it stands before this.
const NEW: &str = ".new";

/// Makes the file under another name, whole, and gives it its own. Somebody else may have made it meanwhile: then
/// theirs is used. Only for who has the lock: the log of a file that was removed is removed, too, for `SQLite` would
/// play it into the new one.
pub(super) fn make(path: &Path, beginning: Option<&Beginning<'_>>) -> Result<()> {
    let new = with_end(path, &format!(".{}{NEW}", std::process::id()));
    drop(fs::remove_file(&new));
    let made = || {
        // SQLite gives its logs the permissions of the file.
        let made = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&new);
        made.map_err(|error| unwritable(path, error))?;
        write_new(&new, beginning).map_err(|error| fault(path, error))?;
        remove_logs(path).map_err(|error| unwritable(path, error))?;
        let synced = fs::File::open(&new).and_then(|file| file.sync_all());
        let linked = synced.and_then(|()| fs::hard_link(&new, path));
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(unwritable(path, error)),
            Ok(()) | Err(_) => Ok(()),
        }
    };
    let made = made();
    drop(fs::remove_file(&new));
    made
}

/// Files that `SQLite` keeps beside a file.
const LOGS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Whether there is something that `SQLite` keeps beside a file.
pub(super) fn has_logs(path: &Path) -> bool {
    LOGS.iter().any(|end| with_end(path, end).exists())
}

/// Removes what `SQLite` keeps beside a file.
///
/// # Errors
/// When one is there and cannot be removed.
pub(super) fn remove_logs(path: &Path) -> std::io::Result<()> {
    for end in LOGS {
        match fs::remove_file(with_end(path, end)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Removes what processes that were killed while they made it have left.
pub(super) fn sweep(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().map(|name| format!("{}.", name.to_string_lossy())).unwrap_or_default();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        let maker = other.strip_prefix(&name).and_then(|rest| rest.strip_suffix(NEW)?.parse().ok());
        let is_gone = |maker| Pid::from_raw(maker).is_none_or(|maker| test_kill_process(maker).is_err());
        if maker.is_some_and(is_gone) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// A whole file, under a name of its own. The caller syncs it before it gets its real one.
fn write_new(path: &Path, beginning: Option<&Beginning<'_>>) -> rusqlite::Result<()> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // One transaction, and no sync before the end of it: every run begins with this.
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "journal_mode", "OFF")?;
    connection.execute_batch("BEGIN")?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch(CHECKPOINT_TABLE)?;
    connection.execute_batch(letter::TABLE)?;
    connection.execute_batch(inputs::TABLE)?;
    connection.execute_batch(settled::TABLE)?;
    if let Some(beginning) = beginning {
        beginning.save(&connection)?;
    }
    connection.execute_batch("COMMIT")?;
    // Here, where nothing needs to be synced; it is a property of the file from then on.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.close().map_err(|(_, error)| error)
}
