//! Reads `[[stage]]`.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::command::command;
use super::contradiction::{limits_of_stage, queue_and_batch};
use super::grant::grants;
use super::keys;
use super::limits::{breaker, recycle};
use super::order;
use super::pipeline::Setting;
use super::retry::on_error;
use super::script::{Work, work};
use crate::plan::bounds::{STAGE_QUEUE_DEFAULT, WORKERS_MAX};
use crate::plan::{Reuse, StagePlan, Unsaid, Warm, Workers};
use crate::settings::{Fault, Table, Value};

/// Reads one stage.
pub(super) fn read(section: &Table<'_>, setting: &Setting<'_>) -> Result<StagePlan, Fault> {
    section.refuse_unknown(keys::STAGE)?;
    let isolations = [("record", Reuse::Record), ("batch", Reuse::Batch), ("worker", Reuse::Worker)];
    let deterministic = section.or("deterministic", false, Value::truth)?;
    let reuse = section.or("reuse", Reuse::default_of(deterministic), |value| value.choice(&isolations))?;
    let workers = section.or("workers", setting.workers.into(), workers)?;
    let (order, key) = order::read(section, workers.max)?;
    let command = command(section, reuse)?;
    let (on_error, retry) = on_error(section)?;
    let (queue, batch) = queue_and_batch(section, STAGE_QUEUE_DEFAULT)?;
    let recycle = recycle(section, reuse)?;
    let Work { code, config, script, holds_nothing } = work(section, setting)?;
    Ok(StagePlan {
        name: section.require("name")?.name()?.into(),
        code,
        command,
        config,
        script,
        workers,
        queue,
        batch,
        order: order.unwrap_or_default(),
        key,
        reuse,
        warm: warm(section, reuse)?,
        recycle,
        partial: section.or("partial", holds_nothing, Value::truth)?,
        limits: limits_of_stage(section, batch, recycle)?,
        grants: grants(section, setting.folder)?,
        deterministic,
        retry,
        on_error,
        breaker: breaker(section)?,
        unsaid: unsaid(section),
        ports: ports(section)?,
    })
}

/// `workers`: a number, or bounds for it.
fn workers(value: &Value<'_>) -> Result<Workers, Fault> {
    if value.value.is_integer() {
        return Ok(value.count(WORKERS_MAX)?.into());
    }
    if !value.value.is_table() {
        let expected = format!("a whole number from 1 to {WORKERS_MAX}, or a table such as {{ min = 1, max = 8 }}");
        return Err(value.unexpected(&expected));
    }
    let table = value.table()?;
    table.refuse_unknown(keys::WORKERS)?;
    let max = table.require("max")?;
    let workers = Workers {
        min: table.or("min", NonZeroUsize::MIN, |value| value.count(WORKERS_MAX))?,
        max: max.count(WORKERS_MAX)?,
    };
    match workers.min > workers.max {
        true => Err(max.fault(&format!("must not be less than \"min\", which is {}", workers.min))),
        false => Ok(workers),
    }
}

/// What the section leaves to its component.
fn unsaid(section: &Table<'_>) -> Unsaid {
    let limits = section.get("limits").and_then(|limits| limits.table().ok());
    let limit = |key| limits.as_ref().is_none_or(|limits| limits.get(key).is_none());
    Unsaid {
        memory: limit("memory"),
        cpu: limit("cpu"),
        compile: limit("compile"),
        reuse: section.get("reuse").is_none(),
        warm: section.get("warm").is_none(),
    }
}

/// `warm`: only where there is a fresh instance more than once.
fn warm(section: &Table<'_>, reuse: Reuse) -> Result<Warm, Fault> {
    let Some(value) = section.get("warm") else { return Ok(Warm::Auto) };
    match value.truth()? {
        true if reuse == Reuse::Worker => {
            let message = format!("\"warm\" of {} needs reuse = \"record\" or \"batch\"", section.label);
            Err(Fault::at(value.span.clone(), message)
                .hint("an instance that lives as long as its worker is opened once anyway: leave it out"))
        }
        true => Ok(Warm::Always),
        false => Ok(Warm::Never),
    }
}

fn ports(section: &Table<'_>) -> Result<Vec<Arc<str>>, Fault> {
    let Some(value) = section.get("ports") else { return Ok(Vec::new()) };
    let names = value.text_array()?;
    if names.is_empty() {
        return Err(value.fault("must not be empty").hint("leave it out for one output without a name"));
    }
    names.iter().map(|name| name.name().map(Arc::from)).collect()
}
