//! `sandmill run`: from the pipeline file to the closing report.

use std::io::IsTerminal as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use tokio::runtime;
use tokio::time::{MissedTickBehavior, interval};

use super::Done;
use super::components::build_components;
use crate::cli::args::{RunArguments, ShownArguments};
use crate::cli::locate::pipeline_file;
use crate::cli::manner::Manner;
use crate::cli::notices::Notices;
use crate::cli::progress::{Progress, Screen};
use crate::cli::report_file::ReportFile;
use crate::cli::signals::{Continued, Signals};
use crate::cli::{code_pages, print, render};
use crate::config;
use crate::edge::{Reads, Writes};
use crate::error::{Error, Result};
use crate::pipeline::{Ended, Running, Stopper};
use crate::plan::{Beside, Plan, Usage};
use crate::report::{Event, EventStream, Report, Stats};
use crate::time::{Instant, sleep_until};

/// How often the picture changes: often enough to look alive, seldom enough to cost nothing.
const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// After this time of a run, what only its start needed is given back: to fetch again what it does need takes a millisecond,
/// which a shorter run would notice.
const UNDER_WAY: Duration = Duration::from_millis(100);

/// A century.
const ENDLESS: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Runs a pipeline to its end.
///
/// # Errors
/// Whatever kept the run from starting. What happened later is in its report, and is printed.
pub(super) fn run(arguments: &RunArguments, manner: Manner) -> Result<Done> {
    let mut plan = config::load(&pipeline_file(arguments.pipeline.path.as_deref())?)?;
    plan.state.start = arguments.start();
    follow(plan, &arguments.shown, manner, |_| Ok(())).map(Done::from)
}

/// Runs a plan to its end, shows it on the way, and says at the end what became of it, and what `afterwards` adds. The
/// state of the run is there until its conclusion is dropped.
///
/// # Errors
/// Whatever kept the run from starting, or from being reported. What happened in between is in its report.
pub(super) fn follow(
    mut plan: Plan,
    shown: &ShownArguments,
    manner: Manner,
    afterwards: impl FnOnce(&Report) -> Result<()>,
) -> Result<Ended> {
    let stdout_sink = stdout_sink(&plan);
    if let (true, Some(sink)) = (shown.json, &stdout_sink) {
        return Err(both_on_stdout(sink));
    }
    // Before the run, so that a mistyped folder does not cost one.
    let report_file = shown.report.as_deref().map(ReportFile::find).transpose()?;
    let beside = |what: &str, path: &Path, how| Beside { what: what.to_owned(), path: path.to_owned(), how };
    let written = |what: &str, path: &Path| beside(what, path, Usage::Written);
    plan.beside.extend(shown.report.as_deref().map(|path| written("the report (--report)", path)));
    plan.beside.extend(shown.json.then(|| written("the report (--json)", Path::new("/dev/stdout"))));
    plan.beside.push(beside("standard error", Path::new("/dev/stderr"), Usage::Messages));
    build_components(&mut plan, manner)?;
    let quiet = manner.quiet;

    let screen = Screen::new(progress(&plan, shown, quiet));
    let notices = Notices::new(shown.log, quiet);
    let ended = drive(plan, Watch { screen, notices, grace: shown.grace, until: None, keeps_start: true })?;
    let report = &ended.report;
    say(report, shown.json, quiet)?;
    afterwards(report)?;
    if let Some(file) = report_file {
        file.write(&print::json_line(report)?)?;
    }
    Ok(ended)
}

/// How progress is shown, where the arguments leave it to us.
fn progress(plan: &Plan, shown: &ShownArguments, quiet: bool) -> Progress {
    let reads_stdin = plan.sources.iter().any(|source| source.kind.reads().contains(&Reads::Stdin));
    // A picture between lines that are printed, or typed, is not one.
    let shares_terminal = (stdout_sink(plan).is_some() && std::io::stdout().is_terminal())
        || (reads_stdin && std::io::stdin().is_terminal());
    match shown.progress {
        _ if quiet || shown.no_progress => Progress::None,
        Progress::Auto if shown.json || shares_terminal => Progress::None,
        Progress::Auto | Progress::Bar | Progress::Plain | Progress::None => shown.progress,
    }
}

/// The name of a sink that writes to standard output.
fn stdout_sink(plan: &Plan) -> Option<String> {
    plan.sinks.iter().find(|sink| sink.spec.writes() == Some(Writes::Stdout)).map(|sink| sink.name.to_string())
}

