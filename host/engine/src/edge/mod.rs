//! Sources and sinks: where records come from and where they go.
//!
//! A source is pulled, a sink is written to; neither knows of queues, stages or other edges. Both are driven by one
//! task each on the I/O runtime, and dropped when the run is interrupted. What a pipeline names is a [`SourceSpec`] or
//! a [`SinkSpec`], which opens them; the kinds that come with Sandmill are in `connector`.

mod cursor;
mod folder;
mod header;
mod identity;
mod records;
mod spec;

pub use self::cursor::{Cursor, Delivery, Input, Mark, Settlement, Settles};
pub use self::folder::{PipelineFolder, setting, texts};
pub use self::header::Header;
pub use self::identity::FileId;
pub use self::identity::Identity;
pub use self::records::Records;
pub use self::spec::{OpenedSink, OpenedSource};
pub use self::spec::{Reads, SinkSpec, SinkStart, SourceSpec, Writers, Writes};

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::record::{BatchBounds, Payload, Places, Receipt};

/// Gives records, chunk by chunk.
#[async_trait]
pub trait Source: Send {
    /// The next chunk, at most as large as `bounds` (a single larger record makes a chunk of its own); `None` at the
    /// end of the input. A chunk may be empty: that is not the end.
    ///
    /// # Cancel safety
    /// The future is dropped when the run is stopped; the source is then not pulled again. That of a source that
    /// acknowledges ([`Settlement::Receipt`]) is also dropped when there is something to tell it, and it is pulled
    /// again after that: it must keep what it has received by then.
    ///
    /// # Errors
    /// When the input cannot be read. What has been given before stays valid. After an error that
    /// [`Error::is_retryable`], the source may be pulled again: it continues after the last chunk that it returned.
    async fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>>;

    /// How much there is in all, where that is known: for a progress bar.
    fn extent(&self) -> Extent {
        Extent::Unknown
    }

    /// How the source learns that it need not give a record again. This speaks only for the source itself: a source
    /// that never learns it does not keep the others of its pipeline from resuming. The answer must not change during a
    /// run.
    fn settlement(&self) -> Settlement {
        Settlement::Never
    }

    /// The parts of the input as they are now. They are kept with the checkpoints of the run, and a run that resumes
    /// there gives them to [`Self::seek`]. Called before the first pull, after [`Self::seek`] where that is called.
    ///
    /// # Errors
    /// When the input cannot be read.
    fn inputs(&mut self) -> Result<Vec<Input>> {
        Ok(Vec::new())
    }

    /// What became of records that it gave, where [`Self::settlement`] is [`Settlement::Receipt`]: each record is told
    /// once, in whatever order they are done. Called by the source's own task: between two pulls, and after the last
    /// pull until every record has been told. What is told as [`Fate::InFlight`](crate::record::Fate::InFlight) was on
    /// its way when the run was interrupted, and has to be given again; everything else is where it belongs, and stays
    /// there when the process is killed or the machine loses power (as far as the sink says so: [`Sink::settles`]).
    ///
    /// # Cancel safety
    /// The future is not dropped when the run is interrupted, but a few seconds later: a source that cannot reach whom
    /// it has to tell must not keep the run from its end.
    ///
    /// # Errors
    /// When the source cannot do what it does about them. After an error that [`Error::is_retryable`] it is told the
    /// same receipts again; after any other it is told nothing more, and the run fails.
    async fn settle(&mut self, receipts: &[Receipt]) -> Result<()> {
        let _ = receipts;
        Ok(())
    }

    /// What it reads may be another one after the place where it resumes. Called before [`Self::seek`], where somebody
    /// has said so.
    fn accept_changes(&mut self) {}

    /// Goes to the place where a chunk of an earlier run ended, whose input consisted of `inputs`. Called at most once,
    /// before the first pull.
    ///
    /// # Errors
    /// When the input has changed so that the place is not there any more, or the source cannot resume.
    async fn seek(&mut self, cursor: &Cursor, inputs: &[Input]) -> Result<()> {
        let _ = (cursor, inputs);
        Err(Error::internal("a source that cannot resume was asked to"))
    }

    /// The names of the columns that it reads, where its records have columns: they become known when the first input
    /// is begun. A sink that the source feeds without a stage in between writes them even when there is no record.
    fn header(&self) -> Option<Header> {
        None
    }

    /// The files that it will read, as far as it knows them: no sink may write to one. Asked for before the first pull.
    fn files(&self) -> Vec<(FileId, Arc<Path>)> {
        Vec::new()
    }

    /// What a person should know of its input before the run begins. Asked for before the first pull, after
    /// [`Self::seek`] where that is called.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Bytes of log lines that it wrote beyond its limit, so far: of a component.
    fn log_bytes_cut(&self) -> u64 {
        0
    }
}

