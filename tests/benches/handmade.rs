//! What a programmer would write without Sandmill: channels between tasks, or a loop. No limits, no isolation, no
//! account of records, no error policy.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use anyhow::Result;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinSet;

use crate::input::{Arrived, Columns, Input, RECORD_BYTES};

/// Messages in a channel that carries records; a channel of batches holds as many records as one of Sandmill's queues.
const CHANNEL_RECORDS: usize = 1024;
const CHANNEL_BATCHES: usize = 8;

/// One `Vec` per record, one record per message, one task per stage.
pub(crate) fn channel_of_records(input: Input, records: usize, stages: usize) -> Result<usize> {
    in_runtime(async move {
        let mut tasks = JoinSet::new();
        let (sender, first) = mpsc::channel::<Vec<u8>>(CHANNEL_RECORDS);
        tasks.spawn(async move {
            for (data, _ends) in input.into_batches(records) {
                for value in data.chunks_exact(RECORD_BYTES) {
                    if sender.send(value.to_vec()).await.is_err() {
                        return;
                    }
                }
            }
        });
        let upper = |mut record: Vec<u8>| {
            record.make_ascii_uppercase();
            record
        };
        let mut last = staged(&mut tasks, first, stages, CHANNEL_RECORDS, upper);
        let mut arrived = Arrived::default();
        while let Some(record) = last.recv().await {
            arrived.record(&record);
        }
        arrived.records()
    })
}

/// The same with a thousand records in a message, back to back, changed in place: no allocation per record, no copy.
pub(crate) fn channel_of_batches(input: Input, records: usize, stages: usize) -> Result<usize> {
    in_runtime(async move {
        let mut tasks = JoinSet::new();
        let (sender, first) = mpsc::channel::<Columns>(CHANNEL_BATCHES);
        tasks.spawn(async move {
            for batch in input.into_batches(records) {
                if sender.send(batch).await.is_err() {
                    return;
                }
            }
        });
        let upper = |(mut data, ends): Columns| {
            upper_each(&mut data, &ends);
            (data, ends)
        };
        let mut last = staged(&mut tasks, first, stages, CHANNEL_BATCHES, upper);
        let mut arrived = Arrived::default();
        while let Some((data, ends)) = last.recv().await {
            count_each(&data, &ends, &mut arrived);
        }
        arrived.records()
    })
}

/// One thread, no channel: each batch through every stage, in place.
pub(crate) fn single_loop(input: Input, records: usize, stages: usize) -> usize {
    let mut arrived = Arrived::default();
    for (mut data, ends) in input.into_batches(records) {
        for _ in 0..stages {
            upper_each(&mut data, &ends);
        }
        count_each(&data, &ends, &mut arrived);
    }
    arrived.records()
}

/// A task for each stage, with a channel behind it.
fn staged<T: Send + 'static>(
    tasks: &mut JoinSet<()>,
    first: Receiver<T>,
    stages: usize,
    capacity: usize,
    stage: impl Fn(T) -> T + Copy + Send + 'static,
) -> Receiver<T> {
    let mut last = first;
    for _ in 0..stages {
        let (sender, behind) = mpsc::channel(capacity);
        let mut before = std::mem::replace(&mut last, behind);
        tasks.spawn(async move {
            while let Some(message) = before.recv().await {
                if sender.send(stage(message)).await.is_err() {
                    return;
                }
            }
        });
    }
    last
}

fn in_runtime(counting: impl Future<Output = usize> + Send + 'static) -> Result<usize> {
    let threads = available_parallelism().map_or(1, NonZeroUsize::get);
    let runtime = Builder::new_multi_thread().worker_threads(threads).build()?;
    // On a thread of the runtime, as the other ends of the channels are: no wake-up crosses to a foreign thread.
    let mut sink = JoinSet::new();
    sink.spawn_on(counting, runtime.handle());
    Ok(runtime.block_on(sink.join_all()).into_iter().sum())
}

fn upper_each(data: &mut [u8], ends: &[u32]) {
    let mut start = 0;
    for &end in ends {
        data.get_mut(start..end as usize).unwrap_or_default().make_ascii_uppercase();
        start = end as usize;
    }
}

fn count_each(data: &[u8], ends: &[u32], arrived: &mut Arrived) {
    let mut start = 0;
    for &end in ends {
        arrived.record(data.get(start..end as usize).unwrap_or_default());
        start = end as usize;
    }
}
