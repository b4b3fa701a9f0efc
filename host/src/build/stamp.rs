//! What a component was made of, so that an unchanged stage is known without starting cargo.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::flags;
use super::toolchain::ONLY;

/// Part of the stamp: what this program does to a module, and what it tells the compiler, the user's own flags included.
fn maker() -> String {
    format!("sandmill {} {} {}", env!("CARGO_PKG_VERSION"), flags::shared(), flags::link().join(" "))
}

/// The inputs of a build, each with its size and time.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    maker: String,
    pub(super) debug: bool,
    pub(super) toolchain: String,
    /// What the user kept the choice of a toolchain to.
    only: Option<String>,
    files: Vec<FileStamp>,
}

/// Files of settings, in the stage's folder or above it. They count when they are not there, too: one may be made.
const SETTINGS: [&str; 4] = [".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileStamp {
    path: PathBuf,
    /// None: there is no such file.
    bytes: Option<u64>,
    modified_nanos: u128,
}

impl Stamp {
    /// Stamps `component` and all its `inputs`, as they are now.
    pub(super) fn take(component: &Path, inputs: &BTreeSet<PathBuf>, toolchain: &str, debug: bool) -> io::Result<Self> {
        let all = std::iter::once(component).chain(inputs.iter().map(PathBuf::as_path));
        let files = all.map(FileStamp::take).collect::<io::Result<_>>()?;
        Ok(Self { maker: maker(), debug, toolchain: toolchain.to_owned(), only: only(), files })
    }

    /// The stamp beside a component, if there is one that can be read.
    pub(super) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Whether everything is as it was, for a build of this kind of this component. The stamp in a copied folder is about
    /// the files of the other one.
    pub(super) fn holds(&self, component: &Path, debug: bool) -> bool {
        let same = |file: &FileStamp| FileStamp::take(&file.path).is_ok_and(|now| now == *file);
        let is_of = self.files.first().is_some_and(|file| file.path == component);
        is_of && self.maker == maker() && self.debug == debug && self.only == only() && self.files.iter().all(same)
    }
}

impl FileStamp {
    fn take(path: &Path) -> io::Result<Self> {
        let metadata = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path: path.to_owned(), bytes: None, modified_nanos: 0 });
            }
            metadata => metadata?,
        };
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { path: path.to_owned(), bytes: Some(metadata.len()), modified_nanos: modified.as_nanos() })
    }
}

fn only() -> Option<String> {
    std::env::var(ONLY).ok()
}

/// Whether the author may have changed an input after cargo, started at `begun`, had read it. Then nobody but cargo
/// knows whether the component is up to date. The lock file does not count: cargo writes it.
pub(super) fn changed_since(begun: SystemTime, inputs: &BTreeSet<PathBuf>) -> bool {
    let changed = |file: &PathBuf| fs::metadata(file).and_then(|it| it.modified()).is_ok_and(|at| at >= begun);
    inputs.iter().filter(|file| !file.ends_with("Cargo.lock")).any(changed)
}

/// The files that a build read: those in cargo's dep-info, the manifests above each of them, lock files and settings.
pub(super) fn inputs(dep_info: &str, folder: &Path) -> BTreeSet<PathBuf> {
    let mut inputs: BTreeSet<PathBuf> = dep_info_files(dep_info).into_iter().map(|file| folder.join(file)).collect();
    inputs.insert(folder.join("Cargo.toml"));
    let manifests: BTreeSet<PathBuf> = inputs.iter().filter_map(|file| manifest_above(file)).collect();
    inputs.extend(manifests);
    // The workspace's manifest and lock file lie in the folder or above it.
    for above in folder.ancestors() {
        let there = ["Cargo.toml", "Cargo.lock"].map(|name| above.join(name)).into_iter().filter(|file| file.exists());
        inputs.extend(there.chain(SETTINGS.map(|name| above.join(name))));
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
        assert!(stamp.holds(&component, false));
        assert!(!stamp.holds(&component, true), "a debug build was asked for");
        fs::write(&source, "other").unwrap();
        assert!(!stamp.holds(&component, false), "the source changed");
        fs::write(&source, "one").unwrap();
        let stamp = Stamp::take(&component, &BTreeSet::from([source.clone()]), "test", false).unwrap();
        fs::remove_file(&source).unwrap();
        assert!(!stamp.holds(&component, false), "the source went");
    }

    /// Without it, a copy of a stage's folder runs the code of the original, whatever is changed in it (issue 12).
    #[test]
    fn a_stamp_does_not_hold_for_a_copy_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let [component, copy] = ["a.wasm", "copy.wasm"].map(|name| folder.path().join(name));
        [&component, &copy].into_iter().for_each(|path| fs::write(path, "wasm").unwrap());
        let stamp = Stamp::take(&component, &BTreeSet::new(), "test", false).unwrap();
        assert!(stamp.holds(&component, false) && !stamp.holds(&copy, false));
    }

    #[test]
    fn settings_that_appear_end_a_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("a.wasm");
        fs::write(&component, "wasm").unwrap();
        let stamp = Stamp::take(&component, &inputs("", folder.path()), "test", false).unwrap();
        assert!(stamp.holds(&component, false));
        fs::write(folder.path().join("rust-toolchain.toml"), "").unwrap();
        assert!(!stamp.holds(&component, false));
    }

    #[test]
    fn an_input_that_changed_while_cargo_ran_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let [source, lock] = ["lib.rs", "Cargo.lock"].map(|name| folder.path().join(name));
        let begun = SystemTime::now() - std::time::Duration::from_secs(1);
        fs::write(&lock, "").unwrap();
        assert!(!changed_since(begun, &BTreeSet::from([source.clone(), lock.clone()])), "cargo writes the lock file");
        fs::write(&source, "").unwrap();
        assert!(changed_since(begun, &BTreeSet::from([source, lock])));
    }
}
