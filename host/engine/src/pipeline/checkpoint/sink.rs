//! A sink with what it has written and not committed. Shared by its task and the checkpoints: one of them at a time.
//! The lock may be held for as long as a write is retried, so nobody locks it only to look.

use std::sync::Arc;

use super::super::edge_retry::Patience;
use super::answers::Answers;
use crate::edge::{Mark, Records, Rejected, Settles, Sink};
use crate::error::{Error, Result};
use crate::flow::{Settler, SinkCounters};
use crate::record::{Fate, Lineage, Parked};
use crate::state::StateFile;
use crate::time::{Instant, sleep};

/// A sink with what it has written and not committed.
pub(in crate::pipeline) struct SinkDesk {
    pub(in crate::pipeline) name: Arc<str>,
    sink: Box<dyn Sink>,
    /// Whether what is written is held back until it is committed.
    holds: bool,
    /// Claims of records that are written and not committed. Dropped, they count as in flight: the sink forgets them
    /// too.
    held: Parked,
    /// Where a source that acknowledges feeds the sink.
    answers: Option<Answers>,
    settler: Settler,
    counters: Arc<SinkCounters>,
    patience: Patience,
}

impl SinkDesk {
    /// The desk of a sink; `holds` says whether what is written is held back until it is committed.
    pub(in crate::pipeline) fn new(
        (name, sink, holds): (&Arc<str>, Box<dyn Sink>, bool),
        (settler, counters): (Settler, Arc<SinkCounters>),
        patience: Patience,
    ) -> Self {
        let (name, held) = (Arc::clone(name), Parked::default());
        Self { name, sink, holds, held, answers: None, settler, counters, patience }
    }

    /// The same for a sink that is fed by a source that acknowledges. Where it stands is kept in `state`, if anywhere.
    pub(in crate::pipeline) fn answering(self, state: Option<StateFile>) -> Self {
        Self { answers: Some(Answers::new(state)), ..self }
    }

    /// Writes records: as [`Sink::write`], again where that is worth it.
    ///
    /// # Errors
    /// When the sink fails for good.
    pub(in crate::pipeline) async fn write(&mut self, records: &Records<'_>) -> Result<Vec<Rejected>> {
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

    /// The claims of records that are written. Gives the time at which [`Self::sync`] has to be called, if it has to
    /// be.
    ///
    /// # Errors
    /// As [`Self::sync`].
    pub(in crate::pipeline) async fn settle(&mut self, written: Lineage) -> Result<Option<Instant>> {
        if self.holds {
            self.counters.held.add(written.len());
            self.held.park(written);
            return Ok(None);
        }
        let Some(answers) = &mut self.answers else {
            self.deliver(written).await;
            return Ok(None);
        };
        let due = answers.add(written);
        if self.sink.settles() == Settles::OnSync && Instant::now() < due {
            return Ok(Some(due));
        }
        self.sync().await.map(|()| None)
    }

    /// Makes what has been written since the last time there for good, and settles it. The gate may be open.
    ///
    /// # Errors
    /// When the sink or the state file fails: what was written counts as in flight.
    pub(in crate::pipeline) async fn sync(&mut self) -> Result<()> {
        if self.answers.as_ref().is_none_or(Answers::is_empty) {
            return Ok(());
        }
        let begun = Instant::now();
        let mark = self.mark().await?;
        if let Some(answers) = &mut self.answers {
            answers.keep(&self.name, mark).await?;
            let written = answers.take(begun.elapsed());
            self.deliver(written).await;
        }
        Ok(())
    }

    async fn deliver(&mut self, written: Lineage) {
        self.counters.delivered.add(written.len());
        self.settler.settle(written, Fate::Delivered, &self.name).await;
    }

    /// Abandons what was held back: it will not be committed any more, and counts as in flight.
    pub(in crate::pipeline) fn give_up(&mut self) {
        drop(std::mem::take(&mut self.held));
        self.answers.iter_mut().for_each(Answers::give_up);
        self.counters.held.set(0);
    }

    /// The mark to which a resumed run returns. Where that of a sink is kept which answers, it is not in a checkpoint.
    ///
    /// # Errors
    /// When the sink fails.
    pub(in crate::pipeline) async fn mark_for_checkpoint(&mut self) -> Result<Option<Mark>> {
        match self.answers {
            Some(_) => self.sync().await.map(|()| None),
            None => self.mark().await,
        }
    }

    /// Like [`Sink::mark`]. Never called again after a failure: what the operating system could not write then, it may
    /// have thrown away, and it says so once.
    ///
    /// # Errors
    /// When the sink fails.
    async fn mark(&mut self) -> Result<Option<Mark>> {
        let name = &self.name;
        self.sink.mark().await.map_err(|error| error.within(format!("sink \"{name}\"")))
    }

    /// Like [`Sink::commit`], with retries where they are worth it; what was held back is delivered then.
    ///
    /// # Errors
    /// When the sink fails for good. What was held back is lost, and counts as in flight.
    pub(in crate::pipeline) async fn commit(&mut self, note: Option<&str>) -> Result<()> {
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

    /// Like [`Sink::finish`], with retries where they are worth it.
    ///
    /// # Errors
    /// When the sink fails for good.
    pub(in crate::pipeline) async fn finish(&mut self) -> Result<()> {
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
