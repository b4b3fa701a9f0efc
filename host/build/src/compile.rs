//! Builds a stage's component if the stamp shows that something has changed.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sandmill_engine::time::Instant;

use super::compiler::Compiler;
use super::encode;
use super::folder::Stage;
use super::kit::Unpacked;
use super::language::{Job, Made};
use super::settings;
use super::stamp::{self, Recipe, Stamp};
use super::stop::Stop;
use super::talk::Talk;
use sandmill_component::defaults;
use sandmill_component::section;
use sandmill_engine::error::{Error, Result};

/// Options of a build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// Without optimisation, with debug information.
    pub debug: bool,
    /// Fetches nothing: a toolchain that is not on this machine is an error.
    pub offline: bool,
}

/// The result of a build.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Built {
    /// The component file.
    pub component: PathBuf,
    /// Whether the component was built, rather than up to date.
    pub is_new: bool,
    /// Seconds that the build took.
    #[serde(rename = "elapsed_seconds")]
    pub elapsed: f64,
    /// The stage's language.
    pub language: &'static str,
    /// The tool that compiled it, with its version.
    pub toolchain: String,
}

/// Builds the stage in `folder`, unless nothing has changed. What compilers say goes to `progress`, a line at a time.
///
/// # Errors
/// When the folder is not a stage, no toolchain is found, or the stage does not compile.
pub fn build(folder: &Path, options: &BuildOptions, progress: &mut dyn FnMut(&str)) -> Result<Built> {
    build_until(folder, options, &Stop::default(), &mut |line: &str| progress(line))
}

/// Like [`build`], until somebody stops it.
///
/// # Errors
/// As [`build`]; when it was stopped.
pub fn build_until(folder: &Path, options: &BuildOptions, stop: &Stop, talk: &mut dyn Talk) -> Result<Built> {
    let begun = Instant::now();
    let stage = Stage::find(folder)?;
    let (component, language) = (stage.component.clone(), stage.language.name());
    let recipe = Recipe::of(&stage, options.debug);
    if let Some(Stamp { compiler, .. }) = current(&stage, &recipe)? {
        let toolchain = compiler.tool;
        return Ok(Built { component, is_new: false, elapsed: rounded(begun.elapsed()), language, toolchain });
    }
    talk.say(&format!("building stage \"{}\"", stage.name));
    stage.sdk.as_ref().map_or(Ok(()), Unpacked::refresh)?;
    let started = SystemTime::now();
    let watched = stage.language.watched(&stage)?;
    let mut job = Job { stage: &stage, debug: options.debug, offline: options.offline, stop, talk };
    let Made { wasm, inputs, toolchain, compiler, flushes } = stage.language.build(&mut job)?;
    let mut encoded = encode::component(&wasm, &stage, options.debug)?;
    if let Some(flushes) = flushes {
        section::append(&mut encoded, MARK, if flushes { b"flush=1\n" } else { b"flush=0\n" });
    }
    if let Some(suggested) = stage.suggests(&toolchain)? {
        defaults::embed(&mut encoded, &suggested)?;
    }
    let inputs: BTreeSet<PathBuf> = inputs.into_iter().chain(watched).chain([settings_file(&stage)]).collect();
    let written = put(&component, &encoded).and_then(|()| {
        if stamp::changed_since(started, &inputs) {
            // Without a stamp the next build asks the compiler. An old one does not hold: the component is a new one.
            return Ok(());
        }
        // The same where the compiler may be run and not read.
        let Ok(compiler) = Compiler::take(&toolchain, compiler.as_deref()) else { return Ok(()) };
        let stamp = Stamp::take(&component, &inputs, recipe, compiler)?;
        put(&stage.stamp_file, &serde_json::to_vec(&stamp)?)
    });
    written.map_err(|error| {
        Error::config(format!("the component cannot be written to \"{}\"", component.display())).caused_by(error)
    })?;
    Ok(Built { component, is_new: true, elapsed: rounded(begun.elapsed()), language, toolchain })
}

/// The section in which a component says of itself what the host wants to know before it runs.
const MARK: &str = "sandmill:stage";

/// It counts where it is not there, too: one may be made.
fn settings_file(stage: &Stage) -> PathBuf {
    stage.folder.join(settings::FILE)
}

/// The stamp, when nothing has changed since: neither the stage's sources nor the SDK that this program carries.
fn current(stage: &Stage, recipe: &Recipe) -> Result<Option<Stamp>> {
    let has_sdk = stage.sdk.as_ref().is_none_or(Unpacked::is_current);
    let Some(stamp) = Stamp::read(&stage.stamp_file).filter(|_| has_sdk) else { return Ok(None) };
    let watched = stage.language.watched(stage)?;
    Ok(stamp.holds(&stage.component, recipe, &watched).then_some(stamp))
}

/// The state of a stage's component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The path of the component, whether it exists or not.
    pub component: PathBuf,
    /// Whether it has to be built: it does not exist, or something has changed since.
    pub stale: bool,
}

/// Looks whether the stage in `folder` has to be built. Starts no process.
///
/// # Errors
/// When the folder is not a stage.
pub fn state(folder: &Path) -> Result<State> {
    let stage = Stage::find(folder)?;
    let stale = current(&stage, &Recipe::of(&stage, false))?.is_none();
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
