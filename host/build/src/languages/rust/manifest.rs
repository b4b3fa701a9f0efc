//! A package's `Cargo.toml`: what it must say, where it wants the SDK, and which files a build of it read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::kit::KIT;
use crate::folder::unreadable;
use crate::kit::{self, Unpacked};
use sandmill_engine::error::{Error, Result};

/// Files of settings, in the stage's folder or above it. They count when they are not there, too: one may be made.
const SETTINGS: [&str; 4] = [".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"];

/// What a stage's `Cargo.toml` must say.
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) table: toml::Table,
}

impl Manifest {
    /// Reads it.
    ///
    /// # Errors
    /// When it is not a stage's.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("Cargo.toml");
        let no_stage = |why: &str| Error::config(format!("\"{}\" is not a stage: {why}", folder.display()));
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
        let manifest: toml::Table =
            text.parse().map_err(|error: toml::de::Error| no_stage("its Cargo.toml is not valid").caused_by(error))?;
        let Some(name) = manifest.get("package").and_then(|package| package.get("name")).and_then(|name| name.as_str())
        else {
            return Err(no_stage("its Cargo.toml describes a workspace, not a package")
                .hint("name the folder of one of its stages"));
        };
        let crate_types = manifest.get("lib").and_then(|lib| lib.get("crate-type")).and_then(|types| types.as_array());
        if !crate_types.is_some_and(|types| types.iter().any(|kind| kind.as_str() == Some("cdylib"))) {
            return Err(no_stage("it is not compiled to a `cdylib` library")
                .hint("its Cargo.toml needs\n\n    [lib]\n    crate-type = [\"cdylib\"]"));
        }
        Ok(Self { name: name.to_owned(), table: manifest })
    }
}

/// Where a manifest expects the SDK: the folder above a dependency of the stage on `…/.sandmill/rust`, seen from its
/// own.
pub(super) fn wanted_sdk(manifest: &toml::Table) -> Option<Unpacked> {
    let dependency = manifest.get("dependencies")?.get("sandmill-stage")?;
    let path = Path::new(dependency.get("path")?.as_str()?);
    path.ends_with(Path::new(kit::FOLDER).join("rust")).then_some(())?;
    Some(Unpacked::at(&KIT, path.parent()?.to_owned()))
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

/// The files after the colon of a makefile's first rule; a space in a name is written `\ `.
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
    use crate::stamp::Stamp;

    #[test]
    fn dep_info_names_files_with_spaces_too() {
        let files = dep_info_files("/t/libx.wasm: src/lib.rs /home/a\\ b/sdk.rs\n");
        assert_eq!(files, [PathBuf::from("src/lib.rs"), PathBuf::from("/home/a b/sdk.rs")]);
    }

    #[test]
    fn settings_that_appear_end_a_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("a.wasm");
        fs::write(&component, "wasm").unwrap();
        let stamp = Stamp::of(&component, &inputs("", folder.path()));
        assert!(stamp.is_current_for(&component));
        fs::write(folder.path().join("rust-toolchain.toml"), "").unwrap();
        assert!(!stamp.is_current_for(&component));
    }

    #[test]
    fn a_manifest_says_where_it_wants_the_sdk() {
        let wanted = |manifest: &str| wanted_sdk(&manifest.parse().unwrap()).map(|sdk| sdk.within(Path::new("/stage")));
        let inside = "[dependencies]\nsandmill-stage = { path = \".sandmill/rust\", features = [\"clock\"] }";
        assert_eq!(wanted(inside), Some(Unpacked::in_stage(&KIT, Path::new("/stage"))));
        let beside = "[dependencies.sandmill-stage]\npath = \"../other/.sandmill/rust\"";
        assert_eq!(wanted(beside), Some(Unpacked::at(&KIT, PathBuf::from("/stage/../other/.sandmill"))));
        assert_eq!(wanted("[dependencies]\nsandmill-stage = { path = \"../guest-sdk/rust\" }"), None);
        assert_eq!(wanted("[dependencies]\nsandmill-stage.workspace = true"), None);
    }
}
