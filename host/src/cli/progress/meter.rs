//! Measures speeds from the snapshots of the last seconds.

use std::collections::VecDeque;
use std::time::Duration;

use crate::edge::Extent;
use crate::record::Accounting;
use crate::report::Stats;

/// Speeds are means over this time: long enough to be read, short enough to follow a change.
const WINDOW: Duration = Duration::from_secs(3);

/// No forecast before this much time has passed: it would jump.
const FORECAST_AFTER: Duration = Duration::from_secs(1);

/// A node that works less than this share of the time holds nobody back.
const BOTTLENECK_SHARE_MIN: f64 = 0.5;

/// Takes snapshots, gives speeds. Bounded by the snapshots of one window.
///
/// All of it is about records that have met their fate, or are written and wait for their sink's commit: what was only
/// read is not done.
#[derive(Debug, Default)]
pub(super) struct Meter {
    window: VecDeque<Sample>,
    /// Records read by the run that this one continues.
    read_before: u64,
}

/// How fast a run goes now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pace {
    /// Records of the input that are done.
    pub(super) done: u64,
    /// The same, per second.
    pub(super) records: f64,
    /// Bytes of the input that are done, per second, where sources count bytes.
    pub(super) bytes: Option<f64>,
    /// Which share of the input is done, where its extent is known.
    pub(super) share: Option<f64>,
    /// How long the rest will take.
    pub(super) left: Option<Duration>,
    /// Of each node: sources, stages, sinks.
    pub(super) nodes: Vec<NodePace>,
    /// Which of them holds the others back.
    pub(super) bottleneck: Option<usize>,
}

/// How fast a node goes now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct NodePace {
    /// Records taken in, per second.
    pub(super) records: f64,
    /// Which share of their time its workers work.
    pub(super) busy: f64,
}

/// One snapshot, reduced to what speeds need.
#[derive(Debug)]
struct Sample {
    elapsed: Duration,
    /// Records of the input that are done.
    done: u64,
    /// How far the input is done, in the unit of its extent.
    position: u64,
    nodes: Vec<NodeSample>,
}

#[derive(Clone, Copy, Debug)]
struct NodeSample {
    records: u64,
    busy: Duration,
    workers: usize,
}

impl Meter {
    /// The run continues one that had read this many records.
    pub(super) fn resume(&mut self, read: u64) {
        self.read_before = read;
    }

    /// Takes a snapshot; says how fast the run is.
    pub(super) fn observe(&mut self, stats: &Stats) -> Pace {
        let extent = total(stats);
        let now = Sample::of(stats, self.read_before);
        // The one before the window is its beginning, so that it spans the whole of it.
        while self.window.get(1).is_some_and(|second| second.elapsed + WINDOW <= now.elapsed) {
            self.window.pop_front();
        }
        let first = Pace { done: now.done, ..Pace::default() };
        let pace = self.window.front().map_or(first, |first| first.pace(&now, extent));
        self.window.push_back(now);
        pace
    }
}

impl Sample {
    fn of(stats: &Stats, read_before: u64) -> Self {
        let sources =
            stats.sources.iter().map(|source| NodeSample { records: source.read, busy: source.busy, workers: 1 });
        let stages = stats.stages.iter().map(|stage| NodeSample {
            records: stage.records_in,
            busy: stage.busy,
            workers: stage.workers,
        });
        let sinks = stats.sinks.iter().map(|sink| NodeSample {
            records: sink.delivered + sink.held,
            busy: sink.busy,
            workers: sink.writers,
        });
        Self {
            elapsed: stats.elapsed,
            done: done(stats),
            position: settled_position(stats, read_before),
            nodes: sources.chain(stages).chain(sinks).collect(),
        }
    }

    /// The speeds from here to `now`.
    fn pace(&self, now: &Self, extent: Extent) -> Pace {
        let seconds = now.elapsed.saturating_sub(self.elapsed).as_secs_f64();
        if seconds <= 0.0 {
            return Pace { done: now.done, ..Pace::default() };
        }
        let moved = now.position.saturating_sub(self.position) as f64 / seconds;
        let total = match extent {
            Extent::Unknown => None,
            Extent::Records(total) | Extent::Bytes(total) => Some(total).filter(|total| *total > 0),
        };
        let nodes: Vec<NodePace> = self.nodes.iter().zip(&now.nodes).map(|(from, to)| from.pace(to, seconds)).collect();
        Pace {
            done: now.done,
            records: now.done.saturating_sub(self.done) as f64 / seconds,
            bytes: matches!(extent, Extent::Bytes(_)).then_some(moved),
            share: total.map(|total| (now.position as f64 / total as f64).min(1.0)),
            left: total.and_then(|total| forecast(total.saturating_sub(now.position), moved, now.elapsed)),
            bottleneck: busiest(&nodes),
            nodes,
        }
    }
}

