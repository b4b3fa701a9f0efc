//! Writes a batch, and recovers when that fails.
//!
//! A batch is a savepoint. When the database fails, the batch is undone, and what the transaction held before it still
//! is there. A trigger may say that a record rolls back the whole transaction: then that is begun again without the
//! record. What it held before the batch is kept for that in a [`Journal`](super::journal::Journal), where there is
//! such a trigger. *Costs:* each such record has everything since the last checkpoint written once more.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rusqlite::Connection;

use super::database::{fault, is_utf16};
use super::refusal::Halt;
use super::table::Table;
use super::target::Target;
use super::window::Window;
use super::{Begun, SqliteSink, Start, check_existing, rolled_back, table_gone};
use crate::IfExists;
use crate::kind;
use sandmill_engine::edge::Rejected;
use sandmill_engine::error::{Error, Result};
use sandmill_engine::record::Payload;

/// Where the sink was before a batch.
struct Before {
    /// Whether the transaction held batches.
    holds_earlier: bool,
    place: Start,
    /// How long the journal was.
    kept: u64,
}

/// Why a batch is not written.
enum Stop {
    /// This record has rolled back the transaction, by a rule of the database.
    RolledBack {
        index: usize,
        reason: String,
    },
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(failure: Error) -> Self {
        Self::Failed(failure)
    }
}

impl From<io::Error> for Stop {
    fn from(cause: io::Error) -> Self {
        Self::Failed(
            Error::edge("cannot keep the rows of the open transaction in a temporary file")
                .caused_by(cause)
                .hint("it is in the folder that TMPDIR names: make room there, or name another one"),
        )
    }
}

impl SqliteSink {
    /// All or nothing of a batch: what goes wrong with the database rolls it back. A record that rolls back by itself
    /// all that the transaction holds is left out, and the others are written again.
    pub(super) fn write_all(&mut self, connection: &mut Connection, records: &Payload) -> Result<Vec<Rejected>> {
        let mut guilty = BTreeMap::new();
        loop {
            let before =
                Before { holds_earlier: !connection.is_autocommit(), place: self.place(), kept: self.journal.len() };
            let failure = match self.write_batch(connection, records, &guilty) {
                Ok(mut rejected) => {
                    self.window.take_if(|window| window.is_closed());
                    rejected.extend(guilty.into_iter().map(|(index, reason)| Rejected { index, reason }));
                    rejected.sort_by_key(|rejected| rejected.index);
                    return Ok(rejected);
                }
                Err(Stop::RolledBack { index, reason }) if self.can_begin_again(&before) => {
                    self.rewind();
                    guilty.insert(index, reason);
                    continue;
                }
                Err(Stop::RolledBack { reason, .. }) => Error::edge(format!(
                    "a record made the database \"{}\" roll back its transaction",
                    self.sink.path.display()
                ))
                .caused_by(reason),
                Err(Stop::Failed(failure)) => failure,
            };
            return Err(self.undo(connection, &before, failure));
        }
    }

    /// The sink is as before the batch that failed: a table that it made, or columns that it added, are not there.
    fn undo(&mut self, connection: &Connection, before: &Before, failure: Error) -> Error {
        (self.begun, self.target) = (before.place.begun, None);
        self.journal.truncate(before.kept);
        if let (Some(window), Some(seen)) = (&mut self.window, before.place.seen) {
            window.truncate(seen);
        }
        if before.holds_earlier && connection.is_autocommit() {
            return rolled_back(failure);
        }
        if !before.holds_earlier && !connection.is_autocommit() {
            // Best effort: the failure of the batch is the one to report.
            drop(connection.execute_batch("ROLLBACK"));
            self.journal.is_due = self.journal.len() > 0;
        }
        failure
    }

    fn place(&self) -> Start {
        Start { begun: self.begun, seen: self.window.as_ref().map(Window::len) }
    }

    /// Whether all that the transaction held can be written again.
    fn can_begin_again(&self, before: &Before) -> bool {
        // First records that decided in an earlier transaction are not kept when they have stopped deciding.
        let is_known = self.start.seen.is_none_or(|seen| seen == 0);
        let is_kept = self.target.as_ref().is_some_and(|target| target.table().may_roll_back);
        is_known && (is_kept || !before.holds_earlier)
    }

    /// The sink is as when the transaction began, and writes again what that held before anything else.
    pub(super) fn rewind(&mut self) {
        (self.begun, self.target) = (self.start.begun, None);
        self.window = self.start.seen.map(|_| Window::default());
        self.journal.is_due = self.journal.len() > 0;
    }

