//! A table of an SQLite database.
//!
//! A batch is one transaction, in write-ahead mode. A record that does not fit is left out of it and given back; when the
//! database fails, the whole batch is rolled back. The table is made, emptied or dropped within the transaction of the
//! first batch: until then nothing is changed.
//!
//! In a run that keeps checkpoints, what is written between two of them is one transaction instead, and each batch a
//! savepoint in it. The checkpoint is a row of a table of its own, committed with the others.

mod fit;
mod infer;
mod note;
mod table;
mod target;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Savepoint, TransactionBehavior};
use serde::{Deserialize, Serialize};

use self::infer::infer;
use self::table::Table;
use self::target::{Target, all_rejected};
use super::blocking::BlockingSink;
use super::writable::{check_file, make_folders_of};
use crate::edge::fault::no_mark;
use crate::edge::{Delivery, Mark, Rejected};
use crate::error::{Error, Result};
use crate::plan::{self, IfExists};
use crate::record::Payload;

/// How long to wait for another process that writes to the database.
const BUSY_TIMEOUT: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 5000 });

/// Writes a table.
#[derive(Debug)]
pub(super) struct SqliteSink {
    sink: plan::SqliteSink,
    connection: Option<Connection>,
    /// The table, once it is known and made.
    target: Option<Target>,
    /// The table as an earlier run, which is resumed, has made it.
    earlier: Option<Made>,
    /// Whose checkpoints are committed with the rows, if anybody's.
    owner: Option<String>,
}

/// What has become of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    /// Whether its columns are those of the first batch.
    inferred: bool,
}

impl SqliteSink {
    /// Makes sure that the table can be written, and changes nothing.
    ///
    /// # Errors
    /// When the database cannot be written, or the table is there and must not be, or has other columns.
    pub(super) fn open(sink: plan::SqliteSink, resumes: bool) -> Result<Self> {
        table::check_names(&sink)?;
        check_file(&sink.path, IfExists::Append)?;
        if let Some(connection) = existing(&sink.path)? {
            let existing = Table::find(&connection, &sink.table).map_err(|error| fault(&sink.path, error))?;
            if let (false, Some(existing)) = (resumes, existing) {
                check_existing(&sink, &existing)?;
            }
        }
        Ok(Self { sink, connection: None, target: None, earlier: None, owner: None })
    }

    /// Opens the database, when it is first needed.
    fn connect(&mut self) -> Result<Connection> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        make_folders_of(&self.sink.path)?;
        let open = || {
            let connection = Connection::open(&self.sink.path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // What a checkpoint says is committed must outlast a loss of power.
            let synchronous = if self.owner.is_some() { "FULL" } else { "NORMAL" };
            connection.pragma_update(None, "synchronous", synchronous)?;
            Ok(connection)
        };
        open().map_err(|error| fault(&self.sink.path, error))
    }

    /// All or nothing of a batch: what goes wrong with the database rolls it back.
    fn write_batch(&mut self, connection: &mut Connection, records: &Payload) -> Result<Vec<Rejected>> {
        let path = self.sink.path.clone();
        let failed = |error| fault(&path, error);
        if connection.is_autocommit() {
            connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        }
        let batch = connection.savepoint().map_err(failed)?;
        let (rejected, made) = self.insert_batch(&batch, records)?;
        batch.commit().map_err(failed)?;
        if self.owner.is_none() {
            connection.execute_batch("COMMIT").map_err(failed)?;
        }
        // Remembered only now: a table whose batch was rolled back is not there.
        self.target = self.target.take().or(made);
        Ok(rejected)
    }

    fn insert_batch(&mut self, batch: &Savepoint<'_>, records: &Payload) -> Result<(Vec<Rejected>, Option<Target>)> {
        let mut made = match self.target {
            Some(_) => None,
            None => make_target(&self.sink, batch, Some(records), self.earlier)?,
        };
        let rejected = match self.target.as_mut().or(made.as_mut()) {
            Some(target) => target.insert_all(&self.sink, batch, records)?,
            None => all_rejected(records),
        };
        Ok((rejected, made))
    }

    /// Makes or empties the table of a run that has not written to it, where its columns are known.
    fn make_empty(&mut self, connection: &mut Connection) -> Result<()> {
        let failed = |error| fault(&self.sink.path, error);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        self.target = make_target(&self.sink, &transaction, None, self.earlier)?;
        transaction.commit().map_err(failed)
    }

    /// Does something with the open database.
    fn with<T>(&mut self, work: impl FnOnce(&mut Self, &mut Connection) -> Result<T>) -> Result<T> {
        let mut connection = self.connect()?;
        let result = work(self, &mut connection);
        self.connection = Some(connection);
        result
    }
}

