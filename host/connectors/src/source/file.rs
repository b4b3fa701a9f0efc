//! The source that reads files, one after the other.
//!
//! A chunk never spans two files. When a file cannot be read to its end, all whole records before that are given first.
//! When it is one of several, and trying again would not help, the file is a bad record itself: the source's error
//! policy says what becomes of it, and the others are read.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::again::{self, FRESH, Progress, SEEN_MAX};
use super::blocking::{BlockingSource, Finish};
use super::digest::Prefix;
use super::find::{Files, Found, find};
use super::input::{Input as InputFile, RawBytes};
use super::packed;
use super::reader::{self, Shape};
use super::records::{ChunkBuilder, Fault, ReadPosition, RecordReader, Size};
use super::sniff::Packing;
use crate::fault;
use crate::kind;
use sandmill_engine::edge::{Chunk, Cursor, Extent, FileId, Header, Input, Settlement};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::record::BatchBounds;

/// How many chunks of a file that holds many records are read ahead. With four, each of half a megabyte, a run took as
/// long and a megabyte more.
const AHEAD_OF_FILES: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");

/// Reads files.
pub(super) struct FileSource {
    files: VecDeque<Found>,
    shape: Shape,
    open: Option<Open>,
    failed: Option<Error>,
    /// Where to open the first of `files` again, which could not be read on.
    again: Option<ReadPosition>,
    extent: Extent,
    /// Whether there are others beside a file that is bad.
    is_many: bool,
    /// Other names of some files, and the names by which these are read.
    other_names: Vec<(Found, Arc<Path>)>,
    /// Bytes of the files that are done.
    done: u64,
    /// How many files are done.
    files_done: usize,
    /// The prefixes that were read of the last of these, where they are known.
    seen: VecDeque<Option<Prefix>>,
    last: Size,
    /// All files, as they were found again.
    inputs: Vec<Input>,
    /// Whether the file that was read in part may hold anything after that part.
    accepts_changes: bool,
    /// Remarks made when the files were found again.
    noticed: Vec<String>,
}

/// Where in which file. The files have no names here: how they are numbered is kept once, and not with every cursor.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct FileCursor {
    /// The number of files that are done.
    done: usize,
    /// Where in the next one, if it has been begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    begun: Option<ReadPosition>,
    /// The prefixes that were read of the last files that are done, where they are known.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    seen: VecDeque<Option<Prefix>>,
}

/// The file that is being read.
struct Open {
    found: Found,
    reader: Box<dyn RecordReader>,
    raw: RawBytes,
    packing: Packing,
}

impl FileSource {
    /// Finds the files.
    ///
    /// # Errors
    /// When a pattern matches nothing, or the only file cannot be opened.
    pub(super) fn open(source: &kind::FileSource) -> Result<Self> {
        let Files { found, other_names } = find(source)?;
        let shape = Shape::new(source.format.clone(), source.record_bytes_max);
        if let [only] = found.as_slice() {
            try_out(only, &shape)?;
        }
        let total: Option<u64> = found.iter().map(|file| file.bytes).sum();
        Ok(Self {
            is_many: found.len() > 1,
            other_names,
            files: found.into(),
            shape,
            open: None,
            failed: None,
            again: None,
            extent: total.map_or(Extent::Unknown, Extent::Bytes),
            done: 0,
            files_done: 0,
            seen: VecDeque::new(),
            last: Size::default(),
            inputs: Vec::new(),
            accepts_changes: false,
            noticed: Vec::new(),
        })
    }

    /// Opens the next file, unless one is open; `None` when there is no more.
    fn current(&mut self) -> Result<Option<&mut Open>> {
        if self.open.is_none() {
            let Some(file) = self.files.front().cloned() else { return Ok(None) };
            self.open = Some(match &self.again {
                Some(read_position) => Open::at(file, &self.shape, read_position, true)?,
                None => Open::file(file, &self.shape)?,
            });
            // Only now: an opening that failed may be tried again.
            self.files.pop_front();
            self.again = None;
        }
        Ok(self.open.as_mut())
    }

    /// The file that is open cannot be read further. Where this may pass, it is opened again, after the last record.
    fn fail(&mut self, fault: Fault, builder: &mut ChunkBuilder) {
        let Some(open) = &mut self.open else { return };
        let mut error = open.error(fault);
        if open.found.bytes.is_none() {
            // A pipe does not give again what it has given.
            error = error.retryable(false);
        }
        if error.is_retryable() {
            self.again = Some(open.reader.read_position());
            self.files.push_front(open.found.clone());
            self.open = None;
        } else if self.is_many {
            builder.push_bad(None, Vec::new(), in_words(&error));
            return self.close(false);
        }
        self.failed = Some(error);
    }

