//! Files, one after the other.
//!
//! A chunk never spans two files. When a file cannot be read to its end, all whole records before that are given first.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blocking::BlockingSource;
use super::csv::CsvRecords;
use super::find::{Found, find};
use super::input::{Input, Packing, RawBytes};
use super::reader::{self, Shape};
use super::records::{Fault, Page, RecordReader, Size};
use crate::edge::{Chunk, Extent, fault};
use crate::error::{Error, Result};
use crate::plan;
use crate::record::BatchBounds;

/// The longest header that rows may be appended under. Arbitrary: ten thousand columns.
const HEADER_BYTES_MAX: usize = 1 << 20;

/// Reads files.
pub(super) struct FileSource {
    files: VecDeque<Found>,
    shape: Shape,
    open: Option<Open>,
    failed: Option<Error>,
    extent: Extent,
    /// Bytes of the files that are done.
    done: u64,
    last: Size,
}

/// The file that is being read.
struct Open {
    path: Arc<Path>,
    reader: Box<dyn RecordReader>,
    raw: RawBytes,
    packing: Packing,
}

impl FileSource {
    /// Finds the files.
    ///
    /// # Errors
    /// When a pattern matches nothing, or a file cannot be opened.
    pub(super) fn open(source: &plan::FileSource) -> Result<Self> {
        let files = find(&source.patterns)?;
        let total: Option<u64> = files.iter().map(|file| file.bytes).sum();
        Ok(Self {
            files: files.into(),
            shape: Shape::new(source.matter.clone(), source.record_bytes_max),
            open: None,
            failed: None,
            extent: total.map_or(Extent::Unknown, Extent::Bytes),
            done: 0,
            last: Size::default(),
        })
    }

    /// Opens the next file, unless one is open; `None` when there is no more.
    fn current(&mut self) -> Result<Option<&mut Open>> {
        if self.open.is_none() {
            let Some(file) = self.files.pop_front() else { return Ok(None) };
            self.open = Some(Open::file(file, &self.shape)?);
        }
        Ok(self.open.as_mut())
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.done += open.raw.get();
        }
    }

    fn position(&self) -> u64 {
        self.done + self.open.as_ref().map_or(0, Open::position)
    }
}

impl BlockingSource for FileSource {
    fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>> {
        loop {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            let last = self.last;
            let Some(open) = self.current()? else { return Ok(None) };
            let mut page = Page::new(bounds, Some(Arc::clone(&open.path)), last);
            match open.reader.fill(&mut page) {
                Ok(true) => {}
                Ok(false) => self.close(),
                Err(fault) => self.failed = Some(open.error(fault)),
            }
            if !page.is_empty() {
                self.last = page.size();
                let position = self.position();
                return Ok(Some(page.into_chunk(position)));
            }
        }
    }

    fn extent(&self) -> Extent {
        self.extent
    }
}

impl Open {
    fn file(file: Found, shape: &Shape) -> Result<Self> {
        let Input { stream, raw } = Input::open(&file.path).map_err(|error| fault::unreadable(&file.path, error))?;
        let packing = Packing::of(&file.path);
        let eager = file.bytes.is_none();
        let reader = shape.reader(stream, reader::Origin { name: unpacked_name(file.name, packing), eager });
        Ok(Self { path: file.path, reader, raw, packing })
    }

    /// Bytes of the file that are read and, where that can be told, handed out.
    fn position(&self) -> u64 {
        let ahead = if self.packing == Packing::Plain { self.reader.buffered() as u64 } else { 0 };
        self.raw.get().saturating_sub(ahead)
    }

    fn error(&self, fault: Fault) -> Error {
        let path = self.path.display();
        match fault {
            Fault::Malformed { what, hint } => Error::edge(format!("\"{path}\" {what}")).hint(hint),
            Fault::Io(error) if self.packing == Packing::Plain => fault::unreadable(&self.path, error),
            Fault::Io(error) => self.packed_fault(error),
        }
    }

    /// The file cannot be unpacked, or not to its end.
    fn packed_fault(&self, error: std::io::Error) -> Error {
        let (path, bytes) = (self.path.display(), self.raw.get());
        let packing = if self.packing == Packing::Gzip { "gzip" } else { "zstd" };
        let is_cut = error.kind() == std::io::ErrorKind::UnexpectedEof;
        let message = if is_cut {
            format!("\"{path}\" is cut off: it ends after {bytes} bytes, before its {packing} data does")
        } else {
            // Reading is ahead of unpacking: where exactly is not known.
            format!("\"{path}\" cannot be unpacked: its {packing} data is damaged within the first {bytes} bytes")
        };
        let error = Error::edge(message)
            .hint(format!("what comes before that place was read; `{packing} -t \"{path}\"` tests the file"))
            .caused_by(error);
        if is_cut || bytes > FIRST_READ_BYTES_MAX {
            return error;
        }
        error.hint("by its name it is packed: if it is not, give it another one")
    }
}

/// A file that is not packed at all shows in the first read of its unpacking; zstd's is the longer one.
const FIRST_READ_BYTES_MAX: u64 = 131_075;

/// The header of a CSV file; `None` when the file is empty.
///
/// # Errors
/// When it cannot be read, or has no usable header.
pub(in crate::edge) fn csv_header(path: &Path, format: plan::CsvFormat) -> Result<Option<Vec<String>>> {
    let malformed = |fault| match fault {
        Fault::Io(error) => fault::unreadable(path, error),
        Fault::Malformed { what, hint } => Error::edge(format!("\"{}\" {what}", path.display())).hint(hint),
    };
    let file = std::fs::File::open(path).map_err(|error| fault::unreadable(path, error))?;
    CsvRecords::new(Box::new(file), format, HEADER_BYTES_MAX, false).read_header().map_err(malformed)
}

/// The name of what a packed file holds.
fn unpacked_name(name: PathBuf, packing: Packing) -> PathBuf {
    if packing == Packing::Plain { name } else { name.with_extension("") }
}
