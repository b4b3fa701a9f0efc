//! A table of an SQLite database.
//!
//! A batch is one transaction. A record that does not fit is left out of it and given back; when the database fails,
//! the whole batch is rolled back. The table is made, emptied or dropped within the transaction of the first batch:
//! until then nothing is changed. Where nobody has named the columns, the first records decide what they are
//! ([`window`]).
//!
//! In a run that keeps checkpoints, what is written between two of them is one transaction instead, and each batch a
//! savepoint in it. The checkpoint is a row of a table of its own, committed with the others.
//!
//! A row that is delivered is in the table as it was sent, and has taken no other row's place ([`guard`]). A record
//! that makes the database roll back the transaction costs no other record anything: the others are written again
//! ([`batch`]).

mod batch;
mod database;
mod finder;
mod fit;
mod guard;
mod journal;
mod note;
mod number;
mod references;
mod refusal;
mod table;
mod target;
#[cfg(test)]
mod tests;
mod window;

use std::path::PathBuf;

use rusqlite::{Connection, TransactionBehavior};
use serde::{Deserialize, Serialize};

use self::database::{Database, existing, fault, is_blank};
use self::journal::Journal;
use self::table::Table;
use self::target::Target;
use self::window::Window;
use super::blocking::BlockingSink;
use crate::IfExists;
use crate::fault::no_mark;
use crate::kind;
use sandmill_engine::edge::{Mark, Rejected, Settles};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::record::Payload;

/// Writes a table.
#[derive(Debug)]
pub(super) struct SqliteSink {
    sink: kind::SqliteSink,
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
    /// Whether what is committed must outlast a loss of power even so.
    must_last: bool,
    /// Where the sink was when the open transaction began.
    start: Start,
    /// What the open transaction holds, where a record may roll it back.
    journal: Journal,
    /// The database's schema, by its number, when the table was last looked at.
    schema: i64,
}

/// Where the sink was when a transaction began.
#[derive(Clone, Copy, Debug, Default)]
struct Start {
    begun: Option<Begun>,
    /// How many first records there were, if they were deciding.
    seen: Option<usize>,
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
    pub(super) fn open(sink: kind::SqliteSink, resumes: bool) -> Result<Self> {
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
        Ok(Self {
            sink,
            path,
            database: None,
            is_new,
            target: None,
            begun: None,
            window,
            owner: None,
            must_last: false,
            start: Start::default(),
            journal: Journal::default(),
            schema: 0,
        })
    }

    /// Opens the database, when it is first needed.
    fn connect(&mut self) -> Result<Database> {
        match self.database.take() {
            Some(database) => Ok(database),
            None => Database::open(&self.path, self.is_new, self.must_last || self.owner.is_some()),
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
        self.with(|sink, connection| sink.write_all(connection, records))
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

    fn settles(&self) -> Settles {
        Settles::OnCommit
    }

    fn expect_receipts(&mut self) {
        self.must_last = true;
    }

    fn hold(&mut self, owner: &str) -> Result<Option<String>> {
        self.owner = Some(owner.to_owned());
        let Some(connection) = existing(&self.path)? else { return Ok(None) };
        note::read(&connection, owner).map_err(|error| self.failed(error))
    }

    fn commit(&mut self, note: Option<&str>) -> Result<()> {
        let owner = self.owner.clone().unwrap_or_default();
        if note.is_none() {
            // The run has ended, no matter who wrote the table: there is nothing to make or to empty any more.
            self.begun.get_or_insert(Begun { is_inferred: false });
        }
        self.with(|sink, connection| {
            let holds = !connection.is_autocommit();
            sink.begin(connection)?;
            let commit = || {
                match note {
                    Some(note) => note::write(connection, &owner, note)?,
                    None => note::remove(connection, &owner)?,
                }
                connection.execute_batch("COMMIT")
            };
            commit().map_err(|error| {
                let failure = sink.failed(error);
                if holds && connection.is_autocommit() { rolled_back(failure) } else { failure }
            })?;
            sink.journal.clear();
            Ok(())
        })
    }
}

/// The table that the run was writing to is not there any more.
fn table_gone(sink: &kind::SqliteSink) -> Error {
    let (path, table) = (sink.path.display(), &sink.table);
    Error::config(format!("\"{path}\" no longer has the table \"{table}\", to which the interrupted run was writing"))
        .hint("restore what was there, or start over with --fresh")
}

/// Makes sure that a table that is there may be written to.
fn check_existing(sink: &kind::SqliteSink, existing: &Table) -> Result<()> {
    match sink.if_exists {
        IfExists::Replace => existing.check_may_go(sink),
        IfExists::Append => existing.check_has(sink),
        IfExists::Fail => {
            Err(Error::config(format!("\"{}\" has a table \"{}\" already", sink.path.display(), sink.table))
                .hint("set `if_exists` to \"replace\" or \"append\", or name another table"))
        }
    }
}

/// A failure after which the database has discarded what had been written since the last checkpoint.
fn rolled_back(failure: Error) -> Error {
    failure
        .retryable(false)
        .hint("what was written since the last checkpoint is rolled back; the next run continues there")
}