    /// The file that is open is done, be it because it `is_read` to its end.
    fn close(&mut self, is_read: bool) {
        if let Some(mut open) = self.open.take() {
            let seen = if is_read { open.reader.seen() } else { None };
            // Of a file that is bad, the rest is done as well.
            self.count(open.raw.get().max(open.found.bytes.unwrap_or_default()), seen);
        }
    }

    /// One more file is done.
    fn count(&mut self, bytes: u64, seen: Option<Prefix>) {
        self.done += bytes;
        self.files_done += 1;
        if self.seen.len() == SEEN_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back(seen);
    }

    /// The next file cannot be opened. Where it is one of several, and that will not pass, gives it as a bad record.
    ///
    /// # Errors
    /// The failure, otherwise.
    fn pass_over(&mut self, failure: Error, bounds: &BatchBounds) -> Result<ChunkBuilder> {
        if failure.is_retryable() || !self.is_many {
            return Err(failure);
        }
        let Some(file) = self.files.pop_front() else { return Err(failure) };
        self.again = None;
        let mut builder = ChunkBuilder::new(bounds, Some(Arc::clone(&file.path)), Size::default());
        builder.push_bad(None, Vec::new(), in_words(&failure));
        self.count(file.bytes.unwrap_or_default(), None);
        Ok(builder)
    }

    /// What was built, as a chunk, and the position of the source after it.
    fn chunk(&mut self, builder: ChunkBuilder) -> Chunk {
        let (position, cursor) = (self.position(), self.cursor());
        builder.into_chunk(position, Some(cursor))
    }

    /// Where this source stands.
    fn cursor(&mut self) -> Cursor {
        let begun = self.open.as_mut().map(|open| open.reader.read_position()).or_else(|| self.again.clone());
        let cursor = FileCursor { done: self.files_done, begun, seen: std::mem::take(&mut self.seen) };
        let text = serde_json::to_string(&cursor).expect("a cursor is made of numbers");
        self.seen = cursor.seen;
        Cursor(text)
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
            let open = match self.current() {
                Ok(Some(open)) => open,
                Ok(None) => return Ok(None),
                Err(failure) => return self.pass_over(failure, bounds).map(|builder| Some(self.chunk(builder))),
            };
            let mut builder = ChunkBuilder::new(bounds, Some(Arc::clone(&open.found.path)), last);
            match open.reader.fill(&mut builder) {
                Ok(true) => {}
                Ok(false) => self.close(true),
                Err(fault) => self.fail(fault, &mut builder),
            }
            if !builder.is_empty() {
                self.last = builder.size();
                return Ok(Some(self.chunk(builder)));
            }
        }
    }

    /// Whole files may be large: each that is ahead is memory.
    fn ahead(&self) -> NonZeroUsize {
        if self.shape.is_whole_files() { NonZeroUsize::MIN } else { AHEAD_OF_FILES }
    }

    fn finish(&self) -> Finish {
        self.shape.finish()
    }

    fn extent(&self) -> Extent {
        self.extent
    }

    /// Pipes and devices do not give again what they have given.
    fn settlement(&self) -> Settlement {
        if self.extent == Extent::Unknown { Settlement::Never } else { Settlement::Cursor }
    }

    fn header(&self) -> Option<Header> {
        self.shape.header()
    }

    fn files(&self) -> Vec<(FileId, Arc<Path>)> {
        self.files.iter().filter_map(|file| Some((file.id?, Arc::clone(&file.path)))).collect()
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = self.other_names.iter().take(REMARKS_MAX).map(is_read_once).collect();
        if self.other_names.len() > REMARKS_MAX {
            remarks.push(format!("{} more names of files that are read once", self.other_names.len() - REMARKS_MAX));
        }
        remarks.extend(self.noticed.iter().take(REMARKS_MAX).cloned());
        if self.noticed.len() > REMARKS_MAX {
            remarks.push(format!("{} more files were touched or edited", self.noticed.len() - REMARKS_MAX));
        }
        remarks
    }

    fn inputs(&mut self) -> Result<Vec<Input>> {
        if self.inputs.is_empty() { again::inputs(&self.files) } else { Ok(std::mem::take(&mut self.inputs)) }
    }

    fn accept_changes(&mut self) {
        self.accepts_changes = true;
    }

    fn seek(&mut self, cursor: &Cursor, inputs: &[Input]) -> Result<()> {
        let FileCursor { done, begun, seen } = serde_json::from_str(&cursor.0).map_err(|error| {
            Error::config("the cursor of the earlier run is not one of a file source").caused_by(error)
        })?;
        let accepts_changes = self.accepts_changes;
        let progress = Progress { done, seen: &seen, has_begun: begun.is_some(), accepts_changes };
        let other_names = std::mem::take(&mut self.other_names);
        let now = Files { found: std::mem::take(&mut self.files).into(), other_names };
        let open = |path: &Path| Ok(open_file(path, &self.shape)?.stream);
        let found = again::find_again(now, inputs, progress, &open)?;
        (self.files, self.inputs) = (found.files, found.inputs);
        (self.other_names, self.noticed) = (found.other_names, found.remarks);
        (self.files_done, self.done, self.seen) = (done, found.bytes_done, seen);
        if let Some(read_position) = begun
            && let Some(file) = self.files.pop_front()
        {
            self.open = Some(Open::at(file, &self.shape, &read_position, found.is_untouched)?);
        }
        // Only now: that what was read is another one says more.
        found.torn.map_or(Ok(()), Err)
    }
}

