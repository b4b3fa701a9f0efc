//! Runs cargo over a stage's folder: where it builds, what it prints, and what it makes.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::flags;
use super::shared::{GUESTS, Shared};
use super::toolchain::{TARGET, Toolchain};
use crate::folder::{Stage, unreadable};
use crate::kit;
use crate::mistakes::does_not_compile;
use crate::stop::Stop;
use crate::talk::Talk;
use sandmill_engine::error::{Error, ErrorKind, Result};

/// One run of cargo.
pub(super) struct Cargo<'a> {
    pub(super) stage: &'a Stage,
    pub(super) toolchain: &'a Toolchain,
    pub(super) debug: bool,
    pub(super) stop: &'a Stop,
}

/// What a run of cargo came to.
pub(super) struct Compiled {
    pub(super) module: Vec<u8>,
    /// The files that it was made of, as a makefile's rule.
    pub(super) dep_info: String,
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

/// What cargo knows of a stage before it builds.
#[derive(Debug, Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    /// None: from a registry, or from a repository.
    path: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Cargo<'_> {
    /// Compiles the stage.
    ///
    /// # Errors
    /// When cargo cannot be run, or what it says is wrong with the stage.
    pub(super) fn compile(&self, talk: &mut dyn Talk) -> Result<Compiled> {
        let metadata = self.metadata();
        let workspace = metadata.as_ref().map_or(&*self.stage.folder, |metadata| &*metadata.workspace_root);
        let mut command = self.command(workspace);
        // Kept until the module has been read: the next build may replace it.
        let chosen = target_variable();
        let shared = metadata.as_ref().and_then(|it| it.library_to_share(&self.stage.folder, chosen.is_some()));
        let shared = shared.and_then(|library| Shared::enter(chosen, talk).map(|shared| (shared, library)));
        if let Some((shared, library)) = &shared {
            let claimed = shared.claim(library, &self.stage.folder);
            claimed.map_err(|error| unreadable(&shared.folder, error))?;
            command.env("CARGO_TARGET_DIR", &shared.folder);
        }
        command.arg("--").args(flags::own(&self.stage.folder, workspace));
        let file = self.run(command, talk)?;
        let module = fs::read(&file).map_err(|error| unreadable(&file, error))?;
        let dep_info = fs::read_to_string(file.with_extension("d")).unwrap_or_default();
        Ok(Compiled { module, dep_info })
    }

    /// Runs cargo, and returns the module's file.
    fn run(&self, mut command: Command, talk: &mut dyn Talk) -> Result<PathBuf> {
        let folder = self.stage.folder.display();
        let failed =
            |error: std::io::Error| Error::config(format!("cargo cannot be run for \"{folder}\"")).caused_by(error);
        let mut child = command.spawn().map_err(failed)?;
        let watched = self.stop.watch(child.id());
        let (module, said) = self.listen(&mut child, talk);
        drop(watched);
        let status = child.wait().map_err(failed)?;
        if self.stop.is_stopped() {
            return Err(Error::new(ErrorKind::Cancelled, "the build was stopped"));
        }
        if !status.success() {
            return Err(does_not_compile(&self.stage.folder, mistakes(&said)));
        }
        module.ok_or_else(|| Error::internal(format!("cargo built no module in \"{folder}\"")))
    }

    /// Both pipes are read at once: cargo stands still when either is full.
    fn listen(&self, child: &mut Child, talk: &mut dyn Talk) -> (Option<PathBuf>, Vec<String>) {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let manifest = self.stage.folder.join("Cargo.toml");
        let report = std::thread::spawn(move || module(stdout, &manifest));
        let mut said = Vec::new();
        for line in lines(stderr) {
            talk.say(&line);
            said.push(line);
        }
        (report.join().unwrap_or_default(), said)
    }

