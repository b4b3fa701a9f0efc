//! One picture of a run: a line for the whole, and one for each queue with what reads from it.
//!
//! The picture has several forms, each narrower than the one before, and takes the first that fits the terminal: what
//! matters less is left out before anything is shortened.

use super::{NodePace, Pace, Size};
use crate::cli::render::numbers::{brief, bytes, clock, count, duration, percent, size};
use crate::cli::render::style::{FAINT, STRONG, WARN, paint};
use crate::cli::render::text::{cut, left, one_line, right, width};
use crate::report::{QueueStats, Stats};

/// Columns of a speed: `1.20 M rec/s`.
const SPEED_COLUMNS: usize = 12;

/// A form of the line for the whole run.
#[derive(Clone, Copy, Debug)]
struct WholeForm {
    /// Cells of the bar; 0: the share alone.
    cells: usize,
    count: fn(u64) -> String,
    has_count: bool,
    has_bytes: bool,
}

/// From wide to narrow.
const WHOLE_FORMS: [WholeForm; 5] = [
    WholeForm { cells: 20, count, has_count: true, has_bytes: true },
    WholeForm { cells: 20, count, has_count: true, has_bytes: false },
    WholeForm { cells: 8, count, has_count: true, has_bytes: false },
    WholeForm { cells: 0, count: rounded, has_count: true, has_bytes: false },
    WholeForm { cells: 0, count: rounded, has_count: false, has_bytes: false },
];

/// A form of the lines for the queues. All of them have one, so that their columns stand below each other.
#[derive(Clone, Copy, Debug)]
struct RowForm {
    /// Names wider than this are shortened.
    name_columns_max: usize,
    /// Cells of the bar; 0: none.
    cells: usize,
    has_fill: bool,
    has_words: bool,
    /// What stands between two columns.
    gap: &'static str,
}

/// From wide to narrow.
const ROW_FORMS: [RowForm; 4] = [
    RowForm { name_columns_max: 20, cells: 8, has_fill: true, has_words: true, gap: "  " },
    RowForm { name_columns_max: 16, cells: 8, has_fill: true, has_words: false, gap: "  " },
    RowForm { name_columns_max: 12, cells: 6, has_fill: false, has_words: false, gap: "  " },
    RowForm { name_columns_max: 10, cells: 0, has_fill: false, has_words: false, gap: " " },
];

/// A queue and the node that reads from it.
struct Row<'a> {
    name: &'a str,
    /// `worker` of a stage, `writer` of a sink.
    hand: &'static str,
    workers: usize,
    failed: u64,
    queue: QueueStats,
    pace: NodePace,
    is_bottleneck: bool,
}

/// The lines of the picture: none as wide as the terminal, and fewer than it has rows.
pub(super) fn frame(stats: &Stats, pace: &Pace, terminal: Size) -> Vec<String> {
    // A character in the last column leaves terminals in two minds about where the cursor is.
    let columns = terminal.columns.saturating_sub(1);
    let rows_max = terminal.rows.saturating_sub(2);
    let whole = first_that_fits(WHOLE_FORMS, columns, |form| vec![whole(stats, pace, form)]);
    let rows = busiest(rows(stats, pace), rows_max);
    let rows = first_that_fits(ROW_FORMS, columns, |form| lines(&rows, form));
    whole.iter().chain(&rows).map(|line| cut(line, columns).into_owned()).collect()
}

/// The line that says how far a run is, where nothing can be redrawn.
pub(super) fn line(stats: &Stats, pace: &Pace) -> String {
    let [.., form, _] = WHOLE_FORMS;
    let mut text = whole(stats, pace, WholeForm { has_bytes: true, ..form });
    let is_source = |node: usize| node < stats.sources.len();
    if let Some(node) = pace.bottleneck.filter(|node| !is_source(*node)) {
        let rows = rows(stats, pace);
        let name = rows.get(node - stats.sources.len()).map_or_else(String::new, |row| one_line(row.name));
        text.push_str(&format!("  bottleneck: {name}"));
    }
    text + "\n"
}

/// The lines in the first form in which none of them is wider than `columns`; the last form, when there is none.
fn first_that_fits<F: Copy>(
    forms: impl IntoIterator<Item = F>,
    columns: usize,
    lines: impl Fn(F) -> Vec<String>,
) -> Vec<String> {
    let mut narrowest = Vec::new();
    for form in forms {
        narrowest = lines(form);
        if narrowest.iter().all(|line| width(line) <= columns) {
            break;
        }
    }
    narrowest
}

