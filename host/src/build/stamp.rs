//! What a component was made of, so that an unchanged stage is known without starting cargo.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// Part of the stamp: what this program does to a module may change from version to version, and the user's own flags
/// from build to build.
fn maker() -> String {
    let flags = std::env::var("SANDMILL_RUSTFLAGS").unwrap_or_default();
    format!("sandmill {} {flags}", env!("CARGO_PKG_VERSION"))
}

/// The inputs of a build, each with its size and time.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    maker: String,
    pub(super) debug: bool,
    pub(super) toolchain: String,
    files: Vec<FileStamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileStamp {
    path: PathBuf,
    bytes: u64,
    modified_nanos: u128,
}

impl Stamp {
    /// Stamps `component` and all its `inputs`, as they are now. An input that is not there is left out.
    pub(super) fn take(component: &Path, inputs: &BTreeSet<PathBuf>, toolchain: &str, debug: bool) -> io::Result<Self> {
        let mut files = vec![FileStamp::take(component)?];
        files.extend(inputs.iter().filter_map(|input| FileStamp::take(input).ok()));
        Ok(Self { maker: maker(), debug, toolchain: toolchain.to_owned(), files })
    }

    /// The stamp beside a component, if there is one that can be read.
    pub(super) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Whether everything is as it was, for a build of this kind.
    pub(super) fn holds(&self, debug: bool) -> bool {
        let same = |file: &FileStamp| FileStamp::take(&file.path).is_ok_and(|now| now == *file);
        self.maker == maker() && self.debug == debug && self.files.iter().all(same)
    }
}

impl FileStamp {
    fn take(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { path: path.to_owned(), bytes: metadata.len(), modified_nanos: modified.as_nanos() })
    }
}

/// The files that a build read: those in cargo's dep-info, the manifests above each of them, and lock files.
pub(super) fn inputs(dep_info: &str, folder: &Path) -> BTreeSet<PathBuf> {
    let mut inputs: BTreeSet<PathBuf> = dep_info_files(dep_info).into_iter().map(|file| folder.join(file)).collect();
    inputs.insert(folder.join("Cargo.toml"));
    let manifests: BTreeSet<PathBuf> = inputs.iter().filter_map(|file| manifest_above(file)).collect();
    inputs.extend(manifests);
    // The workspace's manifest and lock file lie in the folder or above it.
    for above in folder.ancestors() {
        inputs
            .extend(["Cargo.toml", "Cargo.lock"].map(|name| above.join(name)).into_iter().filter(|file| file.exists()));
    }
    inputs
}

/// The files behind the colon of a makefile's first rule; a space in a name is written `\ `.
fn dep_info_files(text: &str) -> Vec<PathBuf> {
    let rule = text.lines().next().and_then(|line| line.split_once(": ")).map(|(_, files)| files).unwrap_or_default();
    rule.replace("\\ ", "\0").split_ascii_whitespace().map(|file| PathBuf::from(file.replace('\0', " "))).collect()
}

fn manifest_above(file: &Path) -> Option<PathBuf> {
    file.ancestors().skip(1).map(|above| above.join("Cargo.toml")).find(|manifest| manifest.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dep_info_names_files_with_spaces_too() {
        let files = dep_info_files("/t/libx.wasm: src/lib.rs /home/a\\ b/sdk.rs\n");
        assert_eq!(files, [PathBuf::from("src/lib.rs"), PathBuf::from("/home/a b/sdk.rs")]);
    }

    #[test]
    fn a_stamp_holds_until_an_input_changes_or_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (component, source) = (folder.path().join("a.wasm"), folder.path().join("lib.rs"));
        fs::write(&component, "wasm").unwrap();
        fs::write(&source, "one").unwrap();
        let stamp = Stamp::take(&component, &BTreeSet::from([source.clone()]), "test", false).unwrap();
        assert!(stamp.holds(false));
        assert!(!stamp.holds(true), "a debug build was asked for");
        fs::write(&source, "other").unwrap();
        assert!(!stamp.holds(false), "the source changed");
        fs::write(&source, "one").unwrap();
        let stamp = Stamp::take(&component, &BTreeSet::from([source.clone()]), "test", false).unwrap();
        fs::remove_file(&source).unwrap();
        assert!(!stamp.holds(false), "the source went");
    }
}