impl Open {
    fn file(file: Found, shape: &Shape) -> Result<Self> {
        let InputFile { stream, raw, packing } = open_file(&file.path, shape)?;
        let eager = file.bytes.is_none();
        let name = packed::name_of_content(file.name.clone(), packing);
        let reader = shape.reader(stream, reader::Origin { name, eager });
        Ok(Self { found: file, reader, raw, packing })
    }

    /// A file, read from where an earlier run was interrupted. What is before that is read again, to see that it is
    /// what it was, unless the file `is_untouched`.
    fn at(file: Found, shape: &Shape, read_position: &ReadPosition, is_untouched: bool) -> Result<Self> {
        let path = Arc::clone(&file.path);
        let bytes = file.bytes;
        let mut open = Self::file(file, shape)?;
        let shortcut = match open.packing {
            Packing::Plain if is_untouched => {
                let shortcut = InputFile::shortcut(&path, read_position.shortcut(), &open.raw);
                Some(shortcut.map_err(|error| fault::unreadable(&path, error))?)
            }
            Packing::Plain | Packing::Gzip | Packing::Zstandard => None,
        };
        if open.reader.go_to(read_position, shortcut).map_err(|fault| open.error(fault))? {
            return Ok(open);
        }
        let (path, place) = (path.display(), read_position.bytes);
        let what = match bytes {
            Some(bytes) if open.packing == Packing::Plain && bytes < place => format!("it has {bytes} bytes"),
            Some(_) | None => format!("its content changed before byte {place}"),
        };
        Err(Error::config(format!(
            "\"{path}\" has changed since the run was interrupted at its line {}: {what}",
            read_position.line
        ))
        .hint(FRESH))
    }

    /// Bytes of the file that are read and, where this can be known, handed out.
    fn position(&self) -> u64 {
        let ahead = if self.packing == Packing::Plain { self.reader.buffered() as u64 } else { 0 };
        self.raw.get().saturating_sub(ahead)
    }

    fn error(&self, fault: Fault) -> Error {
        let path = self.found.path.display();
        match fault {
            Fault::Malformed { what, hint } => Error::edge(format!("\"{path}\" {what}")).hint(hint),
            // Of a packed file, what does not come from the operating system comes from unpacking.
            Fault::Io(error) if self.packing == Packing::Plain || error.raw_os_error().is_some() => {
                fault::unreadable(&self.found.path, error)
            }
            Fault::Io(error) => packed::fault(&self.found.path, self.packing, self.raw.get(), error),
        }
    }
}

/// Makes sure that a file can be begun: what it is, how it is packed, its header. Where there are several, each that
/// cannot is a bad record. A pipe is not touched, and what may pass is tried again when the run has begun.
fn try_out(file: &Found, shape: &Shape) -> Result<()> {
    if file.bytes.is_none() {
        return Ok(());
    }
    let begun = Open::file(file.clone(), shape).and_then(|mut open| {
        let begun = open.reader.begin();
        begun.map_err(|fault| open.error(fault))
    });
    match begun {
        Err(error) if !error.is_retryable() => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn open_file(path: &Path, shape: &Shape) -> Result<InputFile> {
    let opened = if shape.is_whole_files() { InputFile::open_whole(path) } else { InputFile::open(path) };
    opened.map_err(|fault| unopened(path, fault))
}

/// A file cannot be read from its beginning.
pub(super) fn unopened(path: &Path, fault: Fault) -> Error {
    match fault {
        Fault::Io(error) => fault::unreadable(path, error),
        Fault::Malformed { what, hint } => Error::edge(format!("\"{}\" {what}", path.display())).hint(hint),
    }
}

/// How many other names of files are reported one by one.
const REMARKS_MAX: usize = 3;

fn is_read_once((other, path): &(Found, Arc<Path>)) -> String {
    format!("\"{}\" is another name of \"{}\": the file is read once", other.path.display(), path.display())
}

fn in_words(failure: &Error) -> String {
    failure.causes().iter().fold(failure.to_string(), |reason, cause| format!("{reason}: {cause}"))
}
