//! The sources of the SDKs. They travel in this program, so that a stage's folder can be committed, moved and shared, and is
//! built on a machine that has no checkout.
//!
//! A stage made by `sandmill new` depends on `.sandmill/<language>`, a folder of its own that version control ignores. A
//! build writes what this program carries there, unless it is there already. After a first build, the language's own tests
//! and editors find it as well.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use sandmill_engine::error::{Error, Result};

/// The folder in a stage's own that holds the SDK.
pub(super) const FOLDER: &str = ".sandmill";
/// Says in that folder what is in it.
const MARKER: &str = "contents";

/// The files of an SDK.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kit {
    /// Each file with its path below `guest-sdk`.
    pub(super) files: &'static [(&'static str, &'static str)],
}

/// A list of files below `guest-sdk`, with their texts.
macro_rules! files {
    ($($path:literal,)*) => {
        &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest-sdk/", $path))),)*]
    };
}
pub(super) use files;

/// A stage's folder that has, or will have, the SDK in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unpacked {
    kit: &'static Kit,
    folder: PathBuf,
}

impl Unpacked {
    /// In a stage's own folder.
    pub(super) fn in_stage(kit: &'static Kit, stage: &Path) -> Self {
        Self { kit, folder: stage.join(FOLDER) }
    }

    /// In a folder that the stage names, relative to its own.
    pub(super) fn at(kit: &'static Kit, folder: PathBuf) -> Self {
        Self { kit, folder }
    }

    /// The same, where its folder is relative to `stage`.
    pub(super) fn within(self, stage: &Path) -> Self {
        Self { folder: stage.join(&self.folder), ..self }
    }

    /// Whether it is there, and as this program carries it.
    pub(super) fn is_current(&self) -> bool {
        fs::read_to_string(self.folder.join(MARKER)).is_ok_and(|contents| contents == self.kit.hash())
    }

    /// Writes what is missing or different.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn refresh(&self) -> Result<()> {
        if self.is_current() {
            return Ok(());
        }
        let written = self.kit.files.iter().try_for_each(|(path, text)| put(&self.folder.join(path), text));
        let marked = written.and_then(|()| fs::write(self.folder.join(MARKER), self.kit.hash()));
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
        for (path, _) in self.kit.files {
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

impl Kit {
    /// Tells one content from another.
    pub(super) fn hash(&self) -> String {
        let mut digest = Sha256::new();
        for (path, text) in self.files {
            digest.update((path.len() as u64).to_le_bytes());
            digest.update(path);
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        }
        digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static KIT: Kit = Kit { files: &[("c/sandmill.h", "text")] };

    #[test]
    fn what_is_missing_or_different_is_written_again() {
        let stage = tempfile::tempdir().unwrap();
        let sdk = Unpacked::in_stage(&KIT, stage.path());
        assert!(!sdk.is_current());
        sdk.begin().unwrap();
        assert!(sdk.is_current());
        let header = stage.path().join(".sandmill/c/sandmill.h");
        fs::write(&header, "another version's").unwrap();
        fs::write(stage.path().join(".sandmill/contents"), "another version").unwrap();
        sdk.refresh().unwrap();
        assert_eq!(fs::read_to_string(&header).unwrap(), "text");
    }
}
