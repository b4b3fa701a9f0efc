//! Does a job with another host of Wasm, as `elsewhere.rs` of the benches asks for it, and prints what that took.

mod arrow_udf;
mod extism;

use std::env;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use serde::Deserialize;
use works::harness::{Input, Job, Length};

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Rival {
    Extism,
    ArrowUdf,
}

fn main() -> Result<()> {
    let task = env::args().nth(1).context("tell me what to do")?;
    let (rival, job, length): (Rival, Job, Length) = serde_json::from_str(&task)?;
    let input = Input::generate(job)?;
    let measured = match rival {
        Rival::Extism => extism::run(input, length, job)?,
        Rival::ArrowUdf => arrow_udf::run(input, length, job)?,
    };
    measured.print()
}

/// One worker for each processor.
fn workers<W>(worker: impl Fn() -> Result<W>) -> Result<Vec<W>> {
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    (0..cores).map(|_| worker()).collect()
}

/// What `build.sh` has compiled to Wasm, beside this program's folder.
fn plugin(name: &str) -> Result<PathBuf> {
    let target = env::current_exe()?.parent().and_then(|release| release.parent()).map(|target| target.to_owned());
    Ok(target.context("a program lies in a folder")?.join("wasm32-unknown-unknown/plugin").join(name))
}
