//! Bounds and defaults of a plan's numbers.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::queue::QueueBounds;
use crate::record::BatchBounds;

/// Largest number of workers of one stage. Arbitrary: each reserves its whole memory limit as address space.
pub const WORKERS_MAX: usize = 1024;
/// Largest number of writers of one sink. Arbitrary: each has a batch in hand, and often a connection.
pub const WRITERS_MAX: usize = 256;
/// Lanes of the queue before a stage or sink that keeps order by key, for each worker or writer, which takes a batch from
/// at most this number of them.
/// With fewer, keys are divided unevenly among them; more cut batches into smaller pieces. Arbitrary between 4 and 16.
pub(crate) const LANES_PER_WORKER: NonZeroUsize = nonzero(4);
/// Largest number of buckets of a partition: there is a lane for each pair of them. Arbitrary.
pub const BUCKETS_MAX: usize = 64;
/// Default number of buckets of a partition, where four for each worker are fewer.
pub const BUCKETS_DEFAULT: usize = 10;
/// Largest number of records in a batch. Arbitrary: more gains nothing.
pub const BATCH_RECORDS_MAX: usize = 1_000_000;
/// Largest number of bytes in a batch, and in a record: columns have 32-bit offsets, and an outcome may be larger than
/// its input.
pub const BATCH_BYTES_MAX: usize = 1 << 30;
/// Largest number of fields of a record where they become columns, and of columns of a CSV file: what spreadsheets
/// hold. A record with more is refused by itself.
pub const FIELDS_MAX: usize = 16_384;
/// Largest number of records in a queue. The queue counts in 32 bits.
pub const QUEUE_RECORDS_MAX: usize = 1_000_000_000;
/// Largest number of bytes in a queue. The queue counts in 32 bits.
pub const QUEUE_BYTES_MAX: usize = 2 << 30;
/// Least memory of an instance: one page.
pub const MEMORY_MIN: u64 = 64 << 10;
/// Largest memory limit: 4 GiB, all that 32-bit addresses reach.
pub const MEMORY_MAX: u64 = 4 << 30;
/// Largest number of elements of an instance's tables: a slot for each worker reserves address space for as many, eight
/// times.
pub const TABLE_MAX: u64 = 1_000_000;
/// Largest number of core instances of an instance. Arbitrary.
pub const INSTANCES_MAX: usize = 1024;
/// Largest component, bytes. Arbitrary: it is read into memory, and compiled code is three times as large.
pub const COMPONENT_BYTES_MAX: u64 = 1 << 30;
/// Largest number of the limits that only count: the file's own numbers end there.
pub const COUNT_MAX: u64 = i64::MAX as u64;
/// Longest time limit per record. Arbitrary: a batch's budget, the sum of its records', must stay a sensible number.
pub const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest wait for a batch to fill. Arbitrary.
pub const LINGER_MAX: Duration = Duration::from_secs(60 * 60);
/// Largest number of retries of a record. Arbitrary: whatever fails that often fails for good.
pub const RETRIES_MAX: u32 = 100;
/// Longest backoff between two attempts at a record. Arbitrary: a run that is asked to stop waits for it.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60 * 60);
/// Largest number of outputs of one stage. Arbitrary; the stage interface counts them in 16 bits.
pub const PORTS_MAX: usize = 256;

/// Default queue of a stage: 16,384 records, 16 MiB.
pub const STAGE_QUEUE_DEFAULT: QueueBounds = QueueBounds { records: nonzero(16_384), bytes: nonzero(16 << 20) };
/// Default queue of a sink: two batches. A sink writes one batch at a time, so more would only take memory: forty
/// million records into nothing took as long with this as with twice as much.
pub const SINK_QUEUE_DEFAULT: QueueBounds = QueueBounds { records: nonzero(8192), ..STAGE_QUEUE_DEFAULT };
/// Default batch: 4,096 records, 1 MiB, without waiting. A pristine instance costs 10 µs: by now
/// that is little beside the work on the least of records.
pub const BATCH_DEFAULT: BatchBounds =
    BatchBounds { records: nonzero(4096), bytes: nonzero(1 << 20), linger: Duration::ZERO };
/// Default bound of a record: 16 MiB.
pub const RECORD_BYTES_DEFAULT: NonZeroUsize = nonzero(16 << 20);

const fn nonzero(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("a default is not zero")
}

/// Largest number of records that a breaker looks back for a share: it remembers a few bytes per record.
pub const SHARE_OF_MAX: u64 = 1_000_000;

/// A number of bytes as the pipeline file says it, where it is a round one.
pub fn size_text(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|&(unit, _)| bytes >= unit && bytes.is_multiple_of(unit)) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None if bytes == 1 => "1 byte".to_owned(),
        None => format!("{bytes} bytes"),
    }
}
