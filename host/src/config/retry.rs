//! `on_error` of a stage: what becomes of a record that failed, and how often it is tried again before. `retry` of a
//! source or a sink.

use std::time::Duration;

use super::keys;
use super::kind::ON_ERROR;
use crate::plan::bounds::{BACKOFF_MAX, RETRIES_MAX};
use crate::plan::{OnError, Retry};
use crate::settings::Fault;
use crate::settings::Table;
use crate::settings::Value;

/// `on_error`: a word, or a table.
pub(super) fn on_error(section: &Table<'_>) -> Result<(OnError, Retry), Fault> {
    let Some(value) = section.get("on_error") else { return Ok(Default::default()) };
    if !value.value.is_table() {
        let chosen = value.choice_or(&ON_ERROR, "a table").map(|then| (then, Retry::default()));
        let is_about_retries = value.value.as_str().is_none_or(|word| word.contains("retr"));
        let table = "to set retries, write a table: on_error = { retry = 3, then = \"dead-letter\" }";
        return if is_about_retries { chosen.map_err(|fault| fault.hint(table)) } else { chosen };
    }
    let table = value.table()?;
    table.refuse_unknown(keys::ON_ERROR)?;
    let then = table.or("then", OnError::default(), |value| value.choice(&ON_ERROR))?;
    let rule = table.or("retry", Retry::default(), |value| times(value).map(Retry::times))?;
    Ok((then, backoffs(&table, rule)?))
}

/// `retry` of a source or a sink: a number, or a table.
pub(super) fn of_edge(section: &Table<'_>) -> Result<Retry, Fault> {
    let Some(value) = section.get("retry") else { return Ok(Retry::OF_EDGES) };
    if !value.value.is_table() {
        let times = times(&value).map_err(|fault| fault.hint("or a table: retry = { times = 3, backoff = \"1s\" }"))?;
        return Ok(Retry { times, ..Retry::OF_EDGES });
    }
    let table = value.table()?;
    table.refuse_unknown(keys::RETRY)?;
    let times = table.or("times", Retry::OF_EDGES.times, |value| times(value))?;
    backoffs(&table, Retry { times, ..Retry::OF_EDGES })
}

fn times(value: &Value<'_>) -> Result<u32, Fault> {
    let times = value.whole(0..=u64::from(RETRIES_MAX))?;
    Ok(u32::try_from(times).unwrap_or(RETRIES_MAX))
}

/// `backoff` and `backoff_max`, where they are.
fn backoffs(table: &Table<'_>, rule: Retry) -> Result<Retry, Fault> {
    if let Some(wait) = table.get("backoff").or_else(|| table.get("backoff_max")).filter(|_| rule.times == 0) {
        let fault = wait.fault("there is nothing to wait for, because nothing is retried");
        return Err(fault.hint("leave it out, or allow at least 1 retry"));
    }
    let backoff = table.or("backoff", rule.backoff, |value| value.duration(Duration::ZERO..=BACKOFF_MAX))?;
    let rule = rule.backoff(backoff);
    let backoff_max = table.or("backoff_max", rule.backoff_max, |value| {
        let most = value.duration(Duration::ZERO..=BACKOFF_MAX)?;
        if most < backoff {
            let shorter =
                format!("must not be shorter than \"backoff\", which is {}", humantime::format_duration(backoff));
            return Err(value.fault(&shorter));
        }
        Ok(most)
    })?;
    Ok(Retry { backoff_max, ..rule })
}
