//! The architecture's invariants that no lint can see: who may name what, and how large a file may grow.

use std::fs;
use std::path::{Path, PathBuf};

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
    // Events (lossy, 1,024), completions (the subscriber's number), and an edge's own thread (one chunk).
    const ALLOWED: [&str; 3] = ["report/event.rs", "flow/completion.rs", "edge/thread.rs"];
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
