//! Compilers of languages other than Rust: found on this machine, else fetched from a public registry into the user's
//! cache, at the version that this program was tested with.
//!
//! In this order: what `SANDMILL_<LANGUAGE>` names; a tested version on the path; the cache; a registry, unless the
//! build is offline. What is fetched is pinned by hashes that this program carries, lies in a folder that is named
//! after them, and is renamed into place when it is complete: a fetch that is interrupted leaves nothing that a later
//! one would take for whole.

mod fetch;
mod version;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::language::{Job, Language};
use super::stop::Stop;
use super::talk::Talk;
use sandmill_engine::error::{Error, ErrorKind, Result};

pub(super) use fetch::{node, python};
pub(super) use version::Version;

/// A tool that compiles stages.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// The version that is fetched.
    pub(super) version: &'static str,
    /// What it takes on disk when it is fetched.
    pub(super) megabytes: u32,
    pub(super) licence: &'static str,
    pub(super) origin: Origin,
    /// The program, below the folder that it is fetched into.
    pub(super) program: &'static str,
    /// The same program where somebody has installed it.
    pub(super) installed: Option<Installed>,
}

/// How a tool is recognised that is on the path.
#[derive(Debug)]
pub(super) struct Installed {
    pub(super) program: &'static str,
    /// Makes it print its version.
    pub(super) arguments: &'static [&'static str],
    /// The oldest version that is known to work, and the first that is not.
    pub(super) from: Version,
    pub(super) before: Version,
}

/// Where a tool is fetched from.
#[derive(Debug)]
pub(super) enum Origin {
    /// Python's registry: a list of packages with their hashes.
    Pip {
        /// As pip reads it with `--require-hashes`.
        requirements: &'static str,
    },
    /// JavaScript's registry: a package with a lock file.
    Npm {
        /// `package.json`.
        package: &'static str,
        /// `package-lock.json`, with the hash of each package.
        lock: &'static str,
    },
}

impl Origin {
    fn registry(&self) -> &'static str {
        match self {
            Self::Pip { .. } => "PyPI",
            Self::Npm { .. } => "npm",
        }
    }

    fn pinned_by(&self) -> &'static str {
        match self {
            Self::Pip { requirements } => requirements,
            Self::Npm { lock, .. } => lock,
        }
    }
}

/// A tool that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) program: PathBuf,
    /// The folder that it was fetched into.
    pub(super) fetched: Option<PathBuf>,
    /// As it says, or as it was fetched.
    pub(super) version: String,
}

impl Found {
    /// The program, unless it was fetched: that one is pinned.
    pub(super) fn installed(&self) -> Option<PathBuf> {
        self.fetched.is_none().then(|| self.program.clone())
    }
}

/// Where a tool was found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// Named by the user's environment.
    Named,
    /// On the path, in a version that is known to work.
    Path,
    /// In the user's cache.
    Cache,
    /// Not on this machine.
    Missing,
}

/// The status of a tool, as `sandmill toolchain list` reports it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// The language that the tool compiles.
    pub language: &'static str,
    /// The name of the tool.
    pub tool: &'static str,
    /// The version that was found, else the version that would be fetched.
    pub version: String,
    /// Where the tool was found.
    pub presence: Presence,
    /// The program, if it was found.
    pub program: Option<PathBuf>,
    /// Megabytes that a fetch writes to disk. `None` if the tool cannot be fetched.
    pub megabytes: Option<u32>,
    /// The licence that the tool is under.
    pub licence: &'static str,
}

impl Tool {
    /// Tells one pinned content from another, in a stamp and in the name of a folder.
    pub(super) fn identity(&self) -> String {
        let digest = Sha256::digest(self.origin.pinned_by());
        let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{hash}", self.name, self.version)
    }

    /// Finds the tool for a build, and fetches it when that is the way.
    ///
    /// # Errors
    /// When it is not there and cannot be fetched, or what the environment names is not one.
    pub(super) fn find(&self, language: &dyn Language, job: &mut Job<'_>) -> Result<Found> {
        if let Some(found) = self.present(language)? {
            return Ok(found);
        }
        if job.offline {
            return Err(self.missing(language, "the build is offline"));
        }
        self.fetch(language, job.stop, job.talk)
    }

    /// The tool, if it is on this machine.
    ///
    /// # Errors
    /// When the environment names what is not one.
    pub(super) fn present(&self, language: &dyn Language) -> Result<Option<Found>> {
        let variable = language.variable();
        match std::env::var_os(&variable).filter(|value| !value.is_empty()) {
            Some(named) => self.named(&variable, &named).map(Some),
            None => Ok(self.on_path().or_else(|| self.cached())),
        }
    }

