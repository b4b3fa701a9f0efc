//! Reasons why a record was not inserted, and what they mean for the others.

use rusqlite::{Connection, ErrorCode, ffi};

/// Why a record was not inserted.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It cannot be a row of this table.
    Record(String),
    /// SQLite has not taken the row.
    Statement(rusqlite::Error),
    /// SQLite has left the row out, and calls that no error.
    LeftOut,
    /// It refers to a row that is not there, which SQLite would find out at the end of the transaction.
    Deferred,
    /// Its table has no number for one more row.
    OutOfNumbers,
    /// The database fails, whatever the record.
    Database(rusqlite::Error),
}

const OUT_OF_NUMBERS: &str = "an AUTOINCREMENT has used its last number, 9223372036854775807";

/// Why a batch cannot be continued.
#[derive(Debug)]
pub(super) enum Halt {
    /// This record has rolled back the whole transaction, by a rule of the database.
    RolledBack { index: usize, reason: String },
    /// The database fails.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Statement(error)
    }
}

impl Refusal {
    /// Whether a constraint was violated that is not one of this table: a trigger writes to others, too.
    pub(super) fn is_conflict_elsewhere(&self, table: &str) -> bool {
        let Self::Statement(rusqlite::Error::SqliteFailure(error, Some(message))) = self else { return false };
        // Such as `UNIQUE constraint failed: t.a, t.b`.
        let here = message.split_once("failed: ").and_then(|(_, columns)| columns.get(..=table.len()));
        let is_here = here.is_some_and(|here| here.eq_ignore_ascii_case(&format!("{table}.")));
        // What a trigger raises is not a conflict.
        error.code == ErrorCode::ConstraintViolation
            && error.extended_code != ffi::SQLITE_CONSTRAINT_TRIGGER
            && !is_here
    }

    /// The reason, if it is about this record alone: the others can still be inserted.
    pub(super) fn reason(self, connection: &Connection, table: &str, index: usize) -> Result<String, Halt> {
        let is_rolled_back = connection.is_autocommit();
        let why = match self {
            Self::Record(reason) => return Ok(reason),
            Self::LeftOut => return Ok(format!("the table \"{table}\" does not store it: a trigger ignores it")),
            Self::Deferred => "FOREIGN KEY constraint failed: what it refers to must be there before it, because a \
                               checkpoint may come between them"
                .to_owned(),
            Self::Statement(error) if is_about_record(&error) => error.to_string(),
            Self::Statement(error) if is_out_of_numbers(connection, &error) => OUT_OF_NUMBERS.to_owned(),
            Self::OutOfNumbers => OUT_OF_NUMBERS.to_owned(),
            Self::Statement(error) | Self::Database(error) => return Err(Halt::Database(error)),
        };
        let reason = format!("the table \"{table}\" refuses it: {why}");
        if is_rolled_back { Err(Halt::RolledBack { index, reason }) } else { Ok(reason) }
    }
}

/// Whether SQLite refuses this row, and would take others. What it calls an error without a name comes of the row's
/// values here: text that a check or a generated column takes for JSON, a sum beyond 64 bits. Faults of the statement
/// itself are found when it is prepared.
fn is_about_record(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    let is_plain = matches!(error, rusqlite::Error::SqliteFailure(error, _) if error.extended_code == 1);
    is_plain || matches!(code, Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig))
}

/// Whether what SQLite calls a full disk is a table without a number for one more row: one that a trigger writes to.
/// (Of the sink's own table that is known before.) SQLite may have rolled back the transaction that used up the last
/// numbers.
fn is_out_of_numbers(connection: &Connection, error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull) && nears_last_number(connection).unwrap_or(false)
}

/// Whether a table is so near to its last number that one transaction might use it.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn nears_last_number(connection: &Connection) -> rusqlite::Result<bool> {
    const NEAR: i64 = i64::MAX - (1 << 40);
    if !connection.table_exists(None, "sqlite_sequence")? {
        return Ok(false);
    }
    connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_sequence WHERE seq >= ?1)", [NEAR], |row| row.get(0))
}
