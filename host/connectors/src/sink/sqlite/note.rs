//! The checkpoint that is committed together with rows: a row of a table of its own, one for each sink that writes to
//! the database.

use rusqlite::{Connection, OptionalExtension, Result};

/// The table of checkpoints.
pub(super) const TABLE: &str = "sandmill_checkpoint";

/// The last note that `owner` committed.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn read(connection: &Connection, owner: &str) -> Result<Option<String>> {
    if !connection.table_exists(None, TABLE)? {
        return Ok(None);
    }
    let select = format!("SELECT note FROM {TABLE} WHERE owner = ?1");
    connection.query_row(&select, [owner], |row| row.get(0)).optional()
}

/// Adds to the transaction that is open.
///
/// # Errors
/// When the database fails.
pub(super) fn write(connection: &Connection, owner: &str, note: &str) -> Result<()> {
    connection
        .execute_batch(&format!("CREATE TABLE IF NOT EXISTS {TABLE} (owner TEXT PRIMARY KEY, note TEXT NOT NULL)"))?;
    connection.execute(&format!("INSERT OR REPLACE INTO {TABLE} VALUES (?1, ?2)"), [owner, note]).map(drop)
}

/// Adds to the transaction that is open. The last note to go leaves nothing in the database.
///
/// # Errors
/// When the database fails.
pub(super) fn remove(connection: &Connection, owner: &str) -> Result<()> {
    if !connection.table_exists(None, TABLE)? {
        return Ok(());
    }
    connection.execute(&format!("DELETE FROM {TABLE} WHERE owner = ?1"), [owner])?;
    let left: i64 = connection.query_row(&format!("SELECT count(*) FROM {TABLE}"), [], |row| row.get(0))?;
    if left == 0 { connection.execute_batch(&format!("DROP TABLE {TABLE}")) } else { Ok(()) }
}
