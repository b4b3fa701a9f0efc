//! Reads a stage's own `config`: any TOML table becomes the JSON text that its `open` receives.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::{Map, Number, Value as Json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::settings::Fault;
use crate::settings::Table;
use crate::settings::{Value, integer};

/// The JSON text of the table in `config`; `{}` when there is none. The names keep the order of the file.
pub(super) fn config(table: &Table<'_>) -> Result<String, Fault> {
    Ok(config_value(table)?.to_string())
}

/// As [`config`], as a value.
pub(super) fn config_value(table: &Table<'_>) -> Result<Json, Fault> {
    let Some(value) = table.get("config") else { return Ok(Json::Object(Map::new())) };
    let table = value.table()?;
    object(table.entries, &value)
}

/// The parser has bounded how deep values are nested.
fn json(value: &Value<'_>) -> Result<Json, Fault> {
    Ok(match value.value {
        DeValue::String(text) => Json::String(text.to_string()),
        DeValue::Integer(written) => {
            let number = integer(written).ok_or_else(|| value.fault("a whole number must fit into 64 bits"))?;
            Json::Number(number.into())
        }
        DeValue::Float(written) => {
            let number = written.as_str().parse::<f64>().ok().and_then(Number::from_f64);
            Json::Number(number.ok_or_else(|| {
                value.fault(&format!("{written} cannot be given to a stage")).hint("JSON has no infinity and no nan")
            })?)
        }
        DeValue::Boolean(truth) => Json::Bool(*truth),
        // JSON has no dates; RFC 3339 is what its readers expect.
        DeValue::Datetime(date) => Json::String(date.to_string()),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| json(&inner(value, item.get_ref(), item.span())));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        DeValue::Table(entries) => object(entries, value)?,
    })
}

fn object(entries: &DeTable<'_>, value: &Value<'_>) -> Result<Json, Fault> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let member = |(key, item): (&Spanned<Cow<'_, str>>, &Spanned<_>)| {
        Ok((key.get_ref().to_string(), json(&inner(value, item.get_ref(), item.span()))?))
    };
    Ok(Json::Object(entries.into_iter().map(member).collect::<Result<Map<_, _>, Fault>>()?))
}

fn inner<'a>(outer: &Value<'_>, value: &'a DeValue<'a>, span: Range<usize>) -> Value<'a> {
    Value { what: outer.what.clone(), span, value }
}
