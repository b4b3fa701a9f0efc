//! The two ways to run a filter give the same.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sandmill_stage::{Record, Stage, trial};

use super::*;
use crate::filter::Filter;
use crate::{Config, Jq};

/// The filter, run by the interpreter whatever it is.
struct Interpreted(Filter);

impl Stage for Interpreted {
    type Config = Config;

    fn open(config: Config) -> Result<Self, Failure> {
        let filter = Filter::compile(&config.filter, &config.arguments);
        Ok(Self(filter.map_err(|mistake| Failure::new(mistake.to_string()))?))
    }

    fn process(&mut self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        self.0.interpret(str::from_utf8(record.value).unwrap(), record.key, out)
    }
}

/// Outputs and failures of each record, by `$stage`.
macro_rules! fates {
    ($stage:ident, $filter:expr, $records:expr) => {{
        let config = serde_json::json!({ "filter": $filter, "arguments": { "limit": 3, "word": "b" } }).to_string();
        let mut stage = trial!(impl $stage, config).unwrap();
        let fates = stage.process_keyed($records.iter().map(|record| ("k", record.as_str())));
        let mut seen = String::new();
        for output in &fates.outputs {
            let [key, value] = [&output.key, &output.value].map(|text| String::from_utf8_lossy(text));
            writeln!(seen, "{:?}, {key} to {}: {value}", output.origin, output.port).unwrap();
        }
        for (at, failure) in &fates.failures {
            writeln!(seen, "{at} failed: {}", failure.message()).unwrap();
        }
        seen
    }};
}

#[track_caller]
fn is_planned(filter: &str) -> bool {
    Direct::plan(filter, &Map::from_iter([("limit".to_owned(), 3.into()), ("word".to_owned(), "b".into())])).is_some()
}

fn number() -> impl Strategy<Value = String> {
    let odd: &'static [&'static str] = &[
        "0",
        "-0",
        "1",
        "-1",
        "2",
        "3",
        "1.0",
        "1.50",
        "-0.0",
        "1e2",
        "1E-2",
        "2147483647",
        "2147483648",
        "-2147483649",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "123456789012345678901234567890",
        "0.1",
        "1e308",
        "1e400",
        "01",
        "1.",
    ];
    prop_oneof![4 => (-9_i64..99).prop_map(|number| number.to_string()), 2 => select(odd).prop_map(str::to_owned)]
}

fn string() -> impl Strategy<Value = String> {
    let parts: &'static [&'static str] = &[
        "a",
        "b",
        "é",
        "Z",
        "x y",
        "\\n",
        "\\\"",
        "\\\\",
        "\\u0041",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\ud800",
        "\\/",
        "\u{7f}",
        "longer than sixteen bytes, and without anything special",
    ];
    let part = prop_oneof![6 => select(&parts[..5]), 1 => select(parts)];
    vec(part, 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![30 => Just(""), 1 => Just(" "), 1 => Just("\t\n")]
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![3 => number(), 3 => string(), 2 => select(&["null", "true", "false", "[]", "{}"][..]).prop_map(str::to_owned)];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec((space(), inner.clone()), 0..4).prop_map(|values| {
                let values: Vec<_> = values.iter().map(|(space, value)| format!("{space}{value}")).collect();
                format!("[{}]", values.join(","))
            }),
            object(inner),
        ]
    })
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let names: &'static [&'static str] = &["a", "b", "n", "d", "é", "a b"];
    let odd: &'static [&'static str] = &["\\u0061", "a", "\u{7f}", "a\\\"b"];
    let name = prop_oneof![40 => select(names), 1 => select(odd)];
    vec((name, space(), value, space()), 0..6).prop_map(|members| {
        let mut seen = Vec::new();
        let mut text = String::new();
        for (index, (name, before, value, after)) in members.into_iter().enumerate() {
            // A name twice is rare, but there is.
            if seen.contains(&name) && index % 4 != 3 {
                continue;
            }
            let comma = if seen.is_empty() { "" } else { "," };
            seen.push(name);
            write!(text, "{comma}{before}\"{name}\"{after}:{before}{value}{after}").unwrap();
        }
        format!("{{{text}}}")
    })
}

