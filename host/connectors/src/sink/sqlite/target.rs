//! Turns records into rows, or refuses them with a reason.

use rusqlite::{CachedStatement, Connection, Statement};

use super::finder::{Finder, check_name};
use super::fit::{Fit, Stored};
use super::guard::Guard;
use super::references;
use super::refusal::{Halt, Refusal};
use super::table::{ROW_NUMBERS, Table, check_room};
use crate::ExtraColumns;
use crate::format::fields::{Fields, Value};
use crate::kind;
use sandmill_engine::edge::Rejected;

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
    /// Looks after the rows, where triggers may change them.
    guard: Option<Guard>,
    /// The column that is the row's number.
    row_number: Option<usize>,
    /// Columns with defaults of their own that the last record had no field for; and the statement without them.
    omitted: Vec<usize>,
    insert: String,
}

impl Target {
    /// The sink's table. Unless the pipeline file says what becomes of fields that have no column, they are given one
    /// where the columns are taken from the records.
    pub(super) fn of(table: Table, sink: &kind::SqliteSink, is_inferred: bool, is_utf16: bool) -> Self {
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
            guard: None,
            row_number: table.row_number(),
            table,
        }
    }

    /// The target, with its guard set where the table has triggers.
    pub(super) fn guarded(mut self, transaction: &Connection) -> rusqlite::Result<Self> {
        if self.table.has_triggers {
            self.guard = Some(Guard::set(transaction, &self.table, &self.name)?);
        }
        Ok(self)
    }

    /// The table as it is now.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// Inserts records, each with its index in the batch. Those that cannot be a row are `rejected`.
    pub(super) fn insert_all<'r>(
        &mut self,
        transaction: &Connection,
        records: impl Iterator<Item = (usize, &'r [u8])>,
        rejected: &mut Vec<Rejected>,
    ) -> Result<(), Halt> {
        let mut statement = None;
        for (index, record) in records {
            if let Err(refusal) = self.insert(transaction, &mut statement, record) {
                let reason = refusal.reason(transaction, &self.name, index)?;
                rejected.push(Rejected { index, reason });
            }
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
            None => statement.insert(transaction.prepare_cached(&self.insert).map_err(Refusal::Database)?),
        };
        self.bind(statement, &fields)?;
        self.check_numbers(transaction)?;
        if self.table.has_triggers || self.table.has_references {
            return self.execute_carefully(transaction, statement, &fields);
        }
        left_out_if_none(statement.raw_execute()?)
    }

    /// Makes sure that SQLite has a number for the row, if it is to give it one. When it has none it says that the disk
    /// is full, and rolls back the transaction.
    fn check_numbers(&self, transaction: &Connection) -> Result<(), Refusal> {
        let place = self.row_number.and_then(|column| self.finder.places().get(column));
        if !self.table.has_sequence || place.is_some_and(Option::is_some) {
            return Ok(());
        }
        let select = "SELECT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1 COLLATE NOCASE AND seq >= ?2)";
        let used = transaction
            .prepare_cached(select)
            .and_then(|mut select| select.query_row((&self.name, i64::MAX), |row| row.get(0)));
        if used.map_err(Refusal::Database)? { Err(Refusal::OutOfNumbers) } else { Ok(()) }
    }

    /// Inserts the row, all or nothing of it: what triggers have done for a row that is refused is undone.
    fn execute_carefully(
        &self,
        transaction: &Connection,
        statement: &mut Statement<'_>,
        fields: &Fields<'_>,
    ) -> Result<(), Refusal> {
        let run = |sql: &str| transaction.prepare_cached(sql)?.execute([]);
        run("SAVEPOINT sandmill_row").map_err(Refusal::Database)?;
        let inserted = self.execute_checked(transaction, statement, fields);
        if inserted.is_err() && !transaction.is_autocommit() {
            run("ROLLBACK TO sandmill_row").map_err(Refusal::Database)?;
        }
        if !transaction.is_autocommit() {
            run("RELEASE sandmill_row").map_err(Refusal::Database)?;
        }
        inserted
    }

    fn execute_checked(
        &self,
        transaction: &Connection,
        statement: &mut Statement<'_>,
        fields: &Fields<'_>,
    ) -> Result<(), Refusal> {
        match statement.raw_execute().map_err(Refusal::Statement) {
            Err(refusal)
                if self.table.has_triggers
                    && refusal.is_conflict_elsewhere(&self.name)
                    && !transaction.is_autocommit() =>
            {
                self.execute_gently(transaction, fields, refusal)?;
            }
            inserted => left_out_if_none(inserted?)?,
        }
        if let Some(guard) = &self.guard {
            let why = guard.check(transaction, &self.sent(fields)?).map_err(Refusal::Database)?;
            why.map_err(|why| Refusal::Record(format!("the table \"{}\" refuses it: {why}", self.name)))?;
        }
        if references::are_open(transaction).map_err(Refusal::Database)? {
            return Err(Refusal::Deferred);
        }
        Ok(())
    }

    /// The row was `refused` because of a conflict that is not known to be one of this table. In others, a trigger may
    /// have its own way with conflicts. *Costs:* a trigger that then replaces rows of this very table is not noticed,
    /// because SQLite calls no trigger for a row that is replaced.
    fn execute_gently(&self, transaction: &Connection, fields: &Fields<'_>, refused: Refusal) -> Result<(), Refusal> {
        let Some(insert) = self.table.insert_gently(&self.name, &self.omitted) else { return Err(refused) };
        let mut statement = transaction.prepare_cached(&insert).map_err(Refusal::Database)?;
        self.bind(&mut statement, fields)?;
        match statement.raw_execute()? {
            0 => Err(refused),
            _ => Ok(()),
        }
    }

    /// What each column is sent: nothing where the record has no field for it.
    fn sent<'f>(&self, Fields(fields): &'f Fields<'_>) -> Result<Vec<Option<Stored<'f>>>, Refusal> {
        let columns = self.finder.places().iter().zip(&self.fits);
        let convert = |(place, fit): (&Option<usize>, &Fit)| {
            let value = place.and_then(|place| fields.get(place)).map(|(_, value)| fit.convert(value));
            value.transpose().map_err(Refusal::Record)
        };
        columns.map(convert).collect()
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
            if place.is_some() && stored == Stored::Null && self.row_number == Some(column) {
                return Err(Refusal::Record(null_as_row_number(name, value)));
            }
            parameter += 1;
            statement.raw_bind_parameter(parameter, stored)?;
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
                "; the first records made the column {}, name it in `columns` to give it another type",
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
                    "the field \"{name}\" cannot be added as a column: SQLite uses this name for the number of a row"
                )));
            }
        }
        check_room(self.table.width(), names.len()).map_err(Refusal::Record)?;
        self.check_values(fields)?;
        for name in &names {
            self.table.add(transaction, &self.name, name).map_err(Refusal::Database)?;
            self.finder.add(name);
            self.fits.push(Fit::Any);
        }
        if let Some(guard) = &mut self.guard {
            *guard = Guard::set(transaction, &self.table, &self.name).map_err(Refusal::Database)?;
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

/// # Errors
/// When no row was inserted.
fn left_out_if_none(rows: usize) -> Result<(), Refusal> {
    if rows == 0 { Err(Refusal::LeftOut) } else { Ok(()) }
}

fn null_as_row_number(name: &str, value: &Value<'_>) -> String {
    let shown = if matches!(value, Value::Null) { "null" } else { "an empty string" };
    format!(
        "the field \"{name}\" holds {shown}, which SQLite would replace with a number of its own: leave the field out to have the row numbered"
    )
}
