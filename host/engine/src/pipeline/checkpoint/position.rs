//! Where a source stands. Shared by its task and the checkpoints.

use std::sync::{Arc, Mutex, PoisonError};

use crate::edge::Cursor;
use crate::state::SourcePoint;

/// The position of a source. Clones share it.
#[derive(Clone, Debug)]
pub(in crate::pipeline) struct SourcePosition {
    /// Whether the source resumes at a cursor: then a checkpoint needs one.
    needs_cursor: bool,
    point: Arc<Mutex<SourcePoint>>,
}

impl SourcePosition {
    /// A source that begins at this point.
    pub(in crate::pipeline) fn new(point: SourcePoint, needs_cursor: bool) -> Self {
        Self { needs_cursor, point: Arc::new(Mutex::new(point)) }
    }

    /// The number of its next record, from 1; `None` if it gives no more.
    pub(in crate::pipeline) fn next_record(&self) -> Option<u64> {
        self.with(|point| (!point.done).then_some(point.records + 1))
    }

    /// It has given this many records, and continues at the cursor.
    pub(in crate::pipeline) fn move_to(&self, cursor: Option<Cursor>, records: u64) {
        self.with(|point| (point.cursor, point.records) = (cursor, records));
    }

    /// It has come to the end of its input.
    pub(in crate::pipeline) fn end(&self) {
        self.with(|point| point.done = true);
    }

    /// The point for a checkpoint; `None` when the source could not continue there.
    pub(super) fn point(&self) -> Option<SourcePoint> {
        let point = self.with(|point| point.clone());
        let can_continue = !self.needs_cursor || point.cursor.is_some() || point.records == 0 || point.done;
        can_continue.then_some(point)
    }

    fn with<T>(&self, work: impl FnOnce(&mut SourcePoint) -> T) -> T {
        work(&mut self.point.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
