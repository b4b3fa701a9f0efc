//! One file of text.
//!
//! A batch is one write, unbuffered, so that what counts as delivered is with the operating system. When a write fails
//! half-way, the file is cut back to the last whole batch: what it then holds is what was counted.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use super::blocking::BlockingSink;
use super::writable::{check_file, exists, make_folders_of};
use crate::edge::Rejected;
use crate::edge::fault;
use crate::edge::format::TextWriter;
use crate::edge::source::csv_header;
use crate::error::Result;
use crate::plan::{self, IfExists, LineFormat};
use crate::record::Payload;

/// Writes one file.
#[derive(Debug)]
pub(super) struct FileSink {
    path: PathBuf,
    if_exists: IfExists,
    text: TextWriter,
    buffer: Vec<u8>,
    output: Option<Output>,
}

/// The file, open.
#[derive(Debug)]
struct Output {
    file: File,
    /// How much of it is whole batches; `None` for a pipe or a device, which cannot be cut.
    length: Option<u64>,
}

impl FileSink {
    /// Makes sure that the file can be written, and changes nothing.
    ///
    /// # Errors
    /// When it cannot be written, or is there and must not be, or has no usable header to append to.
    pub(super) fn open(sink: plan::FileSink) -> Result<Self> {
        check_file(&sink.path, sink.if_exists)?;
        let mut text = TextWriter::new(sink.format);
        if let (IfExists::Append, LineFormat::Csv(format)) = (sink.if_exists, sink.format)
            && sink.path.is_file()
            && let Some(header) = csv_header(&sink.path, format)?
        {
            text.follow(header);
        }
        Ok(Self { path: sink.path, if_exists: sink.if_exists, text, buffer: Vec::new(), output: None })
    }

    /// The file; opened, and emptied if it is to be replaced, when it is first asked for.
    fn output(&mut self) -> Result<&mut Output> {
        let output = match self.output.take() {
            Some(output) => output,
            None => self.begin()?,
        };
        Ok(self.output.insert(output))
    }

    fn begin(&self) -> Result<Output> {
        make_folders_of(&self.path)?;
        let mut options = OpenOptions::new();
        match self.if_exists {
            IfExists::Replace => options.write(true).create(true).truncate(true),
            // Read, to see whether the last line is ended; but a pipe that is open for reading never breaks.
            IfExists::Append => options.read(!self.path.exists() || self.path.is_file()).append(true).create(true),
            IfExists::Fail => options.write(true).create_new(true),
        };
        let opened = options.open(&self.path).and_then(Output::begin);
        opened.map_err(|error| {
            if error.kind() == ErrorKind::AlreadyExists {
                return exists(&self.path);
            }
            fault::unwritable(&self.path, error)
        })
    }
}

impl Output {
    /// Measures the file, and ends its last line.
    fn begin(mut file: File) -> io::Result<Self> {
        let status = file.metadata()?;
        if !status.is_file() {
            return Ok(Self { file, length: None });
        }
        let mut length = status.len();
        if length > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                length += 1;
            }
        }
        Ok(Self { file, length: Some(length) })
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(text);
        if let Some(length) = &mut self.length {
            match written {
                Ok(()) => *length += text.len() as u64,
                // Best effort: the write's own failure is the one to report.
                Err(_) => drop(self.file.set_len(*length)),
            }
        }
        written
    }
}

impl BlockingSink for FileSink {
    fn write(&mut self, records: &Payload) -> Result<Vec<Rejected>> {
        self.buffer.clear();
        let rejected = self.text.push_all(&mut self.buffer, records);
        let buffer = std::mem::take(&mut self.buffer);
        let written = self.output()?.write(&buffer);
        self.buffer = buffer;
        written.map_err(|error| fault::unwritable(&self.path, error))?;
        Ok(rejected)
    }

    fn finish(&mut self) -> Result<()> {
        self.output().map(|_| ())
    }
}