/// `0:12  ▮▮▮▮▯▯▯▯  42 %  420,123 done  1.20 M rec/s  98.3 MiB/s  6 s left`
fn whole(stats: &Stats, pace: &Pace, form: WholeForm) -> String {
    let mut parts = vec![clock(stats.elapsed)];
    if let Some(share) = pace.share {
        // All of it is said only when all of it is done.
        let share = if share < 1.0 { share.min(0.99) } else { share };
        let bar = if form.cells == 0 { String::new() } else { bar(share, form.cells) + " " };
        parts.push(format!("{bar}{}", right(&percent(share), 5)));
    }
    if form.has_count {
        parts.push(format!("{} done", (form.count)(pace.done)));
    }
    parts.push(speed(pace.records).trim_start().to_owned());
    if let Some(per_second) = pace.bytes.filter(|_| form.has_bytes) {
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
        let has_words = form.cells > 0 || form.has_bytes;
        parts.push(paint(STRONG, if has_words { "◀ reading is the bottleneck" } else { "◀ reading" }));
    }
    parts.join("  ")
}

fn rows<'a>(stats: &'a Stats, pace: &Pace) -> Vec<Row<'a>> {
    let stages =
        stats.stages.iter().map(|stage| (stage.name.as_str(), "worker", stage.workers, stage.failed, stage.queue));
    let sinks = stats.sinks.iter().map(|sink| (sink.name.as_str(), "writer", sink.writers, sink.rejected, sink.queue));
    let nodes = stages.chain(sinks).enumerate();
    nodes
        .map(|(i, (name, hand, workers, failed, queue))| {
            let node = stats.sources.len() + i;
            let is_bottleneck = pace.bottleneck == Some(node);
            let pace = pace.nodes.get(node).copied().unwrap_or_default();
            Row { name, hand, workers, failed, queue, pace, is_bottleneck }
        })
        .collect()
}

