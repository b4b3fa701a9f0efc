//! One picture of a run: a line for the whole, and one for each queue with what is behind it.

use super::{NodePace, Pace};
use crate::cli::render::numbers::{brief, bytes, clock, count, duration, percent, size};
use crate::cli::render::style::{FAINT, STRONG, WARN, paint};
use crate::cli::render::text::{cut, left, one_line, right, width};
use crate::report::{QueueStats, Stats};

/// Cells of the bar for the whole run.
const WHOLE_CELLS: usize = 20;
/// Cells of the bar of a queue.
const QUEUE_CELLS: usize = 8;
/// Names wider than this are cut.
const NAME_COLUMNS_MAX: usize = 20;
/// Columns of a speed: `1.20 M rec/s`.
const SPEED_COLUMNS: usize = 12;

/// A queue and what works behind it.
struct Row<'a> {
    name: &'a str,
    workers: usize,
    failed: u64,
    queue: QueueStats,
    pace: NodePace,
    is_bottleneck: bool,
}

/// The lines of the picture, none wider than `columns`.
pub(super) fn frame(stats: &Stats, pace: &Pace, columns: usize) -> String {
    let rows = rows(stats, pace);
    let names = rows.iter().map(|row| width(row.name)).max().unwrap_or(0).min(NAME_COLUMNS_MAX);
    let fills = rows.iter().map(|row| size(row.queue.capacity).len() * 2 + 1).max().unwrap_or(0);
    let lines = rows.iter().map(|row| row.line(names, fills));
    let lines: Vec<String> = std::iter::once(whole(stats, pace)).chain(lines).collect();
    lines.iter().map(|line| cut(line, columns)).collect::<Vec<_>>().join("\n")
}

/// `0:12  ▮▮▮▮▯▯▯▯  42 %  1,234,567 read  1.20 M rec/s  98.3 MiB/s  6 s left`
fn whole(stats: &Stats, pace: &Pace) -> String {
    let mut parts = vec![clock(stats.elapsed)];
    if let Some(share) = pace.share {
        parts.push(format!("{} {}", bar(share, WHOLE_CELLS), right(&percent(share), 5)));
    }
    parts.push(format!("{} read", count(stats.accounting.read)));
    parts.push(speed(pace.records).trim_start().to_owned());
    if let Some(per_second) = pace.bytes {
        parts.push(format!("{}/s", bytes(per_second as u64)));
    }
    if let Some(left) = pace.left {
        parts.push(format!("{} left", duration(left)));
    }
    let bad: u64 = stats.sources.iter().map(|source| source.bad).sum();
    if bad > 0 {
        parts.push(paint(WARN, format!("{} bad", count(bad))));
    }
    if pace.bottleneck.is_some_and(|node| node < stats.sources.len()) {
        parts.push(paint(STRONG, "◀ reading is the bottleneck"));
    }
    parts.join("  ")
}

fn rows<'a>(stats: &'a Stats, pace: &Pace) -> Vec<Row<'a>> {
    let stages = stats.stages.iter().map(|stage| (stage.name.as_str(), stage.workers, stage.failed, stage.queue));
    let sinks = stats.sinks.iter().map(|sink| (sink.name.as_str(), 1, sink.rejected, sink.queue));
    let nodes = stages.chain(sinks).enumerate();
    nodes
        .map(|(i, (name, workers, failed, queue))| {
            let node = stats.sources.len() + i;
            let is_bottleneck = pace.bottleneck == Some(node);
            let pace = pace.nodes.get(node).copied().unwrap_or_default();
            Row { name, workers, failed, queue, pace, is_bottleneck }
        })
        .collect()
}

