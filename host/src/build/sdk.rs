//! The SDK's sources. They travel in this program, so that a stage's folder can be committed, moved and shared, and is built
//! on a machine that has no checkout.
//!
//! A stage made by `sandmill new` depends on `.sandmill/rust`, a folder of its own that version control ignores. A build
//! writes what this program carries there, unless it is there already. After a first build, `cargo test` and editors find
//! it as well.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The folder in a stage's own that holds the SDK.
pub(super) const FOLDER: &str = ".sandmill";
/// Says in that folder what is in it.
const MARKER: &str = "contents";

macro_rules! files {
    ($($path:literal,)*) => {
        [$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sdk/", $path))),)*]
    };
}

/// Each file with its path below `guest-sdk`. A test compares the list with that folder.
const FILES: &[(&str, &str)] = &files![
    "rust/Cargo.toml",
    "rust/README.md",
    "rust/src/bindings/record_source.rs",
    "rust/src/bindings/stage.rs",
    "rust/src/clock.rs",
    "rust/src/column.rs",
    "rust/src/config.rs",
    "rust/src/env.rs",
    "rust/src/failure.rs",
    "rust/src/files/mod.rs",
    "rust/src/files/native.rs",
    "rust/src/files/wasi.rs",
    "rust/src/function.rs",
    "rust/src/guest.rs",
    "rust/src/heap.rs",
    "rust/src/http/mod.rs",
    "rust/src/http/url.rs",
    "rust/src/http/wasi.rs",
    "rust/src/input.rs",
    "rust/src/lib.rs",
    "rust/src/log.rs",
    "rust/src/macros.rs",
    "rust/src/output.rs",
    "rust/src/outputs.rs",
    "rust/src/random.rs",
    "rust/src/record.rs",
    "rust/src/source.rs",
    "rust/src/stage.rs",
    "rust/src/trial.rs",
    "wit/deps/cli.wit",
    "wit/deps/clocks.wit",
    "wit/deps/filesystem.wit",
    "wit/deps/http.wit",
    "wit/deps/io.wit",
    "wit/deps/random.wit",
    "wit/deps/sockets.wit",
    "wit/stage.wit",
];

/// The versions of what the SDK needs: a new stage begins with them.
pub(super) const LOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sdk/rust/Cargo.lock"));

/// A stage's folder that has, or will have, the SDK in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unpacked {
    folder: PathBuf,
}

impl Unpacked {
    /// In a new stage's folder.
    pub(super) fn in_stage(stage: &Path) -> Self {
        Self { folder: stage.join(FOLDER) }
    }

    /// Where a manifest expects it: the folder above a dependency of the stage on `…/.sandmill/rust`.
    pub(super) fn wanted_by(manifest: &toml::Table, stage: &Path) -> Option<Self> {
        let dependency = manifest.get("dependencies")?.get("sandmill-stage")?;
        let path = Path::new(dependency.get("path")?.as_str()?);
        path.ends_with(Path::new(FOLDER).join("rust")).then_some(())?;
        Some(Self { folder: stage.join(path.parent()?) })
    }

    /// Whether it is there, and as this program carries it.
    pub(super) fn is_current(&self) -> bool {
        fs::read_to_string(self.folder.join(MARKER)).is_ok_and(|contents| contents == hash())
    }

    /// Writes what is missing or different.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn refresh(&self) -> Result<()> {
        if self.is_current() {
            return Ok(());
        }
        let written = FILES.iter().try_for_each(|(path, text)| put(&self.folder.join(path), text));
        let marked = written.and_then(|()| fs::write(self.folder.join(MARKER), hash()));
        marked.map_err(|error| {
            Error::config(format!("the stage SDK cannot be written to \"{}\"", self.folder.display())).caused_by(error)
        })
    }

    /// As [`Self::refresh`], in a folder of which cargo has seen nothing yet. The files are dated back, because cargo takes
    /// what is newer than its last build for changed, and would compile the SDK again for each new stage.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn begin(&self) -> Result<()> {
        self.refresh()?;
        let past = SystemTime::UNIX_EPOCH + LONG_AGO;
        for (path, _) in FILES {
            let file = self.folder.join(path);
            // A file that keeps its date is only compiled once more.
            fs::File::options().write(true).open(file).and_then(|file| file.set_modified(past)).unwrap_or_default();
        }
        Ok(())
    }
}

/// The beginning of the year 2000.
const LONG_AGO: Duration = Duration::from_secs(946_684_800);

fn put(path: &Path, text: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, text)
}

/// What the SDK is, in a word.
pub(super) fn hash() -> String {
    let mut digest = Sha256::new();
    for (path, text) in FILES {
        digest.update((path.len() as u64).to_le_bytes());
        digest.update(path);
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    }
    digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A file that is added to the SDK and not to the list would be missing in every new stage.
    #[test]
    fn every_source_of_the_sdk_travels_in_the_program() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk");
        let pattern = |below: &str| format!("{}/{below}", sdk.display());
        let globs = ["rust/src/**/*.rs", "rust/Cargo.toml", "rust/README.md", "wit/**/*.wit"];
        let there: BTreeSet<String> = globs
            .iter()
            .flat_map(|below| glob::glob(&pattern(below)).unwrap())
            .map(|file| file.unwrap().strip_prefix(&sdk).unwrap().display().to_string())
            .collect();
        let carried: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(carried, there);
    }

    /// With others, a stage would speak another interface than its host.
    #[test]
    fn the_bindings_are_those_of_the_interface() {
        let text = |path: &str| FILES.iter().find(|(name, _)| *name == path).map(|(_, text)| *text).unwrap();
        let hash: String = Sha256::digest(text("wit/stage.wit")).iter().map(|byte| format!("{byte:02x}")).collect();
        for module in ["stage", "record_source"] {
            let made_of = text(&format!("rust/src/bindings/{module}.rs")).lines().nth(1).unwrap();
            assert_eq!(made_of, format!("// {hash}"), "run scripts/bindings");
        }
    }

    #[test]
    fn what_is_missing_or_different_is_written_again() {
        let stage = tempfile::tempdir().unwrap();
        let sdk = Unpacked::in_stage(stage.path());
        assert!(!sdk.is_current());
        sdk.begin().unwrap();
        assert!(sdk.is_current());
        let library = stage.path().join(".sandmill/rust/src/lib.rs");
        let text = fs::read_to_string(&library).unwrap();
        fs::write(&library, "another version's").unwrap();
        fs::write(stage.path().join(".sandmill/contents"), "another version").unwrap();
        sdk.refresh().unwrap();
        assert_eq!(fs::read_to_string(&library).unwrap(), text);
    }

    #[test]
    fn a_manifest_says_where_it_wants_the_sdk() {
        let wanted = |manifest: &str| Unpacked::wanted_by(&manifest.parse().unwrap(), Path::new("/stage"));
        let inside = "[dependencies]\nsandmill-stage = { path = \".sandmill/rust\", features = [\"clock\"] }";
        assert_eq!(wanted(inside), Some(Unpacked::in_stage(Path::new("/stage"))));
        let beside = "[dependencies.sandmill-stage]\npath = \"../other/.sandmill/rust\"";
        assert_eq!(wanted(beside), Some(Unpacked { folder: PathBuf::from("/stage/../other/.sandmill") }));
        assert_eq!(wanted("[dependencies]\nsandmill-stage = { path = \"../guest-sdk/rust\" }"), None);
        assert_eq!(wanted("[dependencies]\nsandmill-stage.workspace = true"), None);
    }
}
