//! Names the node that holds the others back: the one that spent the largest share of its time working, instead of
//! waiting for input or for room behind it. In a pipeline at full flow everything before it waits for room and
//! everything behind it waits for input.

use std::time::Duration;

use crate::report::{Bottleneck, Stats};

/// Runs shorter than this say nothing about balance: starting up is most of what they do.
const ELAPSED_MIN: Duration = Duration::from_millis(20);

/// The bottleneck of a finished run; `None` when it was too short to tell.
pub(super) fn find(stats: &Stats) -> Option<Bottleneck> {
    if stats.elapsed < ELAPSED_MIN {
        return None;
    }
    let sources = stats.sources.iter().map(|source| share(&source.name, source.busy, source.blocked_on_output));
    let stages = stats
        .stages
        .iter()
        .map(|stage| share(&stage.name, stage.busy, stage.waiting_for_input + stage.blocked_on_output));
    let sinks = stats.sinks.iter().map(|sink| share(&sink.name, sink.busy, sink.waiting_for_input));
    sources.chain(stages).chain(sinks).max_by(|a, b| a.busy_share.total_cmp(&b.busy_share))
}

fn share(node: &str, busy: Duration, idle: Duration) -> Bottleneck {
    let all = (busy + idle).as_secs_f64();
    let busy_share = if all > 0.0 { busy.as_secs_f64() / all } else { 0.0 };
    Bottleneck { node: node.to_owned(), busy_share }
}
