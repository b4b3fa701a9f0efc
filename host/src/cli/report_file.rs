//! The file of `--report`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::descriptor;
use crate::error::{Error, Result};

/// Open from before the run until its report is written. What an earlier run has written stays until then.
#[derive(Debug)]
pub(super) struct ReportFile {
    path: PathBuf,
    file: File,
    /// Whether it is a descriptor that the process was started with: what is behind that may have other writers.
    is_descriptor: bool,
}

impl ReportFile {
    /// Opens it.
    ///
    /// # Errors
    /// When it cannot be written to.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if let Some(fd) = descriptor::named(path) {
            return Ok(Self { path: path.to_owned(), file: descriptor::duplicate(fd)?, is_descriptor: true });
        }
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(|error| unopened(path, error))?;
        Ok(Self { path: path.to_owned(), file, is_descriptor: false })
    }

    /// Writes the report in place of what is there.
    ///
    /// # Errors
    /// When the disk is full, or fails.
    pub(super) fn write(self, report: &str) -> Result<()> {
        let Self { path, file, is_descriptor } = self;
        let written =
            if is_descriptor { descriptor::write_whole(&file, report.as_bytes()) } else { replace(file, report) };
        written
            .map_err(|error| Error::edge(format!("cannot write the report to \"{}\"", path.display())).caused_by(error))
    }
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
        let file = ReportFile::open(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a long earlier report");
        file.write("{}\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
    }

    #[test]
    fn a_folder_that_is_not_there_is_found_out_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let error = ReportFile::open(&folder.path().join("no/report.json")).unwrap_err();
        assert!(error.to_string().starts_with("cannot open \""), "{error}");
    }
}
