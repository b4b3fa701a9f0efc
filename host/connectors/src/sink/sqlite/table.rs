//! The table of the sink: its columns, and the SQL that creates it and fills it.

use rusqlite::{Connection, OptionalExtension};

use super::database::fault;
use super::fit::Fit;
use super::note;
use super::refusal::nears_last_number;
use crate::{Column, ExtraColumns, SqliteSink};
use sandmill_engine::error::{Error, Result};

/// SQLite's own bound on the columns of a table.
const COLUMNS_MAX: usize = 2000;

/// SQLite's names for the number of a row, where no column has that name.
pub(super) const ROW_NUMBERS: [&str; 3] = ["rowid", "_rowid_", "oid"];

/// A table's columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    columns: Vec<TableColumn>,
    /// Columns that take no values, because SQLite computes them.
    generated: Vec<String>,
    /// Columns that are not written, because the pipeline file does not name them.
    others: Vec<String>,
    /// Whether every column must have a type.
    is_strict: bool,
    /// The columns of its primary key, of a table that has no row numbers.
    key: Vec<String>,
    /// Whether an insertion may do more than insert.
    pub(super) has_triggers: bool,
    /// Whether SQLite numbers the rows and uses no number twice, even when it runs out of them.
    pub(super) has_sequence: bool,
    /// Whether what a trigger does may roll the whole transaction back.
    pub(super) may_roll_back: bool,
    /// Whether it refers to other rows. Whether they must be there at once or at the end, nothing but the schema's text
    /// says.
    pub(super) has_references: bool,
    /// Another table with a foreign key to it.
    referenced_by: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct TableColumn {
    name: String,
    fit: Fit,
    /// Whether a row that is not given a value has another one than null.
    has_default: bool,
    /// Whether it is the row's number: SQLite replaces null by a number of its own.
    is_row_number: bool,
}

