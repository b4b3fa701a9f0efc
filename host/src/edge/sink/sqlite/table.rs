//! The table: its columns, and the SQL that makes it and fills it.

use rusqlite::{Connection, OptionalExtension};

use super::database::fault;
use super::fit::Fit;
use super::note;
use crate::error::{Error, Result};
use crate::plan::{Column, ExtraColumns, SqliteSink};

/// SQLite's own bound on the columns of a table.
const COLUMNS_MAX: usize = 2000;

/// A table's columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    columns: Vec<TableColumn>,
    /// Columns that take no values, because SQLite computes them.
    generated: Vec<String>,
    /// Whether every column must have a type.
    is_strict: bool,
    /// Whether an insertion may do more than insert.
    pub(super) has_triggers: bool,
    /// Another table with a foreign key to it.
    referenced_by: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct TableColumn {
    name: String,
    fit: Fit,
    /// Whether a row that is not given a value has another one than null.
    has_default: bool,
}

impl Table {
    /// A table of these columns.
    pub(super) fn of(columns: &[Column]) -> Self {
        let columns = columns.iter().map(|column| TableColumn {
            name: column.name.clone(),
            fit: column.kind.into(),
            has_default: false,
        });
        Self { columns: columns.collect(), ..Self::default() }
    }

    /// The table of the sink, as it is in the database; `None` when there is none of that name.
    ///
    /// # Errors
    /// When the database cannot be read, or something that is not a table has the name.
    pub(super) fn find(connection: &Connection, sink: &SqliteSink) -> Result<Option<Self>> {
        let failed = |error| fault(&sink.path, error);
        let Some(is_strict) = kind_of(connection, &sink.table).map_err(failed)?.table(sink)? else { return Ok(None) };
        let mut table = Self { is_strict, ..Self::default() };
        table.read(connection, &sink.table).map_err(failed)?;
        Ok(Some(table))
    }

    fn read(&mut self, connection: &Connection, name: &str) -> rusqlite::Result<()> {
        let select = "SELECT name, type, dflt_value IS NOT NULL, hidden FROM pragma_table_xinfo(?1)";
        let mut statement = connection.prepare(select)?;
        let mut rows = statement.query([name])?;
        while let Some(row) = rows.next()? {
            let (name, declared): (String, String) = (row.get(0)?, row.get(1)?);
            match row.get(3)? {
                0 => {
                    let fit = Fit::of_declared(&declared, self.is_strict);
                    self.columns.push(TableColumn { name, fit, has_default: row.get(2)? });
                }
                _ => self.generated.push(name),
            }
        }
        let select = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?1)";
        self.has_triggers = connection.query_row(select, [name], |row| row.get::<_, i64>(0))? > 0;
        let select = "SELECT other.name FROM sqlite_schema AS other, pragma_foreign_key_list(other.name) AS key
            WHERE other.type = 'table' AND lower(key.\"table\") = lower(?1) AND lower(other.name) <> lower(?1)";
        self.referenced_by = connection.query_row(select, [name], |row| row.get(0)).optional()?;
        Ok(())
    }

    /// How many columns it has, those included that take no values.
    pub(super) fn width(&self) -> usize {
        self.columns.len() + self.generated.len()
    }

    /// The names of its columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// What each column takes.
    pub(super) fn fits(&self) -> impl Iterator<Item = Fit> {
        self.columns.iter().map(|column| column.fit)
    }

    /// The columns that have a default value of their own.
    pub(super) fn defaults(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().enumerate().filter_map(|(index, column)| column.has_default.then_some(index))
    }

    /// Whether SQLite computes the column of this name.
    pub(super) fn generates(&self, name: &str) -> bool {
        self.generated.iter().any(|generated| generated.eq_ignore_ascii_case(name))
    }

