//! A table of an SQLite database.
//!
//! A batch is one transaction. A record that does not fit is left out of it and given back; when the database fails, the
//! whole batch is rolled back. The table is made, emptied or dropped within the transaction of the first batch: until then
//! nothing is changed. Where nobody has named the columns, the first records decide what they are ([`window`]).
//!
//! In a run that keeps checkpoints, what is written between two of them is one transaction instead, and each batch a
//! savepoint in it. The checkpoint is a row of a table of its own, committed with the others.

mod database;
mod finder;
mod fit;
mod note;
mod number;
mod table;
mod target;
#[cfg(test)]
mod tests;
mod window;

use std::path::PathBuf;

use rusqlite::{Connection, TransactionBehavior};
use serde::{Deserialize, Serialize};

use self::database::{Database, existing, fault, is_blank, is_utf16};
use self::table::Table;
use self::target::Target;
use self::window::Window;
use super::blocking::BlockingSink;
use crate::edge::fault::no_mark;
use crate::edge::{Delivery, Mark, Rejected};
use crate::error::{Error, Result};
use crate::plan::{self, IfExists};
use crate::record::Payload;

/// Writes a table.
#[derive(Debug)]
pub(super) struct SqliteSink {
    sink: plan::SqliteSink,
    /// The database, as SQLite is given it.
    path: PathBuf,
    database: Option<Database>,
    /// Whether this run, or the one that it resumes, has made the database.
    is_new: bool,
    /// The table, once it is known and made.
    target: Option<Target>,
    /// Of the table, if this run, or the one that it resumes, has begun to write to it.
    begun: Option<Begun>,
    /// The first records, while they decide what the columns are.
    window: Option<Window>,
    /// Whose checkpoints are committed with the rows, if anybody's.
    owner: Option<String>,
}

/// A table that is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Begun {
    /// Whether its columns are those of the first records.
    is_inferred: bool,
}

/// Where the sink was at a checkpoint.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    inferred: bool,
    /// Whether the run has made the database.
    #[serde(default)]
    new: bool,
    /// The first records, while they decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<Vec<String>>,
}

impl SqliteSink {
    /// Makes sure that the table can be written, and changes nothing.
    ///
    /// # Errors
    /// When the database cannot be written, or the table is there and must not be, is none, or has other columns.
    pub(super) fn open(sink: plan::SqliteSink, resumes: bool) -> Result<Self> {
        table::check_names(&sink)?;
        let path = database::absolute(&sink.path)?;
        database::check(&sink.path)?;
        let mut is_new = true;
        if let Some(connection) = existing(&path)? {
            is_new = is_blank(&connection).map_err(|error| fault(&sink.path, error))?;
            let found = Table::find(&connection, &sink)?;
            if let (false, Some(found)) = (resumes, found) {
                check_existing(&sink, &found)?;
            }
        }
        let window = sink.columns.is_empty().then(Window::default);
        Ok(Self { sink, path, database: None, is_new, target: None, begun: None, window, owner: None })
    }

    /// Opens the database, when it is first needed.
    fn connect(&mut self) -> Result<Database> {
        match self.database.take() {
            Some(database) => Ok(database),
            None => Database::open(&self.path, self.is_new, self.owner.is_some()),
        }
    }

    /// Does something with the open database.
    fn with<T>(&mut self, work: impl FnOnce(&mut Self, &mut Connection) -> Result<T>) -> Result<T> {
        let mut database = self.connect()?;
        let result = work(self, &mut database.connection);
        self.database = Some(database);
        result
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        fault(&self.sink.path, error)
    }

