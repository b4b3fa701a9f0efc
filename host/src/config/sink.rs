//! `[sink]`.

use std::collections::HashMap;
use std::path::Path;

use super::fault::Fault;
use super::kind::{Kind, if_exists, line_format};
use super::table::Table;
use super::value::Value;
use crate::plan::{Column, ColumnType, ExtraColumns, FileSink, FolderSink, IfExists, SinkKind, SqliteSink};

/// Keys of every sink.
pub(super) const COMMON: &[&str] = &["name", "kind", "from", "queue", "batch", "on_error", "retry"];

/// All kinds of sinks.
pub(super) const KINDS: &[Kind<SinkKind>] = &[
    Kind { word: "file", keys: &["path", "format", "delimiter", "if_exists"], read: file },
    Kind { word: "folder", keys: &["path"], read: folder },
    Kind { word: "stdout", keys: &["format", "delimiter"], read: stdout },
    Kind { word: "null", keys: &[], read: null },
    Kind { word: "sqlite", keys: &["path", "table", "columns", "extra_columns", "if_exists"], read: sqlite },
];

fn file(section: &Table<'_>, base: &Path) -> Result<SinkKind, Fault> {
    Ok(SinkKind::File(FileSink {
        path: section.require("path")?.path(base)?,
        format: line_format(section)?,
        if_exists: if_exists(section, IfExists::Replace)?,
    }))
}

fn folder(section: &Table<'_>, base: &Path) -> Result<SinkKind, Fault> {
    Ok(SinkKind::Folder(FolderSink { path: section.require("path")?.path(base)? }))
}

fn stdout(section: &Table<'_>, _: &Path) -> Result<SinkKind, Fault> {
    Ok(SinkKind::Stdout(line_format(section)?))
}

#[expect(clippy::unnecessary_wraps, reason = "all kinds are read through one type of function")]
fn null(_: &Table<'_>, _: &Path) -> Result<SinkKind, Fault> {
    Ok(SinkKind::Null)
}

fn sqlite(section: &Table<'_>, base: &Path) -> Result<SinkKind, Fault> {
    Ok(SinkKind::Sqlite(SqliteSink {
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
        return Err(value.fault("a table's name cannot have a NUL character"));
    }
    if name.to_ascii_lowercase().starts_with("sqlite_") {
        return Err(value.fault("SQLite keeps names that begin with \"sqlite_\" to itself"));
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