    fn command(&self, workspace: &Path) -> Command {
        let mut cargo = self.toolchain.cargo();
        cargo
            .current_dir(&self.stage.folder)
            .args(["rustc", "--lib", "--target", TARGET, "--message-format", "json-render-diagnostics"])
            .args(self.toolchain.cargo_arguments())
            .args(["--config", &flags::shared()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Of its own, so that the compilers that cargo starts can be ended with it.
            .process_group(0);
        if !self.debug {
            cargo.arg("--release");
        }
        if let Some(target) = target_variable() {
            cargo.env("CARGO_TARGET_DIR", guests(&target, workspace));
        }
        cargo
    }

    /// `None` where cargo refuses the manifest: the build itself reports why, in cargo's own text.
    fn metadata(&self) -> Option<Metadata> {
        let mut cargo = self.toolchain.cargo();
        cargo.current_dir(&self.stage.folder).args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
        let printed = cargo.stdin(Stdio::null()).output().ok().filter(|output| output.status.success())?;
        serde_json::from_slice(&printed.stdout).ok()
    }
}

impl Metadata {
    /// The name of the stage's library, when it may be built in the folder that stages share: it is alone in its
    /// workspace, all that it depends on is found by a version or is the SDK of this program, and a target folder is
    /// chosen for all builds or for none.
    fn library_to_share(&self, stage: &Path, is_chosen_for_all: bool) -> Option<String> {
        let package = self.packages.iter().find(|package| package.manifest_path.parent() == Some(stage))?;
        let is_alone = self.packages.len() == 1 && self.workspace_root == stage;
        let is_usual = is_chosen_for_all || self.target_directory == stage.join("target");
        let sdk = stage.join(kit::FOLDER).join("rust");
        let paths: Vec<_> = package.dependencies.iter().filter_map(|dependency| dependency.path.as_ref()).collect();
        let of_kind = |kind: &str| package.targets.iter().find(|target| target.kind.iter().any(|is| is == kind));
        let has_script = of_kind("custom-build").is_some();
        let shares = is_alone && is_usual && !has_script && !paths.is_empty() && paths.iter().all(|path| **path == sdk);
        let library = of_kind("cdylib")?;
        shares.then(|| library.name.replace('-', "_"))
    }
}

/// The target folder that the user has named for all of cargo's builds.
fn target_variable() -> Option<PathBuf> {
    std::env::var_os("CARGO_TARGET_DIR").filter(|target| !target.is_empty()).map(PathBuf::from)
}

/// A folder for each workspace below a target folder that several may share. Cargo tells packages of one name apart by
/// their place in their workspace: in one folder, a stage would silently get the code of another one's namesake.
fn guests(target: &Path, workspace: &Path) -> PathBuf {
    let name: String = Sha256::digest(workspace.as_os_str().as_encoded_bytes())
        .iter()
        .take(8)
        .fold(String::new(), |name, byte| name + &format!("{byte:02x}"));
    target.join(GUESTS).join(name)
}

/// `error[E0425]: cannot find value `x` in this scope (src/lib.rs:4:5)`
fn mistakes(said: &[String]) -> Vec<String> {
    let begins = |line: &str| line.starts_with("error");
    let heads = said.iter().enumerate().filter(|(_, line)| begins(line));
    let mut mistakes: Vec<String> = heads
        .map(|(i, head)| {
            let below = said.iter().skip(i + 1).take_while(|line| !line.is_empty() && !begins(line));
            let place = below.filter_map(|line| line.trim_start().strip_prefix("--> ")).next();
            place.map_or_else(|| head.clone(), |place| format!("{head} ({place})"))
        })
        .collect();
    // Sums the others up, where there are others.
    if mistakes.len() > 1 {
        mistakes.retain(|mistake| !mistake.starts_with("error: could not compile"));
    }
    mistakes
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

    /// With `-q` the error was all that was said, and it did not say where (issue 12).
    #[test]
    fn a_mistake_is_named_with_its_place() {
        let said = "   Compiling shout v0.1.0 (/shout)
error[E0425]: cannot find value `lin` in this scope
 --> src/lib.rs:4:5
  |
4 |     lin.to_uppercase()
  |     ^^^ help: a local variable with a similar name exists: `line`

error: expected one of `!`
  --> src/words.rs:12:9

error: could not compile `shout` (lib) due to 2 previous errors";
        let said: Vec<String> = said.lines().map(str::to_owned).collect();
        let expected = [
            "error[E0425]: cannot find value `lin` in this scope (src/lib.rs:4:5)",
            "error: expected one of `!` (src/words.rs:12:9)",
        ];
        assert_eq!(mistakes(&said), expected);
        assert_eq!(mistakes(&["error: no such command".to_owned()]), ["error: no such command"]);
    }

    /// In a folder that workspaces share, packages of one name are taken for each other.
    #[test]
    fn only_a_stage_without_packages_of_its_own_shares_a_target_folder() {
        let stage = Path::new("/shout");
        let base = serde_json::json!({
            "workspace_root": "/shout",
            "target_directory": "/shout/target",
            "packages": [{
                "manifest_path": "/shout/Cargo.toml",
                "dependencies": [{ "path": "/shout/.sandmill/rust" }, { "path": null }],
                "targets": [{ "name": "shout-it", "kind": ["cdylib"] }],
            }],
        });
        let shared_with = |is_chosen_for_all, change: &dyn Fn(&mut serde_json::Value)| {
            let mut metadata = base.clone();
            change(&mut metadata);
            serde_json::from_value::<Metadata>(metadata).unwrap().library_to_share(stage, is_chosen_for_all)
        };
        let shared = |change: &dyn Fn(&mut serde_json::Value)| shared_with(false, change);
        assert_eq!(shared(&|_| {}), Some("shout_it".to_owned()));
        let elsewhere = |metadata: &mut serde_json::Value| metadata["target_directory"] = "/builds".into();
        assert_eq!(shared(&elsewhere), None, "its own configuration says where");
        // Whoever had the variable set compiled all crates again for each new stage (issue 13).
        assert_eq!(shared_with(true, &elsewhere), Some("shout_it".to_owned()), "the variable says so for all");
        assert_eq!(shared(&|metadata| metadata["workspace_root"] = "/".into()), None);
        assert_eq!(shared(&|metadata| metadata["target_directory"] = "/mine".into()), None);
        assert_eq!(
            shared(&|metadata| metadata["packages"][0]["dependencies"][1]["path"] = "/shout/words".into()),
            None
        );
        assert_eq!(shared(&|metadata| metadata["packages"][0]["dependencies"] = serde_json::json!([])), None);
        let script = serde_json::json!({ "name": "build-script-build", "kind": ["custom-build"] });
        let add = |metadata: &mut serde_json::Value| {
            metadata["packages"][0]["targets"].as_array_mut().unwrap().push(script.clone());
        };
        assert_eq!(shared(&add), None);
    }
}
