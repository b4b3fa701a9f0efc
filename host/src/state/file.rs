//! The state file: opened, checked, written. Nothing is touched before there is something to write or to read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::checkpoint::Checkpoint;
use super::choice::Choice;
use super::fault::{damaged, fault, no_state_file, taken, unwritable};
use super::letter::{self, DeadLetter};
use super::lock::Lock;
use super::making::{APPLICATION, VERSION, make, sweep};
use crate::error::{Error, ErrorKind, Result};

/// How long to wait for somebody else who writes to it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The state file of one pipeline. Cloned by all who use it. Every call blocks.
#[derive(Clone, Debug)]
pub struct StateFile {
    path: Arc<Path>,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    // Closed before the lock is given back: fields are dropped in the order in which they stand.
    connection: Option<Connection>,
    lock: Option<Lock>,
    /// Which run it is that writes, and behind which of its checkpoints: what it sets aside after the last one is set
    /// aside again when it is resumed there.
    run: String,
    epoch: u64,
    /// Whether the run is over: whatever is left of it finds nothing to write to.
    is_closed: bool,
    /// Whether something was set aside that may not outlast a loss of power yet.
    unsynced: bool,
}

impl StateFile {
    /// The one at this path, whether it is there or not.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.into(), inner: Arc::default() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last checkpoint, if there is one. From here on no other run can have the file.
    ///
    /// # Errors
    /// When another run has it, when it is damaged or none of ours, and when it cannot be read.
    pub(crate) fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        if !self.path.exists() {
            return Ok(None);
        }
        let mut inner = self.inner();
        inner.own(&self.path)?;
        let body: Option<String> = self.run(inner.open(&self.path)?, |connection| {
            connection.query_row("SELECT body FROM checkpoint", [], |row| row.get(0)).optional()
        })?;
        let read = |body: String| {
            Checkpoint::from_json(&body).map_err(|error| damaged(&self.path, "its checkpoint is none").caused_by(error))
        };
        body.map(read).transpose()
    }

    /// Begins a run at this checkpoint: makes the file if need be, at once with the checkpoint in it, so that it is never
    /// there without. With `fresh`, a damaged one is put aside. What the run set aside after the checkpoint is forgotten.
    ///
    /// # Errors
    /// When another run has it, and when it cannot be written.
    pub(crate) fn begin(&self, checkpoint: &Checkpoint, fresh: bool) -> Result<()> {
        let mut inner = self.inner();
        let Inner { run, epoch, .. } = &mut *inner;
        (*run, *epoch) = (checkpoint.run.clone(), checkpoint.epoch);
        make_folder_of(&self.path)?;
        inner.own(&self.path)?;
        if fresh && self.path.exists() && open(&self.path).is_err() {
            put_aside(&self.path).map_err(|error| unwritable(&self.path, error))?;
        }
        sweep(&self.path);
        if !self.path.exists() {
            make(&self.path, Some(checkpoint))?;
            return inner.open(&self.path).map(drop);
        }
        self.run(inner.open(&self.path)?, |connection| {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            let forget = "DELETE FROM dead_letter WHERE run = ?1 AND epoch > ?2";
            connection.execute(forget, (&checkpoint.run, checkpoint.epoch.cast_signed()))?;
            save(connection, checkpoint)?;
            connection.execute_batch("COMMIT")
        })
    }

    /// Replaces the last checkpoint. When this returns, it outlasts a loss of power.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn save(&self, checkpoint: &Checkpoint) -> Result<()> {
        let mut inner = self.inner();
        self.run(inner.open(&self.path)?, |connection| durably(connection, || save(connection, checkpoint)))?;
        (inner.epoch, inner.unsynced) = (checkpoint.epoch, false);
        Ok(())
    }

    /// Makes what was set aside outlast a loss of power, before a sink commits checkpoint `epoch`. What is set aside from
    /// here on comes behind that one: should the run end between the commit and [`Self::save`], it is forgotten with either.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn sync(&self, epoch: u64) -> Result<()> {
        let mut inner = self.inner();
        inner.epoch = epoch;
        if std::mem::take(&mut inner.unsynced) {
            // A commit syncs all commits before it; this one changes nothing.
            let touch = "UPDATE checkpoint SET epoch = epoch";
            self.run(inner.open(&self.path)?, |connection| durably(connection, || connection.execute_batch(touch)))?;
        }
        Ok(())
    }

    /// Ends a run that is done: nothing is left to resume. The file goes with it, unless it holds dead letters.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn finish(&self) -> Result<()> {
        let mut inner = self.inner();
        let letters = self.run(inner.open(&self.path)?, |connection| {
            let letters: i64 = connection.query_row("SELECT count(*) FROM dead_letter", [], |row| row.get(0))?;
            match letters {
                // It goes: nothing of it needs to be synced.
                0 => connection.pragma_update(None, "synchronous", "OFF")?,
                _ => connection.execute("DELETE FROM checkpoint", []).map(drop)?,
            }
            Ok(letters)
        })?;
        // Closing merges the log into the file.
        inner.connection = None;
        if letters == 0 {
            drop(fs::remove_file(&self.path));
            remove_logs(&self.path);
        }
        Ok(())
    }

    /// Lets go of the file, once whoever is at it is done: another run may have it then. Nothing more is written through this.
    pub(crate) fn close(&self) {
        let mut inner = self.inner();
        *inner = Inner { is_closed: true, ..Inner::default() };
    }

    /// Sets records aside. When this returns, they outlast this process; a loss of power, too, with the next checkpoint.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub(crate) fn add(&self, letters: &[DeadLetter]) -> Result<()> {
        make_folder_of(&self.path)?;
        let mut inner = self.inner();
        inner.go_on()?;
        if !self.path.exists() {
            make(&self.path, None)?;
        }
        // They belong to the checkpoint that is still to come.
        let (run, epoch) = (inner.run.clone(), inner.epoch.saturating_add(1).cast_signed());
        self.run(inner.open(&self.path)?, |connection| {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            let added = letters.iter().try_for_each(|letter| letter.add(connection, &run, epoch));
            connection.execute_batch(if added.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
            added
        })?;
        inner.unsynced = true;
        Ok(())
    }

    /// All records that were set aside, the oldest first, one after the other.
    ///
    /// # Errors
    /// When the file cannot be read, and what `each` gives back.
    pub fn letters(&self, mut each: impl FnMut(DeadLetter) -> Result<()>) -> Result<()> {
        self.letters_after(0, |letter| each(letter).map(|()| true))
    }

    /// The same, of those that are numbered higher than `after`, until `each` gives `false`.
    ///
    /// # Errors
    /// As [`Self::letters`].
    pub(crate) fn letters_after(&self, after: i64, mut each: impl FnMut(DeadLetter) -> Result<bool>) -> Result<()> {
        if !self.path.exists() {
            return Ok(());
        }
        let mut inner = self.inner();
        let connection = inner.open(&self.path)?;
        let failed = |error| fault(&self.path, error);
        let select = format!("SELECT {} FROM dead_letter WHERE id > ?1 ORDER BY id", letter::COLUMNS);
        let mut statement = connection.prepare_cached(&select).map_err(failed)?;
        let mut rows = statement.query([after]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            if !each(DeadLetter::read(row).map_err(failed)?)? {
                break;
            }
        }
        Ok(())
    }

    /// Throws some away, and says how many. The file goes with the last of them, when there is nothing else in it.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn discard(&self, choice: &Choice) -> Result<u64> {
        let mut ids = Vec::new();
        self.letters(|letter| {
            ids.extend(choice.takes(&letter).then_some(letter.id));
            Ok(())
        })?;
        if ids.is_empty() {
            return Ok(0);
        }
        let mut inner = self.inner();
        let left = self.run(inner.open(&self.path)?, |connection| {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            let delete = "DELETE FROM dead_letter WHERE id = ?1";
            ids.iter().try_for_each(|id| connection.prepare_cached(delete)?.execute([id]).map(drop))?;
            connection.execute_batch("COMMIT")?;
            let left = "SELECT (SELECT count(*) FROM dead_letter) + (SELECT count(*) FROM checkpoint)";
            connection.query_row(left, [], |row| row.get::<_, i64>(0))
        })?;
        // A run that goes on may still need it.
        if left == 0 && inner.own(&self.path).is_ok() {
            inner.connection = None;
            drop(fs::remove_file(&self.path));
            remove_logs(&self.path);
        }
        Ok(ids.len() as u64)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run<T>(&self, connection: &Connection, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(connection).map_err(|error| fault(&self.path, error))
    }
}

