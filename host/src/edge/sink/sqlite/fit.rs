//! Whether a field's value fits its column, and as what it is stored.
//!
//! Sources such as CSV give every field as a string, so a string that holds a number fits a column of numbers, and an
//! empty one is no number: null.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::table::Fit;
use crate::edge::format::fields::Value;
use crate::edge::format::json;

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

impl Fit {
    /// The value as this column stores it.
    ///
    /// # Errors
    /// With the reason why it does not fit, to follow the field's name.
    pub(super) fn convert<'a>(self, value: &'a Value<'_>) -> Result<Stored<'a>, String> {
        match self {
            Self::Integer => integer(value).ok_or_else(|| misfit(value, "an integer")),
            Self::Real => real(value).ok_or_else(|| misfit(value, "a number")),
            Self::Text => Ok(text(value)),
            Self::Any => Ok(any(value)),
        }
    }
}

fn integer<'a>(value: &Value<'_>) -> Option<Stored<'a>> {
    match value {
        Value::Null => Some(Stored::Null),
        Value::Bool(bool) => Some(Stored::Integer(i64::from(*bool))),
        Value::Number(number) => whole(number),
        Value::Text(text) if text.is_empty() => Some(Stored::Null),
        Value::Text(text) => whole(text),
        Value::Nested(_) => None,
    }
}

/// A number without a fraction; `3.0` is one.
fn whole<'a>(number: &str) -> Option<Stored<'a>> {
    /// Up to here, floating point holds every integer.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Ok(integer) = number.parse() {
        return Some(Stored::Integer(integer));
    }
    let real: f64 = number.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "the number is whole and within the exact range")]
    (real.fract() == 0.0 && real.abs() <= EXACT).then_some(Stored::Integer(real as i64))
}

fn real<'a>(value: &Value<'_>) -> Option<Stored<'a>> {
    match value {
        Value::Null => Some(Stored::Null),
        Value::Bool(bool) => Some(Stored::Real(f64::from(u8::from(*bool)))),
        Value::Number(number) => finite(number),
        Value::Text(text) if text.is_empty() => Some(Stored::Null),
        Value::Text(text) => finite(text),
        Value::Nested(_) => None,
    }
}

/// A number; not `inf` or `NaN`, which Rust would parse and SQLite turns into null.
fn finite<'a>(number: &str) -> Option<Stored<'a>> {
    number.parse().ok().filter(|real: &f64| real.is_finite()).map(Stored::Real)
}

fn text<'a>(value: &'a Value<'_>) -> Stored<'a> {
    match value {
        Value::Null => Stored::Null,
        Value::Bool(true) => Stored::Text("true"),
        Value::Bool(false) => Stored::Text("false"),
        Value::Number(number) => Stored::Text(number),
        Value::Text(text) => Stored::Text(text),
        Value::Nested(raw) => nested(raw),
    }
}

fn any<'a>(value: &'a Value<'_>) -> Stored<'a> {
    match value {
        Value::Null => Stored::Null,
        Value::Bool(bool) => Stored::Integer(i64::from(*bool)),
        Value::Number(number) => {
            number.parse().map(Stored::Integer).ok().or_else(|| finite(number)).unwrap_or(Stored::Text(number))
        }
        Value::Text(text) => Stored::Text(text),
        Value::Nested(raw) => nested(raw),
    }
}

fn nested<'a>(raw: &str) -> Stored<'a> {
    let mut compact = Vec::with_capacity(raw.len());
    json::push_compact(&mut compact, raw);
    Stored::Made(String::from_utf8_lossy(&compact).into_owned())
}

fn misfit(value: &Value<'_>, wanted: &str) -> String {
    let cut = |text: &str| text.chars().take(60).collect::<String>();
    match value {
        Value::Text(text) => format!("holds {:?}, which is not {wanted}", cut(text)),
        Value::Number(raw) | Value::Nested(raw) => format!("holds {}, which is not {wanted}", cut(raw)),
        Value::Null | Value::Bool(_) => format!("holds what is not {wanted}"),
    }
}
