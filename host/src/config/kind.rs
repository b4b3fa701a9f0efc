//! What sections of several kinds have in common: the names of their choices, and groups of keys.

use std::time::Duration;

use super::keys;
use crate::plan::OnError;
use crate::plan::bounds::{
    BATCH_BYTES_MAX, BATCH_DEFAULT, BATCH_RECORDS_MAX, LINGER_MAX, QUEUE_BYTES_MAX, QUEUE_RECORDS_MAX,
};
use crate::queue::QueueBounds;
use crate::record::BatchBounds;
use crate::settings::Fault;
use crate::settings::Table;

/// The choices of `on_error`.
pub(super) const ON_ERROR: [(&str, OnError); 3] =
    [("fail", OnError::Fail), ("drop", OnError::Drop), ("dead-letter", OnError::DeadLetter)];

/// `on_error` of a source or a sink.
pub(super) fn on_error(section: &Table<'_>) -> Result<OnError, Fault> {
    section.or("on_error", OnError::default(), |value| {
        let chosen = value.choice(&ON_ERROR);
        if value.value.is_table() {
            chosen.map_err(|fault| {
                fault.hint("only a stage retries records; to retry the source or sink itself, write retry = 3")
            })
        } else {
            chosen
        }
    })
}

/// `queue`.
pub(super) fn queue(section: &Table<'_>, default: QueueBounds) -> Result<QueueBounds, Fault> {
    let Some(queue) = section.part("queue", keys::QUEUE)? else { return Ok(default) };
    Ok(QueueBounds {
        records: queue.or("records", default.records, |value| value.count(QUEUE_RECORDS_MAX))?,
        bytes: queue.or("bytes", default.bytes, |value| value.bytes(QUEUE_BYTES_MAX))?,
    })
}

/// `batch`.
pub(super) fn batch(section: &Table<'_>) -> Result<BatchBounds, Fault> {
    let Some(batch) = section.part("batch", keys::BATCH)? else { return Ok(BATCH_DEFAULT) };
    Ok(BatchBounds {
        records: batch.or("records", BATCH_DEFAULT.records, |value| value.count(BATCH_RECORDS_MAX))?,
        bytes: batch.or("bytes", BATCH_DEFAULT.bytes, |value| value.bytes(BATCH_BYTES_MAX))?,
        linger: batch.or("linger", BATCH_DEFAULT.linger, |value| value.duration(Duration::ZERO..=LINGER_MAX))?,
    })
}
