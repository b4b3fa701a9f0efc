//! Components that travel inside this program and are named `std:NAME`: nothing is compiled, and no toolchain is
//! needed.
//!
//! They are built from `stages/` by `scripts/std-components`, and kept packed beside their sources, with their hashes.
//! A run unpacks one into the user's cache, under a name that says which version it is. From then on it is a file like
//! any other; but where nobody else can write to that folder, it is known what the file holds, and a start neither
//! unpacks nor hashes.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::cache;
use sandmill_engine::error::{Error, Result};
use sandmill_engine::suggest;

/// What names such a component begins with.
pub const PREFIX: &str = "std:";

macro_rules! kept {
    ($($name:literal,)*) => {
        [$(($name, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../stages/std/", $name, ".wasm.zst")).as_slice()),)*]
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

const JAVASCRIPT_ENGINE: &str = "javascript-engine";
/// Parts of components, which cannot be named by themselves.
const PARTS: &[(&str, &[u8])] = &kept!["javascript-engine",];

/// Too large to travel: it is built once, by [`crate::build::script_runner`].
const BUILT: &str = "script-python";

/// The hash of each component: a line `HASH  NAME.wasm`.
const SUMS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../stages/std/SHA256SUMS"));

/// Whether there is a component `std:{name}`; otherwise the one that was probably meant, or all.
pub fn known(name: &str) -> std::result::Result<(), String> {
    let names = || KEPT.iter().map(|(known, _)| *known).chain([BUILT]);
    if names().any(|known| known == name) {
        return Ok(());
    }
    Err(suggest::hint(name, names()).unwrap_or_else(|| format!("known: {}", names().collect::<Vec<_>>().join(", "))))
}

/// The file of the built-in component that `path` names, if it names one.
///
/// # Errors
/// When there is no such component, or no folder to unpack it into.
pub fn file_of(path: &Path) -> Option<Result<PathBuf>> {
    Some(unpacked(path.to_str()?.strip_prefix(PREFIX)?))
}

/// The module that stages in JavaScript run on, unpacked.
///
/// # Errors
/// When it cannot be unpacked.
pub fn javascript_engine() -> Result<PathBuf> {
    unpacked(JAVASCRIPT_ENGINE)
}

/// The hash of [`javascript_engine`].
#[must_use]
pub fn javascript_engine_sha256() -> &'static str {
    sum(JAVASCRIPT_ENGINE).unwrap_or_default()
}

/// The hash of what is in this file, where that is one of these components, and nobody else can have changed it.
pub fn sha256_of(path: &Path) -> Option<&'static str> {
    let (folder, is_ours) = folder();
    if !is_ours || path.parent()? != folder {
        return None;
    }
    let is_it = |name: &&str| file_in(&folder, name).as_deref() == Some(path);
    KEPT.iter().map(|(name, _)| *name).find(is_it).and_then(sum)
}

/// Where they are unpacked, and whether nobody else can write there.
fn folder() -> (PathBuf, bool) {
    let folder = cache::user_folder().unwrap_or_else(|| std::env::temp_dir().join("sandmill")).join("std");
    let is_ours = cache::private(&folder).is_some();
    (folder, is_ours)
}

fn file_in(folder: &Path, name: &str) -> Option<PathBuf> {
    let version = sum(name)?.get(..16)?;
    Some(folder.join(format!("{name}-{version}.wasm")))
}

fn sum(name: &str) -> Option<&'static str> {
    let lines = SUMS.lines().filter_map(|line| line.split_once("  "));
    lines.filter_map(|(sum, file)| Some((sum, file.strip_suffix(".wasm")?))).find(|(_, of)| *of == name).map(|of| of.0)
}

fn unpacked(name: &str) -> Result<PathBuf> {
    let Some((_, packed)) = KEPT.iter().chain(PARTS).find(|(known, _)| *known == name) else {
        let error = Error::config(format!("there is no component \"{PREFIX}{name}\""));
        return Err(known(name).err().into_iter().fold(error, Error::hint));
    };
    let (folder, is_ours) = folder();
    let put = file_in(&folder, name).zip(sum(name)).map(|(file, sha256)| {
        // Written whole under another name, so one that is there is what it should be.
        if is_ours && file.is_file() { Ok(file) } else { put(&file, packed, sha256).map(|()| file) }
    });
    put.unwrap_or_else(|| Err(io::Error::other("its hash is not known"))).map_err(|error| {
        Error::config(format!("the component \"{PREFIX}{name}\" cannot be written to \"{}\"", folder.display()))
            .caused_by(error)
            .hint("set SANDMILL_CACHE to use another cache folder")
    })
}

/// Unpacks what is not there as it should be. Renamed into place, so that nobody sees half of it.
fn put(file: &Path, packed: &[u8], sha256: &str) -> io::Result<()> {
    let component = zstd::decode_all(packed)?;
    if hash(&component) != sha256 {
        return Err(io::Error::other("its hash is not the one that it was built with: this is a bug in Sandmill"));
    }
    if fs::read(file).is_ok_and(|there| there == component) {
        return Ok(());
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(&component)?;
    // The name must not outlive the bytes in a power failure: they are not looked at again.
    new.as_file().sync_all()?;
    new.persist(file).map_err(|error| error.error)?;
    Ok(())
}

fn hash(component: &[u8]) -> String {
    Sha256::digest(component).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_component_that_is_kept_unpacks_and_has_its_hash() {
        for (name, packed) in KEPT.iter().chain(PARTS) {
            let component = zstd::decode_all(*packed).unwrap();
            assert!(component.starts_with(b"\0asm"), "{name}");
            assert_eq!(
                Some(hash(&component).as_str()),
                sum(name),
                "scripts/std-components writes stages/std/SHA256SUMS"
            );
        }
        assert_eq!(SUMS.lines().count(), KEPT.len() + PARTS.len());
    }

    #[test]
    fn a_component_that_is_not_what_was_built_is_not_put() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("other.wasm");
        let packed = zstd::encode_all(&b"another"[..], 1).unwrap();
        assert!(put(&file, &packed, sum("jq").unwrap()).unwrap_err().to_string().contains("its hash is not"));
        assert!(!file.exists());
        fs::write(&file, "half of it").unwrap();
        put(&file, &packed, &hash(b"another")).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"another", "what is not as it should be is replaced");
    }

    #[test]
    fn the_hash_of_a_file_is_known_where_it_is_one_of_these() {
        let file = file_of(Path::new("std:drop-bots")).unwrap().unwrap();
        assert_eq!(sha256_of(&file), sum("drop-bots"));
        assert_eq!(Some(hash(&fs::read(&file).unwrap()).as_str()), sum("drop-bots"));
        assert_eq!(sha256_of(Path::new("drop-bots.wasm")), None);
        assert_eq!(sha256_of(&file.with_file_name("other.wasm")), None);
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
