//! Files of the machine: what a stage's native tests use.

use std::fs;
use std::io::{Error, ErrorKind, Write};

use super::Reason;

pub(super) fn read(path: &str) -> Result<Vec<u8>, Reason> {
    Ok(fs::read(path)?)
}

pub(super) fn write(path: &str, bytes: &[u8]) -> Result<(), Reason> {
    Ok(fs::write(path, bytes)?)
}

pub(super) fn append(path: &str, bytes: &[u8]) -> Result<(), Reason> {
    Ok(fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(bytes)?)
}

pub(super) fn list(path: &str) -> Result<Vec<String>, Reason> {
    fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

pub(super) fn look(path: &str) -> Result<(), Reason> {
    fs::metadata(path)?;
    Ok(())
}

pub(super) fn create_folder(path: &str) -> Result<(), Reason> {
    Ok(fs::create_dir(path)?)
}

pub(super) fn remove(path: &str) -> Result<(), Reason> {
    Ok(fs::remove_file(path)?)
}

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        if error.kind() == ErrorKind::NotFound { Self::NotFound } else { Self::Other(error.to_string()) }
    }
}