fn record() -> impl Strategy<Value = String> {
    let odd: &'static [&'static str] =
        &["", "1", "[1,2]", "{", "{\"a\":1}x", "{\"a\":1,}", " {\"a\" : 1 } ", "null", "{\"a\":01}"];
    prop_oneof![20 => object(value()), 1 => select(odd).prop_map(str::to_owned), 1 => value()]
}

/// The records of which no filter makes a text that no memory holds, by repeating it as often as a number says: that ends
/// an instance, and would end the test.
fn to_repeat(filter: &str, mut records: Vec<String>) -> Vec<String> {
    if filter.contains(" * ") {
        records.retain(|record| record.split(|letter: char| !letter.is_ascii_digit()).all(|digits| digits.len() < 5));
    }
    records
}

/// Filters without parts.
const LEAVES: &[&str] = &[
    ".",
    ".a",
    ".b",
    ".n",
    ".d",
    ".\"é\"",
    ".[\"a b\"]",
    ".a?",
    ".d.a",
    ".d.b?",
    ".[0]",
    ".[1]?",
    ".[]",
    ".[]?",
    ".d[]",
    "1",
    "0",
    "2.5",
    "-1",
    "\"b\"",
    "\"\"",
    "null",
    "true",
    "false",
    "empty",
    "error",
    "not",
    "length",
    "ascii_upcase",
    "ascii_downcase",
    "tostring",
    "$limit",
    "$word",
    "$__key",
    "startswith(\"a\")",
    "endswith(\"b\")",
    "has(\"a\")",
    "has(0)",
    "keys",
    "tojson",
    "floor",
    "add",
    "split(\"x\")",
    "test(\"a\")",
    "[]",
    "{}",
    "{a}",
    "{b, d}",
    "\"n\\\"\\u00e9\"",
    "{$limit}",
    "type",
    "to_entries",
    "first",
    "ltrimstr(\"a\")",
    "1e1000",
    "nan",
];

fn filter() -> impl Strategy<Value = String> {
    let leaf = select(LEAVES).prop_map(str::to_owned);
    let operators: &'static [&'static str] =
        &["|", ",", "//", "and", "or", "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "as $x |"];
    leaf.prop_recursive(4, 24, 3, move |inner| {
        let two = (inner.clone(), inner.clone());
        let three = (inner.clone(), inner.clone(), inner.clone());
        prop_oneof![
            6 => (inner.clone(), select(operators), inner.clone()).prop_map(|(left, operator, right)| {
                if operator == "as $x |" {
                    format!("(({left}) as $x | [$x, {right}])")
                } else {
                    format!("(({left}) {operator} ({right}))")
                }
            }),
            2 => inner.clone().prop_map(|one| format!("select({one})")),
            1 => inner.clone().prop_map(|one| format!("map({one})")),
            1 => inner.clone().prop_map(|one| format!("error({one})")),
            1 => inner.clone().prop_map(|one| format!("-({one})")),
            1 => inner.clone().prop_map(|one| format!("[{one}]")),
            1 => inner.clone().prop_map(|one| format!("({one})?")),
            1 => inner.clone().prop_map(|one| format!("({one}).a")),
            1 => inner.clone().prop_map(|one| format!("({one})[]?")),
            1 => inner.clone().prop_map(|one| format!("\"<\\({one})>\"")),
            1 => two.clone().prop_map(|(one, two)| format!("\"\\({one})é\\({two})\"")),
            1 => two.clone().prop_map(|(one, two)| format!("try ({one}) catch ({two})")),
            2 => two.clone().prop_map(|(one, two)| format!("{{a: ({one}), \"b c\": ({two})}}")),
            1 => two.prop_map(|(one, two)| format!("if {one} then {two} end")),
            1 => three.prop_map(|(one, two, three)| format!("if {one} then {two} elif {three} then {one} else {two} end")),
        ]
    })
}

