//! The `sandmill` command as a user runs it: from a folder of its own, with a bound on its time.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::parts;

/// How long any command may take. No case needs a tenth of it.
pub const BOUND: Duration = Duration::from_secs(30);

/// What a command left behind.
#[derive(Debug)]
pub struct Seen {
    /// Exit code; as shells count it when a signal ended the process.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// An empty folder, with `guests/` in it, in which commands are run.
#[derive(Debug)]
pub struct Sandbox {
    folder: TempDir,
    search_path: String,
    cache: PathBuf,
}

impl Sandbox {
    /// Makes one.
    ///
    /// # Errors
    /// When there is no binary yet, or the folder cannot be filled.
    pub fn new() -> Result<Self> {
        let bin = bin_folder()?;
        let folder = tempfile::tempdir()?;
        parts::guests_into(folder.path())?;
        let search_path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        Ok(Self { folder, search_path, cache: bin.join("cli-cases-cache") })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A command line of the shell, not yet run. It leads a process group, which [`Self::run`] ends as a whole.
    #[must_use]
    pub fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        self.prepared(command)
    }

    /// The command with these arguments, without a shell around it.
    #[must_use]
    pub fn sandmill(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("sandmill");
        command.args(arguments);
        self.prepared(command)
    }

    fn prepared(&self, mut command: Command) -> Command {
        command.current_dir(self.path()).env("PATH", &self.search_path);
        // Compiled guests are kept from one test run to the next, apart from the user's own.
        command.env("SANDMILL_CACHE", &self.cache);
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "RUST_BACKTRACE", "COLUMNS"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        command
    }

    /// Runs a command line of the shell to its end.
    ///
    /// # Errors
    /// When it does not end within [`BOUND`].
    pub async fn run(&self, line: &str) -> Result<Seen> {
        let child = self.shell(line).spawn().context("sh")?;
        finish(child, BOUND).await.with_context(|| format!("`{line}`"))
    }
}

/// Waits for the end of a command; ends its whole process group when that takes too long.
///
/// # Errors
/// When it does.
pub async fn finish(child: Child, bound: Duration) -> Result<Seen> {
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let Ok(output) = timeout(bound, child.wait_with_output()).await else {
        if let Some(group) = group {
            kill_process_group(group, Signal::KILL).context("a process that hangs cannot be killed")?;
        }
        bail!("it has not ended after {} s", bound.as_secs());
    };
    let output = output?;
    let signal = std::os::unix::process::ExitStatusExt::signal(&output.status).unwrap_or_default();
    Ok(Seen {
        code: output.status.code().unwrap_or(128 + signal),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// The folder of the binary: `target/<profile>`, where this test executable is in `deps`.
fn bin_folder() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent).context("a test executable lies in target/<profile>/deps")?;
    ensure!(
        folder.join("sandmill").is_file(),
        "there is no sandmill in {}: run `cargo build -p sandmill` first",
        folder.display()
    );
    Ok(folder.to_owned())
}

/// Writes a program that a shell runs.
///
/// # Panics
/// When it cannot be written.
pub fn program(path: &Path, script: &str) {
    std::fs::write(path, script).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a program");
}
