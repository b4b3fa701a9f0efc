//! A sink with what it has written and not committed. Shared by its task and the checkpoints: one of them at a time. The
//! lock may be held for as long as a write is retried, so nobody locks it only to look.

use std::sync::Arc;

use super::patience::Patience;
use crate::edge::{Mark, Rejected, Sink};
use crate::error::{Error, Result};
use crate::flow::{Settler, SinkCounters};
use crate::record::{Fate, Lineage, Parked, Payload};
use crate::time::sleep;

/// Where records are written and settled.
pub(super) struct SinkDesk {
    pub(super) name: Arc<str>,
    sink: Box<dyn Sink>,
    /// Whether what is written is held back until it is committed.
    holds: bool,
    /// Of records that are written and not committed. Dropped, they count as in flight: the sink forgets them too.
    held: Parked,
    settler: Settler,
    counters: Arc<SinkCounters>,
    patience: Patience,
}

impl SinkDesk {
    /// The desk of a sink; `holds` says whether what is written is held back until it is committed.
    pub(super) fn new(
        (name, sink, holds): (&Arc<str>, Box<dyn Sink>, bool),
        (settler, counters): (Settler, Arc<SinkCounters>),
        patience: Patience,
    ) -> Self {
        Self { name: Arc::clone(name), sink, holds, held: Parked::default(), settler, counters, patience }
    }

    /// Writes records: as [`Sink::write`], again where that is worth it.
    ///
    /// # Errors
    /// When the sink fails for good.
    pub(super) async fn write(&mut self, records: &Payload) -> Result<Vec<Rejected>> {
        let mut failures = 0;
        loop {
            match self.sink.write(records).await {
                Ok(rejected) => {
                    self.patience.succeeded();
                    return Ok(rejected);
                }
                Err(failure) => self.wait_after(failure, &mut failures).await?,
            }
        }
    }

    /// The claims of records that are written.
    pub(super) async fn settle(&mut self, written: Lineage) {
        if self.holds {
            self.counters.held.add(written.len());
            self.held.park(written);
        } else {
            self.counters.delivered.add(written.len());
            self.settler.settle(written, Fate::Delivered, &self.name).await;
        }
    }

    /// What was held back will not be committed any more: it counts as in flight.
    pub(super) fn give_up(&mut self) {
        drop(std::mem::take(&mut self.held));
        self.counters.held.set(0);
    }

    /// As [`Sink::mark`]. Never again after a failure: what the operating system could not write then, it may have thrown
    /// away, and it says so once.
    ///
    /// # Errors
    /// When the sink fails.
    pub(super) async fn mark(&mut self) -> Result<Option<Mark>> {
        let name = &self.name;
        self.sink.mark().await.map_err(|error| error.within(format!("sink \"{name}\"")))
    }

    /// As [`Sink::commit`], again where that is worth it; what was held back is delivered then.
    ///
    /// # Errors
    /// When the sink fails for good. What was held back is lost, and counts as in flight.
    pub(super) async fn commit(&mut self, note: Option<&str>) -> Result<()> {
        let mut failures = 0;
        while let Err(failure) = self.sink.commit(note).await {
            self.wait_after(failure, &mut failures).await?;
        }
        self.patience.succeeded();
        let held = self.held.take();
        self.counters.held.set(0);
        self.counters.delivered.add(held.len());
        self.settler.settle(held, Fate::Delivered, &self.name).await;
        Ok(())
    }

    /// As [`Sink::finish`], again where that is worth it.
    ///
    /// # Errors
    /// When the sink fails for good.
    pub(super) async fn finish(&mut self) -> Result<()> {
        let mut failures = 0;
        while let Err(failure) = self.sink.finish().await {
            self.wait_after(failure, &mut failures).await?;
        }
        Ok(())
    }

    async fn wait_after(&mut self, failure: Error, failures: &mut u32) -> Result<()> {
        *failures += 1;
        sleep(self.patience.after(*failures, failure, &self.counters.retries)?).await;
        Ok(())
    }
}
