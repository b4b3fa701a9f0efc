//! `kind = "sqlite"`: a table of an SQLite database.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::format::{IfExists, if_exists};
use super::{SinkReader, opened};
use crate::sink;
use sandmill_engine::edge::{PipelineFolder, Sink, SinkSpec, SinkStart, Writers, Writes, setting};
use sandmill_engine::error::Result;
use sandmill_engine::settings::{Fault, Key, Kind, Table, Value};

/// Its keys.
const KEYS: &[Key] = &[
    Key { name: "path", value: "path", default: "required", meaning: "the database" },
    Key {
        name: "table",
        value: "text",
        default: "required",
        meaning: "the table; not a name that begins with `sqlite_`",
    },
    Key {
        name: "columns",
        value: "table",
        default: "from the records",
        meaning: "from names to `\"integer\"`, `\"real\"`, `\"text\"` or `\"any\"`: [types](sqlite.md#types)",
    },
    Key {
        name: "extra_columns",
        value: "text",
        default: "`\"add\"` if the columns come from the records, else `\"refuse\"`",
        meaning: "what becomes of a field that has no column: `\"add\"` or `\"refuse\"`",
    },
    Key {
        name: "if_exists",
        value: "text",
        default: "`\"append\"`",
        meaning: "`\"append\"`, `\"replace\"` or `\"fail\"`",
    },
];

/// The kind in the pipeline file.
pub(super) const KIND: SinkReader = Kind { word: "sqlite", keys: KEYS, read };

/// A sink that writes to a table of an SQLite database, with one transaction per batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteSink {
    /// The database file; created if missing.
    pub path: PathBuf,
    /// The table; created if missing.
    pub table: String,
    /// The columns; empty: taken from the first records, up to 1,000 of them.
    pub columns: Vec<Column>,
    /// What becomes of a field that has no column. By default it gets one where the columns are taken from the
    /// records, and refused elsewhere.
    pub extra_columns: Option<ExtraColumns>,
    /// What to do if the table exists.
    pub if_exists: IfExists,
}

/// What to do with a field that has no column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExtraColumns {
    /// It is given one, which takes anything.
    Add,
    /// Its record is refused.
    Refuse,
}

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The column's name, which is also the name of the record's field.
    pub name: String,
    /// The column's type.
    pub kind: ColumnType,
}

/// The types of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnType {
    /// 64-bit integers.
    Integer,
    /// 64-bit floating point.
    Real,
    /// Text; arrays and objects are stored as their JSON.
    Text,
    /// Anything, as it comes: the column is declared without a type.
    Any,
}

#[async_trait]
impl SinkSpec for SqliteSink {
    fn summary(&self) -> String {
        format!("{} (SQLite, table {})", self.path.display(), self.table)
    }

    fn identity(&self, folder: &PipelineFolder) -> Vec<String> {
        let table = setting("table", format_args!("{:?}", self.table));
        vec![setting("kind", "\"sqlite\""), folder.path("path", &self.path), table]
    }

    fn writes(&self) -> Option<Writes> {
        Some(Writes::Table { database: self.path.clone(), table: self.table.to_lowercase() })
    }

    fn writers(&self) -> Writers {
        Writers::One("a SQLite database has one writer at a time")
    }

    async fn open(&self, start: SinkStart) -> Result<Box<dyn Sink>> {
        let if_exists = if start.appends { IfExists::Append } else { self.if_exists };
        let spec = Self { if_exists, ..self.clone() };
        opened(move || sink::sqlite(spec, start.resumes)).await
    }
}

fn read(section: &Table<'_>, base: &Path) -> Result<Box<dyn SinkSpec>, Fault> {
    Ok(Box::new(SqliteSink {
        path: section.require("path")?.path(base)?,
        table: table_name(&section.require("table")?)?,
        columns: columns(section)?,
        extra_columns: extra_columns(section)?,
        if_exists: if_exists(section, IfExists::Append)?,
    }))
}

fn table_name(value: &Value<'_>) -> Result<String, Fault> {
    let name = value.text()?;
    if name.contains('\0') {
        return Err(value.fault("a table's name cannot contain a NUL character"));
    }
    if name.to_ascii_lowercase().starts_with("sqlite_") {
        return Err(value.fault("SQLite reserves names that begin with \"sqlite_\""));
    }
    Ok(name.to_owned())
}

fn extra_columns(section: &Table<'_>) -> Result<Option<ExtraColumns>, Fault> {
    let choices = [("add", ExtraColumns::Add), ("refuse", ExtraColumns::Refuse)];
    section.get("extra_columns").map(|value| value.choice(&choices)).transpose()
}

/// `columns`, in the order in which they are written.
fn columns(section: &Table<'_>) -> Result<Vec<Column>, Fault> {
    let Some(value) = section.get("columns") else { return Ok(Vec::new()) };
    let mut entries: Vec<_> = value.table()?.entries.iter().collect();
    if entries.is_empty() {
        return Err(value.fault("a table has at least one column").hint("leave it out to take them from the records"));
    }
    entries.sort_by_key(|(key, _)| key.span().start);
    let choices = [
        ("integer", ColumnType::Integer),
        ("real", ColumnType::Real),
        ("text", ColumnType::Text),
        ("any", ColumnType::Any),
    ];
    let mut columns: Vec<Column> = Vec::new();
    let mut names = HashMap::new();
    for (key, kind) in entries {
        let name = key.get_ref();
        if name.is_empty() || name.contains('\0') {
            return Err(Fault::at(key.span(), format!("a column cannot have the name {name:?}")));
        }
        // As SQLite compares them.
        if let Some(same) = names.insert(name.to_ascii_lowercase(), name) {
            let message = format!("columns {same:?} and {name:?} have the same name to SQLite");
            return Err(Fault::at(key.span(), message));
        }
        let what = format!("column {name:?} of {}", section.label);
        let kind = Value { what, span: kind.span(), value: kind.get_ref() }.choice(&choices)?;
        columns.push(Column { name: name.to_string(), kind });
    }
    Ok(columns)
}
