//! A whole file as one record.

use std::io::Read;
use std::path::{Component, Path, PathBuf};

use super::digest::Prefix;
use super::lines::head;
use super::records::{ChunkBuilder, Fault, ReadPosition, RecordReader, Shortcut};

/// Reads one file, once.
pub(super) struct WholeFile {
    input: Box<dyn Read + Send>,
    name: PathBuf,
    bytes_max: usize,
    /// Once it is read.
    seen: Option<Prefix>,
}

impl WholeFile {
    pub(super) fn new(input: Box<dyn Read + Send>, name: PathBuf, bytes_max: usize) -> Self {
        Self { input, name, bytes_max, seen: None }
    }
}

impl RecordReader for WholeFile {
    fn fill(&mut self, builder: &mut ChunkBuilder) -> Result<bool, Fault> {
        let most = (self.bytes_max as u64).saturating_add(1);
        let mut data = Vec::new();
        (&mut self.input).take(most).read_to_end(&mut data)?;
        if data.len() > self.bytes_max {
            let reason = format!("the file has more than the {} bytes that a record may have", self.bytes_max);
            builder.push_bad(None, head(&data), reason);
        } else {
            self.seen = Some(Prefix { bytes: data.len() as u64, checksum: crc32fast::hash(&data) });
            builder.push_keyed(&key(&self.name), data);
        }
        Ok(false)
    }

    fn buffered(&self) -> usize {
        0
    }

    fn read_position(&mut self) -> ReadPosition {
        ReadPosition::default()
    }

    fn seen(&mut self) -> Option<Prefix> {
        self.seen
    }

    /// There is one place in a file that is one record: its beginning.
    fn go_to(&mut self, read_position: &ReadPosition, _shortcut: Option<Shortcut>) -> Result<bool, Fault> {
        Ok(*read_position == ReadPosition::default())
    }
}

/// A relative path as a key: its parts, joined by slashes on every system.
fn key(name: &Path) -> Vec<u8> {
    let parts = name.components().filter(|part| matches!(part, Component::Normal(_)));
    let parts: Vec<&[u8]> = parts.map(|part| part.as_os_str().as_encoded_bytes()).collect();
    parts.join(&b'/')
}
