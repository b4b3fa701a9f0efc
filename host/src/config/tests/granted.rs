//! `[stage.grant]` and `deterministic`.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::{component_source, good, read, refusal};
use crate::plan::{Clock, FolderGrant, Grants, HttpRule, Randomness, Reuse, StagePlan, Variable, VariableSource};
use crate::settings::Snippet;

/// A good file around some keys of its only stage; they begin on line 7.
fn file(keys: &str) -> String {
    format!(
        "name = 'p'\nsource = {{ kind = 'stdin' }}\nsink = {{ kind = 'null' }}\n[[stage]]\nname = 's'\n\
         component = 'x'\n{keys}\n"
    )
}

fn stage(keys: &str) -> StagePlan {
    good(&file(keys)).stages.remove(0)
}

fn grants(keys: &str) -> Grants {
    stage(&format!("[stage.grant]\n{keys}")).grants
}

fn folder(host: &str, guest: &str, write: bool) -> FolderGrant {
    FolderGrant { host: host.into(), guest: guest.into(), write }
}

fn variable(name: &str, value: VariableSource, secret: bool) -> Variable {
    Variable { name: name.into(), value, secret }
}

/// What is said about some keys of `[stage.grant]`, which begin on line 8: `line:column: message`, then the hints.
fn check(cases: &[(&str, &str)]) {
    for (keys, expected) in cases {
        assert_eq!(refusal(&file(&format!("[stage.grant]\n{keys}"))), *expected, "{keys}");
    }
}

#[test]
fn nothing_is_granted_unless_it_is_written_down() {
    assert_eq!(stage("").grants, Grants::default());
    assert_eq!(grants(""), Grants::default());
    assert!(!stage("").deterministic);
}

#[test]
fn every_key_of_a_grant_is_read() {
    let all = grants(
        r#"
        read = ["./geo//data/", "/abs/names", "../shared"]
        write = { "/out" = "results" }
        env = { TZ = "UTC", LANG = { env = "HOST_LANG" } }
        secret = { API_TOKEN = { env = "PROD_TOKEN" }, CERT = { file = "cert.pem" } }
        http = ["https://api.example.com"]
        clock = "2026-01-01T00:00:00Z"
        random = 7
        "#,
    );
    let folders = [
        folder("jobs/./geo//data/", "geo/data", false),
        folder("/abs/names", "names", false),
        folder("jobs/../shared", "shared", false),
        folder("jobs/results", "/out", true),
    ];
    assert_eq!(all.folders.as_deref(), Some(&folders[..]));
    let variables = [
        variable("TZ", VariableSource::Literal("UTC".into()), false),
        variable("LANG", VariableSource::Environment("HOST_LANG".into()), false),
        variable("API_TOKEN", VariableSource::Environment("PROD_TOKEN".into()), true),
        variable("CERT", VariableSource::File("jobs/cert.pem".into()), true),
    ];
    assert_eq!(all.variables.as_deref(), Some(&variables[..]));
    assert_eq!(all.http, Some(vec![HttpRule::parse("https://api.example.com").expect("a rule")]));
    assert_eq!(all.clock, Some(Clock::Fixed(UNIX_EPOCH + Duration::from_secs(1_767_225_600))));
    assert_eq!(all.random, Some(Randomness::Seed(7)));
}

#[test]
fn short_forms_say_the_same() {
    let short =
        grants("read = 'geo'\nenv = ['LANG']\nsecret = ['TOKEN']\nclock = 2026-01-01T00:00:00Z\nrandom = 'real'");
    assert_eq!(short.folders, Some(vec![folder("jobs/geo", "geo", false)]));
    let of_host = |name: &str, secret| variable(name, VariableSource::Environment(name.into()), secret);
    assert_eq!(short.variables, Some(vec![of_host("LANG", false), of_host("TOKEN", true)]));
    assert_eq!(short.clock, Some(Clock::Fixed(UNIX_EPOCH + Duration::from_secs(1_767_225_600))));
    assert_eq!(short.random, Some(Randomness::Real));
    assert_eq!(grants("clock = 'real'").clock, Some(Clock::Real));
    assert_eq!(grants("read = ['.']").folders, Some(vec![folder("jobs/.", ".", false)]));
    assert_eq!(stage("grant = { random = 1 }").grants.random, Some(Randomness::Seed(1)));
}

#[test]
fn an_empty_grant_is_a_grant() {
    let empty = grants("read = []\nenv = {}\nhttp = []");
    assert_eq!((empty.folders, empty.variables, empty.http), (Some(vec![]), Some(vec![]), Some(vec![])));
    assert_eq!((empty.clock, empty.random), (None, None));
}

#[test]
fn a_component_source_is_granted_things_too() {
    let plan = good(
        "name = 'p'\n[source]\nkind = 'component'\ncomponent = 'c'\ngrant = { env = ['A'] }\n[sink]\nkind = 'null'\n",
    );
    let source = component_source(&plan);
    assert_eq!(source.component, Path::new("jobs/c"));
    assert!(source.grants.variables.is_some());
}

