//! Creates the folder of a new stage: one that builds, has a test, and runs in a pipeline of its own.

use std::fs;
use std::path::{Path, PathBuf};

use super::language::{Language, Scaffold};
use super::languages;
use sandmill_engine::error::{Error, Result};
use sandmill_engine::suggest;

/// A pipeline of the stage alone, in whatever language it is.
const PIPELINE: (&str, &str) = ("pipeline.toml", include_str!("pipeline.toml.template"));

/// A stage that was just created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The stage's folder.
    pub folder: PathBuf,
    /// The file in it that holds the function or the script to edit.
    pub entry: &'static str,
}

/// The languages in which a stage can be created.
pub fn language_names() -> impl Iterator<Item = &'static str> {
    languages::ALL.iter().filter(|language| language.scaffold().is_some()).map(|language| language.name())
}

/// Makes a stage's folder `name` in `parent`, in the language of that name.
///
/// # Errors
/// When there is no such language, the name cannot be a stage's, something of that name is there, or the folder cannot
/// be written.
pub fn new_stage(name: &str, language: &str, parent: &Path) -> Result<Made> {
    let scaffold = scaffold(language)?;
    check_name(name, scaffold.reserved)?;
    let files: Vec<_> = scaffold.files.iter().copied().chain([PIPELINE]).collect();
    let folder = begin(name, parent, &files)?;
    (scaffold.sdk)(&folder).map_or(Ok(()), |sdk| sdk.begin())?;
    Ok(Made { folder, entry: scaffold.entry })
}

/// Makes the folder `name` in `parent`, with these files in it.
pub(super) fn begin(name: &str, parent: &Path, files: &[(&str, &str)]) -> Result<PathBuf> {
    let folder = parent.join(name);
    if folder.exists() {
        return Err(Error::config(format!("\"{}\" already exists", folder.display())).hint("choose another name"));
    }
    for (path, text) in files {
        let file = folder.join(path);
        let text = text.replace("{{name}}", name);
        let made = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, text));
        made.map_err(|error| Error::config(format!("\"{}\" cannot be written", file.display())).caused_by(error))?;
    }
    Ok(folder)
}

fn scaffold(language: &str) -> Result<Scaffold> {
    if let Some(scaffold) = languages::named(language).and_then(Language::scaffold) {
        return Ok(scaffold);
    }
    let error = Error::config(format!("there is no template for a stage in \"{language}\""));
    if languages::named(language).is_some() {
        return Err(error.hint("docs/abi.md shows how a stage is written without an SDK"));
    }
    Err(match suggest::hint(language, language_names()) {
        Some(meant) => error.hint(meant),
        None => error.hint(format!("there are templates for {}", language_names().collect::<Vec<_>>().join(", "))),
    })
}

pub(super) fn check_name(name: &str, reserved: &[&str]) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if reserved.contains(&name) {
        return Err(Error::config(format!(
            "\"{name}\" cannot be the name of a stage: the language or its SDK already uses it"
        ))
        .hint(format!("for example: sandmill new my-{name}")));
    }
    if begins && name.chars().all(plain) && name.len() <= 64 {
        return Ok(());
    }
    let suggestion: String =
        name.to_lowercase().chars().map(|c| if plain(c) { c } else { '-' }).take(64).collect::<String>();
    let suggestion = suggestion.trim_matches(|c: char| !c.is_ascii_lowercase());
    let error = Error::config(format!("\"{name}\" cannot be the name of a stage"))
        .hint("a name has at most 64 lowercase letters, digits, - and _, and begins with a letter");
    if suggestion.is_empty() || reserved.contains(&suggestion) {
        Err(error)
    } else {
        Err(error.hint(format!("for example: sandmill new {suggestion}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_tool_would_refuse_is_refused_with_a_better_one() {
        let check_name = |name: &str| check_name(name, &["test", "sandmill-stage"]);
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
        for language in language_names() {
            let parent = tempfile::tempdir().unwrap();
            let Made { folder, entry } = new_stage("shout", language, parent.path()).unwrap();
            assert!(folder.join(entry).is_file() && folder.join("pipeline.toml").is_file(), "{language}");
            let written =
                glob::glob(&format!("{}/**/*", folder.display())).unwrap().flatten().filter(|it| it.is_file());
            for file in written.filter(|file| !file.components().any(|part| part.as_os_str() == ".sandmill")) {
                assert!(!fs::read_to_string(&file).unwrap().contains("{{name}}"), "{}", file.display());
            }
            let ignored = fs::read_to_string(folder.join(".gitignore")).unwrap();
            assert!(ignored.lines().any(|line| line == ".sandmill/"), "{language}: {ignored}");
            assert_eq!(super::super::folder::Stage::find(&folder).unwrap().language.name(), language);
            assert!(new_stage("shout", language, parent.path()).unwrap_err().to_string().ends_with("already exists"));
        }
    }

    #[test]
    fn a_language_that_is_not_there_is_told_apart_from_one_without_a_template() {
        let parent = tempfile::tempdir().unwrap();
        let error = |language: &str| new_stage("shout", language, parent.path()).unwrap_err().hints()[0].clone();
        assert_eq!(error("rsut"), "did you mean \"rust\"?");
        assert!(error("custom").contains("docs/abi.md"));
        assert!(error("cobol").contains("rust"));
    }
}