    /// The table, written to as the pipeline file says: its `columns` only, if any are given, as what they are given.
    pub(super) fn with_given(mut self, sink: &SqliteSink) -> Self {
        for here in &mut self.columns {
            let given = sink.columns.iter().find(|column| column.name.eq_ignore_ascii_case(&here.name));
            // SQLite would still turn text into numbers.
            let is_free = matches!(here.fit, Fit::Any | Fit::Number | Fit::Loose);
            match given.map(|column| Fit::from(column.kind)) {
                Some(fit @ (Fit::Integer | Fit::Real)) if is_free => here.fit = fit,
                Some(Fit::Text) if here.fit == Fit::Any => here.fit = Fit::Text,
                _ => {}
            }
        }
        if !sink.columns.is_empty() && sink.extra_columns != Some(ExtraColumns::Add) {
            let is_given = |name: &str| sink.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
            self.columns.retain(|here| is_given(&here.name));
        }
        self
    }

    /// Makes sure that the table has the columns that the pipeline file gives.
    ///
    /// # Errors
    /// When one is missing or of another type.
    pub(super) fn check_has(&self, sink: &SqliteSink) -> Result<()> {
        for column in &sink.columns {
            let wanted = Fit::from(column.kind);
            let here = self.columns.iter().find(|here| here.name.eq_ignore_ascii_case(&column.name));
            let wrong = match here.map(|here| here.fit) {
                None => "has no such column".to_owned(),
                Some(Fit::Any | Fit::Number | Fit::Loose) => continue,
                Some(fit) if fit == wanted => continue,
                Some(fit) => format!("has it as {}", fit.words()),
            };
            let (path, table) = (sink.path.display(), &sink.table);
            return Err(Error::config(format!(
                "`columns` names \"{}\" as {}, but the table \"{table}\" in \"{path}\" {wrong}",
                column.name,
                wanted.words()
            ))
            .hint("leave `columns` out to take them from the table, or set `if_exists` to \"replace\""));
        }
        Ok(())
    }

    /// Makes sure that no other table refers to it: with the table, SQLite would delete or change rows of that one.
    pub(super) fn check_may_go(&self, sink: &SqliteSink) -> Result<()> {
        let Some(other) = &self.referenced_by else { return Ok(()) };
        let (table, path) = (&sink.table, sink.path.display());
        Err(Error::config(format!(
            "table \"{table}\" in \"{path}\" cannot be replaced: table \"{other}\" refers to it"
        ))
        .hint("SQLite would delete or change the rows that refer to it: append to the table, or write to another one"))
    }

    /// Makes the table.
    pub(super) fn create(&self, transaction: &Connection, name: &str) -> rusqlite::Result<()> {
        let columns: Vec<_> = self.columns.iter().map(|column| declaration(&column.name, column.fit.sql())).collect();
        transaction.execute_batch(&format!("CREATE TABLE {} ({})", quoted(name), columns.join(", ")))
    }

    /// Adds a column that takes anything.
    pub(super) fn add(&mut self, transaction: &Connection, name: &str, column: &str) -> rusqlite::Result<()> {
        let kind = if self.is_strict { "ANY" } else { "" };
        let column_sql = declaration(column, kind);
        transaction.execute_batch(&format!("ALTER TABLE {} ADD COLUMN {column_sql}", quoted(name)))?;
        self.columns.push(TableColumn { name: column.to_owned(), fit: Fit::Any, has_default: false });
        Ok(())
    }

    /// Removes the table, if it is there.
    pub(super) fn drop(transaction: &Connection, name: &str) -> rusqlite::Result<()> {
        transaction.execute_batch(&format!("DROP TABLE IF EXISTS {}", quoted(name)))
    }

    /// Removes the table's rows.
    pub(super) fn empty(transaction: &Connection, name: &str) -> rusqlite::Result<()> {
        transaction.execute_batch(&format!("DELETE FROM {}", quoted(name)))
    }

    /// Whether it has just these many rows, and nothing else in the database belongs to it: nobody else uses it.
    pub(super) fn is_untouched(transaction: &Connection, name: &str, rows: usize) -> rusqlite::Result<bool> {
        let select = format!("SELECT count(*) FROM {}", quoted(name));
        let here: i64 = transaction.query_row(&select, [], |row| row.get(0))?;
        let select = "SELECT count(*) FROM sqlite_schema WHERE lower(tbl_name) = lower(?1)";
        let objects: i64 = transaction.query_row(select, [name], |row| row.get(0))?;
        Ok(usize::try_from(here) == Ok(rows) && objects == 1)
    }

