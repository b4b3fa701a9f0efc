//! The inputs of a run as they were when it began: written once, and not again with every checkpoint, because there may be
//! very many.

use rusqlite::Connection;

use super::checkpoint::InputPoint;
use crate::edge::Input;

pub(super) const TABLE: &str = "CREATE TABLE IF NOT EXISTS input (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    name BLOB NOT NULL,
    what TEXT NOT NULL);";

/// Replaces all of them.
pub(super) fn save(connection: &Connection, inputs: &[InputPoint]) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM input", [])?;
    let mut insert = connection.prepare_cached("INSERT INTO input (source, name, what) VALUES (?1, ?2, ?3)")?;
    for InputPoint { source, input } in inputs {
        insert.execute((source, &input.name, &input.what))?;
    }
    Ok(())
}

/// Gives them back, in the order in which they were saved.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<InputPoint>> {
    let mut select = connection.prepare("SELECT source, name, what FROM input ORDER BY id")?;
    let points = select.query_map([], |row| {
        Ok(InputPoint { source: row.get(0)?, input: Input { name: row.get(1)?, what: row.get(2)? } })
    })?;
    points.collect()
}