impl Inner {
    /// Nothing is made or opened for a run that is over: the file may be gone by then, or another run's.
    fn go_on(&self) -> Result<()> {
        if self.is_closed { Err(Error::new(ErrorKind::Cancelled, "the run is over")) } else { Ok(()) }
    }

    /// Makes sure that no other run has the file.
    fn own(&mut self, path: &Path) -> Result<()> {
        self.go_on()?;
        if self.lock.is_none() {
            self.lock = Some(lock(path)?);
        }
        Ok(())
    }

    /// The database, which is there.
    fn open(&mut self, path: &Path) -> Result<&Connection> {
        self.go_on()?;
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open(path)?,
        };
        Ok(self.connection.insert(connection))
    }
}

fn make_folder_of(path: &Path) -> Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => fs::create_dir_all(folder).map_err(|error| {
            // What "exists" is a file, where the path needs a folder.
            let is_file = error.kind() == io::ErrorKind::AlreadyExists;
            unwritable(path, if is_file { io::ErrorKind::NotADirectory.into() } else { error })
        }),
        None => Ok(()),
    }
}

/// Nothing is thrown away unasked.
fn put_aside(path: &Path) -> io::Result<()> {
    fs::rename(path, with_end(path, ".damaged"))?;
    remove_logs(path);
    Ok(())
}

