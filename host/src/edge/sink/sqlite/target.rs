//! Where the rows go: how a record becomes a row, and why it does not.

use rusqlite::{CachedStatement, Connection, ErrorCode, Statement};

use super::finder::{Finder, check_name};
use super::fit::{Fit, Stored};
use super::table::{Table, check_room};
use crate::edge::Rejected;
use crate::edge::format::fields::{Fields, Value};
use crate::plan::{self, ExtraColumns};

/// A table may be made with columns of these names, but none can be added to one that is there.
const ROW_NUMBERS: [&str; 3] = ["rowid", "oid", "_rowid_"];

/// Where the rows go.
#[derive(Debug)]
pub(super) struct Target {
    name: String,
    table: Table,
    fits: Vec<Fit>,
    finder: Finder,
    extra: ExtraColumns,
    /// Whether the columns are those of the first records.
    is_inferred: bool,
    /// Whether the database keeps text as UTF-16.
    is_utf16: bool,
    /// Columns with defaults of their own that the last record had no field for; and the statement without them.
    omitted: Vec<usize>,
    insert: String,
}

impl Target {
    /// The sink's table. Unless the pipeline file says what becomes of fields that have no column, they are given one
    /// where the columns are taken from the records.
    pub(super) fn of(table: Table, sink: &plan::SqliteSink, is_inferred: bool, is_utf16: bool) -> Self {
        let otherwise = if is_inferred { ExtraColumns::Add } else { ExtraColumns::Refuse };
        Self {
            name: sink.table.clone(),
            fits: table.fits().collect(),
            finder: Finder::new(table.names()),
            extra: sink.extra_columns.unwrap_or(otherwise),
            is_inferred,
            is_utf16,
            omitted: Vec::new(),
            insert: table.insert(&sink.table, &[]),
            table,
        }
    }

    /// The table as it is now.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// Inserts records, each with its index in the batch. Those that can be no row are `rejected`.
    pub(super) fn insert_all<'r>(
        &mut self,
        transaction: &Connection,
        records: impl Iterator<Item = (usize, &'r [u8])>,
        rejected: &mut Vec<Rejected>,
    ) -> rusqlite::Result<()> {
        let mut statement = None;
        for (index, record) in records {
            let reason = match self.insert(transaction, &mut statement, record) {
                Ok(()) => continue,
                Err(Refusal::Record(reason)) => reason,
                // A trigger or an `on conflict rollback` has undone the whole batch.
                Err(Refusal::Statement(error)) if transaction.is_autocommit() => return Err(error),
                Err(Refusal::Statement(error)) if is_about_record(&error) => {
                    format!("the table \"{}\" refuses it: {error}", self.name)
                }
                Err(Refusal::Statement(error) | Refusal::Database(error)) => return Err(error),
            };
            rejected.push(Rejected { index, reason });
        }
        Ok(())
    }

