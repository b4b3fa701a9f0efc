//! The state file: opened, checked, written.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::checkpoint::Checkpoint;
use super::lock::Lock;
use crate::error::{Error, Result};

/// `SQLite`'s own place to say whose file it is: "SAND".
const APPLICATION: i32 = 0x5341_4E44;
/// Of the tables.
const VERSION: i32 = 1;

const TABLES: &str = "
    CREATE TABLE checkpoint (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL, body TEXT NOT NULL);";

/// How long to wait for somebody who reads it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The state file of one pipeline, which this run has for itself. Cloned by all who write to it.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    path: Arc<Path>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    // Closed before the lock is given back: fields are dropped in the order in which they stand.
    connection: Mutex<Option<Connection>>,
    _lock: Lock,
}

impl StateFile {
    /// Opens a file that is there.
    ///
    /// # Errors
    /// When another run has it, when it is damaged or none of ours, and when it cannot be written.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let lock = lock(path)?;
        let connection = open(path)?;
        Ok(Self::of(path, connection, lock))
    }

    /// Makes the file, with a first checkpoint in it: at once, so that it is never there without. What is there already is
    /// used, unless it is damaged: then it is put aside.
    ///
    /// # Errors
    /// When another run has it, and when it cannot be written.
    pub(crate) fn make(path: &Path, checkpoint: &Checkpoint) -> Result<Self> {
        let failed = |error| unwritable(path, error);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let lock = lock(path)?;
        if path.exists() && open(path).is_err() {
            fs::rename(path, with_end(path, ".damaged")).map_err(failed)?;
            remove_logs(path);
        }
        if !path.exists() {
            let new = with_end(path, ".new");
            drop(fs::remove_file(&new));
            write_new(&new, checkpoint).map_err(|error| fault(path, error))?;
            fs::rename(&new, path).map_err(failed)?;
        }
        let state = Self::of(path, open(path)?, lock);
        state.save(checkpoint)?;
        Ok(state)
    }

    fn of(path: &Path, connection: Connection, lock: Lock) -> Self {
        let shared = Shared { connection: Mutex::new(Some(connection)), _lock: lock };
        Self { path: path.into(), shared: Arc::new(shared) }
    }

    /// The last checkpoint, if there is one.
    ///
    /// # Errors
    /// When the file cannot be read, or does not hold what it should.
    pub(crate) fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        let body: Option<String> = self
            .with(|connection| connection.query_row("SELECT body FROM checkpoint", [], |row| row.get(0)).optional())?;
        let read = |body: String| {
            Checkpoint::from_json(&body).map_err(|error| damaged(&self.path, "its checkpoint is none").caused_by(error))
        };
        body.map(read).transpose()
    }

    /// Replaces the last checkpoint. When this returns, it outlasts a loss of power.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn save(&self, checkpoint: &Checkpoint) -> Result<()> {
        self.with(|connection| save(connection, checkpoint))
    }

    /// Takes the file away: there is nothing in it that anybody will need.
    pub(crate) fn remove(&self) {
        let connection = self.shared.connection.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Closing merges the log into the file. Whatever stays behind is a finished checkpoint, which harms nobody.
        drop(connection);
        drop(fs::remove_file(&self.path));
        remove_logs(&self.path);
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let connection = self.shared.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = connection.as_ref().ok_or_else(|| Error::internal("the state file has been removed"))?;
        work(connection).map_err(|error| fault(&self.path, error))
    }
}

fn lock(path: &Path) -> Result<Lock> {
    Lock::take(path).map_err(|error| unwritable(path, error))?.ok_or_else(|| taken(path))
}

fn open(path: &Path) -> Result<Connection> {
    if fs::metadata(path).is_ok_and(|status| status.len() == 0) {
        return Err(damaged(path, "it is empty"));
    }
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| fault(path, error))?;
    check(path, &connection)?;
    let prepare = || {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")
    };
    prepare().map_err(|error| fault(path, error))?;
    Ok(connection)
}

/// A whole file, under a name of its own. Synced before it gets its real one.
fn write_new(path: &Path, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch(TABLES)?;
    save(&connection, checkpoint)?;
    connection.close().map_err(|(_, error)| error)
}

fn save(connection: &Connection, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let epoch = i64::try_from(checkpoint.epoch).unwrap_or(i64::MAX);
    let replace = "INSERT OR REPLACE INTO checkpoint VALUES (1, ?1, ?2)";
    connection.execute(replace, (epoch, checkpoint.to_json())).map(drop)
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// What `SQLite` keeps beside a file.
fn remove_logs(path: &Path) {
    for end in ["-wal", "-shm"] {
        drop(fs::remove_file(with_end(path, end)));
    }
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(end);
    PathBuf::from(path)
}

/// Makes sure that the file is one of ours, and whole: what is lost must not look like what never was.
fn check(path: &Path, connection: &Connection) -> Result<()> {
    let failed = |error| fault(path, error);
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0)).map_err(failed);
    if number("application_id")? != APPLICATION {
        return Err(Error::config(format!("\"{}\" is no state file of sandmill", path.display()))
            .hint("name another place in the pipeline file: [state] path = \"…\""));
    }
    let version = number("user_version")?;
    if version != VERSION {
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
        (_, _) => Err(damaged(path, "it was cut short or overwritten").caused_by(found)),
    }
}

/// What a run kept cannot be trusted. Never passed over: starting over unasked would write everything a second time.
fn damaged(path: &Path, what: &str) -> Error {
    Error::config(format!("the state file \"{}\" is damaged: {what}", path.display()))
        .hint("bring it back from a copy, or start over with --fresh")
}

fn taken(path: &Path) -> Error {
    Error::config(format!("another run of this pipeline is going on: it has the state file \"{}\"", path.display()))
        .hint("wait for it to end; two pipelines that are to run at once need different names, or [state] path")
}

fn unwritable(path: &Path, cause: std::io::Error) -> Error {
    Error::config(format!("the state file \"{}\" cannot be written", path.display()))
        .caused_by(cause)
        .hint("name another place in the pipeline file: [state] path = \"…\"")
}

fn fault(path: &Path, cause: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match cause.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => damaged(path, "it is no database").caused_by(cause),
        _ => Error::edge(format!("the state file \"{}\" cannot be read or written", path.display())).caused_by(cause),
    }
}