/// The database, if it is there.
fn existing(path: &Path) -> Result<Option<Connection>> {
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

impl BlockingSink for SqliteSink {
    fn write(&mut self, records: &Payload) -> Result<Vec<Rejected>> {
        self.with(|sink, connection| {
            let holds_earlier = !connection.is_autocommit();
            let failure = match sink.write_batch(connection, records) {
                Ok(rejected) => return Ok(rejected),
                Err(failure) => failure,
            };
            if holds_earlier && connection.is_autocommit() {
                return Err(rolled_back(failure));
            }
            if !holds_earlier && !connection.is_autocommit() {
                // Best effort: the failure of the batch is the one to report.
                drop(connection.execute_batch("ROLLBACK"));
            }
            Err(failure)
        })
    }

    /// Closes the database, so that the write-ahead log is merged into it. An empty run makes or empties the table too,
    /// where its columns are known.
    fn finish(&mut self) -> Result<()> {
        let mut connection = self.connect()?;
        if self.target.is_none() {
            self.make_empty(&mut connection)?;
        }
        connection.close().map_err(|(_, error)| fault(&self.sink.path, error))
    }

    fn delivery(&self) -> Delivery {
        if self.owner.is_some() { Delivery::ExactlyOnce } else { Delivery::AtLeastOnce }
    }

    fn mark(&mut self) -> Result<Option<Mark>> {
        let made = match (&self.target, self.earlier) {
            (Some(target), _) => Some(Made { inferred: target.inferred }),
            (None, earlier) => earlier,
        };
        let mark = |made| serde_json::to_string(&made).expect("a mark is a flag");
        Ok(made.map(|made| Mark(mark(made))))
    }

    fn return_to(&mut self, mark: Option<&Mark>) -> Result<()> {
        let Some(Mark(made)) = mark else {
            // Nothing had been written: as in a first run.
            let existing = match existing(&self.sink.path)? {
                Some(connection) => Table::find(&connection, &self.sink.table),
                None => Ok(None),
            };
            let existing = existing.map_err(|error| fault(&self.sink.path, error))?;
            return existing.map_or(Ok(()), |existing| check_existing(&self.sink, &existing));
        };
        self.earlier = Some(serde_json::from_str(made).map_err(|error| no_mark(&self.sink.path, error))?);
        Ok(())
    }

    fn is_transactional(&self) -> bool {
        true
    }

    fn hold(&mut self, owner: &str) -> Result<Option<String>> {
        self.owner = Some(owner.to_owned());
        let Some(connection) = existing(&self.sink.path)? else { return Ok(None) };
        note::read(&connection, owner).map_err(|error| fault(&self.sink.path, error))
    }

    fn commit(&mut self, note: Option<&str>) -> Result<()> {
        let owner = self.owner.clone().unwrap_or_default();
        self.with(|sink, connection| {
            let commit = || {
                if connection.is_autocommit() {
                    connection.execute_batch("BEGIN IMMEDIATE")?;
                }
                match note {
                    Some(note) => note::write(connection, &owner, note)?,
                    None => note::remove(connection, &owner)?,
                }
                connection.execute_batch("COMMIT")
            };
            let holds = !connection.is_autocommit();
            commit().map_err(|error| {
                let failure = fault(&sink.sink.path, error);
                if holds && connection.is_autocommit() { rolled_back(failure) } else { failure }
            })
        })
    }
}

/// Makes or finds the table; its columns are the given ones, or those of the table that is there, or the records'. `None`
/// when there is none of these.
fn make_target(
    sink: &plan::SqliteSink,
    transaction: &Connection,
    records: Option<&Payload>,
    earlier: Option<Made>,
) -> Result<Option<Target>> {
    let failed = |error| fault(&sink.path, error);
    let existing = Table::find(transaction, &sink.table).map_err(failed)?;
    if let Some(Made { inferred }) = earlier {
        let Some(existing) = existing else { return Err(table_gone(sink)) };
        return Ok(Some(Target::of(&existing.only(&sink.columns), sink, inferred)));
    }
    if let Some(existing) = &existing {
        check_existing(sink, existing)?;
    }
    if let (Some(existing), IfExists::Append) = (&existing, sink.if_exists) {
        return Ok(Some(Target::of(&existing.only(&sink.columns), sink, false)));
    }
    let inferred = sink.columns.is_empty();
    let table = match records {
        Some(records) if inferred => Table::of(&infer(records)),
        _ => Table::of(&sink.columns),
    };
    match (existing.is_some(), table.is_empty()) {
        // Nothing tells what the new columns are: an empty run leaves an empty table.
        (true, true) if records.is_none() => Table::empty(transaction, &sink.table).map_err(failed)?,
        (true, false) => Table::drop(transaction, &sink.table).map_err(failed)?,
        (true | false, _) => {}
    }
    if table.is_empty() {
        return Ok(None);
    }
    table.create(transaction, &sink.table).map_err(failed)?;
    Ok(Some(Target::of(&table, sink, inferred)))
}

/// The table that the run was writing to is not there any more.
fn table_gone(sink: &plan::SqliteSink) -> Error {
    let (path, table) = (sink.path.display(), &sink.table);
    Error::config(format!("\"{path}\" has no table \"{table}\" any more, to which the run that was cut was writing"))
        .hint("bring back what was there, or start over with --fresh")
}

/// Makes sure that a table that is there may be written to.
fn check_existing(sink: &plan::SqliteSink, existing: &Table) -> Result<()> {
    match sink.if_exists {
        IfExists::Replace => Ok(()),
        IfExists::Append => existing.check_has(sink),
        IfExists::Fail => {
            Err(Error::config(format!("\"{}\" has a table \"{}\" already", sink.path.display(), sink.table))
                .hint("set `if_exists` to \"replace\" or \"append\", or name another table"))
        }
    }
}

/// A failure after which the database has thrown away what had been written since the last checkpoint.
fn rolled_back(failure: Error) -> Error {
    failure
        .retryable(false)
        .hint("what was written since the last checkpoint is rolled back; the next run goes on there")
}

/// The database fails. Whatever was under way is left as it was before, so it may be tried again where it may pass.
fn fault(path: &Path, cause: rusqlite::Error) -> Error {
    const HINTS: &[(ErrorCode, &str)] = &[
        (ErrorCode::DatabaseBusy, "another process has been writing to it for more than 5 s: wait for it to end"),
        (ErrorCode::DatabaseLocked, "another process has locked it: wait for it to end"),
        (ErrorCode::NotADatabase, "the file is no SQLite database: name another one"),
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
