//! The columns that records ask for.

use crate::edge::format::fields::{Fields, Value};
use crate::plan::{Column, ColumnType};
use crate::record::Payload;

/// The fields of all records that are objects, in the order in which they first appear; each with the narrowest type that
/// takes all its values. A field that is always null may become anything: it is text.
pub(super) fn infer(records: &Payload) -> Vec<Column> {
    let mut columns: Vec<(String, Option<ColumnType>)> = Vec::new();
    for Fields(fields) in records.values().iter().filter_map(|record| Fields::parse(record).ok()) {
        for (index, (name, value)) in fields.iter().enumerate() {
            let kind = kind_of(value);
            let known = match columns.get(index) {
                Some((here, _)) if here == name => Some(index),
                _ => columns.iter().position(|(known, _)| known.eq_ignore_ascii_case(name)),
            };
            match known.and_then(|known| columns.get_mut(known)) {
                Some((_, known)) => *known = wider(*known, kind),
                // SQLite cannot hold such a name: the record is refused for it.
                None if name.is_empty() || name.contains('\0') => {}
                None => columns.push((name.clone().into_owned(), kind)),
            }
        }
    }
    let named = columns.into_iter();
    named.map(|(name, kind)| Column { name, kind: kind.unwrap_or(ColumnType::Text) }).collect()
}

fn kind_of(value: &Value<'_>) -> Option<ColumnType> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some(ColumnType::Integer),
        Value::Number(number) if number.parse::<i64>().is_ok() => Some(ColumnType::Integer),
        Value::Number(_) => Some(ColumnType::Real),
        Value::Text(_) | Value::Nested(_) => Some(ColumnType::Text),
    }
}

fn wider(a: Option<ColumnType>, b: Option<ColumnType>) -> Option<ColumnType> {
    match (a, b) {
        (None, kind) | (kind, None) => kind,
        (Some(a), Some(b)) if a == b => Some(a),
        (Some(ColumnType::Text), _) | (_, Some(ColumnType::Text)) => Some(ColumnType::Text),
        (Some(_), Some(_)) => Some(ColumnType::Real),
    }
}
