//! Pythons of this machine, for what is compared with Sandmill.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Programs that may be a Python: `$PYTHON` alone where it is set; else those on the path, those of pyenv, and the one that
/// `tests/peers/python.sh` unpacks. Some may not exist.
#[must_use]
pub fn candidates() -> Vec<PathBuf> {
    if let Some(program) = env::var_os("PYTHON") {
        return vec![program.into()];
    }
    let pyenv = env::home_dir().unwrap_or_default().join(".pyenv/versions");
    let kept = std::fs::read_dir(pyenv).into_iter().flatten().flatten();
    let named = (12..20).map(|minor| format!("python3.{minor}")).chain(["python3".to_owned()]).map(PathBuf::from);
    named.chain(kept.map(|version| version.path().join("bin/python3"))).chain(unpacked()).collect()
}

/// The newest of the candidates that runs.
#[must_use]
pub fn newest() -> Option<PathBuf> {
    candidates().into_iter().filter_map(|program| Some((release(&program)?, program))).max().map(|(_, program)| program)
}

/// Below cargo's target folder, in which the running program is: `target/peers/python`.
fn unpacked() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let below = |folder: &Path| folder.join("peers/python/root/usr/bin/python3.14");
    program.ancestors().map(below).find(|python| python.is_file())
}

fn release(program: &Path) -> Option<(u32, u32)> {
    let about = "import sys; print(*sys.version_info[:2])";
    let output = Command::new(program).args(["-c", about]).stderr(Stdio::null()).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = said.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
