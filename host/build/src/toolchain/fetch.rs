//! Fetches a tool into a folder that is either complete or absent.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Origin, Tool, Version, on_path, said};
use crate::process;
use crate::stop::Stop;
use crate::talk::{Offer, Talk};
use sandmill_engine::error::{Error, ErrorKind, Result};

/// The oldest Python whose pip reads what we give it.
const PYTHON_FROM: Version = Version(3, 9, 0);
/// The oldest Node that runs the tools.
const NODE_FROM: Version = Version(20, 19, 0);

/// One tool that is fetched into one folder.
pub(super) struct Fetch<'a> {
    pub(super) tool: &'a Tool,
    pub(super) folder: &'a Path,
    pub(super) stop: &'a Stop,
}

impl Fetch<'_> {
    /// Fetches it, unless another build has done so meanwhile.
    pub(super) fn run(&self, talk: &mut dyn Talk) -> Result<()> {
        let parent = self.folder.parent().unwrap_or(self.folder);
        let unwritable = |error: std::io::Error| {
            Error::config(format!("\"{}\" cannot be written", parent.display())).caused_by(error)
        };
        fs::create_dir_all(parent).map_err(unwritable)?;
        let _lock = lock(self.folder, talk).map_err(unwritable)?;
        if self.folder.join(self.tool.program).is_file() {
            return Ok(());
        }
        if !talk.may_fetch(&self.offer()) {
            return Err(Error::new(ErrorKind::Cancelled, format!("{} was not fetched", self.tool.name)));
        }
        // Beside its place, so that renaming it is one step.
        let prefix = format!(".unfinished-{}-", self.tool.identity());
        sweep(parent, &prefix);
        let unfinished = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent).map_err(unwritable)?;
        match self.tool.origin {
            Origin::Pip { requirements } => self.pip(requirements, unfinished.path(), talk)?,
            Origin::Npm { package, lock } => self.npm(package, lock, unfinished.path(), talk)?,
        }
        if !unfinished.path().join(self.tool.program).is_file() {
            return Err(Error::config(format!(
                "what was fetched for {} does not contain {}",
                self.tool.name, self.tool.program
            ))
            .hint("the registry has nothing for this kind of machine"));
        }
        // An older folder of that name is not whole: it has no program.
        remove(self.folder)?;
        fs::rename(unfinished.keep(), self.folder).map_err(unwritable)
    }

    fn offer(&self) -> Offer {
        Offer {
            tool: format!("{} {}", self.tool.name, self.tool.version),
            megabytes: self.tool.megabytes,
            licence: self.tool.licence,
            registry: self.tool.origin.registry(),
            folder: self.folder.to_owned(),
        }
    }

    fn pip(&self, requirements: &str, into: &Path, talk: &mut dyn Talk) -> Result<()> {
        let list = tempfile::NamedTempFile::new().and_then(|file| fs::write(file.path(), requirements).map(|()| file));
        let list = list.map_err(|error| Error::config("no temporary file can be written").caused_by(error))?;
        let mut command = Command::new(python()?);
        command
            // It goes into a folder of its own, whoever the user is.
            .env("PIP_ROOT_USER_ACTION", "ignore")
            .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"])
            .args(["--only-binary", ":all:", "--require-hashes", "--target"])
            .arg(into)
            .arg("-r")
            .arg(list.path());
        let done = process::run(command, self.stop, talk)?;
        if done.succeeded {
            return Ok(());
        }
        let error = self.failed("pip", &done.said);
        Err(if done.said.iter().any(|line| line.contains("No module named pip")) {
            error.hint("install pip; on Debian: apt-get install python3-pip")
        } else {
            error
        })
    }

    fn npm(&self, package: &str, lock: &str, into: &Path, talk: &mut dyn Talk) -> Result<()> {
        let npm = npm()?;
        let written = fs::write(into.join("package.json"), package)
            .and_then(|()| fs::write(into.join("package-lock.json"), lock));
        written.map_err(|error| Error::config(format!("\"{}\" cannot be written", into.display())).caused_by(error))?;
        let mut command = Command::new(npm);
        // No script of a package is run: what is fetched is only unpacked.
        command.current_dir(into).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        let done = process::run(command, self.stop, talk)?;
        if done.succeeded { Ok(()) } else { Err(self.failed("npm", &done.said)) }
    }

    fn failed(&self, fetcher: &str, said: &[String]) -> Error {
        let last: Vec<&str> = said.iter().rev().take(5).map(String::as_str).collect();
        let why: Vec<&str> = last.into_iter().rev().collect();
        Error::config(format!("{fetcher} could not fetch {} {}", self.tool.name, self.tool.version))
            .caused_by(why.join("\n"))
    }
}

