//! What is stored is what was sent: for any value and any column, `SELECT` gives back what the record held, or the record
//! was refused.

use proptest::prelude::*;
use rusqlite::types::Value;
use serde_json::Value as Json;

use super::Database;
use crate::tests::records;
use crate::{ColumnType, IfExists};

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u128>().prop_map(|number| number.to_string()),
        (-9_007_199_254_740_999..=9_007_199_254_740_999_i64).prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("JSON has no infinity", |number| number.is_finite())
            .prop_map(|number| format!("{number:?}")),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,22})?([eE][+-]?[0-9]{1,3})?",
    ]
}

fn json() -> impl Strategy<Value = String> {
    let text = prop_oneof![any::<String>(), number(), "[ ]?0{0,2}[0-9]{1,3}[ ]?"];
    prop_oneof![
        4 => number(),
        3 => text.prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => prop_oneof![Just("null"), Just("true"), Just("false"), Just("[1,{\"a\":2.50}]"), Just("{}")].prop_map(str::to_owned),
    ]
}

/// Whether a stored number is the one that was written: printed with as many digits, it is the same.
fn is_number(stored: &Value, written: &str) -> bool {
    let (mantissa, exponent) = written.split_once(['e', 'E']).unwrap_or((written, "0"));
    let (before, behind) = mantissa
        .trim_start_matches(['-', '+'])
        .split_once('.')
        .unwrap_or((mantissa.trim_start_matches(['-', '+']), ""));
    let digits = format!("{before}{behind}");
    let exponent = exponent.parse::<i64>().unwrap() - i64::try_from(behind.len()).unwrap();
    let sign = if written.starts_with('-') { "-" } else { "" };
    let significant = digits.trim_matches('0');
    let zeros = i64::try_from(digits.len() - digits.trim_end_matches('0').len()).unwrap();
    if significant.is_empty() {
        return matches!(stored, Value::Integer(0)) || matches!(stored, Value::Real(zero) if *zero == 0.0);
    }
    match stored {
        Value::Integer(integer) => {
            let places = usize::try_from(exponent + zeros).ok().filter(|places| *places < 40);
            places.is_some_and(|places| integer.to_string() == format!("{sign}{significant}{}", "0".repeat(places)))
        }
        Value::Real(real) => {
            let scientific = exponent + zeros + i64::try_from(significant.len()).unwrap() - 1;
            let expected = format!("{sign}{significant}e{scientific}");
            let printed = |text: String| text.replace('.', "") == expected;
            // The shortest text that reads as this number may end otherwise than its exact digits do: 127260059806385.63 is
            // 127260059806385.625.
            printed(format!("{real:.*e}", significant.len() - 1)) || printed(format!("{real:e}"))
        }
        Value::Null | Value::Text(_) | Value::Blob(_) => false,
    }
}

#[test]
fn a_number_is_the_same_when_it_reads_so() {
    assert!(is_number(&Value::Real(-127_260_059_806_385.63), "-127260059806385.63"));
    assert!(!is_number(&Value::Real(9_007_199_254_740_992.0), "9007199254740993.0"));
}

/// Whether a column that is declared so may give back this for that.
fn is_same(declared: &str, sent: &str, stored: &Value) -> bool {
    let holds_numbers = ["INTEGER", "REAL", "DECIMAL"].contains(&declared);
    let parsed: Json = serde_json::from_str(sent).unwrap_or(Json::Null);
    match (sent.as_bytes()[0], stored) {
        (b'n', Value::Null) => true,
        (b't', Value::Text(text)) => declared == "TEXT" && text == "true",
        (b'f', Value::Text(text)) => declared == "TEXT" && text == "false",
        (b't', Value::Integer(1)) | (b'f', Value::Integer(0)) => declared != "TEXT",
        (b't', Value::Real(real)) => declared == "REAL" && *real == 1.0,
        (b'f', Value::Real(real)) => declared == "REAL" && *real == 0.0,
        (b'[' | b'{', Value::Text(text)) => !holds_numbers && text == sent,
        (b'"', Value::Text(text)) => !holds_numbers && parsed.as_str() == Some(text),
        (b'"', Value::Null) => holds_numbers && parsed.as_str() == Some(""),
        (b'"', number) => holds_numbers && is_number(number, parsed.as_str().unwrap_or_default()),
        (b'-' | b'0'..=b'9', Value::Text(text)) => (declared == "TEXT" || declared.is_empty()) && text == sent,
        (b'-' | b'0'..=b'9', number) => is_number(number, sent),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Fails when any value is changed on its way into a table, and nobody is told. (12)
    #[test]
    fn what_is_stored_is_what_was_sent(values in proptest::collection::vec(json(), 1..20), kind in 0..9_usize) {
        let existing = ["INTEGER", "REAL", "TEXT", "", "DECIMAL", "STRING", "ANY"];
        let given = [("INTEGER", ColumnType::Integer), ("REAL", ColumnType::Real), ("TEXT", ColumnType::Text), ("", ColumnType::Any)];
        let (database, columns) = match existing.get(kind) {
            Some(declared) => (Database::with(&format!("CREATE TABLE t (a {declared})")), vec![]),
            None => (Database::new(), if kind == 7 { vec![("a", given[values.len() % 4].1)] } else { vec![] }),
        };
        let sent: Vec<String> = values.iter().map(|value| format!("{{\"a\":{value}}}")).collect();
        let batch = records(&sent.iter().map(String::as_str).collect::<Vec<_>>());
        let rejected = database.write(&columns, IfExists::Append, &[batch]);
        prop_assert!(kind != 8 || rejected.is_empty(), "the first records always fit: {:?}", rejected);
        let refused: Vec<usize> = rejected.iter().map(|one| one.index).collect();
        let kept: Vec<&String> = values.iter().enumerate().filter(|(index, _)| !refused.contains(index)).map(|(_, value)| value).collect();
        if kept.is_empty() {
            return Ok(());
        }
        let declared = database.columns()[0].trim_start_matches("a").trim().to_owned();
        let stored = database.rows().concat();
        prop_assert_eq!(stored.len(), kept.len());
        for (value, stored) in kept.into_iter().zip(&stored) {
            prop_assert!(is_same(&declared, value, stored), "{} in {:?} became {:?}", value, declared, stored);
        }
    }
}