    fn insert<'c>(
        &mut self,
        transaction: &'c Connection,
        statement: &mut Option<CachedStatement<'c>>,
        record: &[u8],
    ) -> Result<(), Refusal> {
        let fields = fields_of(record).map_err(Refusal::Record)?;
        self.finder.place(&fields).map_err(Refusal::Record)?;
        if !self.finder.unknown().is_empty() {
            *statement = None;
            self.add_columns(transaction, &fields)?;
        }
        let (places, table) = (self.finder.places(), &self.table);
        let is_absent = |column: &usize| places.get(*column).is_none_or(Option::is_none);
        if !table.defaults().filter(is_absent).eq(self.omitted.iter().copied()) {
            self.omitted = table.defaults().filter(is_absent).collect();
            self.insert = table.insert(&self.name, &self.omitted);
            *statement = None;
        }
        let statement = match statement {
            Some(statement) => statement,
            None => statement.insert(transaction.prepare_cached(&self.insert)?),
        };
        self.bind(statement, &fields)?;
        match self.execute(transaction, statement)? {
            0 => Err(Refusal::Record(format!(
                "the table \"{}\" leaves it out: an `ON CONFLICT IGNORE` or a trigger",
                self.name
            ))),
            _ => Ok(()),
        }
    }

    /// Inserts the row, all or nothing of it: what triggers have done for a row that is refused is undone.
    fn execute(&self, transaction: &Connection, statement: &mut Statement<'_>) -> Result<usize, Refusal> {
        if !self.table.has_triggers {
            return statement.raw_execute().map_err(Refusal::Statement);
        }
        transaction.execute_batch("SAVEPOINT sandmill_row")?;
        let inserted = statement.raw_execute();
        if !matches!(inserted, Ok(1..)) && !transaction.is_autocommit() {
            transaction.execute_batch("ROLLBACK TO sandmill_row")?;
        }
        if !transaction.is_autocommit() {
            transaction.execute_batch("RELEASE sandmill_row")?;
        }
        inserted.map_err(Refusal::Statement)
    }

    /// Binds every column: what the record does not have is null, or left to its default.
    fn bind(&self, statement: &mut Statement<'_>, Fields(fields): &Fields<'_>) -> Result<(), Refusal> {
        let columns = self.finder.places().iter().zip(&self.fits).enumerate();
        let mut omitted = self.omitted.iter().copied().peekable();
        let mut parameter = 0;
        for (column, (place, fit)) in columns {
            if omitted.next_if_eq(&column).is_some() {
                continue;
            }
            let (name, value) = match place.and_then(|place| fields.get(place)) {
                Some((name, value)) => (name.as_ref(), value),
                None => ("", &Value::Null),
            };
            let stored =
                fit.convert(value).map_err(|what| self.misfit(*fit, format!("the field \"{name}\" {what}")))?;
            self.check_encoding(name, &stored)?;
            parameter += 1;
            statement.raw_bind_parameter(parameter, stored).map_err(Refusal::Statement)?;
        }
        Ok(())
    }

    /// On its way to UTF-16, SQLite replaces two characters that are none.
    fn check_encoding(&self, name: &str, stored: &Stored<'_>) -> Result<(), Refusal> {
        let text = match stored {
            Stored::Text(text) if self.is_utf16 => text,
            Stored::Made(text) if self.is_utf16 => text.as_str(),
            Stored::Text(_) | Stored::Made(_) | Stored::Null | Stored::Integer(_) | Stored::Real(_) => return Ok(()),
        };
        match text.contains(['\u{fffe}', '\u{ffff}']) {
            true => Err(Refusal::Record(format!(
                "the field \"{name}\" holds U+FFFE or U+FFFF, which a database in UTF-16 cannot store"
            ))),
            false => Ok(()),
        }
    }

    /// A value that does not fit: what to do about it depends on where the columns come from.
    fn misfit(&self, fit: Fit, mut reason: String) -> Refusal {
        if self.is_inferred {
            let because = format!(
                "; the column is {} because of the first records, name it in `columns` to have another type",
                fit.words()
            );
            reason.push_str(&because);
        }
        Refusal::Record(reason)
    }

    /// Whether the values of the record fit the columns that there are: a record that is refused makes none.
    fn check_values(&self, Fields(fields): &Fields<'_>) -> Result<(), Refusal> {
        for (place, fit) in self.finder.places().iter().zip(&self.fits) {
            let Some((name, value)) = place.and_then(|place| fields.get(place)) else { continue };
            fit.convert(value).map_err(|what| self.misfit(*fit, format!("the field \"{name}\" {what}")))?;
        }
        Ok(())
    }

    /// Makes columns for the fields that have none.
    fn add_columns(&mut self, transaction: &Connection, fields: &Fields<'_>) -> Result<(), Refusal> {
        let names = self.finder.unknown().iter().filter_map(|&field| fields.0.get(field));
        let names: Vec<String> = names.map(|(name, _)| name.clone().into_owned()).collect();
        for name in &names {
            if self.table.generates(name) {
                return Err(Refusal::Record(format!("the table computes the column \"{name}\": it takes no value")));
            }
            if self.extra == ExtraColumns::Refuse {
                return Err(Refusal::Record(format!(
                    "the table has no column for the field \"{name}\"; `extra_columns = \"add\"` would add one"
                )));
            }
            check_name(name).map_err(Refusal::Record)?;
            if ROW_NUMBERS.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
                return Err(Refusal::Record(format!(
                    "the field \"{name}\" cannot be added as a column: it is what SQLite calls the number of a row"
                )));
            }
        }
        check_room(self.table.width(), names.len()).map_err(Refusal::Record)?;
        self.check_values(fields)?;
        for name in &names {
            self.table.add(transaction, &self.name, name)?;
            self.finder.add(name);
            self.fits.push(Fit::Any);
        }
        self.insert = self.table.insert(&self.name, &self.omitted);
        self.finder.place(fields).map_err(Refusal::Record)
    }
}

/// The fields of a record.
///
/// # Errors
/// With the reason why it has none.
pub(super) fn fields_of(record: &[u8]) -> Result<Fields<'_>, String> {
    Fields::parse(record)
        .map_err(|reason| format!("{reason}; a table takes JSON objects: let a stage emit one per row"))
}

/// Why a record was not inserted.
enum Refusal {
    /// It can be no row of this table.
    Record(String),
    /// SQLite has not taken the row.
    Statement(rusqlite::Error),
    /// The database fails, whatever the record.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Whether SQLite refuses this row, and would take others. What it calls an error without a name comes of the row's values
/// here: text that a check or a generated column takes for JSON, a sum beyond 64 bits. Faults of the statement itself are
/// found when it is prepared.
fn is_about_record(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    let is_plain = matches!(error, rusqlite::Error::SqliteFailure(error, _) if error.extended_code == 1);
    is_plain || matches!(code, Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig))
}