/// At most `most` rows, in their order: where a terminal has no room for all, those that work most.
fn busiest(rows: Vec<Row<'_>>, most: usize) -> Vec<Row<'_>> {
    let mut ranked: Vec<(usize, Row<'_>)> = rows.into_iter().enumerate().collect();
    ranked.sort_by(|(_, a), (_, b)| b.pace.busy.total_cmp(&a.pace.busy));
    ranked.truncate(most);
    ranked.sort_by_key(|(i, _)| *i);
    ranked.into_iter().map(|(_, row)| row).collect()
}

fn lines(rows: &[Row<'_>], form: RowForm) -> Vec<String> {
    let names = rows.iter().map(|row| width(row.name)).max().unwrap_or(0).min(form.name_columns_max);
    let fills = rows.iter().map(|row| size(row.queue.capacity).len() * 2 + 1).max().unwrap_or(0);
    rows.iter().map(|row| row.line(form, names, fills)).collect()
}

impl Row<'_> {
    /// `  parse   ▮▮▮▯▯▯▯▯ 3,072/8,192  1.20 M rec/s   97 % of 4 workers  ◀ bottleneck`
    fn line(&self, form: RowForm, name_columns: usize, fill_columns: usize) -> String {
        let mut parts = vec![left(&one_line(self.name), name_columns).into_owned()];
        parts.extend(self.queue(form, fill_columns));
        parts.push(speed(self.pace.records));
        parts.push(self.work(form));
        if self.failed > 0 {
            parts.push(paint(WARN, format!("{} failed", count(self.failed))));
        }
        if self.is_bottleneck {
            parts.push(paint(STRONG, if form.has_words { "◀ bottleneck" } else { "◀" }));
        }
        format!("  {}", parts.join(form.gap))
    }

    /// `▮▮▮▯▯▯▯▯ 3,072/8,192`
    fn queue(&self, form: RowForm, fill_columns: usize) -> Option<String> {
        let QueueStats { depth, capacity, .. } = self.queue;
        let fullness = if capacity == 0 { 0.0 } else { depth as f64 / capacity as f64 };
        let fill = || format!("{}/{}", size(depth), size(capacity));
        match form {
            RowForm { cells: 0, .. } => None,
            RowForm { cells, has_fill: false, .. } => Some(bar(fullness, cells)),
            RowForm { cells, .. } => Some(format!("{} {}", bar(fullness, cells), right(&fill(), fill_columns))),
        }
    }

    /// ` 97 % of 4 workers`
    fn work(&self, form: RowForm) -> String {
        let busy = right(&percent(self.pace.busy), 5).into_owned();
        match (form.has_words, self.workers) {
            (false, _) => busy,
            (true, 1) => format!("{busy} of 1 {}", self.hand),
            (true, workers) => format!("{busy} of {workers} {}s", self.hand),
        }
    }
}

fn rounded(n: u64) -> String {
    brief(n as f64)
}

fn speed(per_second: f64) -> String {
    right(&format!("{} rec/s", brief(per_second)), SPEED_COLUMNS).into_owned()
}

/// A bar of `cells` cells. A queue that holds anything shows it.
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
    use crate::report::Ending;
    use crate::samples;

    const WIDE: Size = Size { rows: 24, columns: 100 };

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn picture(stats: &Stats, pace: &Pace, terminal: Size) -> String {
        plain(&frame(stats, pace, terminal).join("\n"))
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
            done: 420_123,
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
            picture(&stats, &pace, WIDE),
            "\
0:12  ▮▮▮▮▮▮▮▮▯▯▯▯▯▯▯▯▯▯▯▯  42 %  420,123 done  1.20 M rec/s  98.3 MiB/s  6.20 s left
  parse   ▮▮▮▯▯▯▯▯ 3,072/8,192  1.20 M rec/s   60 % of 1 worker  12 failed
  filter  ▯▯▯▯▯▯▯▯     0/8,192  1.20 M rec/s   31 % of 1 worker
  mask    ▮▮▮▮▮▮▮▮ 8,192/8,192   990 k rec/s   97 % of 2 workers  ◀ bottleneck
  visits  ▯▯▯▯▯▯▯▯     0/8,192   990 k rec/s   20 % of 1 writer"
        );
    }

    #[test]
    fn without_an_extent_there_is_no_bar_and_no_forecast() {
        let (stats, pace) = half_way();
        let pace = Pace { bytes: None, share: None, left: None, bottleneck: Some(0), ..pace };
        let text = picture(&stats, &pace, WIDE);
        assert_eq!(text.lines().next().unwrap(), "0:12  420,123 done  1.20 M rec/s  ◀ reading is the bottleneck");
        assert!(!text.contains("◀ bottleneck"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let (mut stats, pace) = half_way();
        stats.stages[1].name = "a-stage-with-a-very-long-name".into();
        stats.stages[2].name = "統計".into();
        for columns in 2..200 {
            for line in frame(&stats, &pace, Size { rows: 24, columns }) {
                assert!(width(&line) < columns, "{columns}: {line}");
            }
        }
    }

    #[test]
    fn what_matters_less_goes_before_anything_is_cut() {
        let (stats, pace) = half_way();
        assert_eq!(
            picture(&stats, &pace, Size { rows: 24, columns: 70 }),
            "\
0:12  ▮▮▮▯▯▯▯▯  42 %  420,123 done  1.20 M rec/s  6.20 s left
  parse   ▮▮▮▯▯▯▯▯ 3,072/8,192  1.20 M rec/s   60 %  12 failed
  filter  ▯▯▯▯▯▯▯▯     0/8,192  1.20 M rec/s   31 %
  mask    ▮▮▮▮▮▮▮▮ 8,192/8,192   990 k rec/s   97 %  ◀
  visits  ▯▯▯▯▯▯▯▯     0/8,192   990 k rec/s   20 %"
        );
        assert_eq!(
            picture(&stats, &pace, Size { rows: 24, columns: 40 }),
            "\
0:12   42 %  1.20 M rec/s  6.20 s left
  parse  1.20 M rec/s  60 % 12 failed
  filter 1.20 M rec/s  31 %
  mask    990 k rec/s  97 % ◀
  visits  990 k rec/s  20 %"
        );
    }

    #[test]
    fn a_low_terminal_shows_the_nodes_that_work_most() {
        let (stats, pace) = half_way();
        let text = picture(&stats, &pace, Size { rows: 4, columns: 60 });
        let names: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(names, ["0:12", "parse", "mask"]);
        assert_eq!(frame(&stats, &pace, Size { rows: 1, columns: 60 }).len(), 1);
    }

    #[test]
    fn a_line_of_progress_says_the_same_without_a_picture() {
        let (stats, pace) = half_way();
        let text = "0:12   42 %  420 k done  1.20 M rec/s  98.3 MiB/s  6.20 s left  bottleneck: mask\n";
        assert_eq!(plain(&line(&stats, &pace)), text);
    }

    #[test]
    fn a_run_is_at_100_percent_when_all_is_done() {
        let (stats, pace) = half_way();
        let shown = |share| line(&stats, &Pace { share: Some(share), ..pace.clone() });
        assert!(shown(0.999_9).contains(" 99 %"));
        assert!(shown(1.0).contains("100 %"));
    }

    #[test]
    fn a_queue_that_holds_anything_shows_it() {
        assert_eq!(plain(&bar(0.000_1, 4)), "▮▯▯▯");
        assert_eq!(plain(&bar(0.0, 4)), "▯▯▯▯");
        assert_eq!(plain(&bar(7.0, 4)), "▮▮▮▮");
    }
}
