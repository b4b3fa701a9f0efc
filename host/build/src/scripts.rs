//! Scripts: makes the folder of a pipeline whose stage is one, and the stage that runs those of a language whose
//! component does not travel inside this program.

use std::path::{Path, PathBuf};
use std::{fs, io};

use sha2::{Digest, Sha256};

use super::scaffold::{Made, begin, check_name};
use sandmill_component::cache;
use sandmill_component::kept;
use sandmill_engine::error::{Error, Result};
use sandmill_engine::suggest;

/// A language of scripts.
struct Script {
    name: &'static str,
    /// The script's file.
    file: (&'static str, &'static str),
    /// What the stage says of it.
    stage: &'static str,
}

const SCRIPTS: &[Script] = &[
    Script {
        name: "jq",
        file: ("filter.jq", include_str!("scripts/filter.jq")),
        stage: "jq = { file = \"filter.jq\" }",
    },
    Script {
        name: "javascript",
        file: ("script.js", include_str!("scripts/script.js")),
        stage: "script = { file = \"script.js\" }",
    },
    Script {
        name: "python",
        file: ("script.py", include_str!("scripts/script.py")),
        stage: "language = \"python\"\nscript = { file = \"script.py\" }",
    },
];

/// The stage that runs scripts, for each language whose component is too large to travel inside this program.
const RUNNERS: &[(&str, &[(&str, &str)])] = &[(
    "std:script-python",
    &[
        ("sandmill.toml", include_str!("../../../guest-sdk/python/script/sandmill.toml")),
        ("stage.py", include_str!("../../../guest-sdk/python/script/stage.py")),
    ],
)];

const PIPELINE: &str = include_str!("scripts/pipeline.toml.template");
const INPUT: (&str, &str) = ("input.jsonl", include_str!("scripts/input.jsonl"));

/// The languages in which a script can be created.
pub fn script_names() -> impl Iterator<Item = &'static str> {
    SCRIPTS.iter().map(|script| script.name)
}

/// Makes the folder `name` in `parent`, with a script in the language of that name, an input, and a pipeline of both.
///
/// # Errors
/// When there is no such language, the name is not one, or the folder is there already or cannot be written.
pub fn new_script(name: &str, language: &str, parent: &Path) -> Result<Made> {
    let Some(script) = SCRIPTS.iter().find(|script| script.name == language) else {
        let error = Error::config(format!("there is no template for a script in \"{language}\""));
        let all = || format!("there are templates for {}", script_names().collect::<Vec<_>>().join(", "));
        return Err(error.hint(suggest::hint(language, script_names()).unwrap_or_else(all)));
    };
    check_name(name, &[])?;
    let pipeline = PIPELINE.replace("{{stage}}", script.stage);
    let files = [("pipeline.toml", pipeline.as_str()), script.file, INPUT];
    let folder = begin(name, parent, &files)?;
    Ok(Made { folder, entry: script.file.0 })
}

/// The folder of the stage that `path` names, if it names one that runs scripts: in the user's cache, to be built like
/// any other, once.
///
/// # Errors
/// When it cannot be written there.
pub fn script_runner(path: &Path) -> Option<Result<PathBuf>> {
    let (name, files) = RUNNERS.iter().find(|(name, _)| Path::new(name) == path)?;
    let folder = runner_folder(name, files);
    Some(put(&folder, files).map(|()| folder.clone()).map_err(|error| {
        Error::config(format!("the stage \"{name}\" cannot be written to \"{}\"", folder.display()))
            .caused_by(error)
            .hint("set SANDMILL_CACHE to use another cache folder")
    }))
}

/// Its name says what is in it, and for which version of this program, whose SDK is a part of what is built.
fn runner_folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let mut content = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION"));
    for (path, text) in files {
        content.update(format!("{path}\0{}\0{text}", text.len()));
    }
    let version: String = content.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let cache = cache::user_folder().unwrap_or_else(|| std::env::temp_dir().join("sandmill"));
    cache.join("std").join(format!("{}-{version}", name.trim_start_matches(kept::PREFIX)))
}

/// Each file is renamed into place: nobody sees half of one, and all who write them write the same.
fn put(folder: &Path, files: &[(&str, &str)]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (path, text) in files {
        let file = folder.join(path);
        if fs::read_to_string(&file).is_ok_and(|there| there == *text) {
            continue;
        }
        let new = tempfile::NamedTempFile::new_in(folder)?;
        fs::write(new.path(), text)?;
        new.persist(file).map_err(|error| error.error)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_of_each_language_is_made_and_read_as_it_is_meant() {
        let parent = tempfile::tempdir().unwrap();
        for language in script_names() {
            let made = new_script(&format!("my-{language}"), language, parent.path()).unwrap();
            let pipeline = fs::read_to_string(made.folder.join("pipeline.toml")).unwrap();
            assert!(pipeline.contains(&format!("name = \"my-{language}\"")) && !pipeline.contains("{{"), "{pipeline}");
            assert!(made.folder.join(made.entry).is_file());
            let again = new_script(&format!("my-{language}"), language, parent.path()).unwrap_err();
            assert!(again.to_string().ends_with("already exists"), "{again}");
        }
        let unknown = new_script("x", "javascrpt", parent.path()).unwrap_err();
        assert_eq!(unknown.hints(), ["did you mean \"javascript\"?"]);
    }
}