    /// The statement that adds a row, without the columns that are `omitted`.
    pub(super) fn insert(&self, name: &str, omitted: &[usize]) -> String {
        let columns: Vec<_> = self
            .names()
            .enumerate()
            .filter(|(index, _)| !omitted.contains(index))
            .map(|(_, name)| quoted(name))
            .collect();
        if columns.is_empty() {
            return format!("INSERT INTO {} DEFAULT VALUES", quoted(name));
        }
        let values = vec!["?"; columns.len()];
        format!("INSERT INTO {} ({}) VALUES ({})", quoted(name), columns.join(", "), values.join(", "))
    }
}

/// What has a table's name.
enum Kind {
    Nothing,
    Table { is_strict: bool },
    Other(String),
}

impl Kind {
    /// Whether the table is strict; `None` when there is none.
    fn table(self, sink: &SqliteSink) -> Result<Option<bool>> {
        let what = match self {
            Self::Nothing => return Ok(None),
            Self::Table { is_strict } => return Ok(Some(is_strict)),
            Self::Other(what) => what,
        };
        let what = match what.as_str() {
            "view" => "a view",
            "index" => "an index",
            "virtual" => "a virtual table",
            _ => "a table that belongs to a virtual one",
        };
        Err(Error::config(format!("\"{}\" in \"{}\" is {what}, not a table", sink.table, sink.path.display()))
            .hint("rows that are written to an ordinary table stay as they are: name one"))
    }
}

fn kind_of(connection: &Connection, name: &str) -> rusqlite::Result<Kind> {
    let select = "SELECT type, strict FROM pragma_table_list WHERE schema = 'main' AND lower(name) = lower(?1)";
    let kind = connection.query_row(select, [name], |row| {
        let kind: String = row.get(0)?;
        Ok(if kind == "table" { Kind::Table { is_strict: row.get(1)? } } else { Kind::Other(kind) })
    });
    if let Some(kind) = kind.optional()? {
        return Ok(kind);
    }
    let select = "SELECT type FROM sqlite_schema WHERE type = 'index' AND lower(name) = lower(?1)";
    let index = connection.query_row(select, [name], |row| row.get(0)).optional()?;
    Ok(index.map_or(Kind::Nothing, Kind::Other))
}

/// Makes sure that a table of `width` columns may have `more`.
///
/// # Errors
/// With the reason why not.
pub(super) fn check_room(width: usize, more: usize) -> std::result::Result<(), String> {
    match width + more {
        0..=COLUMNS_MAX => Ok(()),
        columns => Err(format!("the table would have {columns} columns; SQLite allows {COLUMNS_MAX}")),
    }
}

/// Makes sure that the names are ones that SQLite takes.
///
/// # Errors
/// When the table or a column has none, two columns have the same, or there are too many.
pub(super) fn check_names(sink: &SqliteSink) -> Result<()> {
    let table = &sink.table;
    let is_kept = table.to_ascii_lowercase().starts_with("sqlite_");
    if table.is_empty() || is_kept || table.contains('\0') {
        return Err(Error::config(format!("\"{}\" cannot be the name of a table", table.escape_default()))
            .hint("SQLite keeps names that begin with \"sqlite_\" to itself"));
    }
    if table.eq_ignore_ascii_case(note::TABLE) {
        return Err(Error::config(format!("\"{table}\" is where Sandmill keeps checkpoints: name another table")));
    }
    check_room(0, sink.columns.len()).map_err(|why| Error::config(format!("`columns` of \"{table}\": {why}")))?;
    let mut names = std::collections::HashSet::new();
    for column in &sink.columns {
        if column.name.is_empty() || column.name.contains('\0') {
            let name = column.name.escape_default();
            return Err(Error::config(format!("\"{name}\" cannot be the name of a column of \"{table}\"")));
        }
        if !names.insert(column.name.to_ascii_lowercase()) {
            return Err(Error::config(format!("`columns` of the table \"{table}\" names \"{}\" twice", column.name))
                .hint("to SQLite, upper and lower case are the same"));
        }
    }
    Ok(())
}

fn declaration(name: &str, kind: &str) -> String {
    format!("{} {kind}", quoted(name)).trim_end().to_owned()
}

/// A name as SQL writes it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
