//! Runs cargo over a stage's folder, when the stamp says that something has changed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::encode;
use super::flags;
use super::stamp::{self, Stamp};
use super::toolchain::{TARGET, Toolchain};
use crate::error::{Error, Result};
use crate::time::Instant;

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
    let begun = Instant::now();
    let Stage { name, folder, component, stamp_file } = Stage::find(folder)?;
    if let Some(stamp) = Stamp::read(&stamp_file).filter(|stamp| stamp.holds(options.debug)) {
        return Ok(Built { component, is_new: false, elapsed: rounded(begun.elapsed()), toolchain: stamp.toolchain });
    }
    progress(&format!("building stage \"{name}\""));
    let toolchain = Toolchain::find(&folder, progress)?;
    let started = SystemTime::now();
    let module = Cargo { folder: &folder, toolchain: &toolchain, debug: options.debug }.compile(progress)?;
    let wasm = fs::read(&module).map_err(|error| unreadable(&module, error))?;
    let encoded = encode::component(&wasm, &folder)?;
    let dep_info = fs::read_to_string(module.with_extension("d")).unwrap_or_default();
    let written = put(&component, &encoded).and_then(|()| {
        let inputs = stamp::inputs(&dep_info, &folder);
        if stamp::changed_since(started, &inputs) {
            // Without a stamp the next build asks cargo. An old one does not hold: the component is a new one.
            return Ok(());
        }
        let stamp = Stamp::take(&component, &inputs, toolchain.name(), options.debug)?;
        put(&stamp_file, &serde_json::to_vec(&stamp)?)
    });
    written.map_err(|error| {
        Error::config(format!("the component cannot be written to \"{}\"", component.display())).caused_by(error)
    })?;
    let elapsed = rounded(begun.elapsed());
    Ok(Built { component, is_new: true, elapsed, toolchain: toolchain.name().to_owned() })
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
    let Stage { component, stamp_file, .. } = Stage::find(folder)?;
    let stale = !Stamp::read(&stamp_file).is_some_and(|stamp| stamp.holds(false));
    Ok(State { component, stale })
}

/// A stage's folder, and where its component belongs.
struct Stage {
    name: String,
    folder: PathBuf,
    component: PathBuf,
    stamp_file: PathBuf,
}

impl Stage {
    fn find(folder: &Path) -> Result<Self> {
        let Manifest { name } = Manifest::read(folder)?;
        let folder = folder.canonicalize().map_err(|error| unreadable(folder, error))?;
        let outputs = folder.join("target/sandmill");
        let component = outputs.join(format!("{name}.wasm"));
        let stamp_file = outputs.join(format!("{name}.stamp"));
        Ok(Self { name, folder, component, stamp_file })
    }
}

/// What a stage's `Cargo.toml` must say.
struct Manifest {
    name: String,
}

impl Manifest {
    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("Cargo.toml");
        let no_stage = |why: &str| Error::config(format!("\"{}\" is no stage: {why}", folder.display()));
        if !folder.is_dir() {
            let what = if folder.exists() { "is a file, not the folder of a stage" } else { "is not there" };
            return Err(Error::config(format!("\"{}\" {what}", folder.display()))
                .hint("name the folder that holds the stage's Cargo.toml"));
        }
        if !path.exists() {
            return Err(no_stage("it has no Cargo.toml").hint(
                "`sandmill new NAME` makes a stage; a component that is built already is named by its .wasm file",
            ));
        }
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
        let manifest: toml::Table =
            text.parse().map_err(|error: toml::de::Error| no_stage("its Cargo.toml is not valid").caused_by(error))?;
        let Some(name) = manifest.get("package").and_then(|package| package.get("name")).and_then(|name| name.as_str())
        else {
            return Err(no_stage("its Cargo.toml describes a workspace, not a package")
                .hint("name the folder of one of its stages"));
        };
        let crate_types = manifest.get("lib").and_then(|lib| lib.get("crate-type")).and_then(|types| types.as_array());
        if !crate_types.is_some_and(|types| types.iter().any(|kind| kind.as_str() == Some("cdylib"))) {
            return Err(no_stage("it is not compiled to a library of its own")
                .hint("its Cargo.toml needs\n\n    [lib]\n    crate-type = [\"cdylib\"]"));
        }
        Ok(Self { name: name.to_owned() })
    }
}

