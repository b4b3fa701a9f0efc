//! What is reported of checkpoints: where a run continues, and whether it can.

use std::time::{Duration, UNIX_EPOCH};

use super::closing::sums;
use super::numbers::count;
use super::promise::of_run;
use crate::report::{CheckpointStats, Ending, Report, Resumed};

/// Before the first record moves.
pub(crate) fn resuming(from: &Resumed) -> String {
    let begun = UNIX_EPOCH + Duration::try_from_secs_f64(from.begun).unwrap_or_default();
    let (begun, records) = (humantime::format_rfc3339_seconds(begun), count(from.accounting.read));
    if from.has_ended {
        return format!(
            "the run that began at {begun} had ended when it was killed: all {records} records are done, and nothing is \
             left to do (run it again to start over)\n"
        );
    }
    format!("resuming the run that began at {begun}: {records} records are done (--fresh starts over)\n")
}

/// At the end: the account of the whole run, where it had more than one part, and what to do when it is not over.
pub(super) fn kept(report: &Report) -> String {
    let Some(checkpoints) = &report.checkpoints else { return String::new() };
    let mut text = String::new();
    if let Some(from) = &checkpoints.resumed_from {
        let whole = from.accounting.plus(report.stats.accounting);
        text.push_str(&format!("including the earlier run: {}\n", sums(&whole)));
    }
    let goes_on = report.ending != Ending::Completed && report.resumable.is_some();
    if goes_on || checkpoints.resumed_from.is_some() {
        text.push_str(&of_run(&report.promises));
    }
    if goes_on {
        text.push_str(go_on(checkpoints));
    }
    text
}

fn go_on(checkpoints: &CheckpointStats) -> &'static str {
    match checkpoints {
        CheckpointStats { taken: 0, held_off: 1.., .. } => {
            "no checkpoint could be taken, because a stage holds records until the input ends: run it again to start over\n"
        }
        CheckpointStats { .. } => "run it again to continue where it stopped; --fresh starts over\n",
    }
}
