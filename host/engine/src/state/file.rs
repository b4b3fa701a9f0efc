//! The state file: opened, checked, written. Nothing is touched before there is something to write or to read.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::checkpoint::{Checkpoint, InputPoint, SinkPoint};
use super::choice::Choice;
use super::fault::{damaged, fault, taken, unwritable, vanished};
use super::letter::{self, DeadLetter};
use super::lock::Lock;
use super::making::{has_logs, make, remove_logs, sweep};
use super::opening::{BUSY_TIMEOUT, durably, make_folder_of, open, put_aside};
use super::{inputs, settled, writable};
use crate::error::{Error, ErrorKind, Result};

/// The state file of one pipeline. Cloned by all who use it. Every call blocks.
#[derive(Clone, Debug)]
pub struct StateFile {
    path: Arc<Path>,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    // Closed before the lock is given back: fields are dropped in the order in which they stand.
    connection: Option<Connection>,
    lock: Option<Lock>,
    /// The file that the connection is to: whether it is still the one of that name.
    inode: u64,
    /// Which run writes, and after which of its checkpoints: what it dead-letters after the last one is dead-lettered
    /// again when it is resumed there.
    run: String,
    epoch: u64,
    /// Whether the run is over: whatever is left of it finds nothing to write to.
    is_closed: bool,
    /// Whether something was dead-lettered that may not outlast a power failure yet.
    unsynced: bool,
}

/// The beginning of a run.
#[derive(Debug)]
pub(crate) struct Beginning<'a> {
    pub(crate) checkpoint: &'a Checkpoint,
    pub(crate) inputs: &'a [InputPoint],
    /// Where the sinks stand that sources feed which acknowledge.
    pub(crate) marks: &'a [SinkPoint],
}

impl Beginning<'_> {
    pub(super) fn save(&self, connection: &Connection) -> rusqlite::Result<()> {
        save(connection, self.checkpoint)?;
        inputs::save(connection, self.inputs)?;
        settled::save(connection, self.marks)
    }
}

impl StateFile {
    /// The state file at this path, whether it exists or not.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.into(), inner: Arc::default() }
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is an interrupted run to resume. From here on no other run can have the file.
    ///
    /// # Errors
    /// When another run has it, when it is damaged or none of ours, and when it cannot be read, or could not be
    /// written.
    pub fn has_checkpoint(&self) -> Result<bool> {
        self.checkpoint().map(|checkpoint| checkpoint.is_some())
    }

