//! References that are checked at the end of a transaction (`DEFERRABLE INITIALLY DEFERRED`). When a transaction ends
//! depends on time, so they are checked with each record.

use rusqlite::{Connection, Error, Result, ffi};

/// Whether the open transaction has references to rows that are not there.
///
/// # Errors
/// When SQLite does not say.
#[expect(
    unsafe_code,
    reason = "rusqlite has no safe interface for it, and `PRAGMA foreign_key_check` reads whole tables"
)]
pub(super) fn are_open(connection: &Connection) -> Result<bool> {
    let (mut open, mut unused) = (0, 0);
    // SAFETY: the handle is that of a connection that is borrowed, so it is open; the two integers outlive the call.
    let code = unsafe {
        ffi::sqlite3_db_status(connection.handle(), ffi::SQLITE_DBSTATUS_DEFERRED_FKS, &mut open, &mut unused, 0)
    };
    match code {
        ffi::SQLITE_OK => Ok(open != 0),
        code => Err(Error::SqliteFailure(ffi::Error::new(code), None)),
    }
}
