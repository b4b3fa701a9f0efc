//! The architecture's invariants that no lint can see: who may name what, and how large a file may grow.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// More than this, without its tests, and a file holds two nouns.
const LINES_MAX: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

/// The crates of the host, and those that each may name: all are above the ones they name.
const CRATES: [(&str, &[&str]); 6] = [
    ("engine", &[]),
    ("component", &["engine"]),
    ("connectors", &["engine"]),
    ("sandbox", &["engine", "component"]),
    ("build", &["engine", "component"]),
    ("", &["engine", "component", "connectors", "sandbox", "build"]),
];

/// The source files of the host, without their tests: by crate and path, as in `sandbox/egress/mod.rs`. Those of the crate
/// `sandmill` itself have no crate before them.
fn sources() -> Vec<(String, String)> {
    let host = root().join("host");
    let mut files = Vec::new();
    for (name, _) in CRATES {
        let base = host.join(name).join("src");
        let mut folders = vec![base.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let is_rust = path.extension().is_some_and(|extension| extension == "rs");
                let below = path.strip_prefix(&base).expect("below the base").display().to_string();
                if path.is_dir() {
                    folders.push(path);
                } else if is_rust && !below.contains("tests") && !below.contains("template") {
                    let text = fs::read_to_string(&path).expect("a file");
                    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
                    files.push((Path::new(name).join(below).display().to_string(), code));
                }
            }
        }
    }
    assert!(files.len() > 300, "the sources are not where they are looked for");
    files
}

fn offenders(of: impl Fn(&str, &str) -> bool) -> Vec<String> {
    sources().into_iter().filter(|(name, code)| of(name, code)).map(|(name, _)| name).collect()
}

/// Lines that are code, not comments.
fn code_lines(code: &str) -> impl Iterator<Item = &str> {
    code.lines().map(str::trim_start).filter(|line| !line.starts_with("//"))
}

/// Cargo refuses circles of crates, but not an arrow that nobody meant.
#[test]
fn no_crate_names_one_above_it() {
    for (name, may_name) in CRATES {
        let manifest = root().join("host").join(name).join("Cargo.toml");
        let manifest = fs::read_to_string(manifest).expect("a manifest");
        let named = CRATES.iter().map(|(other, _)| *other).filter(|other| !other.is_empty());
        let named: Vec<_> = named.filter(|other| manifest.contains(&format!("\nsandmill-{other}.workspace"))).collect();
        let not_meant: Vec<_> = named.iter().filter(|other| !may_name.contains(*other)).collect();
        assert!(not_meant.is_empty(), "the crate {name:?} names {not_meant:?}");
        assert!(named.len() == may_name.len(), "the crate {name:?} names {named:?}, and may name {may_name:?}");
    }
}

/// The modules at the top of a crate that each of them names.
fn arrows(of_crate: &str) -> BTreeMap<String, BTreeSet<String>> {
    let named = Regex::new(r"\bcrate::([a-z_]+)").expect("a pattern");
    let top = |path: &str| path.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, code) in sources() {
        let Some(path) = name.strip_prefix(of_crate).and_then(|path| path.strip_prefix('/')) else { continue };
        let from = top(path);
        if ["lib", "testing", "samples", "fuzzing"].contains(&from.as_str()) {
            continue;
        }
        let code = code_lines(&code).collect::<Vec<_>>().join("\n");
        let to = named.captures_iter(&code).map(|name| name[1].to_owned()).filter(|name| *name != from);
        arrows.entry(from.clone()).or_default().extend(to);
    }
    arrows
}

/// Nine modules were one circle (issue 14).
#[test]
fn the_modules_of_the_engine_form_no_circle() {
    let mut arrows = arrows("engine");
    assert!(arrows.len() > 15 && arrows["pipeline"].contains("pool"), "{arrows:?}");
    // Takes away what names nothing that is left, until nothing is left but circles.
    loop {
        let ground: Vec<String> = arrows.iter().filter(|(_, to)| to.is_empty()).map(|(from, _)| from.clone()).collect();
        if ground.is_empty() {
            break;
        }
        arrows.retain(|from, _| !ground.contains(from));
        arrows.values_mut().for_each(|to| to.retain(|name| !ground.contains(name)));
    }
    assert!(arrows.is_empty(), "these modules name each other: {arrows:#?}");
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
    // Completions (the subscriber's number), an edge's own thread (one chunk), and the lines that a compiler prints (64).
    const ALLOWED: [&str; 3] = ["engine/flow/completion.rs", "connectors/thread.rs", "build/process.rs"];
    let makes = |name: &str, code: &str| {
        !ALLOWED.contains(&name) && code_lines(code).any(|line| line.contains("mpsc::") || line.contains("broadcast::"))
    };
    assert_eq!(offenders(makes), [""; 0]);
}

