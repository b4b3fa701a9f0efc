//! Whether two tools have written the same.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rusqlite::types::Value as Cell;
use rusqlite::{Connection, Row};
use serde_json::Value;

/// Makes sure that two files hold the same JSON, line by line. How it is written is everybody's own affair.
pub(super) fn same_lines(one: &Path, other: &Path) -> Result<()> {
    let lines = |path: &Path| Ok::<_, anyhow::Error>(BufReader::new(File::open(path)?).lines());
    let (mut one, mut other) = (lines(one)?, lines(other)?);
    for number in 1_usize.. {
        match (one.next().transpose()?, other.next().transpose()?) {
            (None, None) => return Ok(()),
            // Most write it alike: to parse it all would take longer than the bench.
            (Some(one), Some(other)) if one == other => {}
            (Some(one), Some(other)) => {
                let [a, b] = [&one, &other].map(|line| serde_json::from_str::<Value>(line));
                ensure!(a.context("not JSON")? == b.context("not JSON")?, "line {number}: {one} is not {other}");
            }
            (one, other) => ensure!(one.is_some() == other.is_some(), "one ends before line {number}"),
        }
    }
    Ok(())
}

/// Makes sure that the tables `t` of two databases hold the same rows in the same order.
pub(super) fn same_tables(one: &Path, other: &Path) -> Result<()> {
    let (one, other) = (Connection::open(one)?, Connection::open(other)?);
    let mut selects =
        [one.prepare("SELECT * FROM t ORDER BY rowid")?, other.prepare("SELECT * FROM t ORDER BY rowid")?];
    let [a, b] = &mut selects;
    ensure!(a.column_names().eq(b.column_names()), "they have other columns");
    let columns = a.column_count();
    let (mut a, mut b) = (a.query([])?, b.query([])?);
    for number in 1_usize.. {
        match (a.next()?, b.next()?) {
            (None, None) => return Ok(()),
            (Some(one), Some(other)) => ensure!(cells(one, columns)? == cells(other, columns)?, "row {number} differs"),
            (one, other) => ensure!(one.is_some() == other.is_some(), "one ends before row {number}"),
        }
    }
    Ok(())
}

fn cells(row: &Row<'_>, columns: usize) -> Result<Vec<Cell>> {
    (0..columns).map(|column| Ok(row.get(column)?)).collect()
}
