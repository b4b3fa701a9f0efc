//! Finds the pipeline file.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::suggest;

/// The default name of a pipeline file.
const FILE_NAME: &str = "pipeline.toml";

/// The pipeline file that the argument names: itself, the `pipeline.toml` of a folder, or that of the working folder.
///
/// # Errors
/// When there is no such file; the hints suggest what else could have been intended.
pub(crate) fn pipeline_file(argument: Option<&Path>) -> Result<PathBuf> {
    let Some(path) = argument else {
        let path = PathBuf::from(FILE_NAME);
        return if path.is_file() { Ok(path) } else { Err(none_here()) };
    };
    if path.is_dir() {
        let inside = path.join(FILE_NAME);
        return if inside.is_file() { Ok(inside) } else { Err(none_inside(path)) };
    }
    match path.try_exists() {
        Ok(true) => Ok(path.to_owned()),
        Ok(false) => Err(missing(path)),
        Err(error) => Err(Error::config(format!("cannot look at {}", quoted(path))).caused_by(error)),
    }
}

fn none_here() -> Error {
    Error::config(format!("there is no {FILE_NAME} in this folder"))
        .hint("name a pipeline file, or the folder of one: `sandmill run examples/numbers`")
}

fn none_inside(folder: &Path) -> Error {
    let error = Error::config(format!("there is no {FILE_NAME} in {}", quoted(folder)));
    let shown = folder.display();
    if crate::build::is_stage(folder) {
        return error.hint(format!("it looks like a stage: `sandmill build {shown}` builds it"));
    }
    error
        .hint(format!("if the file has another name, give that: `sandmill run {}`", folder.join("NAME.toml").display()))
}

fn missing(path: &Path) -> Error {
    let error = Error::config(format!("there is no file {}", quoted(path)));
    let with_ending = path.with_extension("toml");
    if path.extension().is_none() && with_ending.is_file() {
        return error.hint(format!("did you mean \"{}\"?", with_ending.display()));
    }
    let is_meant = |path: &Path| path.is_dir() || path.extension().is_some_and(|ending| ending == "toml");
    if let Some(meant) = suggest::beside(path, is_meant) {
        return error.hint(format!("did you mean \"{}\"?", meant.display()));
    }
    if path.is_absolute() {
        return error;
    }
    match std::env::current_dir() {
        Ok(here) => error.hint(format!("relative paths start at the working folder, {}", here.display())),
        Err(_) => error,
    }
}

fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_stands_for_the_file_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE_NAME);
        fs::write(&file, "").unwrap();
        assert_eq!(pipeline_file(Some(folder.path())).unwrap(), file);
        assert_eq!(pipeline_file(Some(&file)).unwrap(), file);
    }

    #[test]
    fn what_is_not_there_is_named_with_what_may_be_meant() {
        let folder = tempfile::tempdir().unwrap();
        let says = |path: &Path| {
            let error = pipeline_file(Some(path)).unwrap_err();
            (error.to_string(), error.hints().join("\n"))
        };

        let (message, hint) = says(folder.path());
        assert!(message.starts_with("there is no pipeline.toml in \""), "{message}");
        assert!(hint.contains("NAME.toml"), "{hint}");

        fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        assert!(says(folder.path()).1.contains("sandmill build"));

        fs::write(folder.path().join("nightly.toml"), "").unwrap();
        let (message, hint) = says(&folder.path().join("nightly"));
        assert!(message.starts_with("there is no file \""), "{message}");
        assert!(hint.starts_with("did you mean \""), "{hint}");

        let (_, hint) = says(&folder.path().join("nihgtly.toml"));
        assert!(hint.starts_with("did you mean \"") && hint.ends_with("nightly.toml\"?"), "{hint}");

        assert!(says(Path::new("no/such/pipeline.toml")).1.contains("working folder"));
    }
}
