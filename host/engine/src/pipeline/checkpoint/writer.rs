//! One writer of a sink, with what it has written and not committed. Shared by its task, the checkpoints and the end of the
//! run.
//!
//! It is locked for one attempt to write, mark or commit. While an attempt waits to be repeated, nobody waits for the lock.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::answers::Answers;
use crate::edge::{Mark, Records, Rejected, Settles, Sink};
use crate::error::{Error, Result};
use crate::flow::{Settler, SinkCounters};
use crate::pipeline::edge_retry::EdgeRetry;
use crate::record::{Fate, Lineage, Written};
use crate::state::StateFile;
use crate::time::{Instant, sleep};

/// When a sink settles the records that it has written.
#[derive(Clone, Debug)]
pub(in crate::pipeline) enum Settling {
    /// At once.
    Written,
    /// When a checkpoint commits them.
    Committed,
    /// When they outlast a loss of power: a source waits to be told. Where the sink stands is kept in the state file, if
    /// there is one.
    Answered(Option<StateFile>),
}

/// Gives records their fate when they are delivered, and counts them.
#[derive(Clone, Debug)]
pub(in crate::pipeline) struct Deliveries {
    pub(in crate::pipeline) sink: Arc<str>,
    pub(in crate::pipeline) settler: Settler,
    pub(in crate::pipeline) counters: Arc<SinkCounters>,
}

/// One writer of a sink, with what it has written and not committed.
pub(in crate::pipeline) struct Writer {
    inner: Mutex<Inner>,
    /// Whether the sink has others.
    is_one_of_several: bool,
    retry: EdgeRetry,
    deliveries: Deliveries,
}

struct Inner {
    sink: Box<dyn Sink>,
    uncommitted: Uncommitted,
}

/// Claims of records that are written. Dropped, they count as in flight: the sink forgets the records too, or a source
/// gives them again.
enum Uncommitted {
    /// There are none: what is written is settled.
    None,
    Held(Written),
    Answers(Answers),
}

impl Deliveries {
    async fn settle(&self, written: Lineage) {
        self.counters.delivered.add(written.len());
        self.settler.settle(written, Fate::Delivered, &self.sink).await;
    }
}

impl Writer {
    pub(in crate::pipeline) fn new(
        sink: Box<dyn Sink>,
        settling: Settling,
        deliveries: Deliveries,
        retry: EdgeRetry,
    ) -> Self {
        let uncommitted = match settling {
            Settling::Written => Uncommitted::None,
            Settling::Committed => Uncommitted::Held(Written::default()),
            Settling::Answered(state) => Uncommitted::Answers(Answers::new(state)),
        };
        Self { inner: Mutex::new(Inner { sink, uncommitted }), is_one_of_several: false, retry, deliveries }
    }

    /// The same for a sink that has others.
    pub(in crate::pipeline) fn one_of_several(self) -> Self {
        Self { is_one_of_several: true, ..self }
    }

    pub(super) fn name(&self) -> &str {
        &self.deliveries.sink
    }

