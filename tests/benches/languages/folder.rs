//! From nothing to a result: `sandmill new`, then `echo hello | sandmill run`, in an empty folder.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use works::harness::Stopwatch;

use crate::startup::{children_cpu, program};

/// What it took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Folder {
    pub(super) language: String,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
}

impl Folder {
    /// Makes one that nobody has built before, on a machine where somebody has built another: the compiler and what it keeps
    /// between builds are there, code of the component is not.
    pub(crate) fn made(language: &str) -> Result<Self> {
        first_steps("first", language, &cache(true)?)?;
        let cache = cache(false)?;
        let (before, stopwatch) = (children_cpu(), Stopwatch::start());
        first_steps("second", language, &cache)?;
        let seconds = stopwatch.wall().as_secs_f64();
        Ok(Self { language: language.to_owned(), seconds, cpu_seconds: children_cpu() - before })
    }
}

/// A cache in which all but compiled code is the user's; or the user's own.
fn cache(own: bool) -> Result<Cache> {
    let user = user_cache()?;
    if own {
        return Ok(Cache::User(user));
    }
    let folder = tempfile::tempdir()?;
    for entry in fs::read_dir(&user).with_context(|| user.display().to_string())? {
        let entry = entry?;
        if entry.file_name() != "code" {
            symlink(fs::canonicalize(entry.path())?, folder.path().join(entry.file_name()))?;
        }
    }
    Ok(Cache::Own(folder))
}

enum Cache {
    User(PathBuf),
    Own(tempfile::TempDir),
}

impl Cache {
    fn path(&self) -> &Path {
        match self {
            Self::User(path) => path,
            Self::Own(folder) => folder.path(),
        }
    }
}

fn user_cache() -> Result<PathBuf> {
    let named = std::env::var_os("SANDMILL_CACHE").map(PathBuf::from);
    let usual = || Some(std::env::home_dir()?.join(".cache/sandmill"));
    let folder = named.or_else(usual).context("there is no home folder")?;
    fs::create_dir_all(&folder)?;
    Ok(fs::canonicalize(folder)?)
}

fn first_steps(name: &str, language: &str, cache: &Cache) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let sandmill = |arguments: &[&str], at: &Path| {
        let mut command = Command::new(program()?);
        command.args(arguments).current_dir(at).env("SANDMILL_CACHE", cache.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        child.stdin.take().context("stdin is piped")?.write_all(b"hello\n").or_else(ignore_closed)?;
        let ended = child.wait_with_output()?;
        ensure!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
        Ok::<_, anyhow::Error>(String::from_utf8_lossy(&ended.stdout).into_owned())
    };
    sandmill(&["new", name, "--lang", language], folder.path())?;
    let said = sandmill(&["run"], &folder.path().join(name))?;
    ensure!(said.to_lowercase().contains("hello"), "a new stage in {language} says {said:?}");
    Ok(())
}

/// `new` reads nothing, and may end before it is told something.
fn ignore_closed(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}
