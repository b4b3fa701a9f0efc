//! What a contender is told, and what it answers: both as JSON, as an argument and on stdout.

use std::io;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Took, peak_memory};
use crate::Work;

/// What there is to do, whoever does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Job {
    /// With each record.
    pub work: Work,
    /// So many times in a row: only where what comes of it is what it is done with.
    pub stages: usize,
    /// Bytes of a record, where the work is one for any.
    pub record_bytes: usize,
}

/// When the input ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// After so many records.
    Records(usize),
    /// With the batch in hand after so much time: fast and slow contenders run for as long.
    Millis(u64),
}

/// What came of it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Counted at the destination.
    pub records: usize,
    /// From the first record to the last.
    pub wall_seconds: f64,
    /// Of all threads.
    pub cpu_seconds: f64,
    /// Most memory that the process had.
    pub peak_bytes: u64,
}

impl Job {
    /// One trivial stage on records of 100 bytes.
    pub const TRIVIAL: Self = Self { work: Work::Upper, stages: 1, record_bytes: 100 };
}

impl Length {
    /// Whether the input ends, with so many records given in so much time.
    pub(super) fn is_over(self, records: usize, time: Duration) -> bool {
        match self {
            Self::Records(length) => records >= length,
            Self::Millis(length) => time >= Duration::from_millis(length),
        }
    }
}

impl Measured {
    /// What a run took that brought so many records to the destination.
    ///
    /// # Errors
    /// When these are none, or not as many as there should be.
    pub fn new(length: Length, records: usize, took: Took) -> Result<Self> {
        let expected = match length {
            Length::Records(expected) => expected,
            Length::Millis(_) => records.max(1),
        };
        ensure!(records == expected, "{records} records came to the destination, not {expected}");
        let (wall_seconds, cpu_seconds) = (took.wall.as_secs_f64(), took.cpu.as_secs_f64());
        Ok(Self { records, wall_seconds, cpu_seconds, peak_bytes: peak_memory() })
    }

    /// Tells whoever started this process.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn print(&self) -> Result<()> {
        Ok(serde_json::to_writer(io::stdout(), self)?)
    }
}
