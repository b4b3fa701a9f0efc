//! The architecture's invariants that no lint can see: who may name what, and how large a file may grow.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// More than this, without its tests, and a file holds two nouns.
const LINES_MAX: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

/// The source files of the host, by their path below `host/src`, without their tests.
fn sources() -> Vec<(String, String)> {
    let base = root().join("host/src");
    let mut files = Vec::new();
    let mut folders = vec![base.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            let name = path.strip_prefix(&base).expect("below the base").display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if is_rust && !name.contains("tests") && !name.contains("template") {
                let text = fs::read_to_string(&path).expect("a file");
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
                files.push((name, code));
            }
        }
    }
    assert!(files.len() > 50, "the sources are not where they are looked for");
    files
}

fn offenders(of: impl Fn(&str, &str) -> bool) -> Vec<String> {
    sources().into_iter().filter(|(name, code)| of(name, code)).map(|(name, _)| name).collect()
}

/// Lines that are code, not comments.
fn code_lines(code: &str) -> impl Iterator<Item = &str> {
    code.lines().map(str::trim_start).filter(|line| !line.starts_with("//"))
}

#[test]
fn only_the_sandbox_names_wasmtime() {
    let named = |name: &str, code: &str| {
        !name.starts_with("sandbox/") && code_lines(code).any(|line| line.contains("wasmtime::"))
    };
    assert_eq!(offenders(named), [""; 0]);
}

#[test]
fn only_the_queue_and_the_named_control_channels_make_channels() {
    // Events (lossy, 1,024), completions (the subscriber's number), an edge's own thread (one chunk), and the lines that a
    // compiler prints (64).
    const ALLOWED: [&str; 4] = ["report/event.rs", "flow/completion.rs", "edge/thread.rs", "build/process.rs"];
    let makes = |name: &str, code: &str| {
        !ALLOWED.contains(&name) && code_lines(code).any(|line| line.contains("mpsc::") || line.contains("broadcast::"))
    };
    assert_eq!(offenders(makes), [""; 0]);
}

/// A deadline on `tokio::time` is over when the process has been stopped and continues (issue 12).
#[test]
fn deadlines_and_stopwatches_count_the_time_in_which_the_process_ran() {
    // The clock itself; latency as somebody outside sees it; a picture drawn now and then; a timer that is looked at again.
    const ALLOWED: [&str; 4] = ["time.rs", "record/ticket.rs", "cli/commands/run.rs", "sandbox/egress/body.rs"];
    let counts =
        |name: &str, code: &str| !ALLOWED.contains(&name) && code_lines(code).any(|line| line.contains("tokio::time"));
    assert_eq!(offenders(counts), [""; 0], "use crate::time");
}

#[test]
fn the_plan_does_no_input_or_output() {
    let reads = |name: &str, code: &str| {
        name.starts_with("plan/") && code_lines(code).any(|line| line.contains("fs::") || line.contains("std::net"))
    };
    assert_eq!(offenders(reads), [""; 0]);
}

/// What steers a terminal is decided in one place, and what is shown of paths has passed it.
#[test]
fn text_of_others_is_made_fit_to_be_read_in_one_place() {
    // These refuse such text, or generate none.
    const OTHERS: [&str; 4] =
        ["legible.rs", "edge/sink/key.rs", "edge/source/generate/mod.rs", "plan/http_rule/path.rs"];
    let decides =
        |name: &str, code: &str| !OTHERS.contains(&name) && code_lines(code).any(|line| line.contains("is_control"));
    assert_eq!(offenders(decides), [""; 0]);
    let shows_a_path = |name: &str, code: &str| {
        name.starts_with("cli/render/")
            && code_lines(code).any(|line| line.contains(".display()") && !line.contains("one_line("))
    };
    assert_eq!(offenders(shows_a_path), [""; 0]);
    // Errors have lines of their own, and their writers see to the rest.
    let keeps_lines = |name: &str, code: &str| {
        name.starts_with("cli/")
            && name != "cli/render/problem.rs"
            && code_lines(code).any(|line| line.contains("harmless("))
    };
    assert_eq!(offenders(keeps_lines), [""; 0]);
}

#[test]
fn every_file_says_what_it_owns_and_stays_small() {
    let silent = |_: &str, code: &str| !(code.starts_with("//!") || code.starts_with("#![doc"));
    assert_eq!(offenders(silent), [""; 0]);
    let large = |_: &str, code: &str| code.lines().count() > LINES_MAX;
    assert_eq!(offenders(large), [""; 0]);
}