    /// Begins a transaction, if none is open.
    pub(super) fn begin(&mut self, connection: &mut Connection) -> Result<()> {
        if !connection.is_autocommit() {
            return Ok(());
        }
        connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| self.failed(error))?;
        let schema = connection.query_row("PRAGMA schema_version", [], |row| row.get(0));
        let schema = schema.map_err(|error| self.failed(error))?;
        if self.schema != schema {
            // Somebody may have given the table a trigger or an index.
            (self.schema, self.target) = (schema, None);
        }
        if self.journal.is_due {
            return self.write_again(connection);
        }
        self.start = self.place();
        self.journal.clear();
        Ok(())
    }

    /// Writes what a transaction held that was rolled back.
    fn write_again(&mut self, connection: &mut Connection) -> Result<()> {
        let journal = std::mem::take(&mut self.journal);
        let written = journal.read(|records| {
            let batch = connection.savepoint().map_err(|error| self.failed(error))?;
            let lost = self.insert_batch(&batch, records, &BTreeMap::new())?.into_iter().next();
            batch.commit().map_err(|error| self.failed(error))?;
            lost.map_or(Ok(()), |lost| Err(Stop::Failed(not_again(&self.sink, lost.reason))))
        });
        self.journal = journal;
        self.journal.is_due = written.is_err();
        match written {
            Ok(()) => Ok(()),
            Err(stop) => {
                // Best effort: the failure is the one to report.
                drop(connection.execute_batch("ROLLBACK"));
                self.rewind();
                Err(match stop {
                    Stop::Failed(failure) => failure,
                    Stop::RolledBack { reason, .. } => not_again(&self.sink, reason),
                })
            }
        }
    }

    fn write_batch(
        &mut self,
        connection: &mut Connection,
        records: &Payload,
        guilty: &BTreeMap<usize, String>,
    ) -> Result<Vec<Rejected>, Stop> {
        self.begin(connection)?;
        let batch = connection.savepoint().map_err(|error| self.failed(error))?;
        let rejected = self.insert_batch(&batch, records, guilty)?;
        if self.owner.is_some() && self.target.as_ref().is_some_and(|target| target.table().may_roll_back) {
            let lost: BTreeSet<_> = rejected.iter().map(|one| one.index).chain(guilty.keys().copied()).collect();
            let kept = records.values().iter().enumerate().filter(|(index, _)| !lost.contains(index));
            self.journal.append(kept.map(|(_, record)| record))?;
        }
        batch.commit().map_err(|error| self.failed(error))?;
        if self.owner.is_none() {
            connection.execute_batch("COMMIT").map_err(|error| self.failed(error))?;
        }
        Ok(rejected)
    }

    /// Inserts records, but for those that were found `guilty` before.
    fn insert_batch(
        &mut self,
        batch: &Connection,
        records: &Payload,
        guilty: &BTreeMap<usize, String>,
    ) -> Result<Vec<Rejected>, Stop> {
        if self.target.is_none() {
            self.aim(batch)?;
        }
        let mut rejected = Vec::new();
        let decided = if self.window.is_some() { self.decide(batch, records, &mut rejected)? } else { 0 };
        let rest = records.values().iter().enumerate().skip(decided).filter(|(index, _)| !guilty.contains_key(index));
        if let Some(target) = &mut self.target {
            target.insert_all(batch, rest, &mut rejected).map_err(|halt| stopped(&self.sink, halt))?;
        }
        rejected.sort_by_key(|rejected| rejected.index);
        Ok(rejected)
    }

    /// Finds the table, or makes it, where its columns are known. Where the records decide, there is none yet.
    pub(super) fn aim(&mut self, transaction: &Connection) -> Result<()> {
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
        let target = Target::of(table, &self.sink, is_inferred, is_utf16).guarded(transaction);
        self.target = Some(target.map_err(|error| self.failed(error))?);
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
    fn decide(&mut self, batch: &Connection, records: &Payload, rejected: &mut Vec<Rejected>) -> Result<usize, Stop> {
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
        target.insert_all(batch, taken, rejected).map_err(|halt| stopped(&self.sink, halt))?;
        Ok(looked.count)
    }

    /// Makes the table as the window has it, with the rows that were `before`; `false` when others use the table.
    fn write_decided(&mut self, batch: &Connection, window: &Window, before: usize) -> Result<bool, Stop> {
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
        target.insert_all(batch, earlier, &mut lost).map_err(|halt| stopped(&self.sink, halt))?;
        match lost.into_iter().next() {
            None => Ok(true),
            Some(lost) => Err(Error::internal("a row does not fit its own column").caused_by(lost.reason).into()),
        }
    }
}

fn stopped(sink: &kind::SqliteSink, halt: Halt) -> Stop {
    match halt {
        Halt::RolledBack { index, reason } => Stop::RolledBack { index, reason },
        Halt::Database(error) => Stop::Failed(fault(&sink.path, error)),
    }
}

/// Rows that have been written once cannot be written again.
fn not_again(sink: &kind::SqliteSink, reason: String) -> Error {
    let path = sink.path.display();
    rolled_back(
        Error::edge(format!("the database \"{path}\" was rolled back, and refuses the rows that it held before"))
            .caused_by(reason),
    )
}
