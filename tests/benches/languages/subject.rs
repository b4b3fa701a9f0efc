//! What is measured: a stage for each language that has one in `tests/works/upper`, and a filter in C.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sandmill::build::{self, BuildOptions, Presence, Status};
use serde::Serialize;

/// The filter's name, which is not that of a language.
const FILTER: &str = "c-filter";
/// What the others are compared with.
pub(super) const BASELINE: &str = "rust";

/// One of them, built.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Subject {
    pub(super) name: String,
    #[serde(skip)]
    pub(super) component: PathBuf,
    pub(super) bytes: u64,
}

impl Subject {
    fn new(name: &str, component: PathBuf) -> Result<Self> {
        let bytes = fs::metadata(&component).with_context(|| component.display().to_string())?.len();
        Ok(Self { name: name.to_owned(), component, bytes })
    }

    /// Whether it is a program that knows nothing of Sandmill.
    pub(super) fn is_command(&self) -> bool {
        self.name == FILTER
    }

    pub(super) fn is_language(&self) -> bool {
        !self.is_command()
    }

    /// As tables show it.
    pub(super) fn words(&self) -> &str {
        if self.is_command() { "C filter, no SDK" } else { &self.name }
    }
}

/// Those that can be built here, the baseline first, and a line for each of the others.
pub(super) fn all(say: &dyn Fn(&str) -> Result<()>) -> Result<(Vec<Subject>, Vec<String>)> {
    let tools = build::tools()?;
    let (mut subjects, mut left_out) = (Vec::new(), Vec::new());
    for language in build::language_names() {
        let folder = folder_of(language);
        if !build::is_stage(&folder) {
            left_out.push(format!("{language}: it has no stage in tests/works/upper"));
        } else if is_missing(&tools, language) {
            left_out.push(format!("{language}: its compiler is not on this machine (sandmill toolchain install)"));
        } else {
            say(&format!("  {language}: building"))?;
            let options = BuildOptions { offline: true, ..BuildOptions::default() };
            subjects.push(Subject::new(language, build::build(&folder, &options, &mut |_line| {})?.component)?);
        }
    }
    match filter(&tools)? {
        Some(component) => subjects.push(Subject::new(FILTER, component)?),
        None => left_out.push(format!("{FILTER}: zig is not on this machine (sandmill toolchain install c)")),
    }
    ensure!(subjects.first().is_some_and(|first| first.name == BASELINE), "nothing to compare with");
    Ok((subjects, left_out))
}

fn folder_of(language: &str) -> PathBuf {
    if language == BASELINE { beside("../stages/upper") } else { beside("works/upper").join(language) }
}

fn is_missing(tools: &[Status], language: &str) -> bool {
    tools.iter().any(|tool| tool.language == language && tool.presence == Presence::Missing)
}

/// The filter, compiled as one compiles any program to WASI; nothing where there is no zig.
fn filter(tools: &[Status]) -> Result<Option<PathBuf>> {
    let Some(zig) = tools.iter().find(|tool| tool.tool == "zig").and_then(|tool| tool.program.as_ref()) else {
        return Ok(None);
    };
    let folder = beside("works/upper/filter");
    let output = folder.join("target/upper.wasm");
    fs::create_dir_all(folder.join("target"))?;
    let mut command = Command::new(zig);
    command.current_dir(&folder).args(["cc", "-target", "wasm32-wasi", "-O2", "-s", "-o"]).arg(&output).arg("upper.c");
    let done = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(Some(output))
}

fn beside(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}
