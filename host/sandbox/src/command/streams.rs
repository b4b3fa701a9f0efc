//! Standard input and output of a command that speaks WASI 0.2.

use async_trait::async_trait;
use bytes::Bytes;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::pipe::ClosedOutputStream;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::tape::Tape;

/// Bytes that may be written at once. Arbitrary; outputs have bounds of their own.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// The standard input: a file.
#[derive(Clone)]
pub(super) struct TapeInput(pub(super) Tape);

/// The standard output: a terminal, so that libraries write each line when it is done.
#[derive(Clone)]
pub(super) struct TapeOutput(pub(super) Tape);

impl IsTerminal for TapeInput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for TapeInput {
    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn tokio::io::AsyncRead + Send + Sync> {
        // For WASI 0.3 only, which is not linked.
        Box::new(tokio::io::empty())
    }
}

#[async_trait]
impl Pollable for TapeInput {
    async fn ready(&mut self) {}
}

impl InputStream for TapeInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let read = self.0.read(size);
        if read.is_empty() && size > 0 { Err(StreamError::Closed) } else { Ok(read) }
    }
}

impl IsTerminal for TapeOutput {
    fn is_terminal(&self) -> bool {
        true
    }
}

impl StdoutStream for TapeOutput {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // For WASI 0.3 only, which is not linked.
        ClosedOutputStream.async_stream()
    }
}

#[async_trait]
impl Pollable for TapeOutput {
    async fn ready(&mut self) {}
}

impl OutputStream for TapeOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if self.0.write(&bytes) { Ok(()) } else { Err(StreamError::trap("there is too much output")) }
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}
