//! The folder of a stage: what its manifest must say, and where its component belongs.

use std::fs;
use std::path::{Path, PathBuf};

use super::sdk::Unpacked;
use crate::error::{Error, Result};

/// A stage's folder, and where its component belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) component: PathBuf,
    pub(super) stamp_file: PathBuf,
    /// The SDK in the folder, where the manifest wants it there.
    pub(super) sdk: Option<Unpacked>,
}

impl Stage {
    /// Reads the manifest in `folder`.
    ///
    /// # Errors
    /// When the folder is not a stage.
    pub(super) fn find(folder: &Path) -> Result<Self> {
        let Manifest { name, table } = Manifest::read(folder)?;
        let folder = folder.canonicalize().map_err(|error| unreadable(folder, error))?;
        let outputs = folder.join("target/sandmill");
        let component = outputs.join(format!("{name}.wasm"));
        let stamp_file = outputs.join(format!("{name}.stamp"));
        let sdk = Unpacked::wanted_by(&table, &folder);
        Ok(Self { name, folder, component, stamp_file, sdk })
    }
}

/// What a stage's `Cargo.toml` must say.
struct Manifest {
    name: String,
    table: toml::Table,
}

impl Manifest {
    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("Cargo.toml");
        let no_stage = |why: &str| Error::config(format!("\"{}\" is no stage: {why}", folder.display()));
        if !folder.is_dir() {
            let what = if folder.exists() { "is a file, not the folder of a stage" } else { "is not there" };
            return Err(Error::config(format!("\"{}\" {what}", folder.display()))
                .hint("name the folder that holds the stage's Cargo.toml"));
        }
        if !path.exists() {
            return Err(no_stage("it has no Cargo.toml").hint(
                "`sandmill new NAME` makes a stage; a component that is built already is named by its .wasm file",
            ));
        }
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
            return Err(no_stage("it is not compiled to a library of its own")
                .hint("its Cargo.toml needs\n\n    [lib]\n    crate-type = [\"cdylib\"]"));
        }
        Ok(Self { name: name.to_owned(), table: manifest })
    }
}

/// A file of a stage that cannot be read.
pub(super) fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::config(format!("\"{}\" cannot be read", path.display())).caused_by(error)
}