/// One run of cargo.
struct Cargo<'a> {
    folder: &'a Path,
    toolchain: &'a Toolchain,
    debug: bool,
}

/// The lines of cargo's report that matter.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

impl Cargo<'_> {
    /// Compiles, and returns the module's file.
    fn compile(&self, progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
        let failed = |error: std::io::Error| {
            Error::config(format!("cargo cannot be run for \"{}\"", self.folder.display())).caused_by(error)
        };
        let mut child = self.command(&self.workspace()).spawn().map_err(failed)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let manifest = self.folder.join("Cargo.toml");
        // Both pipes are read at once: cargo stands still when either is full.
        let report = std::thread::spawn(move || module(stdout, &manifest));
        let mut said = Vec::new();
        for line in lines(stderr) {
            progress(&line);
            said.push(line);
        }
        let module = report.join().unwrap_or_default();
        let status = child.wait().map_err(failed)?;
        if !status.success() {
            let error = Error::config(format!("stage \"{}\" does not compile", self.folder.display()));
            let first = said.into_iter().find(|line| line.starts_with("error"));
            return Err(match first {
                Some(first) => error.caused_by(first),
                None => error,
            });
        }
        module.ok_or_else(|| Error::internal(format!("cargo built no module in \"{}\"", self.folder.display())))
    }

    fn command(&self, workspace: &Path) -> Command {
        let mut cargo = self.toolchain.cargo();
        cargo
            .current_dir(self.folder)
            .args(["rustc", "--lib", "--target", TARGET, "--message-format", "json-render-diagnostics"])
            .args(self.toolchain.cargo_arguments())
            .args(["--config", &flags::shared()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if !self.debug {
            cargo.arg("--release");
        }
        if let Some(target) = std::env::var_os("CARGO_TARGET_DIR").filter(|target| !target.is_empty()) {
            cargo.env("CARGO_TARGET_DIR", guests(Path::new(&target), workspace));
        }
        cargo.arg("--").args(flags::own(self.folder, workspace));
        cargo
    }

    /// The root of the workspace that the stage belongs to: the compiler is told paths that begin there.
    fn workspace(&self) -> PathBuf {
        let mut cargo = self.toolchain.cargo();
        cargo.current_dir(self.folder).args(["locate-project", "--workspace", "--message-format", "plain"]);
        let printed = cargo.output().ok().filter(|output| output.status.success());
        let manifest = printed.and_then(|output| String::from_utf8(output.stdout).ok()).map(PathBuf::from);
        // A manifest that cargo cannot place is refused by the build itself, with cargo's own words.
        manifest.and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_else(|| self.folder.to_owned())
    }
}

/// A folder for each workspace below a target folder that several may share. Cargo tells packages of one name apart by
/// their place in their workspace: in one folder, a stage would silently get the code of another one's namesake.
fn guests(target: &Path, workspace: &Path) -> PathBuf {
    let name: String = Sha256::digest(workspace.as_os_str().as_encoded_bytes())
        .iter()
        .take(8)
        .fold(String::new(), |name, byte| name + &format!("{byte:02x}"));
    target.join("guests").join(name)
}

/// The module's file, from cargo's report.
fn module(report: Option<ChildStdout>, manifest: &Path) -> Option<PathBuf> {
    let messages = lines(report).filter_map(|line| serde_json::from_str::<Message>(&line).ok());
    let own = messages.filter(|message| message.reason == "compiler-artifact" && message.manifest_path == manifest);
    own.flat_map(|message| message.filenames).filter(|file| file.extension().is_some_and(|e| e == "wasm")).last()
}

fn lines(pipe: Option<impl Read>) -> impl Iterator<Item = String> {
    pipe.into_iter().flat_map(|pipe| BufReader::new(pipe).lines().map_while(std::result::Result::ok))
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

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::config(format!("\"{}\" cannot be read", path.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namesakes_of_two_workspaces_are_kept_apart() {
        let [a, b] = ["/a", "/b"].map(|workspace| guests(Path::new("/target"), Path::new(workspace)));
        assert_ne!(a, b);
        assert!(a.starts_with("/target/guests"));
        assert_eq!(a, guests(Path::new("/target"), Path::new("/a")), "and found again");
    }
}
