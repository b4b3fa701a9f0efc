//! Each test is named after what it shows of the stage; the language itself is the engine's to test.

use super::*;
use sandmill_stage::trial;

fn config(script: &str) -> String {
    serde_json::json!({ "script": script }).to_string()
}

/// What the script makes of the records: outputs, and failures where there are any.
#[track_caller]
fn run(script: &str, records: &[&str]) -> Vec<String> {
    let fates = trial!(impl JavaScript, config(script)).unwrap().process(records);
    let failures = fates.failures.iter().map(|(at, failure)| format!("{at}: {}", failure.message()));
    fates.texts().into_iter().map(str::to_owned).chain(failures).collect()
}

fn refused(script: &str) -> String {
    trial!(impl JavaScript, config(script)).unwrap_err().into_message()
}

#[test]
fn a_function_changes_drops_multiplies_and_fails() {
    let script = r#"rec => {
        if (rec.n < 0) throw new Failure(`${rec.n} is negative`);
        if (rec.n === 0) return null;
        return Array.from({ length: rec.n }, (_, i) => ({ i, ...rec }));
    }"#;
    let records = [r#"{"n": 2, "name": "ü\n\u0001\""}"#, r#"{"n": 0}"#, r#"{"n": -1}"#];
    let expected =
        [r#"{"i":0,"n":2,"name":"ü\n\u0001\""}"#, r#"{"i":1,"n":2,"name":"ü\n\u0001\""}"#, "2: -1 is negative"];
    assert_eq!(run(script, &records), expected);
    assert_eq!(run("rec => rec.keep", &[r#"{ "keep": true }"#, r#"{"keep":false}"#]), [r#"{ "keep": true }"#]);
}

#[test]
fn a_script_is_an_expression_or_statements_or_a_module_or_an_object() {
    let scripts = [
        "x => x + 1",
        "x => x + 1;  // and so on",
        "const one = 1;\nx => x + one",
        "(function add(x) { return x + 1 })",
        "function (x) { return x + 1 }",
        "export default x => x + 1",
        "const one = 1;\nexport default function (x) { return x + one }",
        "{ process(x) { return x + 1 } }",
        "{ open() { return { one: 1 } }, process(x, state) { return x + state.one } }",
        "(x, out) => { out.emit(x + 1) }",
        "async x => x + 1",
        "async x => { await null; return x + 1 }",
    ];
    for script in scripts {
        assert_eq!(run(script, &["1"]), ["2"], "{script}");
    }
}

#[test]
fn numbers_are_exact_or_fail() {
    let exact = [
        "9007199254740992",
        "9007199254740993",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "0.1",
        "-0.0",
        "2147483648",
    ];
    for number in exact {
        assert_eq!(run("x => [[x]]", &[number]), [format!("[{number}]")]);
    }
    assert_eq!(run("x => x * 2n", &["9007199254740993"]), ["18014398509481986"]);
    assert_eq!(run("x => [x, 1/4, 1e300, 1e21]", &["1.0"]), ["1", "0.25", "1e300", "1e21"]);
    assert_eq!(run("x => 0/0", &["1"]), ["0: an output holds NaN, which is not a number of JSON"]);
    assert!(run("x => ({ a: [1/0] })", &["1"])[0].contains("not a number of JSON"));
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
        "// 1\n2",
        "{1:2}",
        "\"\t\"",
        "[1,]",
        "tru",
        "+1",
        "\u{feff}1",
        "nul",
        "\"\\x\"",
    ];
    for text in wrong {
        let fates = run("x => x", &[text, "1"]);
        assert_eq!(fates.first().map(String::as_str), Some("1"), "{text}");
        assert!(fates[1].starts_with("0: byte "), "{text}: {fates:?}");
    }
    assert!(run("x => '\\ud800'", &["1"])[0].contains("surrogate"));
    assert!(run("x => Symbol('s')", &["1"]).len() == 1);
}

#[test]
fn values_are_written_as_the_language_writes_them() {
    let script = r#"x => ({ date: new Date(0), none: undefined, call() {}, list: [undefined, () => 1], map: new Map([[1, 2]]),
        nested: { toJSON() { return "own" } }, "ü\"": null, "1": true })"#;
    let expected =
        r#"{"1":true,"date":"1970-01-01T00:00:00.000Z","list":[null,null],"map":{},"nested":"own","ü\"":null}"#;
    assert_eq!(run(script, &["1"]), [expected]);
    assert!(run("x => { const a = []; a.push(a); return { a } }", &["1"])[0].contains("holds itself"));
    assert_eq!(run(r#"x => new Uint8Array([104, 105])"#, &["1"]), ["hi"]);
}

#[test]
fn depth_has_a_bound_on_both_sides() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(run("x => [x]", &[&deep(512)]), [deep(512)]);
    assert!(run("x => x", &[&deep(513)])[0].contains("512 deep"));
    assert!(run("x => { const f = n => f(n + 1) + 1; return f(0) }", &["1"])[0].contains("call stack"));
}

#[test]
fn outputs_go_to_ports_and_have_keys() {
    let script = r#"(x, out) => {
        out.emit(x.a, { port: 1 });
        out.emit(out.key);
        return [new Keyed("k", x.b), new To(2, x.a), new To(3, new Keyed("l", 4)), 5];
    }"#;
    let mut stage = trial!(impl JavaScript, config(script)).unwrap();
    let fates = stage.process_keyed([("key", r#"{"a": "x", "b": 2}"#)]);
    let text = |bytes| str::from_utf8(bytes).unwrap();
    let seen: Vec<_> =
        fates.outputs.iter().map(|output| (output.port, text(&output.key), text(&output.value))).collect();
    let expected = [
        (1, "key", "\"x\""),
        (0, "key", "\"key\""),
        (0, "k", "2"),
        (2, "key", "\"x\""),
        (3, "l", "4"),
        (0, "key", "5"),
    ];
    assert_eq!(seen, expected);
    assert!(run("x => new To(-1, x)", &["1"])[0].contains("counted from 0"));
    assert!(run("x => new Keyed(1, x)", &["1"])[0].contains("is not a string"));
    assert_eq!(run("(x, out) => { out.emit(1); throw new Failure('no') }", &["1"]), ["0: no"]);
}

#[test]
fn state_lives_as_long_as_the_instance_and_is_given_at_its_end() {
    let script = r#"{
        open: ({ start }) => ({ count: start }),
        process(x, state) { state.count += x },
        flush(state, out) { out.emit("sum"); return [state.count, new Keyed("k", 1)] },
    }"#;
    let config = serde_json::json!({ "script": script, "arguments": { "start": 10 } }).to_string();
    let mut stage = trial!(impl JavaScript, config).unwrap();
    assert!(stage.process(["1", "2"]).outputs.is_empty());
    assert_eq!(stage.flush().unwrap().texts(), ["\"sum\"", "13", "1"]);
}

#[test]
fn texts_and_bytes_pass_as_they_are() {
    let text = r#"{"script": "line => line.toUpperCase() + config.end", "input": "text", "arguments": {"end": "!"}}"#;
    let fates = trial!(impl JavaScript, text).unwrap().process([&b"\xc3\xbc\"x"[..], b"\xff"]);
    assert_eq!(fates.texts(), ["Ü\"X!"]);
    assert!(fates.failure(1).unwrap().contains("not UTF-8"));
    let bytes = r#"{"script": "b => b.reverse()", "input": "bytes"}"#;
    let fates = trial!(impl JavaScript, bytes).unwrap().process([&b"\xff\x00a"[..]]);
    assert_eq!(fates.outputs[0].value, b"a\x00\xff");
}

#[test]
fn a_mistake_is_named_with_its_line_and_column() {
    let cases = [
        ("rec => rec +", "1:13: SyntaxError"),
        ("rec => {\n  return rec.a b\n}", "2:16: SyntaxError"),
        ("const a = 1;\nrec => a +* 2", "2:11: SyntaxError"),
        ("nothing", "1:1: ReferenceError: nothing is not defined"),
        ("1", "1:1: the script is not a function"),
        ("{ process: 1 }", "1:1: the script is not a function"),
        ("", "1:"),
        ("export default rec => rec.", "1:27: SyntaxError"),
    ];
    for (script, mistake) in cases {
        let said = refused(script);
        assert!(said.starts_with(mistake), "{script:?}: {said:?}");
    }
    let named = r#"{"script": "rec => +", "file": "x.js"}"#;
    assert!(trial!(impl JavaScript, named).unwrap_err().message().starts_with("x.js:1:"));
}

#[test]
fn an_exception_fails_its_record_with_message_and_place() {
    let script = "rec => {\n  const inner = r => r.a.b;\n  return inner(rec);\n}";
    let expected = "0: TypeError: cannot read property 'b' of undefined (script:2:22)";
    assert_eq!(run(script, &["{}", r#"{"a":{"b":1}}"#]), ["1", expected]);
    assert_eq!(run("x => { throw 'plain' }", &["1"]), ["0: plain was thrown"]);
    assert_eq!(run("async x => { throw new RangeError('r') }", &["1"]), ["0: RangeError: r (script:1:24)"]);
    assert_eq!(
        run("x => new Promise(() => {})", &["1"]),
        ["0: the promise waits for something that a stage does not have"]
    );
    let fates = trial!(impl JavaScript, config("x => { throw new Failure('busy', { retryable: true }) }"))
        .unwrap()
        .process(["1"]);
    assert!(fates.failures[0].1.is_retryable());
    assert_eq!(run("x => { try { x.a.b.c } catch (e) { return e instanceof TypeError } }", &["1"]), ["1"]);
}

#[test]
fn there_is_no_clock_and_no_chance() {
    for script in [
        "x => Date.now()",
        "x => new Date()",
        "x => Date()",
        "x => Math.random()",
        "x => new x.constructor.constructor('return new Date()')()",
    ] {
        let said = &run(script, &["1"])[0];
        assert!(said.contains("a stage has no"), "{script}: {said}");
    }
    assert_eq!(run("x => new Date(x).getUTCFullYear() + (new Date(0) instanceof Date ? 1 : 0)", &["0"]), ["1971"]);
    assert!(
        run("x => typeof fetch + typeof require + typeof setTimeout", &["1"])[0]
            .contains("undefinedundefinedundefined")
    );
}
