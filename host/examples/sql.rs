//! `cargo run --example sql -- DATABASE < QUERY`: prints what a query finds in an SQLite database, for machines that have
//! no other tool to look at what an example has written.

use std::io::{Read as _, Write as _};

use anyhow::Context as _;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

fn main() -> anyhow::Result<()> {
    let database = std::env::args_os().nth(1).context("name a database: sql DATABASE < QUERY")?;
    let mut query = String::new();
    std::io::stdin().read_to_string(&mut query)?;
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection.prepare(&query)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut out = std::io::stdout().lock();
    while let Some(row) = rows.next()? {
        let texts: Result<Vec<_>, _> = (0..columns).map(|column| row.get_ref(column).map(text)).collect();
        writeln!(out, "{}", texts?.join("  "))?;
    }
    Ok(())
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => real.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    }
}
