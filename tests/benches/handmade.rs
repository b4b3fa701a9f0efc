//! What a programmer would write without Sandmill: channels between tasks, or a loop. No limits, no isolation, no
//! account of records, no error policy.

use std::sync::Arc;

use anyhow::Result;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinSet;
use works::harness::{Columns, Input, Job, Length, Measured, Stopwatch, each};
use works::{Work, Worker};

use crate::machine;

/// Messages in a channel that carries records; a channel of batches holds as many records as one of Sandmill's queues.
const CHANNEL_RECORDS: usize = 1024;
const CHANNEL_BATCHES: usize = 4;

/// One `Vec` per record, one record per message, one task per stage.
pub(crate) fn channel_of_records(input: Input, length: Length, job: Job) -> Result<Measured> {
    let mut arrived = input.arrivals();
    in_runtime(length, async move {
        let mut tasks = JoinSet::new();
        let (sender, first) = mpsc::channel::<Vec<u8>>(CHANNEL_RECORDS);
        tasks.spawn(async move {
            for portion in input.portions(length) {
                let (data, ends) = portion.columns;
                for value in each(&data, &ends) {
                    if sender.send(value.to_vec()).await.is_err() {
                        return;
                    }
                }
            }
        });
        let mut last = staged(&mut tasks, first, job, CHANNEL_RECORDS, change_record);
        while let Some(record) = last.recv().await {
            arrived.record(&record);
        }
        arrived.records()
    })
}

/// The same with a thousand records in a message, back to back: no allocation per record.
pub(crate) fn channel_of_batches(input: Input, length: Length, job: Job) -> Result<Measured> {
    let mut arrived = input.arrivals();
    in_runtime(length, async move {
        let mut tasks = JoinSet::new();
        let (sender, first) = mpsc::channel::<Columns>(CHANNEL_BATCHES);
        tasks.spawn(async move {
            for portion in input.portions(length) {
                if sender.send(portion.columns).await.is_err() {
                    return;
                }
            }
        });
        let mut last = staged(&mut tasks, first, job, CHANNEL_BATCHES, change_batch);
        while let Some(batch) = last.recv().await {
            arrived.columns(&batch);
        }
        arrived.records()
    })
}

/// One thread, no channel: each batch through every stage.
pub(crate) fn single_loop(input: Input, length: Length, job: Job) -> Result<Measured> {
    let mut arrived = input.arrivals();
    let worker = job.work.open();
    let stopwatch = Stopwatch::start();
    for portion in input.portions(length) {
        let mut batch = portion.columns;
        for _ in 0..job.stages {
            batch = change_batch(job.work, &worker, batch);
        }
        arrived.columns(&batch);
    }
    Measured::new(length, arrived.records(), stopwatch.stop())
}

/// In place, where the work allows it: nobody would copy there.
fn change_record(work: Work, worker: &Worker, mut record: Vec<u8>) -> Vec<u8> {
    if work == Work::Upper {
        record.make_ascii_uppercase();
        return record;
    }
    let mut out = Vec::with_capacity(record.len());
    worker.apply(&record, &mut out).expect("the input is good");
    out
}

/// As above.
fn change_batch(work: Work, worker: &Worker, (mut data, mut ends): Columns) -> Columns {
    if work == Work::Upper {
        let mut start = 0;
        for &end in &ends {
            data.get_mut(start..end as usize).unwrap_or_default().make_ascii_uppercase();
            start = end as usize;
        }
        return (data, ends);
    }
    let mut out = Vec::with_capacity(data.len());
    let mut start = 0;
    for end in &mut ends {
        let record = data.get(start..*end as usize).unwrap_or_default();
        start = *end as usize;
        worker.apply(record, &mut out).expect("the input is good");
        *end = u32::try_from(out.len()).unwrap_or(u32::MAX);
    }
    (out, ends)
}

/// A task for each stage, with a channel behind it.
fn staged<T: Send + 'static>(
    tasks: &mut JoinSet<()>,
    first: Receiver<T>,
    job: Job,
    capacity: usize,
    change: fn(Work, &Worker, T) -> T,
) -> Receiver<T> {
    let worker = Arc::new(job.work.open());
    let mut last = first;
    for _ in 0..job.stages {
        let (sender, behind) = mpsc::channel(capacity);
        let mut before = std::mem::replace(&mut last, behind);
        let worker = Arc::clone(&worker);
        tasks.spawn(async move {
            while let Some(message) = before.recv().await {
                if sender.send(change(job.work, &worker, message)).await.is_err() {
                    return;
                }
            }
        });
    }
    last
}

fn in_runtime(length: Length, counting: impl Future<Output = usize> + Send + 'static) -> Result<Measured> {
    let stopwatch = Stopwatch::start();
    let runtime = Builder::new_multi_thread().worker_threads(machine::cores()).build()?;
    // On a thread of the runtime, as the other ends of the channels are: no wake-up crosses to a foreign thread.
    let mut sink = JoinSet::new();
    sink.spawn_on(counting, runtime.handle());
    let records = runtime.block_on(sink.join_all()).into_iter().sum();
    Measured::new(length, records, stopwatch.stop())
}