/// A Python of this machine, with which packages are fetched and tools that are written in it are run. Stages get their
/// own.
///
/// # Errors
/// When there is none that is new enough.
pub(crate) fn python() -> Result<PathBuf> {
    let found = |name: &str| {
        let program = on_path(name.as_ref())?;
        let version = Version::within(&said(&program, &["--version"])?)?;
        (version >= PYTHON_FROM).then_some(program)
    };
    ["python3", "python"].into_iter().find_map(found).ok_or_else(|| {
        Error::config(format!(
            "Python {PYTHON_FROM} or later was not found; it is needed to fetch and run tools from PyPI"
        ))
        .hint("install it; on Debian: apt-get install python3 python3-pip")
    })
}

fn npm() -> Result<PathBuf> {
    node()?;
    on_path("npm".as_ref()).ok_or_else(|| {
        Error::config("Node was found, but npm was not").hint("install it; on Debian: apt-get install npm")
    })
}

/// A Node of this machine, in which compilers run that are written in JavaScript. Stages get an engine of their own.
///
/// # Errors
/// When there is none that is new enough.
pub(crate) fn node() -> Result<PathBuf> {
    let node = on_path("node".as_ref());
    let version = node.as_ref().and_then(|node| Version::within(&said(node, &["--version"])?));
    match (node, version) {
        (Some(node), Some(version)) if version >= NODE_FROM => Ok(node),
        (_, Some(version)) => {
            Err(Error::config(format!("Node {version} was found, but {NODE_FROM} or later is needed")))
        }
        (_, None) => Err(Error::config(format!("Node {NODE_FROM} or later was not found"))
            .hint("install it; on Debian: apt-get install nodejs npm")),
    }
}

/// Waits until no other build fetches into the folder.
fn lock(folder: &Path, talk: &mut dyn Talk) -> std::io::Result<File> {
    let mut name = folder.as_os_str().to_owned();
    name.push(".lock");
    let file = File::create(name)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            talk.say("waiting for another build that is fetching the same tool");
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(file)
}

/// Removes what fetches of the same tool left that were killed. Best effort: it only takes room.
fn sweep(parent: &Path, prefix: &str) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes())) {
        fs::remove_dir_all(entry.path()).unwrap_or_default();
    }
}

/// Removes a fetched tool, if it is there: first from its place, so that nobody finds half of it.
pub(super) fn remove(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let failed =
        |error: std::io::Error| Error::config(format!("\"{}\" cannot be removed", folder.display())).caused_by(error);
    let parent = folder.parent().unwrap_or(folder);
    let aside = tempfile::Builder::new().prefix(".removed-").tempdir_in(parent).map_err(failed)?;
    fs::rename(folder, aside.path().join("tool")).map_err(failed)?;
    aside.close().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Needs no network: pip is given a list of nothing, so nothing comes of it.
    #[test]
    fn a_fetch_that_brings_nothing_leaves_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let tool = Tool {
            name: "nothing",
            version: "1.0",
            megabytes: 0,
            licence: "none",
            origin: Origin::Pip { requirements: "# nothing\n" },
            program: "bin/nothing",
            installed: None,
        };
        let folder = cache.path().join("toolchains").join(tool.identity());
        let fetch = Fetch { tool: &tool, folder: &folder, stop: &Stop::default() };
        fetch.run(&mut |_: &str| {}).unwrap_err();
        assert!(!folder.exists());
        let left: Vec<_> =
            fs::read_dir(folder.parent().unwrap()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert!(matches!(&left[..], [lock] if lock.to_string_lossy().ends_with(".lock")), "{left:?}");
    }

    #[test]
    fn a_person_who_says_no_fetches_nothing() {
        struct No;
        impl Talk for No {
            fn say(&mut self, _line: &str) {}
            fn may_fetch(&mut self, offer: &Offer) -> bool {
                assert_eq!((offer.registry, offer.megabytes), ("npm", 7));
                false
            }
        }
        let cache = tempfile::tempdir().unwrap();
        let tool = Tool {
            name: "tool",
            version: "1.0",
            megabytes: 7,
            licence: "MIT",
            origin: Origin::Npm { package: "{}", lock: "{}" },
            program: "tool",
            installed: None,
        };
        let folder = cache.path().join("tool");
        let error = Fetch { tool: &tool, folder: &folder, stop: &Stop::default() }.run(&mut No).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert!(!folder.exists());
    }

    #[test]
    fn what_a_killed_fetch_left_is_removed_by_the_next() {
        let cache = tempfile::tempdir().unwrap();
        for name in [".unfinished-zig-1-ab-x1", ".unfinished-go-1-cd-x2"] {
            fs::create_dir(cache.path().join(name)).unwrap();
        }
        sweep(cache.path(), ".unfinished-zig-1-ab-");
        assert!(!cache.path().join(".unfinished-zig-1-ab-x1").exists());
        assert!(cache.path().join(".unfinished-go-1-cd-x2").exists(), "another tool's may be at work");
    }
}
