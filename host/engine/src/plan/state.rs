//! What a run keeps outside of itself, so that another can continue where it was interrupted.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

/// The state of a pipeline: where it is kept, and how a run begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatePlan {
    /// The state file: an SQLite database for checkpoints and dead letters. Created when there is something to keep.
    pub path: PathBuf,
    /// The folder of the pipeline. Paths below it are kept relative to it, so that it can be moved while a run waits to
    /// be resumed.
    pub folder: PathBuf,
    /// When to take checkpoints; `None`: never. A pipeline none of whose sources can resume takes none either.
    pub checkpoints: Option<Checkpoints>,
    /// What to do about an interrupted run.
    pub start: Start,
}

/// When to take checkpoints: whichever comes first. Later where taking them would cost more than a few per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// After this much time.
    pub every: Duration,
    /// After this many records were read.
    pub records: Option<NonZeroU64>,
}

impl Default for Checkpoints {
    /// A second: little work is done twice after a crash, and the pause is far below what one would notice.
    fn default() -> Self {
        Self { every: Duration::from_secs(1), records: None }
    }
}

/// How a run begins when an earlier one of the same pipeline was interrupted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// Continues at its last checkpoint, if the pipeline is still the same.
    #[default]
    Resume,
    /// Continues, even if stages have changed.
    ResumeChanged,
    /// Forgets it, and begins at the beginning.
    Fresh,
}
