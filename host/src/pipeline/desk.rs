//! A sink with what it has written and not committed. Shared by its task and the checkpoints: one of them at a time.

use std::sync::Arc;

use crate::edge::{Mark, Rejected, Sink};
use crate::error::{Error, Result};
use crate::flow::{Settler, SinkCounters};
use crate::record::{Fate, Lineage, Payload};

/// Where records are written and settled.
pub(super) struct SinkDesk {
    pub(super) name: Arc<str>,
    sink: Box<dyn Sink>,
    /// Whether what is written is held back until it is committed.
    holds: bool,
    /// Of records that are written and not committed. Dropped, they count as in flight: the sink forgets them too.
    held: Lineage,
    settler: Settler,
    counters: Arc<SinkCounters>,
}

impl SinkDesk {
    pub(super) fn new(name: &Arc<str>, sink: Box<dyn Sink>, holds: bool, told: (Settler, Arc<SinkCounters>)) -> Self {
        let (settler, counters) = told;
        Self { name: Arc::clone(name), sink, holds, held: Lineage::default(), settler, counters }
    }

    /// Writes records: as [`Sink::write`].
    ///
    /// # Errors
    /// When the sink fails.
    pub(super) async fn write(&mut self, records: &Payload) -> Result<Vec<Rejected>> {
        self.sink.write(records).await.map_err(|error| self.failed(error))
    }

    /// The claims of records that are written.
    pub(super) async fn settle(&mut self, written: Lineage) {
        if self.holds {
            self.held.append(written);
        } else {
            self.counters.delivered.add(written.len());
            self.settler.settle(written, Fate::Delivered, &self.name).await;
        }
    }

    /// How many records are written and not committed.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// As [`Sink::mark`].
    ///
    /// # Errors
    /// When the sink fails.
    pub(super) async fn mark(&mut self) -> Result<Option<Mark>> {
        self.sink.mark().await.map_err(|error| self.failed(error))
    }

    /// As [`Sink::commit`]; what was held back is delivered then.
    ///
    /// # Errors
    /// When the sink fails. What was held back is lost, and counts as in flight.
    pub(super) async fn commit(&mut self, note: Option<&str>) -> Result<()> {
        let held = std::mem::take(&mut self.held);
        self.sink.commit(note).await.map_err(|error| self.failed(error))?;
        self.counters.delivered.add(held.len());
        self.settler.settle(held, Fate::Delivered, &self.name).await;
        Ok(())
    }

    /// As [`Sink::finish`].
    ///
    /// # Errors
    /// When the sink fails.
    pub(super) async fn finish(&mut self) -> Result<()> {
        self.sink.finish().await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: Error) -> Error {
        error.within(format!("sink \"{}\"", self.name))
    }
}
