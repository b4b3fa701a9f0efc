//! Builds a stage's component, when the stamp says that something has changed.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::time::Instant;

use super::cargo::Cargo;
use super::encode;
use super::folder::Stage;
use super::sdk::Unpacked;
use super::stamp::{self, Stamp};
use super::stop::Stop;
use super::toolchain::Toolchain;
use crate::error::{Error, Result};

/// How a stage is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// Without optimisation, with debug information.
    pub debug: bool,
}

/// What a build came to.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Built {
    /// The component.
    pub component: PathBuf,
    /// Whether anything had to be done.
    pub is_new: bool,
    /// How long it took, seconds.
    #[serde(rename = "elapsed_seconds")]
    pub elapsed: f64,
    /// What compiled it.
    pub toolchain: String,
}

/// Builds the stage in `folder`, unless nothing has changed. Cargo's own messages go to `progress`, a line at a time.
///
/// # Errors
/// When the folder is no stage, no toolchain is found, or the stage does not compile.
pub fn build(folder: &Path, options: &BuildOptions, progress: &mut dyn FnMut(&str)) -> Result<Built> {
    build_until(folder, options, &Stop::default(), progress)
}

/// As [`build`], until somebody stops it.
///
/// # Errors
/// As [`build`]; when it was stopped.
pub fn build_until(
    folder: &Path,
    options: &BuildOptions,
    stop: &Stop,
    progress: &mut dyn FnMut(&str),
) -> Result<Built> {
    let begun = Instant::now();
    let stage = Stage::find(folder)?;
    let component = stage.component.clone();
    if let Some(stamp) = current(&stage, options.debug) {
        return Ok(Built { component, is_new: false, elapsed: rounded(begun.elapsed()), toolchain: stamp.toolchain });
    }
    progress(&format!("building stage \"{}\"", stage.name));
    stage.sdk.as_ref().map_or(Ok(()), Unpacked::refresh)?;
    let toolchain = Toolchain::find(&stage.folder, progress)?;
    let started = SystemTime::now();
    let compiled = Cargo { stage: &stage, toolchain: &toolchain, debug: options.debug, stop }.compile(progress)?;
    let encoded = encode::component(&compiled.module, &stage.folder)?;
    let written = put(&component, &encoded).and_then(|()| {
        let inputs = stamp::inputs(&compiled.dep_info, &stage.folder);
        if stamp::changed_since(started, &inputs) {
            // Without a stamp the next build asks cargo. An old one does not hold: the component is a new one.
            return Ok(());
        }
        let stamp = Stamp::take(&component, &inputs, toolchain.name(), options.debug)?;
        put(&stage.stamp_file, &serde_json::to_vec(&stamp)?)
    });
    written.map_err(|error| {
        Error::config(format!("the component cannot be written to \"{}\"", component.display())).caused_by(error)
    })?;
    let elapsed = rounded(begun.elapsed());
    Ok(Built { component, is_new: true, elapsed, toolchain: toolchain.name().to_owned() })
}

/// The stamp, when nothing has changed since: neither the stage's sources nor the SDK that this program carries.
fn current(stage: &Stage, debug: bool) -> Option<Stamp> {
    let has_sdk = stage.sdk.as_ref().is_none_or(Unpacked::is_current);
    Stamp::read(&stage.stamp_file).filter(|stamp| has_sdk && stamp.holds(&stage.component, debug))
}

/// What there is of a stage's component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Where it is, or would be.
    pub component: PathBuf,
    /// Whether it has to be built: there is none, or something has changed since.
    pub stale: bool,
}

/// Looks whether the stage in `folder` has to be built. Starts no process.
///
/// # Errors
/// When the folder is no stage.
pub fn state(folder: &Path) -> Result<State> {
    let stage = Stage::find(folder)?;
    let stale = current(&stage, false).is_none();
    Ok(State { component: stage.component, stale })
}

fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // As readable as any other file that a build makes: another user may run the pipeline.
    let open_to_all = fs::Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(open_to_all).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

fn rounded(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1000.0).round() / 1000.0
}
