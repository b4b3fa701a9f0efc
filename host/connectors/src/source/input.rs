//! One file as a stream of what it holds: unpacked, and counted as it lies on disk.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::gzip::Members;
use super::packed::Unpacked;
use super::records::{Fault, Shortcut};
use super::sniff::{HEAD_BYTES, Packing, may_tell_more};
use super::steady::Steady;

/// How much a decompressor asks its file for; and how much of a pipe is read to see what it gives.
const COMPRESSED_BYTES: usize = 64 * 1024;

/// An open file.
pub(super) struct Input {
    /// The input's content, unpacked.
    pub(super) stream: Box<dyn Read + Send>,
    /// How much of it was read.
    pub(super) raw: RawBytes,
    /// How it is packed.
    pub(super) packing: Packing,
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
    /// Opens a file of text: unpacked where its first bytes or its name say that it is packed.
    ///
    /// # Errors
    /// When it cannot be opened, or is packed in a way that is not known here.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let mut file = File::open(path)?;
        let named = Packing::of_name(path);
        if file.metadata()?.is_file() {
            let mut head = [0; HEAD_BYTES];
            let read = file.read_at(&mut head, 0)?;
            let packing = Packing::of(head.get(..read).unwrap_or_default(), named)?;
            return Ok(Self::unpack(Steady::new(file, 0)?, packing)?.looked_at());
        }
        let head = read_head(&mut file)?;
        let packing = Packing::of(&head, named)?;
        Ok(Self::unpack(Cursor::new(head).chain(file), packing)?.looked_at())
    }

    /// Opens a file whose bytes are a record: unpacked where its name says that it is packed.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open_whole(path: &Path) -> Result<Self, Fault> {
        let (file, mut packing) = (File::open(path)?, Packing::of_name(path));
        if packing != Packing::Plain && file.metadata()?.is_file() {
            let mut head = [0; HEAD_BYTES];
            let read = file.read_at(&mut head, 0)?;
            packing = Packing::of(head.get(..read).unwrap_or_default(), packing)?;
        }
        Ok(Self::unpack(Steady::new(file, 0)?, packing)?)
    }

    /// Opens the same file, which is not packed, from a byte on. `raw` then counts as if all before it had been read.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn shortcut(path: &Path, at: u64, raw: &RawBytes) -> io::Result<Shortcut> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(at))?;
        raw.0.store(at, Ordering::Relaxed);
        Ok(Shortcut { stream: Box::new(Counted { inner: Steady::new(file, at)?, raw: raw.clone() }), at })
    }

    /// The same; what is unpacked must not be packed again.
    fn looked_at(self) -> Self {
        match self.packing {
            Packing::Plain => self,
            Packing::Gzip | Packing::Zstandard => Self { stream: Box::new(Unpacked::new(self.stream)), ..self },
        }
    }

    fn unpack(file: impl Read + Send + 'static, packing: Packing) -> io::Result<Self> {
        let raw = RawBytes::default();
        let counted = Counted { inner: file, raw: raw.clone() };
        let stream: Box<dyn Read + Send> = match packing {
            Packing::Plain => Box::new(counted),
            Packing::Gzip => Box::new(Members::new(BufReader::with_capacity(COMPRESSED_BYTES, counted))),
            Packing::Zstandard => Box::new(zstd::Decoder::new(counted)?),
        };
        Ok(Self { stream, raw, packing })
    }
}

/// The first bytes of a stream: what it gives at once, and more only as long as that could tell how it is packed.
pub(super) fn read_head(pipe: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = vec![0; COMPRESSED_BYTES];
    let mut length = 0;
    while let Some(room) = head.get_mut(length..).filter(|room| !room.is_empty()) {
        match pipe.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => match read? {
                0 => break,
                read => length += read,
            },
        }
        if !may_tell_more(head.get(..length).unwrap_or_default()) {
            break;
        }
    }
    head.truncate(length);
    Ok(head)
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

/// A stream of text that is looked at when it is first read, because looking may wait for its writer.
pub(super) struct Unseen {
    file: Option<File>,
    stream: Box<dyn Read + Send>,
}

impl Unseen {
    pub(super) fn new(file: File) -> Self {
        Self { file: Some(file), stream: Box::new(io::empty()) }
    }
}

impl Read for Unseen {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if let Some(mut file) = self.file.take() {
            // A pipe has no position. Redirected, a file may have been read by somebody else before.
            let at = file.stream_position().unwrap_or_default();
            let head = read_head(&mut file)?;
            let rest = Steady::new(file, at + head.len() as u64)?;
            let packing = Packing::of_head(&head).map_err(|fault| match fault {
                Fault::Io(error) => error,
                Fault::Malformed { what, hint } => {
                    io::Error::new(io::ErrorKind::Unsupported, format!("it {what}; {hint}"))
                }
            })?;
            let input = Input::unpack(Cursor::new(head).chain(rest), packing.unwrap_or(Packing::Plain))?;
            self.stream = input.looked_at().stream;
        }
        self.stream.read(room)
    }
}
