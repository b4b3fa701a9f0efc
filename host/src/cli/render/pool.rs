//! Pools that grow and shrink, as the closing report shows them.

use super::closing::name;
use super::numbers::plural;
use super::table::NUMBER;
use crate::report::{PoolStats, StageStats};

/// `parse ×4`, or `parse ×1–8` for a pool that grows and shrinks.
pub(super) fn size(stage: &StageStats) -> String {
    match (stage.pool, stage.workers) {
        (Some(PoolStats { min, max, .. }), _) => format!("{NUMBER}{min}–{max}"),
        (None, 1) => String::new(),
        (None, workers) => format!("{NUMBER}{workers}"),
    }
}

/// What the size of its pool was, in a line; empty where it is fixed.
pub(super) fn history(stage: &StageStats) -> String {
    let Some(PoolStats { min, max, most, average, grown, shrunk }) = stage.pool else { return String::new() };
    let changes = match (grown, shrunk) {
        (0, 0) => "it never grew".to_owned(),
        (grown, 0) => format!("it grew {}", times(grown)),
        (grown, shrunk) => format!("it grew {} and shrank {}", times(grown), times(shrunk)),
    };
    let workers = plural(most as u64, "worker");
    format!(
        "stage \"{}\" had at most {workers} at a time, {average:.1} on average ({min} to {max} allowed); {changes}\n",
        name(&stage.name)
    )
}

/// What would help a stage that holds the run back.
pub(super) fn help(stage: Option<&StageStats>) -> String {
    match stage.and_then(|stage| stage.pool) {
        None => "more workers, or cheaper work there, would help".to_owned(),
        Some(PoolStats { max, most, .. }) if most >= max => {
            format!("its pool was at its limit, workers.max = {max}: a higher one, or cheaper work there, would help")
        }
        Some(PoolStats { max, most, grown: 0, .. }) => {
            format!("its pool did not grow beyond {most} of {max} workers: cheaper work there would help")
        }
        Some(PoolStats { max, most, .. }) => {
            format!("its pool grew to {most} of {max} workers: cheaper work there would help")
        }
    }
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn stage(pool: Option<PoolStats>) -> StageStats {
        StageStats { pool, workers: 4, ..samples::stage("parse", 1, 1, 0) }
    }

    #[test]
    fn a_report_says_how_many_workers_there_were() {
        let pool = PoolStats { min: 1, max: 8, most: 5, average: 3.24, grown: 3, shrunk: 1 };
        let one = PoolStats { most: 1, average: 1.0, grown: 0, shrunk: 0, ..pool };
        assert_eq!([None, Some(pool)].map(|pool| size(&stage(pool))), [" ×4", " ×1–8"]);
        assert_eq!(history(&stage(None)), "");
        assert_eq!(
            history(&stage(Some(pool))),
            "stage \"parse\" had at most 5 workers at a time, 3.2 on average (1 to 8 allowed); it grew 3 times and shrank once\n"
        );
        assert_eq!(
            history(&stage(Some(one))),
            "stage \"parse\" had at most 1 worker at a time, 1.0 on average (1 to 8 allowed); it never grew\n"
        );
    }

    #[test]
    fn more_workers_are_advised_only_where_the_pool_was_at_its_limit() {
        let pool = PoolStats { min: 1, max: 8, most: 8, average: 7.5, grown: 3, shrunk: 0 };
        let below = PoolStats { most: 5, ..pool };
        let helps = [None, Some(pool), Some(below)].map(|pool| help(Some(&stage(pool))));
        assert_eq!(helps[0], "more workers, or cheaper work there, would help");
        let at_its_limit =
            "its pool was at its limit, workers.max = 8: a higher one, or cheaper work there, would help";
        assert_eq!(helps[1], at_its_limit);
        assert_eq!(helps[2], "its pool grew to 5 of 8 workers: cheaper work there would help");
    }
}
