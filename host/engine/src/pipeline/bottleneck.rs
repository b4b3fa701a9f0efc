//! Names the node that holds the others back: the one that spent the largest share of the run working, instead of
//! waiting for input or for room in the next queue, or being done. In a pipeline at full flow everything before it
//! waits for room and everything after it waits for input.

use std::time::Duration;

use crate::report::{Bottleneck, StageStats, Stats};

/// Runs shorter than this say nothing about balance: starting up is most of what they do.
const ELAPSED_MIN: Duration = Duration::from_millis(20);

/// The bottleneck of a finished run; `None` when it was too short to tell.
pub(super) fn find(stats: &Stats) -> Option<Bottleneck> {
    if stats.elapsed < ELAPSED_MIN {
        return None;
    }
    // Shares are of the whole run: a node that ended early held nobody back after that.
    let run = stats.elapsed;
    let sources = stats.sources.iter().map(|source| share(&source.name, source.busy, run));
    let stages = stats.stages.iter().map(|stage| share(&stage.name, stage.busy, run.mul_f64(workers(stage))));
    let sinks = stats.sinks.iter().map(|sink| share(&sink.name, sink.busy, run.mul_f64(sink.writers as f64)));
    sources.chain(stages).chain(sinks).max_by(|a, b| a.busy_share.total_cmp(&b.busy_share))
}

/// How many workers a stage had, on average.
fn workers(stage: &StageStats) -> f64 {
    stage.pool.map_or(stage.workers as f64, |pool| pool.average)
}

fn share(node: &str, busy: Duration, whole: Duration) -> Bottleneck {
    // Clocks are read one after the other: a node can seem to have worked a little longer than the run took.
    let busy_share = (busy.as_secs_f64() / whole.as_secs_f64()).min(1.0);
    Bottleneck { node: node.to_owned(), busy_share }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Ending, PoolStats};
    use crate::samples;

    #[test]
    fn a_source_that_is_done_early_held_nobody_back() {
        let mut stats = samples::report(Ending::Completed).stats;
        // A small file: read in no time, never waiting, while the sink writes for as long as the run takes.
        stats.sources[0].busy = Duration::from_millis(7);
        stats.sources[0].blocked_on_output = Duration::ZERO;
        stats.sinks[0].busy = stats.elapsed.mul_f64(0.8);
        stats.stages.clear();
        let found = find(&stats).expect("the run was long enough");
        assert_eq!(found.node, "visits");
        assert!((0.79..0.81).contains(&found.busy_share), "{found:?}");
    }

    #[test]
    fn the_time_of_a_sink_is_that_of_all_its_writers() {
        let mut stats = samples::report(Ending::Completed).stats;
        stats.stages.clear();
        stats.sinks[0].writers = 4;
        stats.sinks[0].busy = stats.elapsed * 2;
        let found = find(&stats).expect("the run was long enough");
        assert_eq!(found.node, "visits");
        assert!((0.49..0.51).contains(&found.busy_share), "{found:?}");
    }

    #[test]
    fn a_pool_that_grows_works_for_the_time_of_the_workers_that_it_had() {
        let mut stats = samples::report(Ending::Completed).stats;
        stats.stages.truncate(1);
        let stage = &mut stats.stages[0];
        // At the end one of eight is left.
        stage.pool = Some(PoolStats { min: 1, max: 8, most: 8, average: 4.0, grown: 3, shrunk: 1 });
        stage.busy = stats.elapsed * 3;
        let found = find(&stats).expect("the run was long enough");
        assert_eq!(found.node, "parse");
        assert!((0.74..0.76).contains(&found.busy_share), "{found:?}");
    }

    #[test]
    fn the_time_of_a_stage_is_that_of_all_its_workers() {
        let mut stats = samples::report(Ending::Completed).stats;
        stats.stages.truncate(1);
        stats.stages[0].workers = 4;
        stats.stages[0].busy = stats.elapsed * 2;
        let found = find(&stats).expect("the run was long enough");
        assert_eq!(found.node, "parse");
        assert!((0.49..0.51).contains(&found.busy_share), "{found:?}");
    }
}
