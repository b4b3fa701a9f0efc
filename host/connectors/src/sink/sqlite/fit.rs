//! Whether a field's value fits its column, and as what it is stored. No value is stored that is not what was sent: it
//! fits, or the record is refused.
//!
//! Sources such as CSV give every field as a string, so a string that holds a number fits a column of numbers, and an
//! empty one, which holds none, is null there.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::number;
use crate::ColumnType;
use crate::format::fields::Value;
use crate::format::json;

/// The values that a column takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// 64-bit integers.
    Integer,
    /// Floating-point numbers.
    Real,
    /// Numbers of both kinds: a column that is declared `NUMERIC` or `DECIMAL`.
    Number,
    /// Text.
    Text,
    /// Anything, as it comes: SQLite converts nothing in a column without a type.
    Any,
    /// Anything but text that looks like a number, which SQLite would turn into one: a column that is declared
    /// `STRING`, `DATE` or the like.
    Loose,
}

/// A value as SQLite stores it.
#[derive(Debug, PartialEq)]
pub(super) enum Stored<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a str),
    Made(String),
}

impl ToSql for Stored<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Real(real) => ValueRef::Real(*real),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Made(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

impl From<ColumnType> for Fit {
    fn from(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Integer => Self::Integer,
            ColumnType::Real => Self::Real,
            ColumnType::Text => Self::Text,
            ColumnType::Any => Self::Any,
        }
    }
}

impl Fit {
    /// The column type that SQLite derives from a declared type (its rules of affinity).
    pub(super) fn of_declared(declared: &str, is_strict: bool) -> Self {
        let declared = declared.to_ascii_uppercase();
        let holds = |names: &[&str]| names.iter().any(|name| declared.contains(name));
        if holds(&["INT"]) {
            Self::Integer
        } else if holds(&["CHAR", "CLOB", "TEXT"]) {
            Self::Text
        } else if declared.is_empty() || holds(&["BLOB"]) || (is_strict && declared == "ANY") {
            Self::Any
        } else if holds(&["REAL", "FLOA", "DOUB"]) {
            Self::Real
        } else if holds(&["NUMERIC", "DECIMAL", "NUMBER"]) {
            Self::Number
        } else {
            Self::Loose
        }
    }

    /// The type, as a table is made with it. Empty for [`Self::Any`]: SQLite knows a type of that name only in `STRICT`
    /// tables.
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Real => "REAL",
            Self::Text => "TEXT",
            Self::Number | Self::Loose => "NUMERIC",
            Self::Any => "",
        }
    }

    /// The type, for a message.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Any => "a column without a type",
            Self::Integer | Self::Real | Self::Text | Self::Number | Self::Loose => self.sql(),
        }
    }

    /// The value as this column stores it.
    ///
    /// # Errors
    /// With the reason why it does not fit, to follow the field's name. It quotes the whole value, so that secrets in
    /// it can be found: whoever shows it shortens it.
    pub(super) fn convert<'a>(self, value: &'a Value<'_>) -> Result<Stored<'a>, String> {
        let stored = match (self, value) {
            (_, Value::Null) => Some(Stored::Null),
            (Self::Text, value) => Some(text(value)),
            (Self::Any, Value::Number(number)) => Some(both(number).unwrap_or(Stored::Text(number))),
            (Self::Any, value) => Some(as_it_is(value)),
            (Self::Loose, Value::Number(number)) => numeric(number),
            (Self::Loose, Value::Text(text)) if number::looks_numeric(text) => None,
            (Self::Loose, value) => Some(as_it_is(value)),
            (Self::Integer | Self::Real | Self::Number, Value::Text(text)) if text.is_empty() => Some(Stored::Null),
            (Self::Integer | Self::Real | Self::Number, Value::Text(text)) => self.number(text),
            (Self::Integer | Self::Real | Self::Number, Value::Number(number)) => self.number(number),
            (Self::Integer | Self::Real | Self::Number, Value::Bool(bool)) => Some(Stored::Integer(i64::from(*bool))),
            (Self::Integer | Self::Real | Self::Number, Value::Nested(_)) => None,
        };
        stored.ok_or_else(|| self.misfit(value))
    }

    fn number<'a>(self, text: &str) -> Option<Stored<'a>> {
        match self {
            Self::Integer => number::whole(text).map(Stored::Integer),
            Self::Real => number::real(text).map(Stored::Real),
            Self::Number | Self::Text | Self::Any | Self::Loose => numeric(text),
        }
    }

    fn misfit(self, value: &Value<'_>) -> String {
        let (shown, number) = match value {
            Value::Text(text) => (format!("{text:?}"), Some(text.as_ref())),
            Value::Number(raw) => ((*raw).to_owned(), Some(*raw)),
            Value::Nested(raw) => ((*raw).to_owned(), None),
            Value::Null | Value::Bool(_) => ("what it holds".to_owned(), None),
        };
        let is_number = number.is_some_and(number::looks_numeric);
        let why = match (self, value) {
            (Self::Loose, Value::Text(_)) => {
                "which SQLite would turn into a number there: declare the column as TEXT, or name it in `columns`"
            }
            (Self::Integer, _) if number.is_some_and(|number| is_number && number::is_plain(number)) => {
                "which is not a 64-bit integer"
            }
            (Self::Integer, _) => "which is not an integer",
            _ if is_number => "which SQLite cannot store as a number without changing it",
            _ => "which is not a number",
        };
        format!("holds {shown}, {why}")
    }
}

/// A number in a column of numeric affinity, where SQLite makes an integer of each that is whole: better the exact one.
fn numeric<'a>(number: &str) -> Option<Stored<'a>> {
    number::whole(number).map(Stored::Integer).or_else(|| number::real(number).map(Stored::Real))
}

/// A number as what it is written as: an integer where it has no fraction, else the kind that holds it.
fn both<'a>(number: &str) -> Option<Stored<'a>> {
    let whole = || number::whole(number).map(Stored::Integer);
    let real = || number::real(number).map(Stored::Real);
    if number::is_plain(number) { whole().or_else(real) } else { real().or_else(whole) }
}

fn text<'a>(value: &'a Value<'_>) -> Stored<'a> {
    match value {
        Value::Bool(true) => Stored::Text("true"),
        Value::Bool(false) => Stored::Text("false"),
        Value::Number(number) => Stored::Text(number),
        Value::Null | Value::Text(_) | Value::Nested(_) => as_it_is(value),
    }
}

fn as_it_is<'a>(value: &'a Value<'_>) -> Stored<'a> {
    match value {
        Value::Null => Stored::Null,
        Value::Bool(bool) => Stored::Integer(i64::from(*bool)),
        Value::Number(text) => Stored::Text(text),
        Value::Text(text) => Stored::Text(text),
        Value::Nested(raw) => nested(raw),
    }
}

fn nested<'a>(raw: &str) -> Stored<'a> {
    let mut compact = Vec::with_capacity(raw.len());
    json::push_compact(&mut compact, raw);
    Stored::Made(String::from_utf8_lossy(&compact).into_owned())
}
