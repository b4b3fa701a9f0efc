use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::{good, read, refusal};
use crate::config::load;
use crate::error::Error;
use crate::plan::{Code, StagePlan};
use crate::settings::Snippet;

/// A file around some keys of its only stage, which begin on line 6.
fn file(keys: &str) -> String {
    format!("name = 'p'\nsource = {{ kind = 'stdin' }}\nsink = {{ kind = 'null' }}\n[[stage]]\nname = 's'\n{keys}\n")
}

fn stage(keys: &str) -> StagePlan {
    good(&file(keys)).stages.remove(0)
}

fn component(stage: &StagePlan) -> &Path {
    match &stage.code {
        Code::Component(path) => path,
        Code::Native(_) => panic!("not a component"),
    }
}

fn config(stage: &StagePlan) -> Json {
    serde_json::from_str(&stage.config).unwrap()
}

/// The error for a mistake that the stage finds at a place of its script.
fn mistake(stage: &StagePlan, said: &str) -> Error {
    stage.script.as_ref().unwrap().mistake(said).unwrap()
}

#[test]
fn a_line_of_jq_or_javascript_is_a_stage() {
    let jq = stage("jq = '.a'\nconfig = { limit = 9007199254740993 }");
    assert_eq!(component(&jq), Path::new("std:jq"));
    assert_eq!(config(&jq), json!({ "arguments": { "limit": 9_007_199_254_740_993_u64 }, "filter": ".a" }));
    let script = stage("language = 'javascript'\nscript = { code = 'x => x', input = 'text' }");
    assert_eq!(component(&script), Path::new("std:script-javascript"));
    assert_eq!(config(&script), json!({ "arguments": {}, "input": "text", "script": "x => x" }));
    let python = stage("language = 'python'\nscript = { code = 'lambda r: r', input = 'bytes' }");
    assert_eq!(component(&python), Path::new("std:script-python"));
    assert_eq!(config(&python), json!({ "arguments": {}, "input": "bytes", "script": "lambda r: r" }));
    assert_eq!(component(&stage("component = 'std:count-by'")), Path::new("std:count-by"));
}

#[test]
fn a_script_in_a_file_of_its_own_is_read_from_beside_the_pipeline_file() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = folder.path().join("pipeline.toml");
    fs::write(&pipeline, file("jq = { file = 'x.jq' }")).unwrap();
    assert!(load(&pipeline).unwrap_err().to_string().contains("cannot be read"));
    fs::write(folder.path().join("x.jq"), "# first\n.a | ü(\n").unwrap();
    let stage = load(&pipeline).unwrap().stages.remove(0);
    assert_eq!(config(&stage)["file"], "x.jq");
    let error = mistake(&stage, "x.jq:2:6: wrong");
    assert_eq!(error.to_string(), format!("{}:2:6: stage \"s\": wrong", folder.path().join("x.jq").display()));
    assert_eq!(error.causes(), ["2 | .a | ü(\n  |      ^"]);
}

#[test]
fn a_mistake_is_shown_where_the_script_stands_in_the_pipeline_file() {
    let place = |keys: &str, said: &str| {
        let error = mistake(&stage(keys), said);
        let snippet = Snippet::of(&error).unwrap().clone();
        (snippet.line(), snippet.column(), error.causes().remove(0))
    };
    assert_eq!(place("jq = '.a |'", "1:5: no"), (6, 11, "6 | jq = '.a |'\n  |           ^".to_owned()));
    assert_eq!(place("jq = '.a |'", "1:1: no").1, 7);
    let long = "script = '''\nx => {\n  return +;\n}'''";
    assert_eq!(place(long, "2:11: no"), (8, 11, "8 |   return +;\n  |           ^".to_owned()));
    assert_eq!(place("jq = \"\\\"a\\\" | b\"", "1:7: no").1, 15);
    assert_eq!(place("script = { code = 'x =>' }", "1:5: no").1, 24);
}

#[test]
fn a_stage_runs_one_thing() {
    let refused = |keys: &str, expected: &str| {
        let said = refusal(&file(keys));
        assert!(said.contains(expected), "{said}");
    };
    refused("jq = '.'\nscript = 'x => x'", "7:10: \"script\" of stage \"s\": a stage has one of");
    refused("component = 'x'\njq = '.'", "7:6: ");
    refused("", "missing key \"component\"");
    refused("jq = '.'\ncommand = {}", "is only for a \"component\" that is a program");
    refused("component = 'x'\nlanguage = 'javascript'", "is only for a stage that has a \"script\"");
    refused("script = 'x'\nlanguage = 'javscript'", "did you mean \"javascript\"?");
    refused("jq = ''", "must not be empty");
    refused("jq = { fil = 'x' }", "did you mean \"file\"?");
    refused("script = { file = 'x', code = 'y' }", "write the script here or name a file, not both");
    refused("component = 'std:parse-acces-log'", "did you mean \"parse-access-log\"?");
    assert!(read(&file("jq = 1")).is_err());
}

#[test]
fn a_script_without_an_end_is_not_warned_of_partial_results() {
    assert!(stage("script = 'x => x'").partial);
    assert!(!stage("script = '{ process(x) {}, flush() { return 1 } }'").partial);
    assert!(!stage("component = 'std:count-by'").partial);
}
