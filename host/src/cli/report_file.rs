//! Writes the file of `--report`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::descriptor;
use crate::edge::Identity;
use crate::error::{Error, Result};

/// Known to be writable before the run, and written after it: a run that is refused or killed leaves what was there.
#[derive(Debug)]
pub(super) struct ReportFile {
    path: PathBuf,
    found: Found,
}

/// What is there before the run.
#[derive(Debug)]
enum Found {
    /// A descriptor that the process was started with: its file may have other writers.
    Descriptor(File),
    /// A file, or a device.
    File(File),
    /// Nothing, in a folder in which a file can be made.
    Nothing,
}

impl ReportFile {
    /// Finds it, and changes nothing.
    ///
    /// # Errors
    /// When it cannot be written to, or made.
    pub(super) fn find(path: &Path) -> Result<Self> {
        let found = match descriptor::named(path) {
            Some(fd) => Found::Descriptor(descriptor::duplicate(fd)?),
            None => match OpenOptions::new().write(true).open(path) {
                Ok(file) => Found::File(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    can_be_made(path).map_err(|error| unopened(path, error))?;
                    Found::Nothing
                }
                Err(error) => return Err(unopened(path, error)),
            },
        };
        Ok(Self { path: path.to_owned(), found })
    }

    /// Writes the report in place of what is there.
    ///
    /// # Errors
    /// When the disk is full, or fails.
    pub(super) fn write(self, report: &str) -> Result<()> {
        let Self { path, found } = self;
        let written = match found {
            Found::Descriptor(file) => descriptor::write_whole(&file, report.as_bytes()),
            Found::File(file) => replace(file, report),
            Found::Nothing => File::create(&path).and_then(|mut file| file.write_all(report.as_bytes())),
        };
        written
            .map_err(|error| Error::edge(format!("cannot write the report to \"{}\"", path.display())).caused_by(error))
    }
}

/// Makes sure that a file can be made where a path leads, be it by links.
fn can_be_made(path: &Path) -> io::Result<()> {
    let place = Identity::of(path)?.ok_or(Errno::NOENT)?;
    let folder = place.folder_of_new().ok_or(Errno::NOENT)?;
    Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
}

fn unopened(path: &Path, cause: io::Error) -> Error {
    let error = Error::config(format!("cannot open \"{}\" for the report", path.display())).caused_by(cause);
    match path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        Some(folder) => error.hint(format!("there is no folder \"{}\"", folder.display())),
        None => error,
    }
}

fn replace(mut file: File, text: &str) -> io::Result<()> {
    // Pipes and devices have no length to set.
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_earlier_report_stays_until_the_new_one_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        fs::write(&path, "a long earlier report").unwrap();
        let file = ReportFile::find(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a long earlier report");
        file.write("{}\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
    }

    #[test]
    fn nothing_is_made_before_the_report_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        std::os::unix::fs::symlink("elsewhere.json", &path).unwrap();
        let file = ReportFile::find(&path).unwrap();
        assert!(!path.exists());
        file.write("{}\n").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("elsewhere.json")).unwrap(), "{}\n");
    }

    #[test]
    fn a_folder_that_is_not_there_is_found_out_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("no/report.json", folder.path().join("link")).unwrap();
        for name in ["no/report.json", "no/folder/report.json", "link"] {
            let error = ReportFile::find(&folder.path().join(name)).unwrap_err();
            assert!(error.to_string().starts_with("cannot open \""), "{error}");
        }
    }
}