    fn named(&self, variable: &str, program: &OsStr) -> Result<Found> {
        let path = on_path(program);
        let Some(program) = path else {
            return Err(Error::config(format!("{variable} is {program:?}, but there is no such program"))
                .hint(format!("set it to the program of {}, or unset it to search for one", self.name)));
        };
        let said = self.installed.as_ref().and_then(|installed| said(&program, installed.arguments));
        let version =
            said.as_deref().and_then(Version::within).map_or_else(|| "unknown".to_owned(), |it| it.to_string());
        Ok(Found { program, fetched: None, version })
    }

    fn on_path(&self) -> Option<Found> {
        let installed = self.installed.as_ref()?;
        let program = on_path(OsStr::new(installed.program))?;
        let version = Version::within(&said(&program, installed.arguments)?)?;
        let works = installed.from <= version && version < installed.before;
        works.then(|| Found { program, fetched: None, version: version.to_string() })
    }

    pub(super) fn folder(&self) -> Option<PathBuf> {
        sandmill_component::cache::user_folder().map(|folder| folder.join("toolchains").join(self.identity()))
    }

    fn cached(&self) -> Option<Found> {
        let folder = self.folder()?;
        let program = folder.join(self.program);
        let is_there = program.is_file();
        is_there.then(|| Found { program, fetched: Some(folder), version: self.version.to_owned() })
    }

    fn fetch(&self, language: &dyn Language, stop: &Stop, talk: &mut dyn Talk) -> Result<Found> {
        let Some(folder) = self.folder() else {
            return Err(self.missing(language, "this user has no cache folder").hint("set SANDMILL_CACHE to a folder"));
        };
        fetch::Fetch { tool: self, folder: &folder, stop }.run(talk).map_err(|error| {
            if error.kind() == ErrorKind::Cancelled {
                return error;
            }
            error.hint(format!("to try again: sandmill toolchain install {}", language.name()))
        })?;
        self.cached()
            .ok_or_else(|| Error::internal(format!("{} was fetched, but {} is missing", self.name, self.program)))
    }

    /// As [`Self::find`], for whoever wants it before a build does.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub(super) fn install(&self, language: &dyn Language, stop: &Stop, talk: &mut dyn Talk) -> Result<Found> {
        match self.present(language)? {
            Some(found) => Ok(found),
            None => self.fetch(language, stop, talk),
        }
    }

    fn missing(&self, language: &dyn Language, why: &str) -> Error {
        let error = Error::config(format!(
            "stages in {} are compiled by {}, which was not found, and {why}",
            language.title(),
            self.name
        ));
        let error = error.hint(format!("to fetch it: sandmill toolchain install {}", language.name()));
        error.hint(format!("to use one of your own: {}=/path/to/{}", language.variable(), self.program_name()))
    }

    fn program_name(&self) -> &str {
        Path::new(self.program).file_name().and_then(OsStr::to_str).unwrap_or(self.name)
    }

    /// What there is to say of it.
    ///
    /// # Errors
    /// When the environment names what is not one.
    pub(super) fn status(&self, language: &dyn Language) -> Result<Status> {
        let found = self.present(language)?;
        let is_named = std::env::var_os(language.variable()).is_some_and(|value| !value.is_empty());
        let presence = match &found {
            None => Presence::Missing,
            Some(_) if is_named => Presence::Named,
            Some(Found { fetched: Some(_), .. }) => Presence::Cache,
            Some(Found { fetched: None, .. }) => Presence::Path,
        };
        let version = found.as_ref().map_or_else(|| self.version.to_owned(), |found| found.version.clone());
        Ok(Status {
            language: language.name(),
            tool: self.name,
            version,
            presence,
            program: found.map(|found| found.program),
            megabytes: Some(self.megabytes),
            licence: self.licence,
        })
    }

    /// Removes it from the cache. Returns whether it was there.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn remove(&self) -> Result<bool> {
        let Some(folder) = self.folder().filter(|folder| folder.exists()) else { return Ok(false) };
        fetch::remove(&folder).map(|()| true)
    }
}

/// The program of that name on the path, or at that place.
fn on_path(program: &OsStr) -> Option<PathBuf> {
    let path = Path::new(program);
    if path.components().count() > 1 {
        return path.canonicalize().ok().filter(|path| path.is_file());
    }
    let search = std::env::var_os("PATH")?;
    std::env::split_paths(&search).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// What a program prints about itself.
fn said(program: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let output = command.args(arguments).stdin(Stdio::null()).output().ok()?;
    let both = [output.stdout, output.stderr].concat();
    output.status.success().then(|| String::from_utf8_lossy(&both).into_owned())
}