    /// Writes records: as [`Sink::write`], again where that is worth it.
    ///
    /// # Errors
    /// When the sink fails for good.
    pub(in crate::pipeline) async fn write(&self, records: &Records<'_>) -> Result<Vec<Rejected>> {
        let mut failures = 0;
        loop {
            let written = self.inner.lock().await.sink.write(records).await;
            match written {
                Ok(rejected) => {
                    self.retry.succeeded();
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
    pub(in crate::pipeline) async fn settle(&self, written: Lineage) -> Result<Option<Instant>> {
        let mut inner = self.inner.lock().await;
        let settles = inner.sink.settles();
        match &mut inner.uncommitted {
            Uncommitted::None => {
                drop(inner);
                self.deliveries.settle(written).await;
                Ok(None)
            }
            Uncommitted::Held(held) => {
                self.deliveries.counters.held.add(written.len());
                held.add(written);
                Ok(None)
            }
            Uncommitted::Answers(answers) => {
                let due = answers.add(written);
                drop(inner);
                if settles == Settles::OnSync && Instant::now() < due {
                    return Ok(Some(due));
                }
                self.sync().await.map(|()| None)
            }
        }
    }

    /// Makes what has been written since the last time there for good, and settles it. The gate may be open.
    ///
    /// # Errors
    /// When the sink or the state file fails: what was written counts as in flight.
    pub(in crate::pipeline) async fn sync(&self) -> Result<()> {
        let mut inner = self.inner.lock().await;
        let Inner { sink, uncommitted: Uncommitted::Answers(answers) } = &mut *inner else { return Ok(()) };
        if answers.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let mark = self.mark(&mut **sink).await?;
        answers.keep(self.name(), mark).await?;
        let written = answers.take(begun.elapsed());
        drop(inner);
        self.deliveries.settle(written).await;
        Ok(())
    }

    /// The mark to which a resumed run returns. Where that of a sink is kept which answers, it is not in a checkpoint.
    ///
    /// # Errors
    /// When the sink fails.
    pub(super) async fn mark_for_checkpoint(&self) -> Result<Option<Mark>> {
        let mut inner = self.inner.lock().await;
        match inner.uncommitted {
            Uncommitted::None | Uncommitted::Held(_) => self.mark(&mut *inner.sink).await,
            Uncommitted::Answers(_) => {
                drop(inner);
                self.sync().await.map(|()| None)
            }
        }
    }

    /// Like [`Sink::mark`]. Never called again after a failure: what the operating system could not write then, it may
    /// have thrown away, and it says so once.
    async fn mark(&self, sink: &mut dyn Sink) -> Result<Option<Mark>> {
        let within = |error: Error| error.within(format!("sink \"{}\"", self.name()));
        match sink.mark().await.map_err(within)? {
            // A resumed run would cut off what the others have written since.
            Some(_) if self.is_one_of_several => {
                Err(within(Error::internal("a sink with several writers says where one of them ends")))
            }
            mark => Ok(mark),
        }
    }

    /// Like [`Sink::commit`], with retries where they are worth it; what was held back is delivered then.
    ///
    /// # Errors
    /// When the sink fails for good. What was held back is lost, and counts as in flight.
    pub(super) async fn commit(&self, note: Option<&str>) -> Result<()> {
        let mut failures = 0;
        loop {
            let mut inner = self.inner.lock().await;
            let Err(failure) = inner.sink.commit(note).await else {
                let held = match &mut inner.uncommitted {
                    Uncommitted::Held(held) => held.take(),
                    Uncommitted::None | Uncommitted::Answers(_) => Lineage::default(),
                };
                drop(inner);
                self.retry.succeeded();
                self.deliveries.counters.held.set(0);
                self.deliveries.settle(held).await;
                return Ok(());
            };
            drop(inner);
            self.wait_after(failure, &mut failures).await?;
        }
    }

    /// Like [`Sink::finish`], with retries where they are worth it.
    ///
    /// # Errors
    /// When the sink fails for good.
    pub(super) async fn finish(&self) -> Result<()> {
        let mut failures = 0;
        loop {
            let finished = self.inner.lock().await.sink.finish().await;
            let Err(failure) = finished else { return Ok(()) };
            self.wait_after(failure, &mut failures).await?;
        }
    }

    /// Abandons what is not committed: it will not be any more, and counts as in flight.
    pub(super) async fn abandon(&self) {
        match &mut self.inner.lock().await.uncommitted {
            Uncommitted::None => {}
            Uncommitted::Held(held) => drop(std::mem::take(held)),
            Uncommitted::Answers(answers) => answers.abandon(),
        }
        self.deliveries.counters.held.set(0);
    }

    async fn wait_after(&self, failure: Error, failures: &mut u32) -> Result<()> {
        *failures += 1;
        sleep(self.retry.after(*failures, failure, &self.deliveries.counters.retries)?).await;
        Ok(())
    }
}
