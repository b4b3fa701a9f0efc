//! Renders the closing report: one row per node, the account of all records, and what to do next.

use std::time::Duration;

use super::kept::kept;
use super::numbers::{brief, bytes, count, duration, per_second, percent, plural};
use super::pool;
use super::problem::problem;
use super::style::{BAD, GOOD, STRONG, WARN, paint};
use super::table::{NUMBER, Table};
use super::text::{cut, folded, one_line};
use super::warning::warnings;
use crate::edge::Extent;
use crate::record::{Accounting, Latency};
use crate::report::{Bottleneck, Ending, QueueStats, Report, SinkStats, SourceStats, StageStats, Stats};

/// The width of the table where there is no terminal: what a mail and most logs have room for.
const COLUMNS: usize = 80;

/// No line that we can help is wider, however wide the terminal is: beyond that nobody finds the next line.
const COLUMNS_MAX: usize = 100;

/// Names in a line of text are shortened beyond this.
const NAME_COLUMNS_MAX: usize = 32;

/// A node that works less than this share of its time holds nobody back.
const BOTTLENECK_SHARE_MIN: f64 = 0.5;

/// Where no node works more than this, the run waited for something else: a person who types, or its own start.
const IDLE_SHARE_MAX: f64 = 0.05;

/// A shorter run has no speed: nearly all of it is its start. Arbitrary.
const SPEED_ELAPSED_MIN: Duration = Duration::from_millis(100);

/// Guests that take this share of all cores leave the rest to the host: copies, sources and sinks need it. Measured:
/// 0.79 with three busy stages on two cores.
const CORES_SHARE_MIN: f64 = 0.7;

/// A machine that is busy may hold a process up for less.
const STOPPED_MIN: Duration = Duration::from_secs(1);

const HEADER: [&str; 10] = ["", "in", "out", "dropped", "failed", "calls", "guest", "waiting", "blocked", "queue"];

/// What a narrow table does without, each with the ones before it.
const TIMES: &[usize] = &[7, 8];
const ALL_BUT_RECORDS: &[usize] = &[5, 6, 7, 8, 9];
const ALL_BUT_IN_AND_OUT: &[usize] = &[3, 5, 6, 7, 8, 9];

