//! The trait of a language: everything needed to turn a folder with one function in it into a component.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use super::folder::Stage;
use super::kit::Unpacked;
use super::settings::{Reach, Settings};
use super::stop::Stop;
use super::talk::Talk;
use super::toolchain::{Status, Tool};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::plan::Suggested;

/// A language that stages are written in.
pub(super) trait Language: Debug + Sync {
    /// As `language = "…"` in `sandmill.toml` and `--lang` name it: lowercase.
    fn name(&self) -> &'static str;

    /// As people write it.
    fn title(&self) -> &'static str;

    /// The file that shows that `folder` is a stage in this language, where no `sandmill.toml` says so.
    fn evidence(&self, folder: &Path) -> Option<&'static str>;

    /// The name of the stage in `folder`, and the SDK that its sources expect in it.
    ///
    /// # Errors
    /// When the folder is not a stage in this language, with what is missing.
    fn read(&self, folder: &Path, settings: &Settings) -> Result<Read>;

    /// How this program builds, beside what the stage's files say: another answer means that a component is stale.
    fn maker(&self) -> String;

    /// The tool that compiles it, where it is one that this program can fetch.
    fn tool(&self) -> Option<&'static Tool> {
        None
    }

    /// Where its compiler is, when that is not one that this program can fetch.
    ///
    /// # Errors
    /// When the environment names what is not one.
    fn own_status(&self) -> Result<Option<Status>> {
        Ok(None)
    }

    /// Sees that its compiler is on this machine, when that is not one that this program can fetch.
    ///
    /// # Errors
    /// When it is not.
    fn own_install(&self, _talk: &mut dyn Talk) -> Result<()> {
        Err(Error::config(format!("there is no toolchain for {}", self.title())))
    }

    /// What the user's environment says about the toolchain.
    fn choice(&self) -> Option<String> {
        std::env::var(self.variable()).ok()
    }

    /// The variable that names the toolchain to use.
    fn variable(&self) -> String {
        format!("SANDMILL_{}", self.name().to_uppercase())
    }

    /// The files of the stage that its component is made of, as far as a look at the folder can tell. One that is
    /// added, changed or removed makes the component stale. What only the compiler knows is in [`Made::inputs`].
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn watched(&self, stage: &Stage) -> Result<BTreeSet<PathBuf>>;

    /// Compiles the stage.
    ///
    /// # Errors
    /// When there is no toolchain, the stage does not compile, or the build was stopped.
    fn build(&self, job: &mut Job<'_>) -> Result<Made>;

    /// What instances of a stage need that is in this language, where the pipeline file says nothing.
    fn defaults(&self) -> Suggested {
        Suggested::default()
    }

    /// The parts of the system that its runtime can be built with.
    fn reaches(&self) -> &'static [Reach] {
        &[]
    }

    /// Whether a command of the settings builds its stages.
    fn has_command(&self) -> bool {
        false
    }

    /// What a module lacks that does not export a stage, where the language knows.
    fn no_export_hint(&self) -> Option<&'static str> {
        None
    }

    /// The files of a new stage, or `None` where a new stage cannot be made from a name alone.
    fn scaffold(&self) -> Option<Scaffold>;
}

/// What a language says of a folder.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) name: String,
    /// The SDK in the folder, where the stage wants it there.
    pub(super) sdk: Option<Unpacked>,
}

/// One build of one stage.
pub(super) struct Job<'a> {
    pub(super) stage: &'a Stage,
    /// Without optimisation, with debug information.
    pub(super) debug: bool,
    /// Nothing may be fetched.
    pub(super) offline: bool,
    pub(super) stop: &'a Stop,
    pub(super) talk: &'a mut dyn Talk,
}

/// What a language made of a stage.
#[derive(Debug)]
pub(super) struct Made {
    /// A core module or a component.
    pub(super) wasm: Vec<u8>,
    /// Files that were read, beside those that [`Language::watched`] lists.
    pub(super) inputs: BTreeSet<PathBuf>,
    /// What compiled it: a tool with its version.
    pub(super) toolchain: String,
    /// The program of that tool, where it is one of this machine: what is fetched is pinned.
    pub(super) compiler: Option<PathBuf>,
    /// What the component says of itself, for the host to read: `flush=1` where it gives outputs at its end, `flush=0`
    /// where it does not. `None` where nobody can tell, or the module says so itself.
    pub(super) flushes: Option<bool>,
}

/// A new stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scaffold {
    /// Each file with its path in the new folder. `{{name}}` stands for the stage's name.
    pub(super) files: &'static [(&'static str, &'static str)],
    /// The file with the function to change.
    pub(super) entry: &'static str,
    /// Names that the language or its SDK keep for themselves.
    pub(super) reserved: &'static [&'static str],
    /// The SDK that its sources expect in it.
    pub(super) sdk: fn(&Path) -> Option<Unpacked>,
}
