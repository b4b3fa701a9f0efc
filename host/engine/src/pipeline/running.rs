//! A pipeline in motion: watched, stopped, waited for. The supervisor turns the end of its tasks into a report.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::bottleneck;
use super::checkpoint::{Conclusion, Lifecycle};
use super::images::Images;
use super::observer::Observer;
use super::runtimes::Runtimes;
use super::watch::Watch;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::DeadLetters;
use crate::redact::Redactor;
use crate::report::{Ending, EventSender, EventStream, Problem, Promise, Report, Stats};
use crate::task::Tasks;
use crate::time::sleep;

/// How long sources may take to hear of what became of their records when a run is interrupted. Arbitrary: a broker
/// answers within that, or not at all.
const TELL_WITHIN: Duration = Duration::from_secs(5);

/// A run in the background. Dropping it stops the run at once.
#[derive(Debug)]
pub struct Running {
    supervisor: JoinHandle<Ended>,
    observer: Observer,
    events: Option<EventStream>,
    stopper: Stopper,
    /// Cancelled when the report is there.
    over: CancellationToken,
    // After the tasks that run on them: fields are dropped in the order in which they are declared.
    _runtimes: Runtimes,
}

/// The report of a run, and what is left to remove.
#[derive(Debug)]
pub struct Ended {
    /// What became of it.
    pub report: Report,
    /// To be dropped when the report has been shown.
    pub conclusion: Conclusion,
}

/// Stops a run. Can be cloned and kept while the run is waited for.
#[derive(Clone, Debug)]
pub struct Stopper {
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Stopper {
    /// Drains: sources are pulled no more, what they gave meets its fate, then the run ends.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Stops at once: what is in flight is counted as such.
    pub fn abort(&self) {
        self.stop.cancel();
        self.cut.cancel();
    }
}

impl Running {
    pub(super) fn supervised(
        supervisor: Supervisor,
        watch: Arc<Watch>,
        events: EventStream,
        runtimes: Runtimes,
    ) -> Self {
        let stopper = Stopper { stop: supervisor.stop.clone(), cut: supervisor.cut.clone() };
        let feed = supervisor.events.feed();
        let observer = Observer::new(watch, feed);
        let last = Last(observer.clone());
        let over = CancellationToken::new();
        let told = over.clone().drop_guard();
        let supervisor = runtimes.io().spawn(async move {
            let ended = supervisor.run().await;
            drop(last);
            drop(told);
            ended
        });
        Self { supervisor, observer, events: Some(events), stopper, over, _runtimes: runtimes }
    }

    /// The counts now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.observer.snapshot()
    }

    /// An observer of the run: snapshots, and streams of events, as many as are wanted.
    #[must_use]
    pub fn observer(&self) -> Observer {
        self.observer.clone()
    }

    /// Whether the run has not ended yet.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.supervisor.is_finished()
    }

    /// Waits until the run has ended, and leaves its report to [`Self::wait`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn ended(&self) {
        self.over.cancelled().await;
    }

    /// A stream of what happens; `None` when it has been taken already. [`Observer::events`] gives more of them.
    pub fn events(&mut self) -> Option<EventStream> {
        self.events.take()
    }

    /// A handle that stops the run.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Drains, and waits for the end.
    pub async fn stop(self) -> Report {
        self.stopper.stop();
        self.wait().await
    }

    /// Waits for the end.
    ///
    /// # Cancel safety
    /// Dropping the future stops the run at once.
    ///
    /// # Panics
    /// When the supervisor panicked, which is a bug in Sandmill.
    pub async fn wait(self) -> Report {
        self.end().await.report
    }

    /// Like [`Self::wait`], but leaves it to the caller to remove the state of the run, once its end has been reported.
    pub async fn end(mut self) -> Ended {
        (&mut self.supervisor).await.expect("the supervisor only counts and waits")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopper.abort();
    }
}

/// Ends the streams of events and the taps when it is dropped, however the run has ended: guests that an observer keeps in memory
/// could still send events.
struct Last(Observer);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The tasks of sources that acknowledge. An interrupted run does not end them at once.
pub(super) struct AnsweringSources {
    pub(super) tasks: Tasks,
    /// Ends them.
    abandon: CancellationToken,
}

impl AnsweringSources {
    /// None yet.
    pub(super) fn new() -> Self {
        let abandon = CancellationToken::new();
        Self { tasks: Tasks::new(abandon.clone()), abandon }
    }

    /// Waits until each source has been told what became of all its records; once the run is `cut`, for a while.
    async fn told(&mut self, cut: &CancellationToken) -> Vec<Result<()>> {
        let too_late = async {
            cut.cancelled().await;
            sleep(TELL_WITHIN).await;
        };
        tokio::pin!(too_late);
        let mut ended = Vec::new();
        loop {
            tokio::select! {
                biased;
                next = self.tasks.next() => match next {
                    Some(next) => ended.push(next),
                    None => return ended,
                },
                () = &mut too_late, if !self.abandon.is_cancelled() => self.abandon.cancel(),
            }
        }
    }
}