impl NodeSample {
    fn pace(self, to: &Self, seconds: f64) -> NodePace {
        let busy = to.busy.saturating_sub(self.busy).as_secs_f64();
        NodePace {
            records: to.records.saturating_sub(self.records) as f64 / seconds,
            busy: (busy / (seconds * to.workers.max(1) as f64)).min(1.0),
        }
    }
}

/// Records of the input that are done. Those that stages made count with the record they come from: where half of all
/// records are in flight, half of the input is. A sink that commits rarely works all the time: what it holds is done.
fn done(stats: &Stats) -> u64 {
    let Accounting { read, created, in_flight, .. } = stats.accounting;
    let held: u64 = stats.sinks.iter().map(|sink| sink.held).sum();
    match in_flight {
        0 => read,
        _ => share_of(read, stats.accounting.settled().saturating_add(held), read.saturating_add(created)),
    }
}

/// How far the input is done: its position, less what is on its way, by the mean size of a record.
fn settled_position(stats: &Stats, read_before: u64) -> u64 {
    let position = stats.sources.iter().map(|source| source.position).sum();
    let Accounting { read, .. } = stats.accounting;
    share_of(position, read_before.saturating_add(done(stats)), read_before.saturating_add(read))
}

/// `of × part / whole`, and all of it where there is no whole.
fn share_of(of: u64, part: u64, whole: u64) -> u64 {
    if part >= whole {
        return of;
    }
    let share = u128::from(of) * u128::from(part) / u128::from(whole);
    u64::try_from(share).unwrap_or(of)
}

/// What all sources hold together, where they count in one unit.
fn total(stats: &Stats) -> Extent {
    let sum = |sum: Option<Extent>, extent: Extent| match (sum, extent) {
        (None, extent) => Some(extent),
        (Some(Extent::Records(a)), Extent::Records(b)) => Some(Extent::Records(a.saturating_add(b))),
        (Some(Extent::Bytes(a)), Extent::Bytes(b)) => Some(Extent::Bytes(a.saturating_add(b))),
        (Some(_), _) => Some(Extent::Unknown),
    };
    stats.sources.iter().map(|source| source.extent).fold(None, sum).unwrap_or(Extent::Unknown)
}

fn forecast(rest: u64, per_second: f64, elapsed: Duration) -> Option<Duration> {
    if rest == 0 || per_second <= 0.0 || elapsed < FORECAST_AFTER {
        return None;
    }
    Duration::try_from_secs_f64(rest as f64 / per_second).ok()
}