/// The closing report: the table and notes on its nodes, then the problem, when there was one, and the verdict, which
/// stands last because a terminal shows the end. `cores`: how many the machine has.
pub(crate) fn closing(report: &Report, cores: usize, width: Option<usize>) -> String {
    let mut text = table(&report.stats, width.unwrap_or(COLUMNS).min(COLUMNS_MAX));
    text.push('\n');
    // Where there is no terminal, a line stays one, for programs that read it.
    let fitted = |text: String| width.map_or_else(|| text.clone(), |columns| folded(&text, columns));
    let parts = [fitted(notes(report)), failure(report, width), fitted(verdict(report, cores, width))];
    text + &parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// How it ended, the account, and what to do next.
fn verdict(report: &Report, cores: usize, width: Option<usize>) -> String {
    let mut text = headline(report);
    text.push_str(&format!("{}\n", equation(&report.stats)));
    text.push_str(&warnings(&report.warnings, width));
    text.push_str(&kept(report));
    if let Some(bottleneck) = &report.bottleneck {
        text.push_str(&advice(bottleneck, &report.stats, cores));
    }
    text + &leftovers(report)
}

/// What is to be known of single nodes beside their row in the table.
fn notes(report: &Report) -> String {
    let (sources, sinks) = (report.stats.sources.iter(), report.stats.sinks.iter());
    let mut text = String::new();
    text.extend(sources.clone().map(|source| persisted("source", &source.name, source.retries)));
    text.extend(sinks.map(|sink| persisted("sink", &sink.name, sink.retries)));
    text.extend(sources.map(|source| unheard("source", &source.name, source.log_bytes_cut)));
    text.extend(report.stats.stages.iter().map(trouble));
    if report.events_lost > 0 {
        text.push_str(&format!(
            "{} log lines or failures were counted and not shown: they came too fast\n",
            count(report.events_lost)
        ));
    }
    text
}

/// How large a stage's pool was, what its failures cost, and what its guests were not let say.
fn trouble(stage: &StageStats) -> String {
    let mut text = pool::history(stage);
    if stage.retries > 0 {
        let attempts = plural(stage.retries, "further attempt");
        let recovered = if stage.recovered == 0 { "none".to_owned() } else { plural(stage.recovered, "record") };
        let name = name(&stage.name);
        text.push_str(&format!("stage \"{name}\": {attempts} on failed records; {recovered} recovered\n"));
    }
    if stage.failed_invocations > 0 {
        text.push_str(&format!(
            "stage \"{}\": {} failed as a whole (trap, limit, contract), after {} in guests\n",
            name(&stage.name),
            plural(stage.failed_invocations, "invocation"),
            duration(stage.time_in_failed)
        ));
    }
    text + &unheard("stage", &stage.name, stage.log_bytes_cut)
}

/// What it took to read or write.
fn persisted(role: &str, node: &str, retries: u64) -> String {
    if retries == 0 {
        return String::new();
    }
    format!("{role} \"{}\" failed and was retried: {}\n", name(node), plural(retries, "further attempt"))
}

/// What a guest was not let say.
fn unheard(role: &str, node: &str, cut: u64) -> String {
    if cut == 0 {
        return String::new();
    }
    format!("{role} \"{}\" wrote {} of log beyond limits.log, which was discarded\n", name(node), bytes(cut))
}

/// What made it fail, as an error; empty when nothing did. A reader that has closed its pipe is nobody's failure.
pub(crate) fn failure(report: &Report, width: Option<usize>) -> String {
    let failed = report.problem.as_ref().filter(|_| !report.reader_had_enough());
    failed.map_or_else(String::new, |of| problem(of, width))
}

/// What needs somebody's attention after the run: said even when nothing else is to be said. Empty when all is well.
pub(crate) fn leftovers(report: &Report) -> String {
    let accounting = &report.stats.accounting;
    let dead_lettered = report.whole().dead_lettered;
    let mut text = String::new();
    if dead_lettered > 0 {
        let place = report
            .dead_letters
            .as_ref()
            .map_or_else(String::new, |path| format!(" in {}", one_line(&path.display().to_string())));
        let records = plural(dead_lettered, "record");
        text.push_str(&format!("{} {records}{place}\n", paint(WARN, "dead letters:")));
    }
    if !accounting.balances() && report.ending != Ending::Aborted {
        text.push_str(&format!(
            "{} the account does not balance: this is a bug in Sandmill, please report it with this line: {}\n",
            paint(BAD, "error:"),
            equation(&report.stats)
        ));
    }
    text
}

/// How it ended, how long it took, and how fast it was.
fn headline(report: &Report) -> String {
    let stats = &report.stats;
    let ending = match report.ending {
        Ending::Completed if report.whole().dead_lettered > 0 => paint(WARN, "completed, with dead letters:"),
        Ending::Completed => paint(GOOD, "completed:"),
        Ending::Stopped => paint(WARN, "stopped:"),
        Ending::Interrupted => paint(WARN, "interrupted:"),
        Ending::Aborted if report.reader_had_enough() => paint(GOOD, "ended by its reader:"),
        Ending::Aborted => paint(BAD, "aborted:"),
    };
    let latency = stats.latency.filter(|_| has_speed(stats)).as_ref().map_or_else(String::new, latency);
    format!("{ending} {} in {}{}\n{latency}", name(&report.pipeline), lasted(stats), speed(stats))
}

/// How long records took from being read until they were settled. At most 80 columns, if none took 100 days.
fn latency(latency: &Latency) -> String {
    let Latency { p50, p99, max, .. } = *latency;
    let [half, most, all] = [p50, p99, max].map(duration);
    format!("latency: half the records within {half}, 99 % within {most}, all within {all}\n")
}

/// Whether the run lasted long enough for its times to say anything.
fn has_speed(stats: &Stats) -> bool {
    stats.elapsed >= SPEED_ELAPSED_MIN
}

/// How fast it was, where that says anything.
fn speed(stats: &Stats) -> String {
    if !has_speed(stats) {
        return String::new();
    }
    let records = count(per_second(stats.accounting.read, stats.elapsed).round() as u64);
    let bytes_read = bytes_read(stats).map(|read| format!(", {}/s", bytes(per_second(read, stats.elapsed) as u64)));
    format!(", {records} records/s{}", bytes_read.unwrap_or_default())
}

/// How long the run took; beside that, how long the process was stopped by somebody.
fn lasted(stats: &Stats) -> String {
    let took = duration(stats.elapsed);
    if stats.stopped < STOPPED_MIN {
        took
    } else {
        format!("{took} (not counting {} in which the process was stopped)", duration(stats.stopped))
    }
}

/// Where every record went.
fn equation(stats: &Stats) -> String {
    sums(&stats.accounting)
}

/// Where the records of an account went.
pub(super) fn sums(accounting: &Accounting) -> String {
    let mut text = format!("read {}", count(accounting.read));
    if accounting.created > 0 {
        text.push_str(&format!(" + created {}", count(accounting.created)));
    }
    text.push_str(&format!(
        " {} delivered {} + dropped {} + dead-lettered {}",
        if accounting.balances() { "=" } else { "≠" },
        count(accounting.delivered),
        count(accounting.dropped),
        count(accounting.dead_lettered)
    ));
    if accounting.in_flight > 0 {
        text.push_str(&format!(" + in flight {}", count(accounting.in_flight)));
    }
    text
}

/// What holds the run back, and what would help.
fn advice(bottleneck: &Bottleneck, stats: &Stats, cores: usize) -> String {
    let Bottleneck { node, busy_share } = bottleneck;
    let busy = percent(*busy_share);
    let name = name(node);
    let is_source = stats.sources.iter().any(|source| source.name == *node);
    let sink = stats.sinks.iter().find(|sink| sink.name == *node);
    let (role, work, help) = match (is_source, sink) {
        (true, _) => ("source", "reading", "the stages could process more than it delivers".to_owned()),
        (_, Some(sink)) => ("sink", "writing", sink_help(sink)),
        _ if all_cores_work(stats, cores) => {
            ("stage", "busy", "all cores are busy, so only cheaper work there would help".to_owned())
        }
        _ => ("stage", "busy", pool::help(stats.stages.iter().find(|stage| stage.name == *node))),
    };
    let label = paint(STRONG, "bottleneck:");
    if *busy_share < IDLE_SHARE_MAX {
        return String::new();
    }
    if *busy_share < BOTTLENECK_SHARE_MIN {
        return format!("{label} none (the busiest, {role} \"{name}\", worked {busy} of the time)\n");
    }
    format!("{label} {role} \"{name}\" ({work} {busy} of the time): {help}\n")
}

/// What helps a sink that holds the run back. A destination that keeps its writer waiting may serve several.
fn sink_help(sink: &SinkStats) -> String {
    match sink.allows_several_writers {
        true => format!(
            "more writers (`writers = {}`), larger batches, or a faster destination, would help",
            sink.writers * 2
        ),
        false => "larger batches, or a faster destination, would help".to_owned(),
    }
}

/// Whether more workers would find no core to work on.
fn all_cores_work(stats: &Stats, cores: usize) -> bool {
    let in_guests: f64 = stats.stages.iter().map(|stage| stage.time_in_guest.as_secs_f64()).sum();
    in_guests >= CORES_SHARE_MIN * cores as f64 * stats.elapsed.as_secs_f64()
}

/// A node's name, fit for a line with other text on it.
pub(super) fn name(node: &str) -> String {
    cut(&one_line(node), NAME_COLUMNS_MAX).into_owned()
}

fn bytes_read(stats: &Stats) -> Option<u64> {
    let counted = |source: &SourceStats| match source.extent {
        Extent::Bytes(_) => Some(source.position),
        Extent::Records(_) | Extent::Unknown => None,
    };
    let sum: u64 = stats.sources.iter().filter_map(counted).sum();
    (sum > 0).then_some(sum)
}

/// One row per node, in the order of the plan. Tries ever narrower forms: gaps closed, counts rounded, names cut,
/// columns left out.
fn table(stats: &Stats, columns: usize) -> String {
    let rounded: fn(u64) -> String = |n| brief(n as f64);
    let forms = [
        Form { number: count, gap: 2, hidden: &[] },
        Form { number: count, gap: 1, hidden: &[] },
        Form { number: rounded, gap: 2, hidden: &[] },
        Form { number: rounded, gap: 1, hidden: &[] },
        Form { number: rounded, gap: 1, hidden: TIMES },
        Form { number: rounded, gap: 1, hidden: ALL_BUT_RECORDS },
        Form { number: rounded, gap: 1, hidden: ALL_BUT_IN_AND_OUT },
    ];
    let mut narrowest = None;
    for table in forms.iter().map(|form| form.fill(stats)) {
        let fits = table.excess(columns) == 0;
        narrowest = Some(table);
        if fits {
            break;
        }
    }
    narrowest.map_or_else(String::new, |table| table.render(columns))
}

/// How numbers are written, how far apart, and which columns are left out.
struct Form {
    number: fn(u64) -> String,
    gap: usize,
    hidden: &'static [usize],
}

impl Form {
    fn fill(&self, stats: &Stats) -> Table<10> {
        let mut table = Table::new(HEADER, self.gap).without(self.hidden);
        for source in &stats.sources {
            table.row(self.source(source));
        }
        for stage in &stats.stages {
            table.row(self.stage(stage));
        }
        for sink in &stats.sinks {
            table.row(self.sink(sink));
        }
        table
    }

    fn source(&self, source: &SourceStats) -> [String; 10] {
        [
            one_line(&source.name),
            (self.number)(source.read),
            (self.number)(source.read.saturating_sub(source.bad)),
            String::new(),
            self.failed(source.bad),
            String::new(),
            String::new(),
            String::new(),
            duration(source.blocked_on_output),
            String::new(),
        ]
    }

    fn stage(&self, stage: &StageStats) -> [String; 10] {
        [
            one_line(&stage.name) + &pool::size(stage),
            (self.number)(stage.records_in),
            (self.number)(stage.records_out),
            (self.number)(stage.dropped),
            self.failed(stage.failed),
            (self.number)(stage.invocations),
            duration(stage.time_in_guest),
            duration(stage.waiting_for_input),
            duration(stage.blocked_on_output),
            fullest(&stage.queue),
        ]
    }

    fn sink(&self, sink: &SinkStats) -> [String; 10] {
        [
            times(&sink.name, sink.writers),
            (self.number)(sink.delivered + sink.rejected),
            (self.number)(sink.delivered),
            String::new(),
            self.failed(sink.rejected),
            String::new(),
            String::new(),
            duration(sink.waiting_for_input),
            String::new(),
            fullest(&sink.queue),
        ]
    }

    fn failed(&self, records: u64) -> String {
        let number = (self.number)(records);
        if records == 0 { number } else { paint(WARN, number) }
    }
}

/// A node's name, and how many of it work at the same time.
fn times(name: &str, number: usize) -> String {
    match number {
        1 => one_line(name),
        several => format!("{}{NUMBER}{several}", one_line(name)),
    }
}

/// How full the queue was at most.
fn fullest(queue: &QueueStats) -> String {
    if queue.capacity == 0 { String::new() } else { percent(queue.high_water as f64 / queue.capacity as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::text::width;
    use crate::error::ErrorKind;
    use crate::record::Accounting;
    use crate::report::Problem;
    use crate::samples;
    use std::path::PathBuf;

    fn plain(of: &Report) -> String {
        for columns in [38, 60, 80, 100] {
            // An error is as long as it is: it may quote a line of a file.
            let of = Report { problem: None, ..of.clone() };
            for line in at(&of, Some(columns)).lines() {
                assert!(width(line) <= columns, "{columns}: {line}");
            }
        }
        at(of, None)
    }

    fn at(of: &Report, columns: Option<usize>) -> String {
        let text = anstream::adapter::strip_str(&closing(of, 4, columns)).to_string();
        for line in text.lines() {
            assert_eq!(line, line.trim_end());
        }
        text
    }

    /// `expected` begins with a line feed, so that its first line stands where it belongs.
    #[track_caller]
    fn snapshot(of: &Report, expected: &str) {
        assert_eq!(format!("\n{}", plain(of)), expected);
    }

    fn with_dead_letters() -> Report {
        let mut report = samples::report(Ending::Completed);
        let stats = &mut report.stats;
        stats.sources[0].bad = 12;
        stats.stages[0] = StageStats {
            failed: 987,
            retries: 2_961,
            recovered: 1,
            failed_invocations: 3,
            time_in_failed: Duration::from_millis(312),
            log_bytes_cut: 70_000,
            workers: 4,
            ..samples::stage("parse", 999_988, 999_001, 0)
        };
        stats.stages[1] = samples::stage("filter", 999_001, 912_001, 87_000);
        stats.stages[2] = samples::stage("mask", 912_001, 912_001, 0);
        stats.sinks[0].delivered = 912_001;
        stats.accounting.delivered = 912_001;
        stats.accounting.dead_lettered = 999;
        report.dead_letters = Some(PathBuf::from("out/access-log.dead-letters.jsonl"));
        report.events_lost = 412;
        report
    }

    #[test]
    fn time_in_which_the_process_was_stopped_stands_apart() {
        let mut report = samples::report(Ending::Completed);
        assert!(!closing(&report, 2, None).contains("stopped"));
        report.stats.stopped = Duration::from_secs(36);
        assert!(
            closing(&report, 2, None)
                .contains(" in 1.24 s (not counting 36.0 s in which the process was stopped), 806,452 records/s")
        );
    }

    #[test]
    fn a_run_that_completed() {
        snapshot(
            &samples::report(Ending::Completed),
            r#"
               in       out dropped failed calls  guest waiting blocked queue
log     1,000,000 1,000,000              0                       880 ms
parse   1,000,000 1,000,000       0      0   977 951 ms   12 ms  217 µs 100 %
filter  1,000,000   913,000  87,000      0   977 951 ms   12 ms  217 µs 100 %
mask ×2   913,000   913,000       0      0   892 951 ms   12 ms  217 µs 100 %
visits    913,000   913,000              0               819 ms          50 %

completed: access-log in 1.24 s, 806,452 records/s, 168 MiB/s
latency: half the records within 12 ms, 99 % within 80 ms, all within 1.20 s
read 1,000,000 = delivered 913,000 + dropped 87,000 + dead-lettered 0
bottleneck: stage "mask" (busy 97 % of the time): more workers, or cheaper work there, would help
"#,
        );
    }

    #[test]
    fn a_terminal_of_40_columns_shows_what_became_of_the_records() {
        let text = at(&with_dead_letters(), Some(39));
        let expected = r#"
             in    out dropped failed
log      1.00 M 1.00 M             12
parse ×4 1.00 M  999 k       0    987
filter    999 k  912 k  87.0 k      0
mask      912 k  912 k       0      0
visits    912 k  912 k              0

stage "parse": 2,961 further attempts
    on failed records; 1 record
    recovered
stage "parse": 3 invocations failed as
    a whole (trap, limit, contract),
    after 312 ms in guests
stage "parse" wrote 68.4 KiB of log
    beyond limits.log, which was
    discarded
412 log lines or failures were counted
    and not shown: they came too fast

completed, with dead letters:
    access-log in 1.24 s, 806,452
    records/s, 168 MiB/s
latency: half the records within 12 ms,
    99 % within 80 ms, all within 1.20
    s
read 1,000,000 = delivered 912,001 +
    dropped 87,000 + dead-lettered 999
bottleneck: stage "mask" (busy 97 % of
    the time): more workers, or cheaper
    work there, would help
dead letters: 999 records in
    out/access-log.dead-letters.jsonl
"#;
        assert_eq!(format!("\n{text}"), expected);
    }

    #[test]
    fn a_run_with_dead_letters() {
        snapshot(
            &with_dead_letters(),
            r#"
                in     out dropped failed calls  guest waiting blocked queue
log      1,000,000 999,988             12                       880 ms
parse ×4   999,988 999,001       0    987   977 951 ms   12 ms  217 µs 100 %
filter     999,001 912,001  87,000      0   976 951 ms   12 ms  217 µs 100 %
mask       912,001 912,001       0      0   891 951 ms   12 ms  217 µs 100 %
visits     912,001 912,001              0               819 ms          50 %

stage "parse": 2,961 further attempts on failed records; 1 record recovered
stage "parse": 3 invocations failed as a whole (trap, limit, contract), after 312 ms in guests
stage "parse" wrote 68.4 KiB of log beyond limits.log, which was discarded
412 log lines or failures were counted and not shown: they came too fast

completed, with dead letters: access-log in 1.24 s, 806,452 records/s, 168 MiB/s
latency: half the records within 12 ms, 99 % within 80 ms, all within 1.20 s
read 1,000,000 = delivered 912,001 + dropped 87,000 + dead-lettered 999
bottleneck: stage "mask" (busy 97 % of the time): more workers, or cheaper work there, would help
dead letters: 999 records in out/access-log.dead-letters.jsonl
"#,
        );
    }

    #[test]
    fn a_run_that_was_aborted() {
        let mut report = samples::report(Ending::Aborted);
        report.problem = Some(samples::problem(ErrorKind::Guest));
        report.bottleneck = None;
        report.stats.accounting.delivered -= 4_096;
        report.stats.accounting.in_flight = 4_096;
        report.stats.sinks[0].delivered -= 4_096;
        snapshot(
            &report,
            r#"
               in       out dropped failed calls  guest waiting blocked queue
log     1,000,000 1,000,000              0                       880 ms
parse   1,000,000 1,000,000       0      0   977 951 ms   12 ms  217 µs 100 %
filter  1,000,000   913,000  87,000      0   977 951 ms   12 ms  217 µs 100 %
mask ×2   913,000   913,000       0      0   892 951 ms   12 ms  217 µs 100 %
visits    908,904   908,904              0               819 ms          50 %

error: stage "parse" failed on record 17 (access.log:17)

Caused by:
    no status in this line

hint: `on_error = "dead-letter"` keeps the run going

aborted: access-log in 1.24 s, 806,452 records/s, 168 MiB/s
latency: half the records within 12 ms, 99 % within 80 ms, all within 1.20 s
read 1,000,000 = delivered 908,904 + dropped 87,000 + dead-lettered 0 + in flight 4,096
"#,
        );
    }

    #[test]
    fn more_workers_are_not_advised_where_no_core_is_idle() {
        let report = samples::report(Ending::Completed);
        assert!(closing(&report, 4, None).contains("more workers, or cheaper work"));
        assert!(closing(&report, 2, None).contains("all cores are busy"));
    }

    #[test]
    fn more_writers_are_advised_where_the_sink_allows_them() {
        let mut report = samples::report(Ending::Completed);
        report.bottleneck = Some(Bottleneck { node: "visits".into(), busy_share: 0.93 });
        assert!(plain(&report).contains("of the time): larger batches, or a faster"));
        (report.stats.sinks[0].writers, report.stats.sinks[0].allows_several_writers) = (4, true);
        let text = plain(&report);
        assert!(text.contains("of the time): more writers (`writers = 8`), larger batches"), "{text}");
        assert!(text.contains("\nvisits ×4 "), "{text}");
    }

    #[test]
    fn a_reader_that_has_had_enough_gets_no_error() {
        let mut report = samples::report(Ending::Aborted);
        report.problem = Some(Problem { broken_pipe: true, ..samples::problem(ErrorKind::Edge) });
        assert_eq!(failure(&report, None), "");
        assert!(plain(&report).contains("\nended by its reader: access-log in 1.24 s"));
    }

    /// One stage makes records, another has a name in another script, a third a long one: the table stays aligned.
    #[test]
    fn a_run_that_was_stopped() {
        let mut report = samples::report(Ending::Stopped);
        report.bottleneck = Some(Bottleneck { node: "visits".into(), busy_share: 0.93 });
        let stats = &mut report.stats;
        stats.accounting.created = 5;
        stats.accounting.delivered += 5;
        stats.sources[0].extent = Extent::Unknown;
        stats.elapsed = Duration::from_secs(124);
        stats.stages[0].name = "統計".into();
        stats.stages[1].name = "normalise-and-geocode-addresses".into();
        stats.stages[2].records_out += 5;
        stats.sinks[0].delivered += 5;
        snapshot(
            &report,
            r#"
                     in    out dropped failed calls  guest waiting blocked queue
log              1.00 M 1.00 M              0                       880 ms
統計             1.00 M 1.00 M       0      0   977 951 ms   12 ms  217 µs 100 %
normalise-and-g… 1.00 M  913 k  87.0 k      0   977 951 ms   12 ms  217 µs 100 %
mask ×2           913 k  913 k       0      0   892 951 ms   12 ms  217 µs 100 %
visits            913 k  913 k              0               819 ms          50 %

stopped: access-log in 2m 04s, 8,065 records/s
latency: half the records within 12 ms, 99 % within 80 ms, all within 1.20 s
read 1,000,000 + created 5 = delivered 913,005 + dropped 87,000 + dead-lettered 0
bottleneck: sink "visits" (writing 93 % of the time): larger batches, or a faster destination, would help
"#,
        );
    }

    /// A day of a busy pipeline: the account shows exact counts, the table rounds them to keep to its width.
    #[test]
    fn a_long_run() {
        let mut report = samples::report(Ending::Completed);
        let stats = &mut report.stats;
        let many = 25_920_000_000;
        stats.elapsed = Duration::from_secs(86_400);
        stats.accounting = Accounting { read: many, delivered: many, ..Accounting::default() };
        stats.sources[0].read = many;
        stats.stages = vec![samples::stage("parse", many, many, 0), samples::stage("mask", many, many, 0)];
        stats.sinks[0].delivered = many;
        report.bottleneck = Some(Bottleneck { node: "log".into(), busy_share: 0.31 });
        snapshot(
            &report,
            r#"
            in     out  dropped  failed   calls   guest  waiting  blocked  queue
log     25.9 G  25.9 G                0                            880 ms
parse   25.9 G  25.9 G        0       0  25.3 M  951 ms    12 ms   217 µs  100 %
mask    25.9 G  25.9 G        0       0  25.3 M  951 ms    12 ms   217 µs  100 %
visits  25.9 G  25.9 G                0                   819 ms            50 %

completed: access-log in 1d 00h, 300,000 records/s, 2.46 KiB/s
latency: half the records within 12 ms, 99 % within 80 ms, all within 1.20 s
read 25,920,000,000 = delivered 25,920,000,000 + dropped 0 + dead-lettered 0
bottleneck: none (the busiest, source "log", worked 31 % of the time)
"#,
        );
    }

    /// Issue 12: a run of three records in a millisecond claimed thousands of records a second, and "none" to be the
    /// bottleneck, which worked 0 % of the time.
    #[test]
    fn a_run_that_is_too_short_or_idle_claims_no_speed_and_no_bottleneck() {
        let mut report = samples::report(Ending::Completed);
        report.stats.elapsed = Duration::from_millis(3);
        report.bottleneck = Some(Bottleneck { node: "log".into(), busy_share: 0.01 });
        let text = anstream::adapter::strip_str(&closing(&report, 4, None)).to_string();
        assert!(text.contains("\ncompleted: access-log in 3 ms\n"), "{text}");
        assert!(!text.contains("bottleneck"), "{text}");
        report.stats.elapsed = Duration::ZERO;
        assert!(!closing(&report, 4, None).contains("records/s"));
    }

    #[test]
    fn what_is_left_is_said_even_to_those_who_want_quiet() {
        assert_eq!(leftovers(&samples::report(Ending::Completed)), "");
        let text = anstream::adapter::strip_str(&leftovers(&with_dead_letters())).to_string();
        assert_eq!(text, "dead letters: 999 records in out/access-log.dead-letters.jsonl\n");
        let mut lost = samples::report(Ending::Completed);
        lost.stats.accounting.read += 1;
        assert!(leftovers(&lost).contains("read 1,000,001 ≠ delivered 913,000"));
    }
}
