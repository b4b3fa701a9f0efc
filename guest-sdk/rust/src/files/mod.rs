//! Files in the folders that the pipeline file grants (feature `files`).
//!
//! ```toml
//! [stage.grant]
//! read = ["geo"]              # a folder beside the pipeline file, which the stage calls `geo`
//! write = ["out"]             # may be changed, too
//! ```
//!
//! ```no_run
//! # fn main() -> Result<(), sandmill_stage::files::Error> {
//! let countries = sandmill_stage::files::read_text("geo/countries.csv")?;
//! # Ok(())
//! # }
//! ```
//!
//! A path begins with what the stage calls the folder. Nothing beside or above the folder can be reached, by `..`, by an
//! absolute path or by a link. Read tables when the stage opens, not for every record. Natively, in a stage's tests, a
//! path is one below the stage's own folder.

use std::fmt;

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod wasi;

#[cfg(not(target_arch = "wasm32"))]
use native as host;
#[cfg(target_arch = "wasm32")]
use wasi as host;

/// Reads a whole file.
///
/// # Errors
/// When it is not there or cannot be read, or no granted folder holds it.
pub fn read(path: &str) -> Result<Vec<u8>, Error> {
    host::read(path).map_err(|reason| Error::new("read", path, reason))
}

/// Reads a whole file of text.
///
/// # Errors
/// As [`read`], and when it is not UTF-8.
pub fn read_text(path: &str) -> Result<String, Error> {
    String::from_utf8(read(path)?).map_err(|_| Error::new("read", path, Reason::Other("it is not UTF-8".to_owned())))
}

/// Makes a file of these bytes; what it held before is lost.
///
/// # Errors
/// When it cannot be written, or no folder that holds it is granted for writing.
pub fn write(path: &str, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
    host::write(path, bytes.as_ref()).map_err(|reason| Error::new("written", path, reason))
}

/// Puts these bytes at the end of a file, which is made when it is not there. The stage's other instances may do the
/// same at the same time: each piece of at most 4 KiB stays whole.
///
/// # Errors
/// As [`write()`].
pub fn append(path: &str, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
    host::append(path, bytes.as_ref()).map_err(|reason| Error::new("written", path, reason))
}

/// The names of what is in a folder, sorted.
///
/// # Errors
/// When it is not there, is no folder, or is not granted.
pub fn list(path: &str) -> Result<Vec<String>, Error> {
    let mut names = host::list(path).map_err(|reason| Error::new("listed", path, reason))?;
    names.sort_unstable();
    Ok(names)
}

/// Whether there is such a file or folder.
///
/// # Errors
/// When that cannot be told: no granted folder holds it, or the host does not say.
pub fn exists(path: &str) -> Result<bool, Error> {
    match host::look(path) {
        Ok(()) => Ok(true),
        Err(Reason::NotFound) => Ok(false),
        Err(reason @ (Reason::NotGranted | Reason::NotPermitted | Reason::Other(_))) => {
            Err(Error::new("looked at", path, reason))
        }
    }
}

/// Makes a folder.
///
/// # Errors
/// As [`write()`], and when it is there already.
pub fn create_folder(path: &str) -> Result<(), Error> {
    host::create_folder(path).map_err(|reason| Error::new("made", path, reason))
}

/// Removes a file.
///
/// # Errors
/// When it is not there, or no folder that holds it is granted for writing.
pub fn remove(path: &str) -> Result<(), Error> {
    host::remove(path).map_err(|reason| Error::new("removed", path, reason))
}

/// Why a file could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    what: &'static str,
    path: String,
    reason: Reason,
}

/// What is wrong with a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No folder that the pipeline file grants holds it.
    NotGranted,
    /// It is not there.
    NotFound,
    /// The grant does not reach so far: it leads out of the folder, or would change what may only be read.
    NotPermitted,
    /// The host's own words.
    Other(String),
}

impl Error {
    fn new(what: &'static str, path: &str, reason: Reason) -> Self {
        Self { what, path: path.to_owned(), reason }
    }

    /// What is wrong with the path.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.reason
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, path, reason } = self;
        write!(f, "\"{path}\" cannot be {what}: {reason}")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotGranted => "it is in no folder that this stage is granted",
            Self::NotFound => "it is not there",
            Self::NotPermitted => "not permitted: what this stage is granted does not go so far",
            Self::Other(why) => why,
        })
    }
}

impl std::error::Error for Error {}

/// Which of the granted folders holds `path`, and what is left of the path inside: the longest name wins. What is left is
/// handed on as it is; whether it leads out again is for the host to say.
#[cfg(any(test, target_arch = "wasm32"))]
fn place<'a, 'p>(folders: impl Iterator<Item = &'a str>, path: &'p str) -> Option<(usize, &'p str)> {
    let inside = |(index, folder): (usize, &'a str)| {
        let (folder, path) = (bare(folder).trim_end_matches('/'), bare(path));
        let rest = match folder {
            // The folder in which a stage finds itself, if there is one: all that is not absolute.
            "" if path.starts_with('/') => None,
            "" => Some(path),
            _ => path
                .strip_prefix(folder)
                .and_then(|rest| if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }),
        };
        rest.map(|rest| (folder.len(), index, if rest.is_empty() { "." } else { rest }))
    };
    let (_, index, rest) = folders.enumerate().filter_map(inside).max_by_key(|(length, ..)| *length)?;
    Some((index, rest))
}

/// Without what stands for the folder that one is in.
#[cfg(any(test, target_arch = "wasm32"))]
fn bare(path: &str) -> &str {
    if path == "." { "" } else { path.strip_prefix("./").unwrap_or(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_the_granted_folder_with_the_longest_name() {
        let place = |path| place(["geo", "geo/fine", "/data/", "./out"].into_iter(), path);
        assert_eq!(place("geo/a.csv"), Some((0, "a.csv")));
        assert_eq!(place("./geo/fine/a.csv"), Some((1, "a.csv")));
        assert_eq!(place("/data/a/b"), Some((2, "a/b")));
        assert_eq!(place("out"), Some((3, ".")));
        assert_eq!(place("geology/a.csv"), None);
        assert_eq!(place("../geo/a.csv"), None);
        assert_eq!(place("data/a"), None);
    }

    #[test]
    fn what_leads_out_of_a_folder_is_left_for_the_host_to_refuse() {
        let place = |folder, path| place([folder].into_iter(), path);
        assert_eq!(place("geo", "geo/../../secret"), Some((0, "../../secret")));
        assert_eq!(place("geo", "geo//etc/passwd"), Some((0, "/etc/passwd")));
        assert_eq!(place(".", "../secret"), Some((0, "../secret")));
        assert_eq!(place(".", "/etc/passwd"), None);
    }

    #[test]
    fn files_are_written_read_and_listed() {
        let folder = std::env::temp_dir().join(format!("sandmill-stage-files-{}", std::process::id()));
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        create_folder(&path("")).unwrap();
        assert_eq!(exists(&path("b")), Ok(false));
        write(&path("b"), "one").unwrap();
        append(&path("b"), " two").unwrap();
        append(&path("a"), b"\xff").unwrap();
        assert_eq!(read_text(&path("b")).as_deref(), Ok("one two"));
        assert_eq!(list(&path("")), Ok(vec!["a".to_owned(), "b".to_owned()]));
        let error = read_text(&path("a")).unwrap_err();
        assert_eq!(error.to_string(), format!("\"{}\" cannot be read: it is not UTF-8", path("a")));
        remove(&path("a")).unwrap();
        assert_eq!(read(&path("a")).unwrap_err().reason(), &Reason::NotFound);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