impl Table {
    /// A table of these columns.
    pub(super) fn of(columns: &[Column]) -> Self {
        let columns = columns.iter().map(|column| TableColumn {
            name: column.name.clone(),
            fit: column.kind.into(),
            has_default: false,
            is_row_number: false,
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
        table.read_columns(connection, &sink.table).map_err(failed)?;
        table.read_ways(connection, &sink.table).map_err(failed)?;
        Ok(Some(table))
    }

    fn read_columns(&mut self, connection: &Connection, name: &str) -> rusqlite::Result<()> {
        let row_number = row_number(connection, name)?;
        let select = "SELECT name, type, dflt_value IS NOT NULL, hidden FROM pragma_table_xinfo(?1)";
        let mut statement = connection.prepare(select)?;
        let mut rows = statement.query([name])?;
        while let Some(row) = rows.next()? {
            let (name, declared): (String, String) = (row.get(0)?, row.get(1)?);
            match row.get(3)? {
                0 => {
                    let fit = Fit::of_declared(&declared, self.is_strict);
                    let is_row_number = row_number.as_ref() == Some(&name);
                    self.columns.push(TableColumn { name, fit, has_default: row.get(2)?, is_row_number });
                }
                _ => self.generated.push(name),
            }
        }
        Ok(())
    }

    /// What an insertion may do beside inserting.
    fn read_ways(&mut self, connection: &Connection, name: &str) -> rusqlite::Result<()> {
        let select = "SELECT xinfo.name FROM pragma_table_list AS list, pragma_table_xinfo(list.name) AS xinfo
            WHERE list.schema = 'main' AND lower(list.name) = lower(?1) AND list.wr AND xinfo.pk > 0";
        let mut statement = connection.prepare(select)?;
        self.key = statement.query_map([name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let select = "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?1)";
        self.has_triggers = connection.query_row(select, [name], |row| row.get(0))?;
        // A trigger of this table may set off others, and hit the constraints of other tables.
        let select = "SELECT count(*) > 0 FROM sqlite_schema WHERE sql LIKE '%rollback%'";
        let says_so: bool = connection.query_row(select, [], |row| row.get(0))?;
        self.may_roll_back = self.has_triggers && (says_so || nears_last_number(connection)?);
        let select = "SELECT count(*) > 0 FROM sqlite_schema
            WHERE type = 'table' AND lower(name) = lower(?1) AND sql LIKE '%autoincrement%'";
        // The word may be in a comment or a name; then a look at the sequences finds none of this table.
        self.has_sequence = connection.table_exists(None, "sqlite_sequence")?
            && connection.query_row(select, [name], |row| row.get(0))?;
        let select = "SELECT count(*) > 0 FROM pragma_foreign_key_list(?1)";
        self.has_references = connection.query_row(select, [name], |row| row.get(0))?;
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

    /// The names of all columns, those included that take no values or that are not written.
    pub(super) fn all_names(&self) -> impl Iterator<Item = &str> {
        self.names().chain(self.generated.iter().chain(&self.others).map(String::as_str))
    }

    /// The values that each column takes.
    pub(super) fn fits(&self) -> impl Iterator<Item = Fit> {
        self.columns.iter().map(|column| column.fit)
    }

    /// The columns that have a default value of their own.
    pub(super) fn defaults(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().enumerate().filter_map(|(index, column)| column.has_default.then_some(index))
    }

    /// The column that is the row's number.
    pub(super) fn row_number(&self) -> Option<usize> {
        self.columns.iter().position(|column| column.is_row_number)
    }

    /// The columns of the primary key, of a table that has no row numbers.
    pub(super) fn key(&self) -> &[String] {
        &self.key
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
            let (kept, others) = self.columns.into_iter().partition(|here| is_given(&here.name));
            self.columns = kept;
            self.others.extend(others.into_iter().map(|column: TableColumn| column.name));
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
        self.columns.push(TableColumn {
            name: column.to_owned(),
            fit: Fit::Any,
            has_default: false,
            is_row_number: false,
        });
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

    /// The statement that adds a row, without the columns that are `omitted`: it inserts the row or fails, whatever the
    /// table says of conflicts (`OR ABORT` stands above `ON CONFLICT REPLACE` and the like).
    pub(super) fn insert(&self, name: &str, omitted: &[usize]) -> String {
        match self.columns_and_values(omitted) {
            Some(sql) => format!("INSERT OR ABORT INTO {} {sql}", quoted(name)),
            None => format!("INSERT OR ABORT INTO {} DEFAULT VALUES", quoted(name)),
        }
    }

    /// The same row, leaving the statements of triggers their own ways with conflicts, which `OR ABORT` overrides. A
    /// row that cannot be in the table beside those that are there is left out.
    pub(super) fn insert_gently(&self, name: &str, omitted: &[usize]) -> Option<String> {
        let sql = self.columns_and_values(omitted)?;
        Some(format!("INSERT INTO {} {sql} ON CONFLICT DO NOTHING", quoted(name)))
    }

    fn columns_and_values(&self, omitted: &[usize]) -> Option<String> {
        let columns = self.names().enumerate().filter(|(index, _)| !omitted.contains(index));
        let columns: Vec<_> = columns.map(|(_, name)| quoted(name)).collect();
        let values = vec!["?"; columns.len()];
        (!columns.is_empty()).then(|| format!("({}) VALUES ({})", columns.join(", "), values.join(", ")))
    }
}

/// The column that is another name of the row's number, if the table has one. A primary key that has an index is none.
fn row_number(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let select = "SELECT max(xinfo.name) FROM pragma_table_list AS list, pragma_table_xinfo(list.name) AS xinfo
        WHERE list.schema = 'main' AND lower(list.name) = lower(?1) AND NOT list.wr AND xinfo.pk > 0
            AND NOT EXISTS (SELECT 1 FROM pragma_index_list(list.name) WHERE origin = 'pk')
        HAVING count(*) = 1 AND upper(max(xinfo.type)) = 'INTEGER'";
    connection.query_row(select, [name], |row| row.get(0)).optional().map(Option::flatten)
}

/// The kinds of things that have a table's name.
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
            .hint("name an ordinary table: only there do rows stay as they were written"))
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
            .hint("SQLite reserves names that begin with \"sqlite_\""));
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
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
