//! The table: its columns, and the SQL that makes it and fills it.

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::plan::{Column, ColumnType, SqliteSink};

/// A table's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table(Vec<TableColumn>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct TableColumn {
    name: String,
    fit: Fit,
}

/// What a column takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// 64-bit integers.
    Integer,
    /// Floating-point numbers.
    Real,
    /// Text.
    Text,
    /// Anything, as it comes: a column that somebody else declared as something else.
    Any,
}

impl Fit {
    /// What SQLite makes of a column's declared type (its rules of affinity).
    fn of_declared(declared: &str) -> Self {
        let declared = declared.to_ascii_uppercase();
        let holds = |names: &[&str]| names.iter().any(|name| declared.contains(name));
        if holds(&["INT"]) {
            Self::Integer
        } else if holds(&["CHAR", "CLOB", "TEXT"]) {
            Self::Text
        } else if holds(&["REAL", "FLOA", "DOUB"]) {
            Self::Real
        } else {
            Self::Any
        }
    }

    fn sql(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Real => "REAL",
            Self::Text => "TEXT",
            Self::Any => "BLOB",
        }
    }
}

impl From<ColumnType> for Fit {
    fn from(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Integer => Self::Integer,
            ColumnType::Real => Self::Real,
            ColumnType::Text => Self::Text,
        }
    }
}

impl Table {
    /// A table of these columns.
    pub(super) fn of(columns: &[Column]) -> Self {
        Self(columns.iter().map(|column| TableColumn { name: column.name.clone(), fit: column.kind.into() }).collect())
    }

    /// The table that is in the database; `None` when there is none of that name. Generated columns are left out, since
    /// they take no values.
    pub(super) fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<Self>> {
        let mut statement = connection.prepare("SELECT name, type FROM pragma_table_xinfo(?1) WHERE hidden = 0")?;
        let columns = statement.query_map([name], |row| {
            let declared: String = row.get(1)?;
            Ok(TableColumn { name: row.get(0)?, fit: Fit::of_declared(&declared) })
        })?;
        let columns = columns.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok((!columns.is_empty()).then_some(Self(columns)))
    }

    /// Whether it has no column.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of its columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|column| column.name.as_str())
    }

    /// What each column takes.
    pub(super) fn fits(&self) -> impl Iterator<Item = Fit> {
        self.0.iter().map(|column| column.fit)
    }

    /// Only these columns of it, or all when there are none of these. The others are given their default values.
    pub(super) fn only(&self, columns: &[Column]) -> Self {
        let is_named = |here: &&TableColumn| columns.iter().any(|column| column.name.eq_ignore_ascii_case(&here.name));
        Self(self.0.iter().filter(|here| columns.is_empty() || is_named(here)).cloned().collect())
    }

    /// Makes sure that the table has the columns that the pipeline file gives.
    ///
    /// # Errors
    /// When one is missing or of another type.
    pub(super) fn check_has(&self, sink: &SqliteSink) -> Result<()> {
        for column in &sink.columns {
            let here = self.0.iter().find(|here| here.name.eq_ignore_ascii_case(&column.name));
            let wrong = match here.map(|here| here.fit) {
                None => "has no such column".to_owned(),
                Some(Fit::Any) => continue,
                Some(fit) if fit == column.kind.into() => continue,
                Some(fit) => format!("has it as {}", fit.sql()),
            };
            let (path, table) = (sink.path.display(), &sink.table);
            return Err(Error::config(format!(
                "`columns` names \"{}\" as {}, but the table \"{table}\" in \"{path}\" {wrong}",
                column.name,
                Fit::from(column.kind).sql()
            ))
            .hint("leave `columns` out to take them from the table, or set `if_exists` to \"replace\""));
        }
        Ok(())
    }

    /// Makes the table.
    pub(super) fn create(&self, transaction: &Connection, name: &str) -> rusqlite::Result<()> {
        let columns: Vec<_> =
            self.0.iter().map(|column| format!("{} {}", quoted(&column.name), column.fit.sql())).collect();
        transaction.execute_batch(&format!("CREATE TABLE {} ({})", quoted(name), columns.join(", ")))
    }

    /// Removes the table.
    pub(super) fn drop(transaction: &Connection, name: &str) -> rusqlite::Result<()> {
        transaction.execute_batch(&format!("DROP TABLE {}", quoted(name)))
    }

    /// Removes the table's rows.
    pub(super) fn empty(transaction: &Connection, name: &str) -> rusqlite::Result<()> {
        transaction.execute_batch(&format!("DELETE FROM {}", quoted(name)))
    }

    /// The statement that adds a row.
    pub(super) fn insert(&self, name: &str) -> String {
        let columns: Vec<_> = self.names().map(quoted).collect();
        let values = vec!["?"; columns.len()];
        format!("INSERT INTO {} ({}) VALUES ({})", quoted(name), columns.join(", "), values.join(", "))
    }
}

/// Makes sure that the names are ones that SQLite takes.
///
/// # Errors
/// When the table or a column has none, or two columns have the same.
pub(super) fn check_names(sink: &SqliteSink) -> Result<()> {
    let lowercase = sink.table.to_ascii_lowercase();
    if sink.table.is_empty() || lowercase.starts_with("sqlite_") || sink.table.contains('\0') {
        return Err(Error::config(format!("\"{}\" cannot be the name of a table", sink.table.escape_default()))
            .hint("SQLite keeps names that begin with \"sqlite_\" to itself"));
    }
    for (index, column) in sink.columns.iter().enumerate() {
        if column.name.is_empty() || column.name.contains('\0') {
            let name = column.name.escape_default();
            return Err(Error::config(format!("\"{name}\" cannot be the name of a column of \"{}\"", sink.table)));
        }
        if sink.columns.iter().take(index).any(|before| before.name.eq_ignore_ascii_case(&column.name)) {
            return Err(Error::config(format!(
                "`columns` of the table \"{}\" names \"{}\" twice",
                sink.table, column.name
            ))
            .hint("to SQLite, upper and lower case are the same"));
        }
    }
    Ok(())
}

/// A name as SQL writes it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
