//! Refuses keys of one section that contradict each other: where both are written, one of them could never come true.
//!
//! Where only one of them is written, the default of the other gives way, if it is a measure of comfort (a queue, a
//! time). A default that protects the machine (memory) does not: it is to be raised in writing.

use super::kind::{batch, queue};
use super::limits::limits;
use crate::plan::{Checkpoints, Limits, Recycle};
use crate::queue::QueueBounds;
use crate::record::BatchBounds;
use crate::settings::Fault;
use crate::settings::Table;
use crate::settings::Value;

/// The value at the end of these keys.
fn written<'a>(section: &Table<'a>, keys: [&'static str; 2]) -> Option<Value<'a>> {
    let [table, key] = keys;
    section.get(table)?.table().ok()?.get(key)
}

/// Refuses `larger` where it is, though `smaller` bounds it.
fn refuse(larger: &Value<'_>, smaller: &str, why: &str) -> Fault {
    larger.fault(&format!("must not be more than {smaller}")).hint(why)
}

/// `queue` and `batch`: a batch is taken from the queue, and is never more than that holds.
pub(super) fn queue_and_batch(section: &Table<'_>, default: QueueBounds) -> Result<(QueueBounds, BatchBounds), Fault> {
    const WHY: &str =
        "a batch is taken from the queue before the stage or sink: make the queue larger, or the batch smaller";
    let (mut queue, batch) = (queue(section, default)?, batch(section)?);
    for (key, asked, room) in [("records", batch.records, &mut queue.records), ("bytes", batch.bytes, &mut queue.bytes)]
    {
        let Some(value) = written(section, ["batch", key]).filter(|_| asked > *room) else { continue };
        match written(section, ["queue", key]) {
            Some(_) => return Err(refuse(&value, &format!("{key:?} of \"queue\", which is {room}"), WHY)),
            None => *room = asked,
        }
    }
    Ok((queue, batch))
}

/// `limits`, as far as they contradict each other, `batch` or `recycle`.
pub(super) fn limits_of_stage(section: &Table<'_>, batch: BatchBounds, recycle: Recycle) -> Result<Limits, Fault> {
    let limits = consistent_limits(section)?;
    let memory = limits.memory.get();
    let of_memory = format!("\"memory\" of \"limits\", which is {}", bytesize::ByteSize(memory).display().iec());
    let cases = [
        (["batch", "bytes"], batch.bytes.get() as u64, "a batch is passed in the instance's memory"),
        (
            ["recycle", "memory"],
            recycle.memory.map_or(0, std::num::NonZeroU64::get),
            "an instance never grows that large",
        ),
    ];
    for (keys, asked, why) in cases {
        if let Some(value) = written(section, keys).filter(|_| asked > memory) {
            return Err(refuse(&value, &of_memory, &format!("{why}: raise limits.memory, or lower this")));
        }
    }
    Ok(limits)
}

/// `limits`, as far as they contradict each other.
pub(super) fn consistent_limits(section: &Table<'_>) -> Result<Limits, Fault> {
    let mut limits = limits(section)?;
    for (key, time, why) in [
        ("cpu", limits.cpu, "time inside the guest is part of \"wall\""),
        ("exchange", limits.exchange, "an exchange over HTTP is part of \"wall\""),
    ] {
        let Some(value) = written(section, ["limits", key]).filter(|_| time > limits.wall) else { continue };
        if written(section, ["limits", "wall"]).is_some() {
            let wall = format!("\"wall\", which is {}", humantime::format_duration(limits.wall));
            return Err(refuse(&value, &wall, &format!("{why}: make that longer, or this shorter")));
        }
        limits.wall = time;
    }
    if let Some(value) = written(section, ["limits", "output"]).filter(|_| limits.output > limits.memory) {
        let memory = format!("\"memory\", which is {}", bytesize::ByteSize(limits.memory.get()).display().iec());
        return Err(refuse(&value, &memory, "outputs are made in the instance's memory: raise that, or lower this"));
    }
    Ok(limits)
}

/// `batch.linger` of a section and `checkpoint.every` of the state: a checkpoint waits for the batch.
pub(super) fn linger(section: &Table<'_>, batch: BatchBounds, checkpoints: Option<Checkpoints>) -> Result<(), Fault> {
    let Some(checkpoints) = checkpoints.filter(|checkpoints| batch.linger > checkpoints.every) else { return Ok(()) };
    let Some(value) = written(section, ["batch", "linger"]) else { return Ok(()) };
    let every = format!("\"every\" of \"checkpoint\", which is {}", humantime::format_duration(checkpoints.every));
    Err(refuse(&value, &every, "a checkpoint waits until all batches are done: make that longer, or this shorter"))
}
