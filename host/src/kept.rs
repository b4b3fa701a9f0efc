//! Components that travel inside this program, and are named `std:NAME`: nothing is compiled, and no toolchain is needed.
//!
//! They are built from `stages/` by `scripts/std-components`, and kept packed beside their sources. A run unpacks one into
//! the user's cache, under a name that says which version it is, and from then on it is a file like any other.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::cache;
use crate::error::{Error, Result};
use crate::suggest;

/// What names such a component begins with.
pub(crate) const PREFIX: &str = "std:";

macro_rules! kept {
    ($($name:literal,)*) => {
        [$(($name, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../stages/std/", $name, ".wasm.zst")).as_slice()),)*]
    };
}

const KEPT: &[(&str, &[u8])] = &kept![
    "add-country",
    "count-by",
    "drop-bots",
    "jq",
    "mask-personal-data",
    "parse-access-log",
    "pseudonymise",
    "script-javascript",
];

/// Too large to travel: it is built once, by [`crate::build::script_runner`].
const BUILT: &str = "script-python";

/// Whether there is a component `std:{name}`; otherwise the one that was probably meant, or all.
pub(crate) fn known(name: &str) -> std::result::Result<(), String> {
    let names = || KEPT.iter().map(|(known, _)| *known).chain([BUILT]);
    if names().any(|known| known == name) {
        return Ok(());
    }
    Err(suggest::hint(name, names()).unwrap_or_else(|| format!("known: {}", names().collect::<Vec<_>>().join(", "))))
}

/// The file of the component that `path` names, if it names one of these.
///
/// # Errors
/// When there is no such component, or no place to put it.
pub fn file_of(path: &Path) -> Option<Result<PathBuf>> {
    Some(unpacked(path.to_str()?.strip_prefix(PREFIX)?))
}

fn unpacked(name: &str) -> Result<PathBuf> {
    let Some((_, packed)) = KEPT.iter().find(|(known, _)| *known == name) else {
        let error = Error::config(format!("there is no component \"{PREFIX}{name}\""));
        return Err(known(name).err().into_iter().fold(error, Error::hint));
    };
    let folder = cache::user_folder().unwrap_or_else(|| std::env::temp_dir().join("sandmill")).join("std");
    let version: String = Sha256::digest(packed).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let file = folder.join(format!("{name}-{version}.wasm"));
    put(&file, packed).map_err(|error| {
        Error::config(format!("the component \"{PREFIX}{name}\" cannot be put into \"{}\"", folder.display()))
            .caused_by(error)
            .hint("SANDMILL_CACHE names another folder for caches")
    })?;
    Ok(file)
}

/// Unpacks what is not there as it should be. Renamed into place, so that nobody sees half of it.
fn put(file: &Path, packed: &[u8]) -> io::Result<()> {
    let component = zstd::decode_all(packed)?;
    if fs::read(file).is_ok_and(|there| there == component) {
        return Ok(());
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let new = tempfile::NamedTempFile::new_in(folder)?;
    fs::write(new.path(), component)?;
    new.persist(file).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_component_that_is_kept_unpacks() {
        for (name, packed) in KEPT {
            assert!(zstd::decode_all(*packed).unwrap().starts_with(b"\0asm"), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_not_known_is_refused_with_the_one_that_was_meant() {
        assert!(known("jq").is_ok());
        assert!(known("parse-acces-log").unwrap_err().contains("parse-access-log"));
        let error = file_of(Path::new("std:nothing")).unwrap().unwrap_err();
        assert_eq!(error.to_string(), "there is no component \"std:nothing\"");
        assert!(file_of(Path::new("stages/jq")).is_none());
    }
}
