//! Each test is named after what it shows of the stage; the language itself is the libraries' to test.

use super::*;
use sandmill_stage::trial;

fn config(filter: &str) -> String {
    serde_json::json!({ "filter": filter }).to_string()
}

/// What the filter makes of the records: outputs, or failures where there are any.
#[track_caller]
fn run(filter: &str, records: &[&str]) -> Vec<String> {
    let fates = trial!(impl Jq, config(filter)).unwrap().process(records);
    let failures = fates.failures.iter().map(|(at, failure)| format!("{at}: {}", failure.message()));
    fates.texts().into_iter().map(str::to_owned).chain(failures).collect()
}

fn refused(filter: &str) -> String {
    trial!(impl Jq, config(filter)).unwrap_err().into_message()
}

#[test]
fn records_are_changed_dropped_multiplied_and_failed() {
    let filter =
        r#"if .n < 0 then error("\(.n) is negative") elif .n == 0 then empty else range(.n) as $i | {i: $i, name} end"#;
    let records = [r#"{"n": 2, "name": "ü\n"}"#, r#"{"n": 0}"#, r#"{"n": -1}"#];
    assert_eq!(run(filter, &records), [r#"{"i":0,"name":"ü\n"}"#, r#"{"i":1,"name":"ü\n"}"#, "2: -1 is negative"]);
}

#[test]
fn numbers_pass_unchanged_whatever_their_size() {
    for number in
        ["9007199254740993", "-18446744073709551616", "0.10000000000000000000000001", "1E5", "1.0", "-0", "2147483648"]
    {
        assert_eq!(run("[.]", &[number]), [format!("[{number}]")]);
    }
    assert_eq!(
        run(". + 1", &["9007199254740993", "123456789012345678901234567890"]),
        ["9007199254740994", "123456789012345678901234567891"]
    );
    assert_eq!(run("6 / 2, 1 / 4, 1e300, -0.5", &["0"]), ["3", "0.25", "1e300", "-0.5"]);
}

#[test]
fn what_is_not_json_fails_its_record_and_no_other() {
    let wrong = [
        "NaN",
        "1e400",
        "-Infinity",
        "01",
        "1.",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "{\"a\":1",
        "",
        "1 2",
        "# 1\n2",
        "{1:2}",
        "b\"x\"",
        "\"\t\"",
        "[1,]",
        "tru",
        "+1",
        "\u{feff}1",
        "nul",
        "\"\\x\"",
    ];
    for text in wrong {
        let fates = run(".", &[text, "1"]);
        assert_eq!(fates.first().map(String::as_str), Some("1"), "{text}");
        assert!(fates[1].starts_with("0: byte "), "{text}: {fates:?}");
    }
    assert!(run("nan, 1", &["0"])[0].contains("not a number of JSON"));
    assert!(run("1e308 * 10", &["0"])[0].contains("not a number of JSON"));
    assert!(run("[-255] | implode", &["0"])[0].contains("not UTF-8"));
}

#[test]
fn depth_has_a_bound_on_both_sides() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(run(".", &[&deep(512)]), [deep(512)]);
    assert!(run(".", &[&deep(513)])[0].contains("512 deep"));
    assert!(run("[.]", &[&deep(512)])[0].contains("512 deep"));
}

#[test]
fn outputs_go_to_ports_and_have_keys() {
    let mut stage =
        trial!(impl Jq, config("to(1; .a), .b, keyed(.a; $__key), to(2; \"k\"; [.b, .a][]), to(0; 9)")).unwrap();
    let fates = stage.process_keyed([("key", r#"{"a": "x", "b": 2}"#)]);
    let text = |bytes| str::from_utf8(bytes).unwrap();
    let seen = fates.outputs.iter().map(|output| (output.port, text(&output.key), text(&output.value)));
    let seen: Vec<_> = seen.collect();
    let expected =
        [(1, "key", "\"x\""), (0, "key", "2"), (0, "x", "\"key\""), (2, "k", "2"), (2, "k", "\"x\""), (0, "key", "9")];
    assert_eq!(seen, expected);
    assert!(run("to(-1; .)", &["1"])[0].contains("counted from 0"));
    assert!(run("keyed(1; .)", &["1"])[0].contains("is not a string"));
    assert_eq!(run("to(1; .), error(\"no\")", &["1"]), ["0: no"], "what a failed record has emitted is taken back");
}

#[test]
fn arguments_are_variables() {
    let config =
        r#"{"filter": "[$limit, $ARGS.named.name, $__key]", "arguments": {"limit": 9007199254740993, "name": "x"}}"#;
    let fates = trial!(impl Jq, config).unwrap().process(["0"]);
    assert_eq!(fates.texts(), [r#"[9007199254740993,"x",null]"#]);
}

#[test]
fn a_mistake_is_named_with_its_line_and_column() {
    let cases = [
        (".a |", "1:5: the filter ends where term is expected"),
        ("{a: 1", "1:1: this `{` is not closed"),
        (".a\n| foo(1)", "2:3: there is no function `foo` with 1 argument"),
        ("\"ü\" | $x", "1:7: there is no variable `$x`"),
        (". § 1", "1:3: `§` is not expected here, but token"),
        (".a)", "1:3: `)` is not expected here, but token"),
        ("if . then 1", "1:12: the filter ends where else or end is expected"),
        (
            "now",
            "1:1: `now` is not there: a stage has no clock: put the time into the record before it, or into `arguments`",
        ),
        ("$ENV.HOME", "1:1: `$ENV` is not there: a stage has no environment: pass values in `arguments`"),
        ("include \"x\"; .", "1:10: a filter that travels in a pipeline has no modules to import"),
        ("reduce . as $x (0)", "1:1: `reduce` takes 2 filters, not 1"),
    ];
    for (filter, mistake) in cases {
        assert_eq!(refused(filter), mistake, "{filter}");
    }
    let config = r#"{"filter": ".a |", "file": "x.jq"}"#;
    assert!(trial!(impl Jq, config).unwrap_err().message().starts_with("x.jq:1:5: "));
}

#[test]
fn what_reaches_outside_is_refused_before_the_first_record() {
    for filter in ["now", "env", "input", "inputs", "input_filename", "localtime", "halt", "halt_error(1)", "$ENV"] {
        assert!(refused(filter).contains("is not there"), "{filter}");
    }
}

#[test]
fn what_fails_says_what_jq_would_say() {
    assert_eq!(run("error", &[r#"{"a":1}"#]), [r#"0: {"a":1} (not a string)"#]);
    assert_eq!(run(".a.b", &[r#"{"a":1}"#]), [r#"0: cannot index 1 with "b""#]);
    assert_eq!(run("try error(\"x\") catch .", &["0"]), ["\"x\""]);
}

#[test]
fn the_library_is_there() {
    let cases = [
        (r#""a1b22" | [scan("[0-9]+")]"#, r#"["1","22"]"#),
        (r#""2015-03-05T23:51:47Z" | strptime("%Y-%m-%dT%H:%M:%SZ") | mktime"#, "1425599507"),
        (r#"4102444800 | todate"#, r#""2100-01-01T00:00:00Z""#),
        (r#""aXb" | sub("(?<x>X)"; "<\(.x)>")"#, r#""a<X>b""#),
        ("2 | pow(.; 10) | sqrt", "32"),
        (r#"[1, "a\"b", null, true] | @csv"#, r#""1,\"a\"\"b\",,true""#),
        (r#"["a\tb", 2] | @tsv"#, r#""a\\tb\t2""#),
        (r#""a b" | @uri, @base64, @html, @json, @sh"#, r#""a%20b""#),
        ("[{id: 1}] | INDEX(.id)", r#"{"1":{"id":1}}"#),
        ("2 | IN(1, 2)", "true"),
        ("[3, 1, 2] | sort, (group_by(. > 1) | length)", "[1,2,3]"),
        ("{a: {b: 1}} | [paths], [leaf_paths]", r#"[["a"],["a","b"]]"#),
        ("[limit(3; repeat(1))] | add", "3"),
        ("\"é\" | ascii_downcase, length, utf8bytelength, explode", "\"é\""),
        ("{b: {}} | .a += 1 | .b.c |= 2 | del(.a) | to_entries", r#"[{"key":"b","value":{"c":2}}]"#),
        ("[.[]?, 1] | @text", "\"[1]\""),
    ];
    for (filter, first) in cases {
        assert_eq!(run(filter, &["0"]).first().map(String::as_str), Some(first), "{filter}");
    }
}
