//! Finds a Rust toolchain that compiles for `wasm32-unknown-unknown`.
//!
//! In this order: a toolchain that has the target; rustup, asked to add it; the distribution's compiler with the
//! library's source, from which cargo builds the library for the target. What is there is found out first, what follows
//! from it is decided by a function without side effects. `SANDMILL_RUST=system` leaves rustup alone, which would
//! change the user's toolchain; `SANDMILL_RUST=rustup` leaves the distribution's compiler alone.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::talk::Talk;
use crate::toolchain::{Presence, Status, Version};
use sandmill_engine::error::{Error, Result};

/// What stages are compiled for: a target without an operating system, so that a stage can reach nothing.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";
/// How long a failed `rustup target add` is remembered: without it every build would try again, and wait.
const REFUSAL_REMEMBERED: Duration = Duration::from_secs(60 * 60);
/// Keeps the choice to one of them.
pub(super) const ONLY: &str = "SANDMILL_RUST";
const SYSTEM_RUSTC: &str = "/usr/bin/rustc";
const SYSTEM_CARGO: &str = "/usr/bin/cargo";
/// Where distributions put the library's source, below the compiler's sysroot.
const LIBRARY_SOURCE: &str = "lib/rustlib/src/rust/library";

/// How stages are compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Toolchain {
    /// The toolchain on the path, which has the target.
    Ready,
    /// The distribution's compiler; the library is built from its source.
    System,
}

/// What there is to choose from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Facts {
    /// `rustc` on the path has the target.
    ready: bool,
    /// There is a rustup that has not refused lately.
    rustup: bool,
    /// The distribution's compiler, cargo and library source are there.
    system: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Ready,
    System,
    AddTarget,
    GiveUp,
}

/// What the user keeps the choice to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Only {
    Any,
    Rustup,
    System,
}

impl Only {
    fn from_variable(value: Option<&OsStr>) -> Result<Self> {
        match value.unwrap_or_default().as_encoded_bytes() {
            b"" => Ok(Self::Any),
            b"rustup" => Ok(Self::Rustup),
            b"system" => Ok(Self::System),
            _ => Err(Error::config(format!("{ONLY} is {:?}", value.unwrap_or_default()))
                .hint("it may be \"rustup\" or \"system\"; unset it to use either")),
        }
    }
}

impl Facts {
    fn within(self, only: Only) -> Self {
        let (rustup, system) = (only != Only::System, only != Only::Rustup);
        Self { ready: self.ready && rustup, rustup: self.rustup && rustup, system: self.system && system }
    }
}

impl Toolchain {
    /// Finds one; adds the target by rustup when that is the way.
    ///
    /// # Errors
    /// When there is none: the hint says what to install on this system.
    pub(super) fn find(folder: &Path, offline: bool, talk: &mut dyn Talk) -> Result<Self> {
        let only = Only::from_variable(std::env::var_os(ONLY).as_deref())?;
        // Asked in the stage's folder: a `rust-toolchain.toml` there has a say.
        let facts =
            Facts { ready: has_target(folder), rustup: !offline && has_rustup(), system: has_system() }.within(only);
        match decide(facts) {
            Step::Ready => Ok(Self::Ready),
            Step::System => Ok(Self::System),
            Step::GiveUp => Err(none_found(only)),
            Step::AddTarget => {
                talk.say(&format!("adding the target {TARGET} to the Rust toolchain"));
                let Err(why) = add_target(folder) else { return Ok(Self::Ready) };
                talk.say(&format!("rustup did not add it: {why}"));
                remember_refusal();
                if facts.system { Ok(Self::System) } else { Err(none_found(only).caused_by(why)) }
            }
        }
    }

    /// A word for the stamp and for reports.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Ready => "the toolchain on the path",
            Self::System => "the system's toolchain, library from source",
        }
    }

    /// The compiler's program, as cargo finds it in `folder`.
    pub(super) fn compiler(&self, folder: &Path) -> Option<PathBuf> {
        let program = match self {
            Self::Ready => sysroot("rustc", folder)?.join("bin/rustc"),
            Self::System => PathBuf::from(SYSTEM_RUSTC),
        };
        program.is_file().then_some(program)
    }

    /// A cargo command of this toolchain.
    pub(super) fn cargo(&self) -> Command {
        match self {
            Self::Ready => clean(Command::new("cargo")),
            Self::System => {
                let mut cargo = clean(Command::new(SYSTEM_CARGO));
                // Building the library is not a stable feature of cargo; the distribution's own source makes it safe.
                cargo.env("RUSTC", SYSTEM_RUSTC).env("RUSTC_BOOTSTRAP", "1");
                cargo
            }
        }
    }

    /// The variables that cargo needs for it.
    pub(super) fn cargo_arguments(&self) -> &'static [&'static str] {
        match self {
            Self::Ready => &[],
            Self::System => &["-Z", "build-std=std,panic_abort"],
        }
    }
}

