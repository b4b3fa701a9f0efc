//! Every shape of function that is a stage, through configuration, parsing, call and result.

use std::borrow::Cow;

use sandmill_stage::{Failure, Json, Keyed, Record, To, stage, trial};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Person<'a> {
    name: &'a str,
}

#[derive(Deserialize)]
struct Config {
    suffix: String,
}

const CONFIG: &str = r#"{"suffix": "!"}"#;

// `stage!` accepts each of them; one in a crate, when it is compiled to Wasm.
#[cfg(not(target_arch = "wasm32"))]
mod accepted {
    use super::*;

    stage!(borrowed_part);
    stage!(in_place_configured);
}

fn borrowed_part(line: &str) -> Option<&str> {
    line.split_once('=').map(|(_, value)| value)
}

fn from_config<'a>(line: &'a str, config: &'a Config) -> Cow<'a, str> {
    if line.is_empty() { Cow::Borrowed(&config.suffix) } else { Cow::Owned(format!("{line}{}", config.suffix)) }
}

fn in_place(value: &mut [u8]) {
    value.make_ascii_uppercase();
}

fn in_place_configured(value: &mut [u8], config: &Config) -> Result<(), Failure> {
    let suffix = config.suffix.as_bytes();
    let start = value.len().checked_sub(suffix.len()).ok_or("shorter than the suffix")?;
    value.split_at_mut(start).1.copy_from_slice(suffix);
    Ok(())
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn longer_than_one(value: &[u8]) -> bool {
    value.len() > 1
}

fn named(Json(person): Json<Person<'_>>) -> Keyed<String, Json<Person<'_>>> {
    Keyed(person.name.to_lowercase(), Json(person))
}

fn swapped(record: Record<'_>) -> Record<'_> {
    Record { key: record.value, value: record.key }
}

fn even_or_odd(line: &str) -> Result<To<Vec<u8>>, std::num::ParseIntError> {
    let number: u16 = line.parse()?;
    Ok(To(number % 2, line.into()))
}

fn busy(_: &[u8]) -> Result<(), Failure> {
    Err(Failure::new("busy").retryable())
}

fn keys(fates: &sandmill_stage::Fates) -> Vec<&str> {
    fates.outputs.iter().map(|output| std::str::from_utf8(&output.key).expect("a test's keys are text")).collect()
}

#[test]
fn results_borrow_from_the_record_and_from_the_configuration() {
    let fates = trial!(borrowed_part).unwrap().process(["a=1", "b", "c=3"]);
    assert_eq!(fates.texts(), ["1", "3"]);
    assert_eq!(fates.outputs[1].origin, Some(2));
    assert_eq!(trial!(from_config, CONFIG).unwrap().process(["", "hey"]).texts(), ["!", "hey!"]);
}

#[test]
fn an_output_keeps_the_key_of_its_record_unless_it_has_its_own() {
    let records = [("k", "a b"), ("", "c")];
    let fates = trial!(words).unwrap().process_keyed(records);
    assert_eq!((fates.texts(), keys(&fates)), (vec!["a", "b", "c"], vec!["k", "k", ""]));
    let fates = trial!(swapped).unwrap().process_keyed(records);
    assert_eq!((fates.texts(), keys(&fates)), (vec!["k", ""], vec!["a b", "c"]));
    let fates = trial!(longer_than_one).unwrap().process_keyed(records);
    assert_eq!((fates.texts(), keys(&fates)), (vec!["a b"], vec!["k"]));
    let fates = trial!(named).unwrap().process([r#"{"name":"Ada","age":3}"#]);
    assert_eq!((fates.texts(), keys(&fates)), (vec![r#"{"name":"Ada"}"#], vec!["ada"]));
}

#[test]
fn a_value_is_changed_in_place_and_keeps_its_key() {
    let fates = trial!(in_place).unwrap().process_keyed([("k", "a"), ("l", "b")]);
    assert_eq!((fates.texts(), keys(&fates)), (vec!["A", "B"], vec!["k", "l"]));
    let fates = trial!(in_place_configured, CONFIG).unwrap().process_keyed([("k", "ab"), ("l", ""), ("m", "c")]);
    assert_eq!((fates.texts(), keys(&fates)), (vec!["a!", "!"], vec!["k", "m"]));
    assert_eq!(fates.outputs[1].origin, Some(2));
    assert_eq!(fates.failure(1), Some("shorter than the suffix"));
}

#[test]
fn failures_name_their_record_and_leave_the_others_alone() {
    let fates = trial!(even_or_odd).unwrap().process(["1", "x", "2"]);
    assert_eq!(fates.texts(), ["1", "2"]);
    assert_eq!(fates.outputs.iter().map(|output| output.port).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(fates.failure(1), Some("invalid digit found in string"));
    let fates = trial!(borrowed_part).unwrap().process([b"a=1".as_slice(), b"\xff", b"c=3"]);
    assert_eq!(fates.texts(), ["1", "3"]);
    assert_eq!(fates.failure(1), Some("the record is not UTF-8: byte 0xff at offset 0 starts no character"));
    assert!(trial!(busy).unwrap().process(["a"]).failures[0].1.is_retryable());
}

#[test]
fn a_configuration_that_does_not_fit_or_that_nobody_reads_is_refused() {
    let refused = trial!(from_config, r#"{"suffix": 3}"#).unwrap_err();
    assert_eq!(refused.message(), "config.suffix: invalid type: integer `3`, expected a string");
    assert_eq!(trial!(from_config).unwrap_err().message(), "config: missing field `suffix`");
    assert!(trial!(words, CONFIG).unwrap_err().message().contains("takes no configuration"));
}

#[test]
fn a_batch_without_records_has_no_fates() {
    assert_eq!(trial!(words).unwrap().process(Vec::<&str>::new()), sandmill_stage::Fates::default());
    assert_eq!(trial!(in_place).unwrap().process(Vec::<&str>::new()), sandmill_stage::Fates::default());
}
