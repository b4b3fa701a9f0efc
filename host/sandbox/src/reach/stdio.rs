//! Standard output and error of a guest: lines of its log.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::pipe::ClosedOutputStream;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::super::log::GuestLog;
use sandmill_engine::report::LogLevel;

/// Bytes that may be written at once. Arbitrary; the log has a bound of its own.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// One of the two streams.
#[derive(Clone)]
pub(super) struct LogStream {
    pub(super) log: Arc<GuestLog>,
    /// The level of its lines.
    pub(super) level: LogLevel,
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // For WASI 0.3 only, which is not linked.
        ClosedOutputStream.async_stream()
    }
}

#[async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.log.write(self.level, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}
