//! Where records come from and where they go: sources and sinks.
//!
//! A source is pulled, a sink is written to; neither knows of queues, stages or other edges. Both are driven by one task
//! each on the I/O runtime, and dropped when the run is cut.

mod fault;
mod format;
mod sink;
mod source;
#[cfg(test)]
mod tests;
mod thread;

pub use self::sink::open_sink;
pub use self::source::open_source;

use std::fmt;

use async_trait::async_trait;

use crate::error::Result;
use crate::record::{BatchBounds, Payload, Places};

/// Gives records, chunk by chunk.
#[async_trait]
pub trait Source: Send {
    /// The next chunk, at most as large as `bounds` (a single larger record makes a chunk of its own); `None` at the end
    /// of the input. A chunk may be empty: that is no end.
    ///
    /// # Cancel safety
    /// The future is dropped when the run is stopped; the source is then not pulled again.
    ///
    /// # Errors
    /// When the input cannot be read. What has been given before stays valid.
    async fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>>;

    /// How much there is in all, where that is known: for a progress bar.
    fn extent(&self) -> Extent {
        Extent::Unknown
    }

    /// Bytes of log lines that it wrote beyond its limit, so far: of a component.
    fn log_bytes_cut(&self) -> u64 {
        0
    }
}

/// Takes records.
#[async_trait]
pub trait Sink: Send {
    /// Writes all records but those it returns: each with the reason why it cannot be written, in ascending order.
    /// When this returns, the others are at their destination: nothing is left in a buffer of the program.
    ///
    /// # Errors
    /// When the destination fails. How many records of this batch were written is then not known: they count as in flight.
    async fn write(&mut self, records: &Payload) -> Result<Vec<Rejected>>;

    /// No more records will come.
    ///
    /// # Errors
    /// When the destination cannot be closed properly.
    async fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What one pull gives.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The good records.
    pub records: Payload,
    /// Where they stand.
    pub places: Places,
    /// What could not be read as a record. Where each stood among the good ones is in [`Places::gaps`].
    pub bad: Vec<BadRecord>,
    /// How far the source has come, in the unit of its [`Extent`].
    pub position: u64,
}

/// Something in the input that is no record.
#[derive(Debug)]
pub struct BadRecord {
    /// What is there, cut to a bound of the source's own.
    pub data: Vec<u8>,
    /// Where it stands: the path, and one line.
    pub places: Places,
    /// Why it is no record.
    pub reason: String,
}

/// How much a source holds in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase", tag = "unit", content = "total")]
pub enum Extent {
    /// Not known.
    Unknown,
    /// So many records.
    Records(u64),
    /// So many bytes, as they lie in the files (compressed ones count compressed).
    Bytes(u64),
}

/// A record that a sink cannot write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Which record of the batch.
    pub index: usize,
    /// Why.
    pub reason: String,
}

/// A source of the host program's own.
pub struct CustomSource(pub Box<dyn Source>);

/// A sink of the host program's own.
pub struct CustomSink(pub Box<dyn Sink>);

impl fmt::Debug for CustomSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomSource")
    }
}

impl fmt::Debug for CustomSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomSink")
    }
}