fn busiest(nodes: &[NodePace]) -> Option<usize> {
    let (index, node) = nodes.iter().enumerate().max_by(|(_, a), (_, b)| a.busy.total_cmp(&b.busy))?;
    (node.busy >= BOTTLENECK_SHARE_MIN).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Ending;
    use crate::samples;

    /// The sample run when `permille` of it are done, at a steady speed over ten seconds.
    fn at(permille: u32) -> Stats {
        let mut stats = samples::report(Ending::Completed).stats;
        let part = |n: u64| n * u64::from(permille) / 1_000;
        stats.elapsed = Duration::from_millis(10) * permille;
        stats.accounting = Accounting { read: part(1_000_000), delivered: part(1_000_000), ..Accounting::default() };
        for source in &mut stats.sources {
            source.read = part(1_000_000);
            source.position = part(218_000_000);
            source.busy = Duration::from_millis(2) * permille;
        }
        for stage in &mut stats.stages {
            stage.records_in = part(stage.records_in);
            stage.busy = Duration::from_millis(9) * permille;
        }
        for sink in &mut stats.sinks {
            sink.busy = Duration::from_millis(1) * permille;
        }
        stats
    }

    #[test]
    fn the_first_snapshot_has_no_speed() {
        assert_eq!(Meter::default().observe(&at(0)), Pace::default());
    }

    #[test]
    fn speeds_are_those_of_the_window() {
        let mut meter = Meter::default();
        let pace = (0..=50).map(|i| meter.observe(&at(i * 10))).last().unwrap();
        assert!((pace.records - 100_000.0).abs() < 1.0, "{pace:?}");
        assert!((pace.bytes.unwrap() - 21_800_000.0).abs() < 100.0, "{pace:?}");
        assert!((pace.share.unwrap() - 0.5).abs() < 1e-9, "{pace:?}");
        assert_eq!(pace.left.unwrap().as_secs_f64().round(), 5.0);
        assert!((pace.nodes[1].busy - 0.9).abs() < 1e-9, "{pace:?}");
        assert!((pace.nodes[3].busy - 0.45).abs() < 1e-9, "two workers share the time: {pace:?}");
        assert!(meter.window.len() <= 32, "{}", meter.window.len());
    }

    /// Shares and speeds of what was read said 100 % and 0 records/s for as long as the work took (issue 12).
    #[test]
    fn what_was_only_read_is_not_done() {
        let mut stats = at(1_000);
        let mut meter = Meter::default();
        let mut pace = Pace::default();
        for half_seconds in 0_u32..=10 {
            stats.elapsed = Duration::from_millis(500) * half_seconds;
            stats.accounting =
                Accounting { read: 1_000_000, delivered: 50_000 * u64::from(half_seconds), ..stats.accounting };
            stats.accounting.dropped = 0;
            stats.accounting.in_flight = stats.accounting.unsettled();
            pace = meter.observe(&stats);
        }
        assert_eq!(pace.done, 500_000);
        assert!((pace.share.unwrap() - 0.5).abs() < 1e-6, "{pace:?}");
        assert!((pace.records - 100_000.0).abs() < 1.0, "{pace:?}");
        assert_eq!(pace.left.unwrap().as_secs_f64().round(), 5.0);
    }

    /// A table's rows are delivered when they are committed: until then the display said 0 records/s, and 118 days
    /// left.
    #[test]
    fn rows_that_wait_for_their_commit_are_done() {
        let (mut stats, mut meter, mut pace) = (at(1_000), Meter::default(), Pace::default());
        for half_seconds in 0_u32..=10 {
            stats.elapsed = Duration::from_millis(500) * half_seconds;
            stats.accounting = Accounting { read: 1_000_000, in_flight: 1_000_000, ..Accounting::default() };
            stats.sinks[0].delivered = 0;
            stats.sinks[0].held = 50_000 * u64::from(half_seconds);
            pace = meter.observe(&stats);
        }
        assert_eq!((pace.done, pace.left.unwrap().as_secs_f64().round()), (500_000, 5.0));
        assert!((pace.nodes.last().unwrap().records - 100_000.0).abs() < 1.0, "{pace:?}");
    }

    #[test]
    fn records_made_on_the_way_do_not_hurry_the_run() {
        let mut stats = at(0);
        stats.accounting =
            Accounting { read: 100, created: 300, delivered: 200, in_flight: 200, ..Accounting::default() };
        assert_eq!(done(&stats), 50);
        stats.accounting = Accounting { delivered: 400, in_flight: 0, ..stats.accounting };
        assert_eq!(done(&stats), 100);
    }

    #[test]
    fn a_run_that_continues_another_begins_where_that_ended() {
        let mut stats = at(0);
        stats.sources[0].position = 150_000_000;
        stats.accounting = Accounting { read: 1_000, in_flight: 1_000, ..Accounting::default() };
        assert_eq!(settled_position(&stats, 0), 0);
        assert_eq!(settled_position(&stats, 999_000), 149_850_000);
    }

    #[test]
    fn the_busiest_is_the_bottleneck_unless_all_are_idle() {
        let pace = |busy| NodePace { records: 0.0, busy };
        assert_eq!(busiest(&[pace(0.2), pace(0.9), pace(0.95), pace(0.1)]), Some(2));
        assert_eq!(busiest(&[pace(0.2), pace(0.4)]), None);
        assert_eq!(busiest(&[]), None);
    }

    #[test]
    fn extents_add_up_only_in_one_unit() {
        let mut stats = at(0);
        stats.sources.push(stats.sources[0].clone());
        assert_eq!(total(&stats), Extent::Bytes(436_000_000));
        stats.sources[1].extent = Extent::Records(7);
        assert_eq!(total(&stats), Extent::Unknown);
        stats.sources[0].extent = Extent::Unknown;
        assert_eq!(total(&stats), Extent::Unknown);
    }
}
