//! Fuzzing: what must hold whatever the bytes are. One function for each target: libFuzzer calls it for as long as
//! somebody waits (`make fuzz`), and the tests call it with all seeds and with some thousand mutations of them.
//!
//! A target panics when a promise is broken. The seeds of a target, and the findings that were mended, lie in
//! `fuzz/seeds/<target>`; each file is one input.

#![expect(clippy::panic, reason = "a panic is how a target says that a promise is broken")]

mod answer;
mod chunk;
mod component;
mod csv;
mod json;
mod mutate;
mod outcome;
mod pipeline_file;
mod run;
mod text;
mod wasm;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use mutate::mutated;

/// Something that takes bytes which nobody vouches for.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of its module here, and of its folder of seeds.
    pub name: &'static str,
    /// Tries it with these bytes.
    pub run: fn(&[u8]),
    /// How many mutated seeds the short run tries. Together they take a few seconds.
    pub mutations: usize,
}

/// All of them.
pub const TARGETS: [Target; 9] = [
    Target { name: "pipeline_file", run: pipeline_file::run, mutations: 3_000 },
    Target { name: "outcome", run: outcome::run, mutations: 20_000 },
    Target { name: "chunk", run: chunk::run, mutations: 20_000 },
    Target { name: "csv", run: csv::run, mutations: 5_000 },
    Target { name: "json", run: json::run, mutations: 10_000 },
    Target { name: "text", run: text::run, mutations: 3_000 },
    Target { name: "wasm", run: wasm::run, mutations: 100 },
    Target { name: "answer", run: answer::run, mutations: 50 },
    Target { name: "component", run: component::run, mutations: 50 },
];

/// The seeds of a target, in the order of their names: never none.
///
/// # Errors
/// When a file cannot be read, or there is none.
pub fn seeds(target: &str) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = files(&root.join("fuzz/seeds").join(target))?;
    if target == "pipeline_file" {
        // Every pipeline that is written down somewhere else is a seed, too.
        paths.extend(files(&root.join("tests/cli"))?);
        for example in files(&root.join("examples"))? {
            paths.extend(files(&example).unwrap_or_default());
        }
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    }
    anyhow::ensure!(!paths.is_empty(), "{target} has no seeds");
    let read = |path: PathBuf| fs::read(&path).map(|bytes| (path, bytes));
    Ok(paths.into_iter().map(read).collect::<Result<_, _>>()?)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}