#[test]
fn what_cannot_be_granted_is_refused_where_it_stands() {
    check(&[
        ("reed = ['a']", r#"8:1: unknown key "reed" in "grant" of stage "s" | did you mean "read"?"#),
        ("read = 7", r#"8:8: "read" of "grant" of stage "s": expected a string or an array of strings, found 7"#),
        (
            "read = ['..']",
            r#"8:9: "read" of "grant" of stage "s": this folder has no name by which the guest could call it | give it a name in a table: { "/data" = "…" }"#,
        ),
        (
            "env = { PORT = 80 }",
            r#"8:16: "PORT" of "env" of "grant" of stage "s": expected a string, or { env = "NAME" }, found 80 | the value of a variable is text: write it in quotes"#,
        ),
        (
            "env = { A = { envv = 'B' } }",
            r#"8:15: unknown key "envv" in "A" of "env" of "grant" of stage "s" | did you mean "env"?"#,
        ),
        (
            "env = { A = {} }",
            r#"8:13: "A" of "env" of "grant" of stage "s": expected { env = "NAME" } or { file = "path" }"#,
        ),
        (
            "clock = 'now'",
            r#"8:9: "clock" of "grant" of stage "s": expected "real" or an instant in UTC, such as "2026-01-01T00:00:00Z", found "now""#,
        ),
        (
            "random = 1.5",
            r#"8:10: "random" of "grant" of stage "s": expected "real" or a whole number, the seed, found 1.5"#,
        ),
    ]);
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let hint = r#"say where it is: { env = "NAME" } or { file = "/run/secrets/name" }"#;
    let what = r#""T" of "secret" of "grant" of stage "s": a secret does not belong in a pipeline file"#;
    check(&[("secret = { T = 'hunter2' }", &format!("8:16: {what} | {hint}"))]);
    let lone = refusal(&file("[stage.grant]\nsecret = 'hunter2'"));
    assert!(!lone.contains("hunter2") && lone.contains("names in an array, or a table"), "{lone}");
}

/// An error shows the line that it is about, and the line has the secret.
#[test]
fn no_error_about_a_secret_shows_its_line() {
    for (grant, shown) in [
        ("[stage.grant]\nsecret = { T = 'hunter2' }", "secret = …"),
        ("[stage.grant]\nsecret = 'hunter2'", "secret = …"),
        ("[stage.grant.secret]\nT = 'hunter2'", "…"),
        ("[stage.grant.secret]\nT = { value = 'hunter2' }", "…"),
        ("[stage.grant.secret]\nT = { env = 'A', file = 'hunter2' }", "…"),
        // A slip of the hand in the key, and what is not TOML at all.
        ("[stage.grant]\nsecrets = { T = 'hunter2' }", "secrets = …"),
        ("grant = { secret = { T = 'hunter2' }, raed = [] }", "…"),
        ("[stage.grant]\nsecret = { T = hunter2 }", "secret = …"),
        ("[stage.grant.secret]\nT = hunter2", "…"),
        ("[stage.grant.secret]\nT = 'hunter2", "…"),
    ] {
        let error = read(&file(grant)).map(|_| ()).expect_err(grant);
        let told = format!("{error} {:?} {:?}", error.causes(), error.hints());
        assert!(!told.contains("hunter2"), "{told}");
        let snippet = Snippet::of(&error).expect("every error shows its place").to_string();
        assert!(snippet.lines().next().expect("a line").ends_with(&format!("| {shown}")), "{snippet}");
    }
}

#[test]
fn what_is_granted_twice_is_refused() {
    check(&[
        (
            "read = ['geo/', 'geo']",
            r#"8:8: stage "s": two folders are called "geo" in the guest | "write" includes reading, so name each folder in one of the two only | a table gives folders other names: read = { "/geo" = "data/geo" }"#,
        ),
        (
            "env = ['A']\nsecret = ['A']",
            r#"9:10: stage "s": the variable "A" is granted twice | a secret is a variable too: name it in "env" or in "secret", not in both"#,
        ),
        ("env = { 'A=B' = 'x' }", r#"8:7: stage "s": a variable cannot have the name "A=B""#),
    ]);
}

#[test]
fn a_deterministic_stage_sees_one_record_per_instance() {
    assert_eq!(stage("deterministic = true").reuse, Reuse::Record);
    assert_eq!(stage("deterministic = true\nreuse = 'record'").reuse, Reuse::Record);
    assert_eq!(stage("deterministic = false").reuse, Reuse::Batch);
}

#[test]
fn what_is_at_odds_with_deterministic_is_refused_with_the_reason() {
    let cases = [
        (
            "reuse = 'batch'",
            r#"8:9: stage "s": it is deterministic, but an instance of it sees more than one record | batch boundaries depend on timing: leave "reuse" out, or write "record""#,
        ),
        (
            "order = 'none'",
            r#"8:9: stage "s": it is deterministic, but its outputs come in the order in which they are done | leave "order" out, or write "input""#,
        ),
        (
            "order = 'key'",
            r#"8:9: stage "s": it is deterministic, but its outputs of different keys come in the order in which they are done | leave "order" out, or write "input""#,
        ),
        (
            "grant.clock = 'real'",
            r#"8:15: stage "s": it is deterministic, but it sees the real time | grant it an instant: clock = "2026-01-01T00:00:00Z""#,
        ),
        (
            "grant.random = 'real'",
            r#"8:16: stage "s": it is deterministic, but its random numbers are real | grant it a seed: random = 1"#,
        ),
        (
            "grant.http = ['https://a.example']",
            r#"8:14: stage "s": it is deterministic, but it may send requests | an answer differs from run to run: fetch it in another stage"#,
        ),
        (
            "grant.write = ['out']",
            r#"8:15: stage "s": it is deterministic, but it may write files | another instance could read what one instance writes: write in another stage"#,
        ),
    ];
    for (keys, expected) in cases {
        assert_eq!(refusal(&file(&format!("deterministic = true\n{keys}"))), expected, "{keys}");
    }
    stage(
        "deterministic = true\ngrant = { read = ['a'], env = { A = '1' }, clock = 2026-01-01T00:00:00Z, random = 1 }",
    );
}
