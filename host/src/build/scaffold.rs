//! Makes the folder of a new stage: one that builds, has a test, and runs in a pipeline of its own.

use std::fs;
use std::path::{Path, PathBuf};

use super::sdk::{self, Unpacked};
use crate::error::{Error, Result};

/// The files of a new stage, by their path in its folder.
const TEMPLATE: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.template")),
    ("src/lib.rs", include_str!("template/lib.rs")),
    ("pipeline.toml", include_str!("template/pipeline.toml")),
    ("README.md", include_str!("template/README.md")),
    (".gitignore", "target/\n.sandmill/\n"),
];

/// The stage itself, behind what the SDK needs: with one choice of versions, stages find what another has compiled.
const LOCK_ENTRY: &str = r#"
[[package]]
name = "{name}"
version = "0.1.0"
dependencies = ["sandmill-stage"]
"#;

/// Makes a stage's folder `name` in `parent`, and returns it.
///
/// # Errors
/// When the name cannot be a crate's, something of that name is there, or the folder cannot be written.
pub fn new_stage(name: &str, parent: &Path) -> Result<PathBuf> {
    check_name(name)?;
    let folder = parent.join(name);
    if folder.exists() {
        return Err(Error::config(format!("\"{}\" is there already", folder.display())).hint("choose another name"));
    }
    let lock = sdk::LOCK.to_owned() + LOCK_ENTRY;
    for (path, text) in TEMPLATE.into_iter().chain([("Cargo.lock", lock.as_str())]) {
        let file = folder.join(path);
        let text = text.replace("{name}", name);
        let made = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, text));
        made.map_err(|error| Error::config(format!("\"{}\" cannot be written", file.display())).caused_by(error))?;
    }
    Unpacked::in_stage(&folder).begin()?;
    Ok(folder)
}

fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if RESERVED.contains(&name) {
        return Err(Error::config(format!("\"{name}\" cannot be the name of a stage: Rust or the SDK has it already"))
            .hint(format!("for example: sandmill new my-{name}")));
    }
    if begins && name.chars().all(plain) && name.len() <= 64 {
        return Ok(());
    }
    let suggestion: String =
        name.to_lowercase().chars().map(|c| if plain(c) { c } else { '-' }).take(64).collect::<String>();
    let suggestion = suggestion.trim_matches(|c: char| !c.is_ascii_lowercase());
    let error = Error::config(format!("\"{name}\" cannot be the name of a stage"))
        .hint("a name is lowercase letters, digits, - and _, at most 64, and begins with a letter");
    if suggestion.is_empty() || RESERVED.contains(&suggestion) {
        Err(error)
    } else {
        Err(error.hint(format!("for example: sandmill new {suggestion}")))
    }
}

/// Names that cargo or the compiler keep for themselves, and that of the crate that every stage uses.
const RESERVED: [&str; 7] = ["test", "core", "std", "alloc", "self", "crate", "sandmill-stage"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cargo_would_refuse_is_refused_with_a_better_one() {
        for bad in ["", "9lives", "My Stage", "a/b", "../up", "test", "-x"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        let error = check_name("My Stage").unwrap_err();
        assert_eq!(error.hints()[1], "for example: sandmill new my-stage");
        assert!(check_name("mask-ips_2").is_ok());
        assert_eq!(check_name("sandmill-stage").unwrap_err().hints(), ["for example: sandmill new my-sandmill-stage"]);
    }

    #[test]
    fn a_new_stage_has_what_a_stage_needs_and_nothing_is_overwritten() {
        let parent = tempfile::tempdir().unwrap();
        let folder = new_stage("shout", parent.path()).unwrap();
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("name = \"shout\""), "{manifest}");
        assert!(new_stage("shout", parent.path()).unwrap_err().to_string().ends_with("is there already"));
    }

    /// An absolute path in it would be right on one machine only (issue 12).
    #[test]
    fn a_new_stage_can_be_moved_and_shared() {
        let parent = tempfile::tempdir().unwrap();
        let folder = new_stage("shout", parent.path()).unwrap();
        let stage = |path: &str| fs::read_to_string(folder.join(path)).unwrap();
        for (path, _) in TEMPLATE {
            let text = stage(path);
            assert!(!text.contains(env!("CARGO_MANIFEST_DIR")) && !text.contains("path = \"/"), "{path}: {text}");
        }
        assert!(stage("Cargo.toml").contains("path = \".sandmill/rust\""));
        assert!(stage(".gitignore").lines().any(|line| line == ".sandmill/"));
        assert!(stage(".sandmill/rust/Cargo.toml").contains("name = \"sandmill-stage\""));
    }
}