fn both_on_stdout(sink: &str) -> Error {
    Error::config(format!("--json and sink \"{sink}\" would both write to standard output"))
        .hint("--report FILE writes the report to a file")
}

/// What is left to say when all is over.
fn say(report: &Report, json: bool, quiet: bool) -> Result<()> {
    if !(quiet || json) {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        print::message(&render::closing(report, cores, print::stderr_columns()));
        return Ok(());
    }
    let columns = print::stderr_columns();
    print::message(&render::failure(report, columns));
    print::message(&render::warnings(&report.warnings, columns));
    print::message(&render::leftovers(report));
    if json { print::json(report) } else { Ok(()) }
}

/// Prepares and starts the pipeline, and stays with it to its end. The pipeline has runtimes of its own: this one only
/// watches.
fn drive(plan: Plan, mut watch: Watch) -> Result<Ended> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::internal("cannot start a runtime").caused_by(error))?;
    let ended = runtime.block_on(async move {
        watch.screen.show("preparing");
        let pipeline = crate::prepare(plan).await.map_err(Error::before_the_run)?;
        // Said in a quiet run, too: it changes what the output is.
        if let Some(from) = pipeline.resumed_from() {
            watch.screen.resume(from.accounting.read);
            watch.screen.say(&render::resuming(&from));
        }
        // Not earlier: until something moves, the default (the process ends at once) is what Ctrl-C should do.
        let signals = Signals::listen()?;
        Ok(watch.accompany(pipeline.start(), signals).await)
    });
    // A thread that still waits for a terminal's input must not keep the process.
    runtime.shutdown_background();
    ended
}

/// Shows a run to a person, and takes that person's wish to end it.
struct Watch {
    screen: Screen,
    notices: Notices,
    /// How long a drain may take.
    grace: Duration,
    /// When it has taken so long; `None` as long as nobody has asked for one.
    until: Option<Instant>,
    /// Whether the code that only the start needed is still in memory.
    keeps_start: bool,
}

impl Watch {
    fn look(&mut self, stats: &Stats) {
        self.screen.draw(stats);
        if self.keeps_start && stats.elapsed >= UNDER_WAY {
            self.keeps_start = false;
            code_pages::give_back();
        }
    }

    async fn accompany(mut self, running: Running, mut signals: Signals) -> Ended {
        let mut events = running.observer().events();
        let stopper = running.stopper();
        let mut continued = Continued::listen();
        let mut redraw = interval(REDRAW_EVERY);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while running.is_running() {
            tokio::select! {
                // In this order: whatever a guest logs, a person is heard, and sees how things stand.
                biased;
                () = signals.next() => self.stop(&stopper),
                () = at(self.until) => self.lose_patience(&stopper),
                () = continued.next() => self.screen.come_back(),
                _ = redraw.tick() => self.look(&running.stats()),
                event = events.next() => match event {
                    Some(event) => self.tell(&event),
                    None => break,
                },
                // No need to wait for the next picture to find out.
                () = running.ended() => break,
            }
        }
        let mut end = pin!(running.end());
        let ended = loop {
            tokio::select! {
                // A report that is there is taken, whatever else there is.
                biased;
                ended = &mut end => break ended,
                () = signals.next() => self.stop(&stopper),
                () = at(self.until) => self.lose_patience(&stopper),
            }
        };
        while let Some(event) = taken(&mut events).await {
            self.tell(&event);
        }
        ended
    }

    fn tell(&mut self, event: &Event) {
        if let Some(line) = self.notices.line(event) {
            self.screen.say(&line);
        }
    }

    /// The first wish drains, the next one cuts.
    fn stop(&mut self, stopper: &Stopper) {
        if self.until.is_some() {
            stopper.abort();
            self.screen.say("stopping at once: what is in flight is not finished\n");
        } else {
            self.until = Some(Instant::now() + self.grace);
            stopper.stop();
            self.screen.say("stopping: finishing what is in flight; press Ctrl-C again to stop at once\n");
        }
        self.screen.flush();
    }

    /// The drain has taken long enough. It is not waited for a second time.
    fn lose_patience(&mut self, stopper: &Stopper) {
        self.until = Some(Instant::now() + ENDLESS);
        stopper.abort();
        let grace = humantime::format_duration(self.grace);
        self.screen.say(&format!("stopping at once: what is in flight was not finished within {grace} (--grace)\n"));
        self.screen.flush();
    }
}

/// That moment; never, when there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// The next event that is there already.
async fn taken(events: &mut EventStream) -> Option<Event> {
    tokio::select! {
        biased;
        event = events.next() => event,
        () = std::future::ready(()) => None,
    }
}