    /// All or nothing of a batch: what goes wrong with the database rolls it back.
    fn write_batch(&mut self, connection: &mut Connection, records: &Payload) -> Result<Vec<Rejected>> {
        if connection.is_autocommit() {
            connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| self.failed(error))?;
        }
        let batch = connection.savepoint().map_err(|error| self.failed(error))?;
        let rejected = self.insert_batch(&batch, records)?;
        batch.commit().map_err(|error| self.failed(error))?;
        if self.owner.is_none() {
            connection.execute_batch("COMMIT").map_err(|error| self.failed(error))?;
        }
        Ok(rejected)
    }

    fn insert_batch(&mut self, batch: &Connection, records: &Payload) -> Result<Vec<Rejected>> {
        if self.target.is_none() {
            self.aim(batch)?;
        }
        let mut rejected = Vec::new();
        let decided = if self.window.is_some() { self.decide(batch, records, &mut rejected)? } else { 0 };
        let rest = records.values().iter().enumerate().skip(decided);
        if let Some(target) = &mut self.target {
            target.insert_all(batch, rest, &mut rejected).map_err(|error| fault(&self.sink.path, error))?;
        }
        rejected.sort_by_key(|rejected| rejected.index);
        Ok(rejected)
    }

    /// Finds the table, or makes it, where its columns are known. Where the records decide, there is none yet.
    fn aim(&mut self, transaction: &Connection) -> Result<()> {
        let found = Table::find(transaction, &self.sink)?;
        if let Some(Begun { is_inferred }) = self.begun {
            let Some(found) = found else { return Err(table_gone(&self.sink)) };
            return self.aim_at(transaction, found.with_given(&self.sink), is_inferred);
        }
        if let Some(found) = &found {
            check_existing(&self.sink, found)?;
        }
        if let (Some(found), IfExists::Append) = (found, self.sink.if_exists) {
            self.window = None;
            return self.aim_at(transaction, found.with_given(&self.sink), false);
        }
        if self.sink.columns.is_empty() {
            return Ok(());
        }
        self.make(transaction, Table::of(&self.sink.columns), false)
    }

    fn aim_at(&mut self, transaction: &Connection, table: Table, is_inferred: bool) -> Result<()> {
        let is_utf16 = is_utf16(transaction).map_err(|error| self.failed(error))?;
        self.target = Some(Target::of(table, &self.sink, is_inferred, is_utf16));
        self.begun = Some(Begun { is_inferred });
        Ok(())
    }

    /// Makes the table, in place of one that is there.
    fn make(&mut self, transaction: &Connection, table: Table, is_inferred: bool) -> Result<()> {
        let made =
            Table::drop(transaction, &self.sink.table).and_then(|()| table.create(transaction, &self.sink.table));
        made.map_err(|error| self.failed(error))?;
        self.aim_at(transaction, table, is_inferred)
    }

    /// Lets records decide, until enough have, and writes them. Gives how many of the batch that were.
    fn decide(&mut self, batch: &Connection, records: &Payload, rejected: &mut Vec<Rejected>) -> Result<usize> {
        let Some(mut window) = self.window.take() else { return Ok(0) };
        let before = window.len();
        let looked = window.take(records.values(), rejected);
        let written = self.write_decided(batch, &window, before);
        if matches!(written, Ok(false)) {
            // Others use the table: it stays as it is, and these records are written as any others.
            rejected.clear();
            return Ok(0);
        }
        self.window = Some(window);
        written?;
        let Some(target) = &mut self.target else { return Ok(looked.count) };
        let taken = looked.taken.into_iter().filter_map(|index| Some((index, records.value(index)?)));
        target.insert_all(batch, taken, rejected).map_err(|error| fault(&self.sink.path, error))?;
        Ok(looked.count)
    }

    /// Makes the table as the window has it, with the rows that were `before`; `false` when others use the table.
    fn write_decided(&mut self, batch: &Connection, window: &Window, before: usize) -> Result<bool> {
        let table = window.table();
        match &self.target {
            _ if window.len() == before => return Ok(true),
            Some(target) if *target.table() == table => return Ok(true),
            Some(_) => {
                let is_ours = Table::is_untouched(batch, &self.sink.table, before);
                if !is_ours.map_err(|error| self.failed(error))? {
                    return Ok(false);
                }
            }
            None => {}
        }
        self.make(batch, table, true)?;
        let Some(target) = &mut self.target else { return Ok(true) };
        let mut lost = Vec::new();
        let earlier = window.records().take(before).enumerate();
        target.insert_all(batch, earlier, &mut lost).map_err(|error| fault(&self.sink.path, error))?;
        match lost.first() {
            None => Ok(true),
            Some(lost) => Err(Error::internal("a row does not fit its own column").caused_by(lost.reason.clone())),
        }
    }

    /// Makes or empties the table of a run that has not written to it, where its columns are known.
    fn make_empty(&mut self, connection: &mut Connection) -> Result<()> {
        let path = self.sink.path.clone();
        let failed = |error| fault(&path, error);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        self.aim(&transaction)?;
        if self.target.is_none() && Table::find(&transaction, &self.sink)?.is_some() {
            // Nothing tells what the new columns are.
            Table::empty(&transaction, &self.sink.table).map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }
}

