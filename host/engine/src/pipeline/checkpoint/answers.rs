//! What a sink has written for sources that acknowledge, and has not made last yet. The sources are told of it afterwards.
//!
//! Where the sink stands then is kept in the state file at once, apart from the checkpoints: what a source has been told of
//! it does not give again, so no resumed run may take it back.

use std::time::Duration;

use crate::edge::Mark;
use crate::error::{Error, Result};
use crate::record::Lineage;
use crate::state::{SinkPoint, StateFile};
use crate::time::Instant;

/// What has been written waits for this long, so that one sync serves many records. Arbitrary: what a person does not notice.
const WAIT_MIN: Duration = Duration::from_millis(10);
/// Or for this many times as long as the last sync took: syncs then take a fifth of the time.
const WAIT_SHARE: u32 = 4;

/// Claims of records that are written and may not last yet. Dropped, they count as in flight.
#[derive(Debug)]
pub(super) struct Answers {
    state: Option<StateFile>,
    written: Lineage,
    /// When the first of them was written.
    since: Instant,
    wait: Duration,
    /// The mark that is in the state file, if this run has put one there.
    kept: Option<Mark>,
}

impl Answers {
    pub(super) fn new(state: Option<StateFile>) -> Self {
        Self { state, written: Lineage::default(), since: Instant::now(), wait: WAIT_MIN, kept: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Adds records that were written, and says by when they should last.
    pub(super) fn add(&mut self, written: Lineage) -> Instant {
        if self.written.is_empty() {
            self.since = Instant::now();
        }
        self.written.append(written);
        self.since + self.wait
    }

    /// Writes down where the sink stands, unless it is there already.
    ///
    /// # Errors
    /// When the state file cannot be written.
    pub(super) async fn keep(&mut self, sink: &str, mark: Option<Mark>) -> Result<()> {
        let (Some(state), Some(_)) = (&self.state, &mark) else { return Ok(()) };
        if self.kept == mark {
            return Ok(());
        }
        let (state, point) =
            (state.clone(), SinkPoint { name: sink.to_owned(), mark: mark.clone(), by_several: false });
        let kept = tokio::task::spawn_blocking(move || state.set_mark(&point)).await;
        kept.map_err(|error| Error::internal("writing the state file panicked").caused_by(error))??;
        self.kept = mark;
        Ok(())
    }

    /// Takes all claims out: their records last, which took this long.
    pub(super) fn take(&mut self, took: Duration) -> Lineage {
        self.wait = WAIT_MIN.max(took * WAIT_SHARE);
        std::mem::take(&mut self.written)
    }

    /// They will not be made to last any more.
    pub(super) fn abandon(&mut self) {
        drop(std::mem::take(&mut self.written));
    }
}
