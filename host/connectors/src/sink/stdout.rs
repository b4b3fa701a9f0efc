//! The sink that writes to standard output.
//!
//! When its reader is gone, the write fails with an error for which [`Error::is_broken_pipe`] holds: the reader has had
//! enough, and the run is to end quietly. When its file cannot take a whole batch, it is cut back to the last
//! whole one, unless another process has written to its end meanwhile. A pipe keeps what it has taken.

use std::fs::File;
use std::io::{self, Write};

use super::blocking::BlockingSink;
use crate::LineFormat;
use crate::fault;
use crate::format::TextWriter;
use sandmill_engine::descriptor;
use sandmill_engine::edge::{Header, Rejected};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::record::Payload;

/// Writes standard output, or in tests anything else.
pub(super) struct StdoutSink<W = Kept> {
    output: W,
    text: TextWriter,
    buffer: Vec<u8>,
}

/// Standard output. Not the standard library's: that one takes a write to a closed descriptor for a success.
pub(super) struct Kept(File);

impl Write for Kept {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.write(text)
    }

    fn write_all(&mut self, text: &[u8]) -> io::Result<()> {
        descriptor::write_whole(&self.0, text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StdoutSink {
    /// Makes sure that there is a standard output.
    ///
    /// # Errors
    /// When the process was started without it.
    pub(super) fn open(format: LineFormat) -> Result<Self> {
        Ok(Self::to(Kept(descriptor::duplicate(descriptor::STDOUT)?), format))
    }
}

impl<W: Write> StdoutSink<W> {
    /// Writes to anything.
    pub(super) fn to(output: W, format: LineFormat) -> Self {
        Self { output, text: TextWriter::new(format), buffer: Vec::new() }
    }
}

impl<W: Write + Send + 'static> BlockingSink for StdoutSink<W> {
    fn write(&mut self, records: &Payload) -> Result<Vec<Rejected>> {
        self.buffer.clear();
        let rejected = self.text.push_all(&mut self.buffer, records);
        let written = self.output.write_all(&self.buffer).and_then(|()| self.output.flush());
        written.map_err(unwritable)?;
        Ok(rejected)
    }

    fn expect_header(&mut self, header: &Header) {
        self.text.expect(header);
    }

    fn finish(&mut self) -> Result<()> {
        self.buffer.clear();
        self.text.end(&mut self.buffer);
        let written = self.output.write_all(&self.buffer).and_then(|()| self.output.flush());
        written.map_err(unwritable)
    }
}

fn unwritable(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Error::edge("standard output was closed by its reader").caused_by(error);
    }
    fault::unwritable_stdout(error)
}