/// A deadline on `tokio::time` is over when the process has been stopped and continues (issue 12).
#[test]
fn deadlines_and_stopwatches_count_the_time_in_which_the_process_ran() {
    // The clock itself; latency as somebody outside sees it; a picture drawn now and then; a timer that is looked at again.
    const ALLOWED: [&str; 4] =
        ["engine/time.rs", "engine/record/ticket.rs", "cli/commands/run.rs", "sandbox/egress/body.rs"];
    let counts =
        |name: &str, code: &str| !ALLOWED.contains(&name) && code_lines(code).any(|line| line.contains("tokio::time"));
    assert_eq!(offenders(counts), [""; 0], "use sandmill_engine::time");
}

#[test]
fn the_plan_does_no_input_or_output() {
    let reads = |name: &str, code: &str| {
        name.starts_with("engine/plan/")
            && code_lines(code).any(|line| line.contains("fs::") || line.contains("std::net"))
    };
    assert_eq!(offenders(reads), [""; 0]);
}

/// What steers a terminal is decided in one place, and what is shown of paths has passed it.
#[test]
fn text_of_others_is_made_fit_to_be_read_in_one_place() {
    // These refuse such text, or generate none.
    const OTHERS: [&str; 4] = [
        "engine/legible.rs",
        "connectors/sink/key.rs",
        "connectors/source/generate/mod.rs",
        "engine/plan/http_rule/path.rs",
    ];
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

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).expect(name)
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

/// Comments and rustdoc: the worst of these turns.
#[test]
fn comments_are_in_plain_english() {
    let not_plain = Regex::new(r"(?i)\b(is no|are no|so many|go(es|ing)? on|anew)\b").expect("a pattern");
    // These mean what they say.
    let plain = Regex::new(r"(?i)\b(there (is|are) no|(is|are) no (longer|more than))\b").expect("a pattern");
    let mut found = Vec::new();
    for (name, code) in sources() {
        for comment in code.lines().map(str::trim_start).filter(|line| line.starts_with("//")) {
            if not_plain.is_match(&plain.replace_all(comment, "")) {
                found.push(format!("{name}: {comment}"));
            }
        }
    }
    assert!(found.is_empty(), "say it plainly:\n{}", found.join("\n"));
}

#[test]
fn messages_are_in_plain_english() {
    let not_plain = Regex::new(&NOT_PLAIN.join("|")).expect("a pattern");
    let inserted = Regex::new(r"\{[^}]*\}").expect("a pattern");
    let mut found = Vec::new();
    for (name, code) in &sources() {
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

/// A map that names what has moved leads nowhere.
#[test]
fn every_module_that_the_map_and_the_decisions_name_is_there() {
    let named = Regex::new(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+)`").expect("a pattern");
    // What is not a module of the host.
    let elsewhere = ["guest-sdk/", "tests/", "docs/", "host/", "examples/", "stages/", "scripts/", "target/", "user/"];
    let modules: Vec<String> = sources()
        .into_iter()
        .map(|(name, _)| format!("/{}", name.trim_end_matches(".rs").trim_end_matches("/mod")))
        .chain(CRATES.iter().map(|(name, _)| format!("/{name}")))
        .collect();
    let is_there = |name: &str| {
        let (end, folder) = (format!("/{name}"), format!("/{name}/"));
        modules.iter().any(|module| module.ends_with(&end) || module.contains(&folder))
    };
    let mut pages = vec![root().join("host/ARCHITECTURE.md")];
    pages.extend(
        fs::read_dir(root().join("docs/decisions")).expect("a folder").map(|entry| entry.expect("a note").path()),
    );
    assert!(pages.len() > 60, "the decisions are not where they are looked for");
    let mut gone = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).expect("a page");
        for name in named.captures_iter(&text).map(|name| name[1].to_owned()) {
            if !elsewhere.iter().any(|start| name.starts_with(start)) && !is_there(&name) {
                gone.push(format!("{}: {name}", page.display()));
            }
        }
    }
    assert!(gone.is_empty(), "these are not there:\n{}", gone.join("\n"));
}
