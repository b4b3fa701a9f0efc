//! Tells the program which commit it was built from, for `sandmill --version`.
//!
//! Release builds in a checkout of their own say it; builds for development do not, because each commit would then compile
//! the program again. Outside of git nothing is said. Whoever packages the sources without their history sets
//! `SANDMILL_COMMIT`.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SANDMILL_COMMIT");
    let given = env::var("SANDMILL_COMMIT").ok().filter(|commit| !commit.is_empty());
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let found = || if is_release { commit() } else { None };
    let build = given.or_else(found).map_or_else(String::new, |commit| format!(" ({commit})"));
    println!("cargo::rustc-env=SANDMILL_BUILD={build}");
}

/// The commit and its day.
fn commit() -> Option<String> {
    let manifest = env::var("CARGO_MANIFEST_DIR").ok()?;
    let root = Path::new(&manifest).parent()?.canonicalize().ok()?;
    // The checkout of another project, with a copy of these sources in it, says nothing about them.
    let top = git(&root, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != root {
        return None;
    }
    for file in ["HEAD", "logs/HEAD"] {
        let path = root.join(git(&root, &["rev-parse", "--git-path", file])?);
        // A file that is not there would count as changed at every build.
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    git(&root, &["show", "--no-patch", "--abbrev=10", "--format=%h %cs", "HEAD"])
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    Some(said.trim().to_owned()).filter(|said| output.status.success() && !said.is_empty())
}