/// A filter that may emit to other ports and with other keys.
fn sending_filter() -> impl Strategy<Value = String> {
    let arguments: &'static [&'static str] =
        &["0", "1", "-1", "70000", "\"k\"", "\"\"", ".a", "(.b | tostring)", ".b.c", "null", "{}", "$__key", "$word"];
    let sent = (select(arguments), select(arguments), filter()).prop_flat_map(|(one, two, filter)| {
        select(vec![
            format!("to({one}; {filter})"),
            format!("keyed({two}; {filter})"),
            format!("to({one}; {two}; {filter})"),
        ])
    });
    sent.prop_recursive(2, 8, 2, move |inner| {
        prop_oneof![
            (filter(), inner.clone()).prop_map(|(one, two)| format!("({one}) | {two}")),
            (filter(), inner.clone()).prop_map(|(one, two)| format!("({one}) as $y | ({two})")),
            (filter(), inner.clone()).prop_map(|(one, two)| format!("{one}, ({two})")),
            (inner.clone(), filter()).prop_map(|(one, two)| format!("({one}), {two}")),
            (select(arguments), inner.clone()).prop_map(|(one, two)| format!("keyed({one}; {two})")),
            (filter(), inner.clone(), filter()).prop_map(|(one, two, three)| {
                format!("if {one} then {two} elif {three} then {two} else {three} end")
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_filter_gives_what_the_interpreter_gives(filter in filter(), records in vec(record(), 1..6)) {
        prop_assert!(is_planned(&filter), "{}", filter);
        let records = to_repeat(&filter, records);
        prop_assert_eq!(fates!(Jq, filter, records), fates!(Interpreted, filter, records), "{}", filter);
    }

    #[test]
    fn a_filter_that_emits_elsewhere_gives_what_the_interpreter_gives(
        filter in sending_filter(), records in vec(record(), 1..6)
    ) {
        prop_assert!(is_planned(&filter), "{}", filter);
        let records = to_repeat(&filter, records);
        prop_assert_eq!(fates!(Jq, filter, records), fates!(Interpreted, filter, records), "{}", filter);
    }
}

#[test]
fn what_the_filter_says_counts_before_what_is_not_json() {
    let records = [r#"{"a":1,"b":"x"}"#.to_owned()];
    for filter in ["{a: nan, b: error(\"x\")}", "{a: {b: nan, c: 1e999}, d: error(\"x\")}", "{a: nan, b: -(1e999)}"] {
        let fate = fates!(Jq, filter, records);
        assert_eq!(fate, fates!(Interpreted, filter, records), "{filter}");
        assert_eq!(fate.contains("failed: x"), filter.contains("error"), "{fate}");
    }
}

#[test]
fn a_record_that_is_unlike_the_last_is_read_all_the_same() {
    let records = [
        r#"{"a":1,"b":"x"}"#,
        r#"{"b":"y","a":2}"#,
        r#"{"a":3}"#,
        r#"{"a":3,"c":"#,
        r#"{"a":3,"c":4,"b":5}"#,
        r#"{"a":4,"b":"z","a":5}"#,
        r#"{"a":6,"b":"z","c":5}"#,
        r#"{}"#,
        r#"{"a":7,"b":"z","a":5}"#,
        r#"{"a":8,"b":"z","a":5}"#,
    ]
    .map(str::to_owned);
    for filter in [".a, .b", ".", "{b, a, c}", "length", "has(\"b\")", "[.[]]"] {
        assert_eq!(fates!(Jq, filter, records), fates!(Interpreted, filter, records), "{filter}");
    }
}

#[test]
fn what_is_written_as_it_is_has_no_bound_of_its_own() {
    let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let records = [510, 511, 512].map(deep);
    for filter in [".", ".a", "[.]", "{b: .a}", "[[.a]]"] {
        assert_eq!(fates!(Jq, filter, records), fates!(Interpreted, filter, records), "{filter}");
    }
}

#[test]
fn what_people_write_for_records_is_planned() {
    for filter in [
        "select(.n % 5 != 0) | {a: .a, b: (.b|ascii_upcase)}",
        "select(.status >= 500) | {ip, path}",
        ". as $r | {id, total: (.price * .count), text: \"\\(.a)-\\($r.b)\"}",
        "if .level == \"error\" then . else empty end",
        "select(.path | test(\"^/api\")) | .tags[]",
        ".items | map(select(.x > $limit)) | length",
        "select((.a // 0) > 1 and (.b | startswith(\"x\") | not))",
        "select(.ok) | keyed(.user; {id, total})",
        ".level as $level | if $level == \"error\" then to(1; .), to(2; .id; .) else . end",
    ] {
        assert!(is_planned(filter), "{filter}");
    }
    for filter in [
        "[to(1; .)]",
        "keyed(.a, .b; .)",
        ".a |= 1",
        "reduce .[] as $x (0; . + $x)",
        "debug",
        "def f: 1; f",
        "{(.a): 1}",
    ] {
        assert!(!is_planned(filter), "{filter}");
    }
}
