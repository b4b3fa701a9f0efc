//! Reads `limits`, `recycle` and `breaker`.

use std::num::NonZeroU64;
use std::time::Duration;

use super::keys;
use crate::plan::bounds::{
    COMPONENT_BYTES_MAX, COUNT_MAX, INSTANCES_MAX, MEMORY_MAX, MEMORY_MIN, SHARE_OF_MAX, TABLE_MAX, TIME_MAX,
};
use crate::plan::{Breaker, Limits, Recycle, Reuse, Share};
use crate::settings::Fault;
use crate::settings::Table;
use crate::settings::Value;

/// `limits`.
pub(super) fn limits(section: &Table<'_>) -> Result<Limits, Fault> {
    let default = Limits::default();
    let Some(limits) = section.part("limits", keys::LIMITS)? else { return Ok(default) };
    let time = |key, default| limits.or(key, default, |value| value.duration(Duration::from_nanos(1)..=TIME_MAX));
    let size = |key, default, least, most| limits.or(key, default, |value| nonzero(value, value.size(least..=most)?));
    let count = |key, default, most| limits.or(key, default, |value| nonzero(value, value.whole(1..=most)?));
    Ok(Limits {
        memory: size("memory", default.memory, MEMORY_MIN, MEMORY_MAX)?,
        table: count("table", default.table, TABLE_MAX)?,
        instances: limits.or("instances", default.instances, |value| value.count(INSTANCES_MAX))?,
        cpu: time("cpu", default.cpu)?,
        wall: time("wall", default.wall)?,
        fuel: limits.or("fuel", None, |value| nonzero(value, value.whole(1..=COUNT_MAX)?).map(Some))?,
        output: size("output", default.output, 1, COUNT_MAX)?,
        output_records: count("output_records", default.output_records, COUNT_MAX)?,
        log: limits.or("log", default.log, |value| value.size(0..=COUNT_MAX))?,
        component: size("component", default.component, 1, COMPONENT_BYTES_MAX)?,
        compile: time("compile", default.compile)?,
        response: size("response", default.response, 1, COUNT_MAX)?,
        exchange: time("exchange", default.exchange)?,
    })
}

/// `recycle`: only where instances live long enough for it.
pub(super) fn recycle(section: &Table<'_>, reuse: Reuse) -> Result<Recycle, Fault> {
    let Some(recycle) = section.part("recycle", keys::RECYCLE)? else { return Ok(Recycle::default()) };
    if reuse != Reuse::Worker {
        let fault = Fault::at(recycle.span, format!("\"recycle\" of {} needs reuse = \"worker\"", section.label));
        return Err(fault.hint("an instance that lives for one record or one batch is fresh anyway: leave it out"));
    }
    Ok(Recycle {
        records: recycle.or("records", None, |value| value.count(usize::MAX >> 1).map(Some))?,
        memory: recycle.or("memory", None, |value| nonzero(value, value.size(MEMORY_MIN..=MEMORY_MAX)?).map(Some))?,
    })
}

/// `breaker`: counts, or `"off"`.
pub(super) fn breaker(section: &Table<'_>) -> Result<Breaker, Fault> {
    let default = Breaker::default();
    let Some(value) = section.get("breaker") else { return Ok(default) };
    if value.value.is_str() {
        return value.choice_or(&[("off", Breaker::OFF)], "a table");
    }
    let table = value.table()?;
    table.refuse_unknown(keys::BREAKER)?;
    let count = |key, default| {
        table.or(key, default, |value| match value.value.is_str() {
            true => value.choice_or(&[("off", None)], "a whole number"),
            false => nonzero(value, value.whole(1..=COUNT_MAX)?).map(Some),
        })
    };
    let (crashes, failures) = (count("crashes", default.crashes)?, count("failures", default.failures)?);
    Ok(Breaker { crashes, failures, share: share(&table)? })
}

/// `more_than` and `of`, which belong together.
fn share(breaker: &Table<'_>) -> Result<Option<Share>, Fault> {
    let (more_than, of) = match (breaker.get("more_than"), breaker.get("of")) {
        (None, None) => return Ok(None),
        (Some(more_than), Some(of)) => (more_than, of),
        (Some(alone), None) | (None, Some(alone)) => {
            return Err(alone
                .fault("\"more_than\" and \"of\" belong together")
                .hint("breaker = { more_than = 50, of = 1000 }"));
        }
    };
    let of = nonzero(&of, of.whole(1..=SHARE_OF_MAX)?)?;
    let more_than = more_than.whole(0..=of.get() - 1)?;
    Ok(Some(Share { more_than, of }))
}

fn nonzero(value: &Value<'_>, number: u64) -> Result<NonZeroU64, Fault> {
    NonZeroU64::new(number).ok_or_else(|| value.fault("must not be zero"))
}