/// Waits for the tasks of a run, interrupts the run when one fails, and reports.
pub(super) struct Supervisor {
    pub(super) name: String,
    pub(super) promises: Vec<Promise>,
    pub(super) tasks: Tasks,
    pub(super) answering: AnsweringSources,
    pub(super) images: Images,
    pub(super) lifecycle: Lifecycle,
    /// Where checkpoints are taken.
    pub(super) io: Handle,
    pub(super) watch: Arc<Watch>,
    pub(super) stop: CancellationToken,
    pub(super) cut: CancellationToken,
    pub(super) dead_letters: DeadLetters,
    pub(super) redactor: Arc<Redactor>,
    pub(super) events: EventSender,
}

impl Supervisor {
    async fn run(mut self) -> Ended {
        let mut failure: Option<Error> = None;
        let done = CancellationToken::new();
        let mut checkpoints = Tasks::new(self.cut.clone());
        checkpoints.spawn(&self.io, self.lifecycle.clone().keep(done.clone()));
        loop {
            tokio::select! {
                ended = self.tasks.next() => match ended {
                    Some(ended) => self.hear(ended, &mut failure),
                    None => break,
                },
                Some(ended) = checkpoints.next() => self.hear(ended, &mut failure),
                Some(ended) = self.answering.tasks.next() => self.hear(ended, &mut failure),
            }
        }
        if failure.is_none() && !self.cut.is_cancelled() {
            // Nothing is on its way: sources hear the rest of it before the run is forgotten.
            self.answer(&mut failure).await;
        }
        done.cancel();
        // Nobody is left to begin with one that is not ready.
        self.images.stop();
        while let Some(ended) = checkpoints.next().await {
            self.hear(ended, &mut failure);
        }
        let mut is_finished = false;
        if failure.is_none() && !self.cut.is_cancelled() {
            // From here on it is decided: who asks for a stop while the end is written down gets a run that has
            // completed.
            let finished = !self.stop.is_cancelled();
            self.tasks.spawn(&self.io, self.lifecycle.clone().close(finished));
            while let Some(ended) = self.tasks.next().await {
                self.hear(ended, &mut failure);
            }
            is_finished = finished && failure.is_none() && (!self.cut.is_cancelled() || self.lifecycle.is_over());
        }
        if failure.as_ref().is_some_and(|failure| failure.is_broken_pipe() && self.watch.sinks.len() == 1) {
            self.lifecycle.abandon();
        }
        let conclusion = self.lifecycle.release().await;
        self.answer(&mut failure).await;
        self.images.ended().await;
        Ended { report: self.report(failure, is_finished), conclusion }
    }

    /// Waits until sources that acknowledge have been told all that they are to be told.
    async fn answer(&mut self, failure: &mut Option<Error>) {
        for ended in self.answering.told(&self.cut).await {
            self.hear(ended, failure);
        }
    }

    /// A task that failed ends the run. The first real reason counts: what follows from it (a consumer that has gone)
    /// says nothing new.
    fn hear(&self, ended: Result<()>, failure: &mut Option<Error>) {
        let Err(error) = ended else { return };
        // In a run that is interrupted, some consumers go before those that send to them. That they went is not a
        // failure.
        if error.kind() == ErrorKind::Cancelled && self.cut.is_cancelled() {
            return;
        }
        self.cut.cancel();
        if failure.as_ref().is_none_or(|known| known.kind() == ErrorKind::Cancelled) {
            *failure = Some(error);
        }
    }

    fn report(self, failure: Option<Error>, is_finished: bool) -> Report {
        let (stats, warnings) = (self.watch.at_the_end(), self.watch.warnings());
        let (checkpoints, resumable) = self.lifecycle.kept();
        let failure = failure.or_else(|| self.unaccounted(&stats));
        let resumed = checkpoints.as_ref().and_then(|checkpoints| checkpoints.resumed_from);
        let earlier = resumed.filter(|run| run.accounting.dead_lettered > 0).map(|_| self.dead_letters.path());
        let ending = match (&failure, is_finished, self.cut.is_cancelled()) {
            (Some(_), _, _) => Ending::Aborted,
            (None, true, _) => Ending::Completed,
            (None, false, true) => Ending::Interrupted,
            (None, false, false) => Ending::Stopped,
        };
        Report {
            pipeline: self.name,
            ending,
            problem: failure.as_ref().map(|failure| Problem::from(failure).redacted(&self.redactor)),
            promises: self.promises,
            warnings,
            bottleneck: bottleneck::find(&stats),
            stats,
            dead_letters: self.dead_letters.written_to().or(earlier),
            checkpoints,
            resumable,
            events_lost: self.events.lost(),
        }
    }

    /// Our check on ourselves: a run that was not interrupted has no record in flight, and the account balances.
    fn unaccounted(&self, stats: &Stats) -> Option<Error> {
        let account = stats.accounting;
        let whole = account.balances() && (self.cut.is_cancelled() || account.in_flight == 0);
        (!whole).then(|| {
            Error::internal(format!("the account of the run does not balance: {account:?}"))
                .hint("this is a bug in Sandmill: please report it, with the pipeline file")
        })
    }
}