/// Takes records.
#[async_trait]
pub trait Sink: Send {
    /// Writes all records but those it returns: each with the reason why it cannot be written, in ascending order. When
    /// this returns, the others are at their destination: nothing is left in a buffer of the program. Each record has a
    /// name that stays its own ([`Records::id`]), by which a destination can tell one that it has already.
    ///
    /// # Errors
    /// When the destination fails. An error that [`Error::is_retryable`] says that the same records may be written
    /// again: nothing of them was left at the destination, or writing them again changes nothing. After any other, how
    /// many of them were written is not known: they count as in flight.
    async fn write(&mut self, records: &Records<'_>) -> Result<Vec<Rejected>>;

    /// A further writer to the same destination, where [`SinkSpec::writers`] says that there may be several. It may share
    /// what this sink has opened: a client, a lock. Called before all else, except for [`Self::expect_receipts`] where that is
    /// called: it holds for all writers.
    ///
    /// All writers write at the same time. Of the others, only [`Self::write`], [`Self::mark`] and [`Self::finish`] are
    /// called; this sink is finished last. A mark of one writer says nothing of the others, so none of them may give one:
    /// what comes again after a kill is written again.
    ///
    /// # Errors
    /// When the destination cannot be written to. After an error that [`Error::is_retryable`], it is called again.
    async fn writer(&mut self) -> Result<Box<dyn Sink>> {
        Err(Error::internal("a sink that has one writer was asked for another"))
    }

    /// A source feeds this sink without a stage in between: its columns are those of the output if there is no record
    /// to take them from. Called once for each such source, before the first write.
    fn expect_header(&mut self, header: &Header) {
        let _ = header;
    }

    /// No more records will come.
    ///
    /// # Errors
    /// When the destination cannot be closed properly.
    async fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    /// What the sink makes of records that come again after a kill, on its own: [`Delivery::ExactlyOnce`] if it goes
    /// back to where it was at the last checkpoint ([`Self::return_to`]). One that holds back what it commits promises
    /// that, too, and need not say so.
    fn delivery(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    /// Makes what has been written outlast a loss of power, and says where it ends. Called between any two writes: for
    /// a checkpoint when nothing is in flight, and for sources that acknowledge at any time.
    ///
    /// # Errors
    /// When the destination fails.
    async fn mark(&mut self) -> Result<Option<Mark>> {
        Ok(None)
    }

    /// Goes back to where an earlier run was at its last checkpoint: what it wrote after that is taken away. Called at
    /// most once, before the first write; `None` is what [`Self::mark`] gave then.
    ///
    /// # Errors
    /// When the destination has changed so that this cannot be done.
    async fn return_to(&mut self, mark: Option<&Mark>) -> Result<()> {
        let _ = mark;
        Ok(())
    }

    /// What a person should know of what was there. Asked for before the first write, after [`Self::return_to`] where
    /// that is called.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// When what is written is there for good. A sink that settles [`Settles::OnCommit`] can hold back what is written,
    /// and commit it together with a note, all or nothing.
    fn settles(&self) -> Settles {
        Settles::OnWrite
    }

    /// A source that acknowledges feeds this sink, and will not give again what the sink has settled: that must outlast
    /// a loss of power, too. Called at most once, before the first write.
    fn expect_receipts(&mut self) {}

    /// From here on, what is written is held back until [`Self::commit`]. Gives the note that `owner` committed last,
    /// if there is one. Called at most once, before the first write, where it settles [`Settles::OnCommit`].
    ///
    /// # Errors
    /// When the destination cannot be read.
    async fn hold(&mut self, owner: &str) -> Result<Option<String>> {
        let _ = owner;
        Ok(None)
    }

    /// Commits what is held back, and the note with it; without one, the note of earlier commits is taken away.
    ///
    /// # Errors
    /// When the destination fails. After an error that [`Error::is_retryable`], what is held back still is; after any
    /// other it is lost.
    async fn commit(&mut self, note: Option<&str>) -> Result<()> {
        let _ = note;
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
    /// The source's position after this chunk; `None` when it cannot continue from there in another run.
    pub cursor: Option<Cursor>,
}

impl Chunk {
    /// Whether it has neither good nor bad records.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.bad.is_empty()
    }
}

/// Something in the input that is not a record.
#[derive(Debug)]
pub struct BadRecord {
    /// What is there, cut to a bound of the source's own.
    pub data: Vec<u8>,
    /// Where it stands: the path, and one line.
    pub places: Places,
    /// Why it is not a record.
    pub reason: String,
}

/// How much a source holds in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase", tag = "unit", content = "total")]
pub enum Extent {
    /// Not known.
    Unknown,
    /// Number of records.
    Records(u64),
    /// Number of bytes, as they lie in the files (compressed ones count compressed).
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