impl BlockingSink for SqliteSink {
    fn write(&mut self, records: &Payload) -> Result<Vec<Rejected>> {
        self.with(|sink, connection| {
            let holds_earlier = !connection.is_autocommit();
            let (begun, seen) = (sink.begun, sink.window.as_ref().map(Window::len));
            let failure = match sink.write_batch(connection, records) {
                Ok(rejected) => {
                    sink.window.take_if(|window| window.is_closed());
                    return Ok(rejected);
                }
                Err(failure) => failure,
            };
            // As before the batch: a table that it made, or columns that it added, are not there.
            (sink.begun, sink.target) = (begun, None);
            if let (Some(window), Some(seen)) = (&mut sink.window, seen) {
                window.truncate(seen);
            }
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
        let mut database = self.connect()?;
        if self.begun.is_none() {
            self.make_empty(&mut database.connection)?;
        }
        let closed = database.close();
        // Only a checkpoint's note is left to remove.
        self.is_new = false;
        closed
    }

    fn delivery(&self) -> Delivery {
        if self.owner.is_some() { Delivery::ExactlyOnce } else { Delivery::AtLeastOnce }
    }

    fn mark(&mut self) -> Result<Option<Mark>> {
        if let Some(database) = &self.database {
            database.check_there()?;
        }
        let Some(Begun { is_inferred: inferred }) = self.begun else { return Ok(None) };
        let first =
            |window: &Window| window.records().map(|record| String::from_utf8_lossy(record).into_owned()).collect();
        let place = Place { inferred, new: self.is_new, first: self.window.as_ref().map(first) };
        Ok(Some(Mark(serde_json::to_string(&place).expect("flags and texts are JSON"))))
    }

    fn return_to(&mut self, mark: Option<&Mark>) -> Result<()> {
        let Some(Mark(mark)) = mark else {
            // Nothing had been written: as in a first run.
            let found = match existing(&self.path)? {
                Some(connection) => Table::find(&connection, &self.sink)?,
                None => None,
            };
            return found.map_or(Ok(()), |found| check_existing(&self.sink, &found));
        };
        let place: Place = serde_json::from_str(mark).map_err(|error| no_mark(&self.sink.path, error))?;
        self.begun = Some(Begun { is_inferred: place.inferred });
        self.window = place.first.map(|first| Window::of(&first));
        self.is_new |= place.new;
        Ok(())
    }

    fn is_transactional(&self) -> bool {
        true
    }

    fn hold(&mut self, owner: &str) -> Result<Option<String>> {
        self.owner = Some(owner.to_owned());
        let Some(connection) = existing(&self.path)? else { return Ok(None) };
        note::read(&connection, owner).map_err(|error| self.failed(error))
    }

    fn commit(&mut self, note: Option<&str>) -> Result<()> {
        let owner = self.owner.clone().unwrap_or_default();
        if note.is_none() {
            // The run has ended, whoever wrote the table: there is nothing to make or to empty any more.
            self.begun.get_or_insert(Begun { is_inferred: false });
        }
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
                let failure = sink.failed(error);
                if holds && connection.is_autocommit() { rolled_back(failure) } else { failure }
            })
        })
    }
}

/// The table that the run was writing to is not there any more.
fn table_gone(sink: &plan::SqliteSink) -> Error {
    let (path, table) = (sink.path.display(), &sink.table);
    Error::config(format!("\"{path}\" no longer has the table \"{table}\", to which the interrupted run was writing"))
        .hint("restore what was there, or start over with --fresh")
}

/// Makes sure that a table that is there may be written to.
fn check_existing(sink: &plan::SqliteSink, existing: &Table) -> Result<()> {
    match sink.if_exists {
        IfExists::Replace => existing.check_may_go(sink),
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
        .hint("what was written since the last checkpoint is rolled back; the next run continues there")
}