    /// The last checkpoint, if there is one. From here on no other run can have the file.
    ///
    /// # Errors
    /// When another run has it, when it is damaged or none of ours, and when it cannot be read, or could not be
    /// written.
    pub(crate) fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        writable::check(&self.path)?;
        if !self.path.exists() {
            return Ok(None);
        }
        let mut inner = self.inner();
        inner.own(&self.path)?;
        let body: Option<String> = self.run(inner.open(&self.path)?, |connection| {
            connection.query_row("SELECT body FROM checkpoint", [], |row| row.get(0)).optional()
        })?;
        let read = |body: String| {
            Checkpoint::from_json(&body)
                .map_err(|error| damaged(&self.path, "its checkpoint cannot be read").caused_by(error))
        };
        body.map(read).transpose()
    }

    /// The inputs of the run whose checkpoint [`Self::checkpoint`] has given.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn inputs(&self) -> Result<Vec<InputPoint>> {
        let mut inner = self.inner();
        self.run(inner.open(&self.path)?, inputs::read)
    }

    /// Begins a run at this checkpoint: makes the file if need be, at once with the checkpoint in it, so that it is
    /// never there without. With `fresh`, a damaged file is moved away. What the run dead-lettered after the checkpoint
    /// is deleted.
    ///
    /// # Errors
    /// When another run has it, and when it cannot be written.
    pub(crate) fn begin(&self, beginning: &Beginning<'_>, fresh: bool) -> Result<()> {
        let checkpoint = beginning.checkpoint;
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
            inner.connection = None;
            make(&self.path, Some(beginning))?;
            return inner.open(&self.path).map(drop);
        }
        self.run(inner.open(&self.path)?, |connection| {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            let forget = "DELETE FROM dead_letter WHERE run = ?1 AND epoch > ?2";
            connection.execute(forget, (&checkpoint.run, checkpoint.epoch.cast_signed()))?;
            beginning.save(connection)?;
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

    /// Makes dead letters outlast a power failure, before a sink commits checkpoint `epoch`. Dead letters written from
    /// here on come after that checkpoint: should the run end between the commit and [`Self::save`], they are deleted
    /// with either.
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

    /// Writes down that the run has ended: a run that finds this starts nothing again. `durably` where a sink is about
    /// to forget its own checkpoint: then a loss of power must not take this one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn finish(&self, last: &Checkpoint, is_durable: bool) -> Result<()> {
        let mut inner = self.inner();
        self.run(inner.open(&self.path)?, |connection| match is_durable {
            true => durably(connection, || save(connection, last)),
            false => save(connection, last),
        })
    }

    /// Removes what a run that is over has no use for: all of the file, unless it holds dead letters. A process that is
    /// killed in here leaves a file that says that the run is over, or none. Lets go of the file, as [`Self::close`]. A
    /// run that never had the file leaves it to the one that has it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn conclude(&self) -> Result<()> {
        let mut inner = self.inner();
        if inner.lock.is_none() {
            *inner = Inner { is_closed: true, ..Inner::default() };
            return Ok(());
        }
        let letters = self.run(inner.open(&self.path)?, |connection| {
            let letters: i64 = connection.query_row("SELECT count(*) FROM dead_letter", [], |row| row.get(0))?;
            match letters {
                // It goes: nothing of it needs to be synced.
                0 => connection.pragma_update(None, "synchronous", "OFF")?,
                _ => forget_run(connection)?,
            }
            Ok(letters)
        })?;
        // Closing merges the log into the file.
        inner.connection = None;
        if letters == 0 {
            remove(&self.path);
        }
        *inner = Inner { is_closed: true, ..Inner::default() };
        Ok(())
    }

    /// Releases the file, once nobody is using it: another run may have it then. Nothing more is written through this.
    pub(crate) fn close(&self) {
        let mut inner = self.inner();
        *inner = Inner { is_closed: true, ..Inner::default() };
    }

    /// Sets records aside. When this returns, they outlast this process; a loss of power, too, with the next
    /// checkpoint.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub(crate) fn add(&self, letters: &[DeadLetter]) -> Result<()> {
        // They belong to the checkpoint that is still to come.
        self.add_at(letters, |epoch| epoch.saturating_add(1).cast_signed())
    }

    /// The same, as a part of what `belongs_to` makes of the present checkpoint's epoch.
    pub(super) fn add_at(&self, letters: &[DeadLetter], belongs_to: impl Fn(u64) -> i64) -> Result<()> {
        make_folder_of(&self.path)?;
        let mut inner = self.inner();
        inner.make_if_missing(&self.path)?;
        let (run, epoch) = (inner.run.clone(), belongs_to(inner.epoch));
        self.run(inner.open(&self.path)?, |connection| {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            let added = letters.iter().try_for_each(|letter| letter.add(connection, &run, epoch));
            connection.execute_batch(if added.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
            added
        })?;
        inner.unsynced = true;
        Ok(())
    }

    /// All dead letters, the oldest first, one after the other.
    ///
    /// # Errors
    /// When the file cannot be read, and what `each` gives back.
    pub fn letters(&self, mut each: impl FnMut(DeadLetter) -> Result<()>) -> Result<()> {
        self.letters_after(0, |letter| each(letter).map(|()| true))
    }

    /// Calls `each` for dead letters numbered higher than `after`, until it returns `false`.
    ///
    /// # Errors
    /// As [`Self::letters`].
    pub fn letters_after(&self, after: i64, mut each: impl FnMut(DeadLetter) -> Result<bool>) -> Result<()> {
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
        // A run that continues may still need it.
        if left == 0 && inner.own(&self.path).is_ok() {
            inner.connection = None;
            remove(&self.path);
        }
        Ok(ids.len() as u64)
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn run<T>(
        &self,
        connection: &Connection,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
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

    /// Makes the file for dead letters, unless it is there. Others may be about to make it, too: one of them has the
    /// lock.
    fn make_if_missing(&mut self, path: &Path) -> Result<()> {
        self.go_on()?;
        if path.exists() || self.connection.is_some() {
            return Ok(());
        }
        let passing = match self.lock {
            Some(_) => None,
            None => {
                let lock = Lock::take_within(path, BUSY_TIMEOUT).map_err(|error| unwritable(path, error))?;
                Some(lock.ok_or_else(|| taken(path))?)
            }
        };
        let made = if path.exists() { Ok(()) } else { make(path, None) };
        drop(passing);
        made
    }

    /// The database, which is there.
    pub(super) fn open(&mut self, path: &Path) -> Result<&Connection> {
        self.go_on()?;
        let inode = fs::metadata(path).map_or(0, |status| status.ino());
        if self.connection.is_some() && inode != self.inode {
            // What is written to a file without a name is lost.
            return Err(vanished(path));
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open(path)?,
        };
        self.inode = inode;
        Ok(self.connection.insert(connection))
    }
}

fn save(connection: &Connection, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    let replace = "INSERT OR REPLACE INTO checkpoint VALUES (1, ?1, ?2)";
    connection.execute(replace, (checkpoint.epoch.cast_signed(), checkpoint.to_json())).map(drop)
}

pub(super) fn lock(path: &Path) -> Result<Lock> {
    Lock::take(path).map_err(|error| unwritable(path, error))?.ok_or_else(|| taken(path))
}

/// Takes away all but the dead letters. That this is done is the last that is written: what takes longer, merging the
/// log into the file, comes before, because a run that is killed after it has forgotten itself is done again.
fn forget_run(connection: &Connection) -> rusqlite::Result<()> {
    // Best effort: while somebody else looks at the file, its log stays, and is merged later.
    let alone = connection.busy_timeout(Duration::ZERO);
    drop(alone.and_then(|()| connection.pragma_update(None, "journal_mode", "DELETE")));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("BEGIN IMMEDIATE; DELETE FROM checkpoint; DELETE FROM input; DELETE FROM mark; COMMIT")
}

/// Best effort: what is left of it is passed over, or removed by the next run. The file first: without its log it would
/// be what it was before.
fn remove(path: &Path) {
    let has_logs = has_logs(path);
    if fs::remove_file(path).is_ok() && has_logs {
        drop(remove_logs(path));
    }
}
