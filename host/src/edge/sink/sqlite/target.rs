//! Where the rows go: how a record becomes a row, and why it does not.

use rusqlite::{Connection, ErrorCode, Statement};

use super::fault;
use super::table::{Fit, Table};
use crate::edge::Rejected;
use crate::edge::format::fields::{Fields, Value};
use crate::edge::format::placing::{Misplaced, Placing};
use crate::error::Result;
use crate::plan;
use crate::record::Payload;

/// Where the rows go.
#[derive(Debug)]
pub(super) struct Target {
    insert: String,
    placing: Placing,
    fits: Vec<Fit>,
    /// Whether the columns are those of the first batch.
    pub(super) inferred: bool,
}

impl Target {
    pub(super) fn of(table: &Table, sink: &plan::SqliteSink, inferred: bool) -> Self {
        let placing = Placing::new(table.names().map(str::to_owned).collect(), true);
        Self { insert: table.insert(&sink.table), placing, fits: table.fits().collect(), inferred }
    }

    /// A record that does not fit: what to do about it depends on where the columns come from.
    fn misfit(&self, mut reason: String) -> Refusal {
        if self.inferred {
            reason.push_str("; the columns are those of the first batch, name them in `columns` to have others");
        }
        Refusal::Record(reason)
    }

    pub(super) fn insert_all(
        &mut self,
        sink: &plan::SqliteSink,
        transaction: &Connection,
        records: &Payload,
    ) -> Result<Vec<Rejected>> {
        let failed = |error| fault(&sink.path, error);
        let mut rejected = Vec::new();
        let mut statement = transaction.prepare_cached(&self.insert).map_err(failed)?;
        for (index, record) in records.values().iter().enumerate() {
            match self.insert(&mut statement, record) {
                Ok(()) => {}
                Err(Refusal::Record(reason)) => rejected.push(Rejected { index, reason }),
                // A trigger or an `on conflict rollback` has undone the whole batch.
                Err(Refusal::Statement(error)) if transaction.is_autocommit() => return Err(failed(error)),
                Err(Refusal::Statement(error)) if is_about_record(&error) => {
                    rejected
                        .push(Rejected { index, reason: format!("the table \"{}\" refuses it: {error}", sink.table) });
                }
                Err(Refusal::Statement(error)) => return Err(failed(error)),
            }
        }
        Ok(rejected)
    }

    fn insert(&mut self, statement: &mut Statement<'_>, record: &[u8]) -> Result<(), Refusal> {
        let fields = Fields::parse(record).map_err(Refusal::Record)?;
        let mut placing = std::mem::take(&mut self.placing);
        let bound = placing.place(&fields).map(|places| self.bind(statement, &fields, places));
        self.placing = placing;
        bound.map_err(|misplaced| self.misfit(reason(misplaced)))??;
        statement.raw_execute().map(|_| ()).map_err(Refusal::Statement)
    }

    /// Binds every column: what the record does not have is null.
    fn bind(
        &self,
        statement: &mut Statement<'_>,
        Fields(fields): &Fields<'_>,
        places: &[Option<usize>],
    ) -> Result<(), Refusal> {
        for ((column, place), fit) in (1..).zip(places).zip(&self.fits) {
            let (name, value) = match place.and_then(|place| fields.get(place)) {
                Some((name, value)) => (name.as_ref(), value),
                None => ("", &Value::Null),
            };
            let bound = fit.convert(value).map_err(|what| self.misfit(format!("the field \"{name}\" {what}")))?;
            statement.raw_bind_parameter(column, bound).map_err(Refusal::Statement)?;
        }
        Ok(())
    }
}

/// Why a record was not inserted.
enum Refusal {
    Record(String),
    Statement(rusqlite::Error),
}

fn reason(misplaced: Misplaced) -> String {
    match misplaced {
        Misplaced::Unknown(name) => format!("the table has no column for the field \"{name}\""),
        Misplaced::Same(a, b) => format!("the fields \"{a}\" and \"{b}\" are one column to SQLite"),
    }
}

/// Without columns there is no table: no record of the batch is an object with a field.
pub(super) fn all_rejected(records: &Payload) -> Vec<Rejected> {
    let reasons = records.values().iter().map(|record| match Fields::parse(record) {
        Err(reason) => format!("{reason}; a table takes JSON objects: let a stage emit one per row"),
        Ok(_) => "the object has no field, so that there is no column to make".to_owned(),
    });
    reasons.enumerate().map(|(index, reason)| Rejected { index, reason }).collect()
}

/// Whether SQLite refuses this row, and would take others.
fn is_about_record(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig))
}