/// The words in quotes of every list of keys in the sources.
fn keys_of_the_pipeline_file() -> BTreeSet<String> {
    let list = Regex::new(
        r#"(?s)(?:refuse_unknown\(|part\("[a-z_]+", |keys: |(?:KEYS|COMMON|LIMITS): &\[&str\] =)\s*&\[(.*?)\]"#,
    );
    let (list, word) = (list.expect("a pattern"), Regex::new(r#""([a-z_]+)""#).expect("a pattern"));
    let files = sources().into_iter().filter(|(name, _)| name.starts_with("config/"));
    let found = |text: &str| -> Vec<String> {
        let lists = list.captures_iter(text).map(|list| list[1].to_owned()).collect::<Vec<_>>().join(",");
        word.captures_iter(&lists).map(|word| word[1].to_owned()).collect()
    };
    files.flat_map(|(_, text)| found(&text)).collect()
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).expect(name)
}

/// `ports`, `record_max` and `delimiter` were in no document (issue 12).
#[test]
fn every_key_of_the_pipeline_file_is_documented() {
    let keys = keys_of_the_pipeline_file();
    assert!(keys.len() > 60 && keys.contains("record_max") && keys.contains("linger"), "{keys:?}");
    let page = page("pipeline-file.md");
    let missing: Vec<_> = keys.iter().filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/pipeline-file.md does not name {missing:?}");
}

#[test]
fn every_variable_is_documented() {
    let name = Regex::new("SANDMILL_[A-Z_]*[A-Z]").expect("a pattern");
    let of_the_build = fs::read_to_string(root().join("host/build.rs")).expect("a file");
    let named: BTreeSet<String> = sources()
        .into_iter()
        .map(|(_, text)| text)
        .chain([of_the_build])
        .flat_map(|text| name.find_iter(&text).map(|name| name.as_str().to_owned()).collect::<Vec<_>>())
        // A macro of the SDK for C++.
        .filter(|name| name != "SANDMILL_STAGE")
        .collect();
    assert!(named.contains("SANDMILL_CACHE"), "{named:?}");
    let page = page("environment.md");
    let missing: Vec<_> = named.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/environment.md does not name {missing:?}");
    let gone: Vec<_> = name.find_iter(&page).map(|name| name.as_str()).filter(|name| !named.contains(*name)).collect();
    assert!(gone.is_empty(), "docs/environment.md names {gone:?}, which nothing reads");
}

/// Turns of phrase that are translated, or mean two things. What a person reads has others (issue 12).
const NOT_PLAIN: [&str; 13] = [
    r"\bis no\b",
    r"\bare no\b",
    r"\bso many\b",
    r"\banew\b",
    r"\bgo(es|ing)? on\b",
    r"\bsets? aside\b",
    r"\bthr(ow|ows|own) (it |them )?away\b",
    r"\b(was|were) cut\b",
    r"\bbehind\b",
    r"\bdefects?\b",
    r"\bstruck out\b",
    r"\bgive[ns]? up\b",
    r"\bcomes? to (its|an) end\b",
];

/// The texts of a file: its string literals, and of the command line also the comments that become help texts.
fn texts(name: &str, code: &str) -> Vec<String> {
    const HELP: [&str; 3] = ["cli/args.rs", "cli/documents.rs", "cli/progress/screen.rs"];
    let help = code.lines().map(str::trim_start).filter_map(|line| line.strip_prefix("///"));
    let help: Vec<String> = if HELP.contains(&name) { help.map(str::to_owned).collect() } else { Vec::new() };
    // Without literals of one quote, which would turn text into code and code into text.
    let code = code_lines(code).collect::<Vec<_>>().join("\n").replace("'\"'", "").replace("b'\"'", "");
    let literal = Regex::new(r#"(?s)"((?:[^"\\]|\\.)*)""#).expect("a pattern");
    let broken = Regex::new(r"\\\n\s*").expect("a pattern");
    let literals = literal.captures_iter(&code).map(|text| broken.replace_all(&text[1], "").into_owned());
    help.into_iter().chain(literals).collect()
}

#[test]
fn messages_are_in_plain_english() {
    let not_plain = Regex::new(&NOT_PLAIN.join("|")).expect("a pattern");
    let inserted = Regex::new(r"\{[^}]*\}").expect("a pattern");
    let mut found = Vec::new();
    // The words of `build` are mended on their own.
    for (name, code) in sources().iter().filter(|(name, _)| !name.starts_with("build/")) {
        for text in texts(name, code) {
            let plain = inserted.replace_all(&text, "").replace("there is no", "").replace("there are no", "");
            if let Some(turn) = not_plain.find(&plain) {
                found.push(format!("{name}: {:?} in {text:?}", turn.as_str()));
            }
        }
    }
    assert!(found.is_empty(), "say it plainly:\n{}", found.join("\n"));
    assert!(not_plain.is_match("\"x\" is no component") && not_plain.is_match("the run goes on"));
}