fn lock(path: &Path) -> Result<Lock> {
    Lock::take(path).map_err(|error| unwritable(path, error))?.ok_or_else(|| taken(path))
}

fn open(path: &Path) -> Result<Connection> {
    match fs::metadata(path) {
        Ok(status) if !status.is_file() => return Err(no_state_file(path)),
        Ok(status) if status.len() == 0 => return Err(damaged(path, "it is empty")),
        Ok(_) | Err(_) => {}
    }
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| fault(path, error))?;
    check(path, &connection)?;
    let prepare = || {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")
    };
    prepare().map_err(|error| fault(path, error))?;
    Ok(connection)
}

/// Does something that has outlasted a loss of power when this returns.
fn durably<T>(connection: &Connection, work: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    let done = work()?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(done)
}

pub(super) fn save(connection: &Connection, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let replace = "INSERT OR REPLACE INTO checkpoint VALUES (1, ?1, ?2)";
    connection.execute(replace, (checkpoint.epoch.cast_signed(), checkpoint.to_json())).map(drop)
}

pub(super) fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
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

pub(super) fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(end);
    PathBuf::from(path)
}

/// Makes sure that the file is one of ours, and whole: what is lost must not look like what never was.
fn check(path: &Path, connection: &Connection) -> Result<()> {
    let failed = |error| fault(path, error);
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0)).map_err(failed);
    if number("application_id")? != APPLICATION {
        return Err(no_state_file(path));
    }
    let version = number("user_version")?;
    if version == 1 {
        connection.execute_batch(letter::FROM_1).map_err(failed)?;
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
        (_, _) => Err(damaged(path, "it was cut short or overwritten").caused_by(found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A write that was left behind when the run was cut would bring back a file that is gone, or write into another run's.
    #[test]
    fn what_is_left_of_a_run_that_is_over_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::at(&folder.path().join("p.state.db"));
        let left_behind = state.clone();
        state.close();
        assert_eq!(left_behind.add(&[]).unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
