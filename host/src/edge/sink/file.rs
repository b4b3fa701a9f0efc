//! One file of text.
//!
//! A batch is one write, unbuffered, so that what counts as delivered is with the operating system. When a write fails
//! half-way, the file is cut back to the last whole batch: what it then holds is what was counted. A run that is resumed
//! cuts it back to where it was at the last checkpoint.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use super::blocking::BlockingSink;
use super::writable::{check_file, exists, make_folders_of};
use crate::edge::fault;
use crate::edge::format::TextWriter;
use crate::edge::source::csv_header;
use crate::edge::{Delivery, Header, Mark, Rejected};
use crate::error::{Error, Result};
use crate::plan::{self, IfExists, LineFormat};
use crate::record::Payload;

/// Writes one file.
#[derive(Debug)]
pub(super) struct FileSink {
    path: PathBuf,
    if_exists: IfExists,
    text: TextWriter,
    buffer: Vec<u8>,
    /// How much of the file an earlier run had committed.
    committed: Option<u64>,
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
    pub(super) fn open(sink: plan::FileSink, resumes: bool) -> Result<Self> {
        check_file(&sink.path, if resumes { IfExists::Append } else { sink.if_exists })?;
        let mut text = TextWriter::new(sink.format);
        if let (false, IfExists::Append, LineFormat::Csv(format)) = (resumes, sink.if_exists, sink.format)
            && sink.path.is_file()
            && let Some(header) = csv_header(&sink.path, format)?
        {
            text.follow(header);
        }
        Ok(Self { path: sink.path, if_exists: sink.if_exists, text, buffer: Vec::new(), committed: None, output: None })
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
        if let Some(length) = self.committed {
            return self.reopen(length).map_err(|error| fault::unwritable(&self.path, error));
        }
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

impl FileSink {
    /// The file as an earlier run had committed it.
    fn reopen(&self, length: u64) -> io::Result<Output> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(&self.path)?;
        file.set_len(length)?;
        Output::begin(file)
    }

    /// How long the file is that will be written to, before it is.
    fn length_to_be(&self) -> io::Result<u64> {
        match (self.committed, self.if_exists) {
            (Some(length), _) => Ok(length),
            (None, IfExists::Replace | IfExists::Fail) => Ok(0),
            (None, IfExists::Append) => match std::fs::metadata(&self.path) {
                Ok(status) => Ok(status.len()),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
                Err(error) => Err(error),
            },
        }
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

    /// Writes all of the text or nothing, where the file can be cut; then the second of what a failure gives says whether
    /// it was.
    fn write(&mut self, text: &[u8]) -> Result<(), (io::Error, bool)> {
        let written = self.file.write_all(text);
        let Some(length) = &mut self.length else { return written.map_err(|error| (error, false)) };
        match written {
            Ok(()) => {
                *length += text.len() as u64;
                Ok(())
            }
            // The write's own failure is the one to report.
            Err(error) => {
                let is_cut = self.file.set_len(*length).and_then(|()| self.file.seek(SeekFrom::Start(*length)));
                Err((error, is_cut.is_ok()))
            }
        }
    }
}

impl BlockingSink for FileSink {
    fn write(&mut self, records: &Payload) -> Result<Vec<Rejected>> {
        self.buffer.clear();
        let before = self.text.clone();
        let rejected = self.text.push_all(&mut self.buffer, records);
        let buffer = std::mem::take(&mut self.buffer);
        let written = match self.output() {
            Ok(output) => output.write(&buffer),
            Err(error) => {
                self.text = before;
                return Err(error);
            }
        };
        self.buffer = buffer;
        let Err((error, is_cut)) = written else { return Ok(rejected) };
        // A header that was not written is still to be.
        self.text = before;
        let error = fault::unwritable(&self.path, error);
        Err(if is_cut { error } else { error.retryable(false) })
    }

    fn expect_header(&mut self, header: &Header) {
        self.text.expect(header);
    }

    fn finish(&mut self) -> Result<()> {
        let mut rest = Vec::new();
        self.text.end(&mut rest);
        let written = self.output()?.write(&rest);
        written.map_err(|(error, _)| fault::unwritable(&self.path, error))
    }

    /// A pipe or a device cannot be cut back.
    fn delivery(&self) -> Delivery {
        let is_other = std::fs::metadata(&self.path).is_ok_and(|status| !status.is_file());
        if is_other { Delivery::AtLeastOnce } else { Delivery::ExactlyOnce }
    }

    fn mark(&mut self) -> Result<Option<Mark>> {
        let length = match &self.output {
            Some(Output { length: None, .. }) => return Ok(None),
            Some(Output { file, length: Some(length) }) => file.sync_data().map(|()| *length),
            None => self.length_to_be(),
        };
        length.map(|length| Some(Mark(length.to_string()))).map_err(|error| fault::unwritable(&self.path, error))
    }

    fn return_to(&mut self, mark: Option<&Mark>) -> Result<()> {
        let Some(mark) = mark else { return Ok(()) };
        let length: u64 = mark.0.parse().map_err(|error| fault::no_mark(&self.path, error))?;
        let status = std::fs::metadata(&self.path);
        if status.as_ref().is_ok_and(|status| !status.is_file()) {
            // Marked before it was opened: a pipe or a device cannot be cut back.
            return Ok(());
        }
        let now = status.map_or(0, |status| status.len());
        if now < length {
            let path = self.path.display();
            return Err(Error::config(format!(
                "\"{path}\" has {now} bytes, but had {length} at the last checkpoint of the run that was cut"
            ))
            .hint("bring back what was there, or start over with --fresh"));
        }
        if let (true, Some(format)) = (length > 0, self.text.csv())
            && let Some(header) = csv_header(&self.path, format)?
        {
            self.text.follow(header);
        }
        self.committed = Some(length);
        Ok(())
    }
}