/// What there is, without changing anything.
///
/// # Errors
/// When the variable says what it cannot.
pub(super) fn status(language: &'static str) -> Result<Status> {
    let only = Only::from_variable(std::env::var_os(ONLY).as_deref())?;
    let facts = Facts { ready: has_target(Path::new(".")), rustup: false, system: has_system() }.within(only);
    let (presence, compiler) = match decide(facts) {
        Step::Ready => (Presence::Path, Some("rustc")),
        Step::System => (Presence::Path, Some(SYSTEM_RUSTC)),
        Step::AddTarget | Step::GiveUp => (Presence::Missing, None),
    };
    let said = compiler.and_then(|rustc| clean(Command::new(rustc)).arg("--version").output().ok());
    let version = said.and_then(|said| Version::within(&String::from_utf8_lossy(&said.stdout)));
    Ok(Status {
        language,
        tool: "rustc",
        version: version.map_or_else(|| "1.95 or later".to_owned(), |version| version.to_string()),
        presence,
        program: compiler.map(PathBuf::from),
        megabytes: None,
        licence: "MIT or Apache-2.0",
    })
}

fn decide(facts: Facts) -> Step {
    match facts {
        Facts { ready: true, .. } => Step::Ready,
        Facts { rustup: true, .. } => Step::AddTarget,
        Facts { system: true, .. } => Step::System,
        Facts { .. } => Step::GiveUp,
    }
}

/// Without what cargo and rustup set for the programs they run: this one may have been started by them.
fn clean(mut command: Command) -> Command {
    for name in
        ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTDOC", "RUSTC_WRAPPER", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"]
    {
        command.env_remove(name);
    }
    command
}

fn has_target(folder: &Path) -> bool {
    sysroot("rustc", folder).is_some_and(|root| root.join("lib/rustlib").join(TARGET).join("lib").is_dir())
}

fn has_system() -> bool {
    let library = || sysroot(SYSTEM_RUSTC, Path::new("/")).is_some_and(|root| root.join(LIBRARY_SOURCE).is_dir());
    Path::new(SYSTEM_CARGO).exists() && library()
}

fn has_rustup() -> bool {
    !refused_lately() && clean(Command::new("rustup")).arg("--version").output().is_ok_and(|out| out.status.success())
}

fn sysroot(rustc: &str, folder: &Path) -> Option<PathBuf> {
    let printed = clean(Command::new(rustc))
        .current_dir(folder)
        .args(["--print", "sysroot"])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let path = String::from_utf8(printed.stdout).ok()?;
    printed.status.success().then(|| PathBuf::from(path.trim()))
}

/// rustup returns by itself when there is no network; `timeout` ends it where it would wait for one. When it does not
/// add the target, says why.
fn add_target(folder: &Path) -> Result<(), String> {
    let mut rustup = clean(Command::new("timeout"));
    let output = rustup.current_dir(folder).args(["60", "rustup", "target", "add", TARGET]).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() && has_target(folder) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let why = said.lines().rfind(|line| line.starts_with("error")).map(str::to_owned);
    Err(why.unwrap_or_else(|| format!("it ended with {}", output.status)))
}

fn refusal_file() -> Option<PathBuf> {
    sandmill_component::cache::user_folder().map(|folder| folder.join("rustup-refused"))
}

fn refused_lately() -> bool {
    let modified = refusal_file().and_then(|file| std::fs::metadata(file).ok()?.modified().ok());
    let age = modified.and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_some_and(|age| age < REFUSAL_REMEMBERED)
}

/// Best effort: without the memory the next build asks rustup again.
fn remember_refusal() {
    if let Some(file) = refusal_file() {
        let folder = file.parent().map(std::fs::create_dir_all);
        drop(folder.map(|_| std::fs::write(&file, "")));
    }
}

fn none_found(only: Only) -> Error {
    let mut error = Error::config(format!("no Rust toolchain on this machine compiles for {TARGET}"))
        .hint(format!("with rustup: rustup target add {TARGET}"));
    if only != Only::Any {
        error = error.hint(format!("{ONLY} allows only one kind of toolchain: unset it"));
    }
    if Path::new("/etc/debian_version").exists() {
        error.hint("on Debian: apt-get install rustc-web cargo-web rust-web-src rust-web-llvm lld-22")
    } else {
        error.hint("without rustup: install your distribution's rustc, cargo, the Rust library source and lld")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_is_chosen_in_the_documented_order() {
        let all = Facts { ready: true, rustup: true, system: true };
        assert_eq!(decide(all), Step::Ready);
        assert_eq!(decide(Facts { ready: false, ..all }), Step::AddTarget);
        assert_eq!(decide(Facts { ready: false, rustup: false, ..all }), Step::System);
        assert_eq!(decide(Facts::default()), Step::GiveUp);
    }

    #[test]
    fn a_machine_without_a_toolchain_is_told_what_to_install() {
        assert!(none_found(Only::Any).hints()[0].contains("rustup target add wasm32-unknown-unknown"));
    }

    #[test]
    fn a_choice_kept_to_the_system_never_touches_rustup() {
        let all = Facts { ready: true, rustup: true, system: true };
        assert_eq!(decide(all.within(Only::System)), Step::System);
        assert_eq!(decide(Facts { system: false, ..all }.within(Only::System)), Step::GiveUp);
        assert_eq!(decide(Facts { ready: false, rustup: false, ..all }.within(Only::Rustup)), Step::GiveUp);
        assert_eq!(decide(all.within(Only::Any)), decide(all));
    }

    #[test]
    fn a_choice_that_is_none_is_refused() {
        let error = Only::from_variable(Some(OsStr::new("nightly"))).unwrap_err();
        assert_eq!(error.to_string(), "SANDMILL_RUST is \"nightly\"");
        assert_eq!(Only::from_variable(None).unwrap(), Only::Any);
    }
}
