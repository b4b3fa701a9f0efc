//! Where the paths of a pipeline are named from, and settings in words.

use std::fmt::Display;
use std::fs::canonicalize;
use std::path::{Path, PathBuf, absolute};

/// The folder of the pipeline: as it is written, and where it is.
#[derive(Clone, Debug)]
pub struct PipelineFolder {
    written: PathBuf,
    real: PathBuf,
}

impl PipelineFolder {
    /// Of a pipeline whose file is in `folder`.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        let written = absolute(folder).or_else(|_| absolute(".")).unwrap_or_default();
        let real = canonicalize(&written).unwrap_or_else(|_| written.clone());
        Self { written, real }
    }

    /// A path that is the same wherever the command is given from, and wherever the folder has been moved to.
    #[must_use]
    pub fn place(&self, path: &Path) -> String {
        let path = absolute(path).unwrap_or_else(|_| path.to_owned());
        let below = path.strip_prefix(&self.written).or_else(|_| path.strip_prefix(&self.real));
        below.unwrap_or(&path).display().to_string()
    }

    /// A setting that is a path.
    #[must_use]
    pub fn path(&self, key: &str, path: &Path) -> String {
        setting(key, format_args!("{:?}", self.place(path)))
    }
}

/// `key = value`, as the pipeline file has it.
#[must_use]
pub fn setting(key: &str, value: impl Display) -> String {
    format!("{key} = {value}")
}

/// A text, or several in an array.
#[must_use]
pub fn texts(of: &[String]) -> String {
    match of {
        [one] => format!("{one:?}"),
        several => format!("{several:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_wherever_the_command_is_given_from_and_the_folder_is() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        let real = root.join("a/b");
        let by_detour = root.join("a/../a/b");
        for folder in [&real, &by_detour] {
            let place = |path: &Path| PipelineFolder::of(folder).place(path);
            assert_eq!(place(&folder.join("in.txt")), "in.txt");
            assert_eq!(place(&folder.join("../in.txt")), "../in.txt");
            assert_eq!(place(&real.join("in.txt")), "in.txt", "written in full");
            assert_eq!(place(Path::new("/elsewhere/in.txt")), "/elsewhere/in.txt");
        }
        let here = PipelineFolder::of(Path::new(""));
        assert_eq!((here.place(Path::new("in.txt")), here.place(Path::new("./d/x"))), ("in.txt".into(), "d/x".into()));
    }
}