impl Row<'_> {
    /// `  parse   ▮▮▮▯▯▯▯▯ 3,072/8,192  1.20 M rec/s   97 % of 4 workers  ◀ bottleneck`
    fn line(&self, name_columns: usize, fill_columns: usize) -> String {
        let QueueStats { depth, capacity, .. } = self.queue;
        let fullness = if capacity == 0 { 0.0 } else { depth as f64 / capacity as f64 };
        let fill = format!("{}/{}", size(depth), size(capacity));
        let workers = if self.workers == 1 { "1 worker".to_owned() } else { format!("{} workers", self.workers) };
        let mut line = format!(
            "  {}  {} {}  {}  {} of {workers}",
            left(&one_line(self.name), name_columns),
            bar(fullness, QUEUE_CELLS),
            right(&fill, fill_columns),
            speed(self.pace.records),
            right(&percent(self.pace.busy), 5),
        );
        if self.failed > 0 {
            line.push_str(&format!("  {}", paint(WARN, format!("{} failed", count(self.failed)))));
        }
        if self.is_bottleneck {
            line.push_str(&format!("  {}", paint(STRONG, "◀ bottleneck")));
        }
        line
    }
}

fn speed(per_second: f64) -> String {
    right(&format!("{} rec/s", brief(per_second)), SPEED_COLUMNS).into_owned()
}

/// So many cells, of which so many are full that a queue that holds anything shows it.
fn bar(share: f64, cells: usize) -> String {
    let share = share.clamp(0.0, 1.0);
    let full = (share * cells as f64).round() as usize;
    let full = if share > 0.0 { full.max(1) } else { 0 }.min(cells);
    format!("{}{}", "▮".repeat(full), paint(FAINT, "▯".repeat(cells - full)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::{Ending, samples};

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn half_way() -> (Stats, Pace) {
        let mut stats = samples::report(Ending::Completed).stats;
        stats.elapsed = Duration::from_secs(12);
        stats.accounting.read = 420_123;
        stats.stages[0].queue.depth = 3_072;
        stats.stages[0].failed = 12;
        stats.stages[2].queue.depth = 8_192;
        let node = |records, busy| NodePace { records, busy };
        let pace = Pace {
            records: 1.2e6,
            bytes: Some(98.3 * 1024.0 * 1024.0),
            share: Some(0.42),
            left: Some(Duration::from_millis(6_200)),
            nodes: vec![node(1.2e6, 0.2), node(1.2e6, 0.6), node(1.2e6, 0.31), node(9.9e5, 0.973), node(9.9e5, 0.2)],
            bottleneck: Some(3),
        };
        (stats, pace)
    }

    #[test]
    fn a_run_half_way() {
        let (stats, pace) = half_way();
        assert_eq!(
            plain(&frame(&stats, &pace, 100)),
            "\
0:12  ▮▮▮▮▮▮▮▮▯▯▯▯▯▯▯▯▯▯▯▯  42 %  420,123 read  1.20 M rec/s  98.3 MiB/s  6.20 s left
  parse   ▮▮▮▯▯▯▯▯ 3,072/8,192  1.20 M rec/s   60 % of 1 worker  12 failed
  filter  ▯▯▯▯▯▯▯▯     0/8,192  1.20 M rec/s   31 % of 1 worker
  mask    ▮▮▮▮▮▮▮▮ 8,192/8,192   990 k rec/s   97 % of 2 workers  ◀ bottleneck
  visits  ▯▯▯▯▯▯▯▯     0/8,192   990 k rec/s   20 % of 1 worker"
        );
    }

    #[test]
    fn without_an_extent_there_is_no_bar_and_no_forecast() {
        let (stats, pace) = half_way();
        let pace = Pace { bytes: None, share: None, left: None, bottleneck: Some(0), ..pace };
        let text = plain(&frame(&stats, &pace, 100));
        assert_eq!(text.lines().next().unwrap(), "0:12  420,123 read  1.20 M rec/s  ◀ reading is the bottleneck");
        assert!(!text.contains("◀ bottleneck"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let (mut stats, pace) = half_way();
        stats.stages[1].name = "a-stage-with-a-very-long-name".into();
        stats.stages[2].name = "統計".into();
        for columns in [10, 40, 80] {
            for line in frame(&stats, &pace, columns).lines() {
                assert!(width(line) <= columns, "{columns}: {line}");
            }
        }
    }

    #[test]
    fn a_queue_that_holds_anything_shows_it() {
        assert_eq!(plain(&bar(0.000_1, 4)), "▮▯▯▯");
        assert_eq!(plain(&bar(0.0, 4)), "▯▯▯▯");
        assert_eq!(plain(&bar(7.0, 4)), "▮▮▮▮");
    }
}
