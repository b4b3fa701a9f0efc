//! Standard input.
//!
//! Records go out as soon as the writer pauses. A run that is stopped does not wait for the writer: the thread that
//! reads is left running, blocked, until a line comes or the process ends; what it reads then is lost. A second run in
//! the same process that reads standard input while such a thread is left may therefore miss a block.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use super::blocking::{BlockingSource, Finish};
use super::input::Unseen;
use super::reader::{Origin, Shape};
use super::records::{ChunkBuilder, Fault, RecordReader, Size};
use crate::SourceFormat;
use crate::kind;
use sandmill_engine::descriptor;
use sandmill_engine::edge::{Chunk, FileId, Header};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::record::BatchBounds;

/// Reads standard input.
pub(super) struct StdinSource {
    reader: Box<dyn RecordReader>,
    finish: Finish,
    header: Option<Header>,
    /// Which file it is, where it is one.
    id: Option<FileId>,
    failed: Option<Error>,
    ended: bool,
    records: u64,
    last: Size,
}

impl StdinSource {
    /// Nothing is read yet.
    ///
    /// # Errors
    /// When whole files are asked for, or the process was started without it.
    pub(super) fn open(source: &kind::StdinSource) -> Result<Self> {
        if source.format == SourceFormat::Files {
            return Err(Error::config("standard input cannot be read as whole files")
                .hint("use `format = \"lines\"`, \"jsonl\" or \"csv\", or a source of kind \"file\""));
        }
        let shape = Shape::new(source.format.clone(), source.record_bytes_max);
        let origin = Origin { name: "stdin".into(), eager: true };
        let header = shape.header();
        // Not the standard library's: that one takes a closed descriptor for an empty input.
        let file = descriptor::duplicate(descriptor::STDIN)?;
        let id = file.metadata().ok().as_ref().and_then(FileId::of);
        Ok(Self { header, id, ..Self::of(&shape, Box::new(Unseen::new(file)), origin) })
    }

    /// Reads an input.
    pub(super) fn of(shape: &Shape, input: Box<dyn io::Read + Send>, origin: Origin) -> Self {
        let (reader, finish) = (shape.reader(input, origin), shape.finish());
        Self { reader, finish, header: None, id: None, failed: None, ended: false, records: 0, last: Size::default() }
    }
}

impl BlockingSource for StdinSource {
    fn finish(&self) -> Finish {
        self.finish
    }

    fn header(&self) -> Option<Header> {
        self.header.clone()
    }

    fn files(&self) -> Vec<(FileId, Arc<Path>)> {
        self.id.map(|id| (id, Path::new("standard input").into())).into_iter().collect()
    }

    fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.ended {
            return Ok(None);
        }
        let mut builder = ChunkBuilder::new(bounds, None, self.last);
        match self.reader.fill(&mut builder) {
            Ok(more) => self.ended = !more,
            Err(fault) if builder.is_empty() => return Err(unreadable(fault)),
            Err(fault) => self.failed = Some(unreadable(fault)),
        }
        if builder.is_empty() {
            return Ok(None);
        }
        self.last = builder.size();
        self.records += self.last.records as u64;
        Ok(Some(builder.into_chunk(self.records, None)))
    }
}

fn unreadable(fault: Fault) -> Error {
    match fault {
        Fault::Io(error) => Error::edge("cannot read standard input").caused_by(error),
        Fault::Malformed { what, hint } => Error::edge(format!("standard input {what}")).hint(hint),
    }
}

/// All that an input gives; `None` when it cannot be read. For the fuzzer.
pub(crate) fn read_all(
    input: Box<dyn io::Read + Send>,
    format: SourceFormat,
    record_bytes_max: NonZeroUsize,
    bounds: &BatchBounds,
) -> Option<Vec<Chunk>> {
    let origin = Origin { name: "input".into(), eager: false };
    let mut source = StdinSource::of(&Shape::new(format, record_bytes_max), input, origin);
    let mut chunks = Vec::new();
    while let Some(chunk) = source.pull(bounds).ok()? {
        chunks.push((source.finish)(chunk));
    }
    Some(chunks)
}
