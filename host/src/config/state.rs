//! Reads `[state]`: the path of the state file, and when to take checkpoints.

use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

use super::keys;
use crate::plan::bounds::{COUNT_MAX, TIME_MAX};
use crate::plan::{Checkpoints, Start, StatePlan};
use crate::settings::Fault;
use crate::settings::Table;

/// Oftener, and the pipeline would do little else.
const EVERY_MIN: Duration = Duration::from_millis(10);

/// `[state]`, or what holds when there is none.
pub(super) fn read(root: &Table<'_>, name: &str, folder: &Path) -> Result<StatePlan, Fault> {
    let table = root.part("state", keys::STATE)?;
    let path = match table.as_ref().and_then(|table| table.get("path")) {
        Some(path) => path.path(folder)?,
        None => folder.join(format!("{name}.state.db")),
    };
    let checkpoints = match &table {
        Some(table) => checkpoints(table)?,
        None => Some(Checkpoints::default()),
    };
    Ok(StatePlan { path, folder: folder.to_owned(), checkpoints, start: Start::default() })
}

/// `checkpoint`: when, or `"off"`.
fn checkpoints(state: &Table<'_>) -> Result<Option<Checkpoints>, Fault> {
    let default = Checkpoints::default();
    let Some(value) = state.get("checkpoint") else { return Ok(Some(default)) };
    if value.value.is_str() {
        let every = value.value.as_str().filter(|text| humantime::parse_duration(text).is_ok());
        let refused = |fault: Fault| every.into_iter().fold(fault, |fault, every| fault.hint(as_table(every)));
        return value.choice_or(&[("off", None)], "a table").map_err(refused);
    }
    let table = value.table().map_err(|fault| fault.hint(as_table("1s")))?;
    table.refuse_unknown(keys::CHECKPOINT)?;
    let every = table.or("every", default.every, |value| value.duration(EVERY_MIN..=TIME_MAX))?;
    let records = table.or("records", None, |value| value.whole(1..=COUNT_MAX).map(NonZeroU64::new))?;
    Ok(Some(Checkpoints { every, records }))
}

/// How an interval is written.
fn as_table(every: &str) -> String {
    format!("checkpoint = {{ every = {every:?} }}")
}
