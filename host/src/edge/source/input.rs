//! One file as a stream of what it holds: decompressed where its name says so, and counted as it lies on disk.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::records::Shortcut;

/// How much a decompressor asks its file for.
const COMPRESSED_BYTES: usize = 64 * 1024;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstandard,
}

impl Packing {
    /// By the end of the file's name.
    pub(super) fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(gz) if gz.eq_ignore_ascii_case("gz") => Self::Gzip,
            Some(zst) if zst.eq_ignore_ascii_case("zst") => Self::Zstandard,
            _ => Self::Plain,
        }
    }
}

/// An open file.
pub(super) struct Input {
    /// What it holds.
    pub(super) stream: Box<dyn Read + Send>,
    /// How much of it was read.
    pub(super) raw: RawBytes,
}

/// How many bytes of the file itself were read so far.
#[derive(Clone, Debug, Default)]
pub(super) struct RawBytes(Arc<AtomicU64>);

impl RawBytes {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Input {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::unpack(File::open(path)?, Packing::of(path))
    }

    /// The same file, which is not packed, from a byte on. `raw` then counts as if all before it had been read.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn shortcut(path: &Path, at: u64, raw: &RawBytes) -> io::Result<Shortcut> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(at))?;
        raw.0.store(at, Ordering::Relaxed);
        Ok(Shortcut { stream: Box::new(Counted { inner: file, raw: raw.clone() }), at })
    }

    fn unpack(file: impl Read + Send + 'static, packing: Packing) -> io::Result<Self> {
        let raw = RawBytes::default();
        let counted = Counted { inner: file, raw: raw.clone() };
        let stream: Box<dyn Read + Send> = match packing {
            Packing::Plain => Box::new(counted),
            Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(COMPRESSED_BYTES, counted))),
            Packing::Zstandard => Box::new(zstd::Decoder::new(counted)?),
        };
        Ok(Self { stream, raw })
    }
}

struct Counted<R> {
    inner: R,
    raw: RawBytes,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(room)?;
        self.raw.0.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
