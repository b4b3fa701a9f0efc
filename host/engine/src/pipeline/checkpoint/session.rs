//! The checkpoint session of a run: where it begins, at its beginning or where an earlier run was interrupted, and what
//! does not change until it ends.

use std::sync::Arc;
use std::time::Duration;

use super::beginning::{self, Resumption};
use crate::edge::{Settles, Sink};
use crate::error::{Error, Result};
use crate::pipeline::edge_retry::EdgeRetry;
use crate::plan::{Checkpoints, SinkPlan, Start, StatePlan};
use crate::record::Accounting;
use crate::report::Resumed;
use crate::state::{Beginning, Checkpoint, InputPoint, NodePoint, SinkPoint, SourcePoint, StateFile};

/// The checkpoint session of a run.
#[derive(Debug)]
pub(in crate::pipeline) struct Session {
    state: StateFile,
    /// Whether what is there is of no interest, even if damaged.
    fresh: bool,
    /// Whether changes to the pipeline are accepted (`--resume`).
    accepts_changes: bool,
    checkpoints: Checkpoints,
    /// Where the run begins.
    from: Checkpoint,
    /// The account of the runs before this one.
    before: Accounting,
    /// Whether it continues an interrupted run.
    resumes: bool,
    /// The name of the sink that commits the checkpoint with its rows.
    committer: Option<Arc<str>>,
    /// Where sinks stand that sources feed which acknowledge.
    marks: Vec<SinkPoint>,
    /// The inputs of the sources: those of the interrupted run, then those of this one.
    inputs: Vec<InputPoint>,
}

/// A sink that is open, and has not been written to yet.
pub(in crate::pipeline) struct OpenSink {
    pub(in crate::pipeline) plan: SinkPlan,
    pub(in crate::pipeline) sink: Box<dyn Sink>,
    /// Its further writers.
    pub(in crate::pipeline) others: Vec<Box<dyn Sink>>,
    pub(in crate::pipeline) retry: EdgeRetry,
    /// Whether a source that acknowledges feeds it. What it holds is not taken back to a checkpoint.
    pub(in crate::pipeline) answers: bool,
    /// Whether several writers wrote in the run that this one resumes.
    pub(in crate::pipeline) was_by_several: bool,
}

impl Session {
    /// Opens the state file, and finds out whether a run was interrupted.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, or another run has it.
    pub(in crate::pipeline) fn open(
        state: &StateFile,
        plan: &StatePlan,
        checkpoints: Checkpoints,
        pipeline: Vec<NodePoint>,
    ) -> Result<Self> {
        let fresh = plan.start == Start::Fresh;
        let state = state.clone();
        // Of a run that is to be forgotten only the name counts under which a sink may know it.
        let last = if fresh { state.checkpoint().ok().flatten() } else { state.checkpoint()? };
        let resumes = last.is_some() && !fresh;
        let (inputs, marks) = if resumes { (state.inputs()?, state.marks()?) } else { Default::default() };
        let from = match last {
            Some(last) if fresh => beginning::first(pipeline, Some(last.owner)),
            Some(last) if last.finished => beginning::over(last, pipeline),
            Some(last) => beginning::resumed(last, pipeline, plan)?,
            None => beginning::first(pipeline, None),
        };
        let before = from.accounting;
        let accepts_changes = plan.start == Start::ResumeChanged;
        Ok(Self { state, fresh, accepts_changes, checkpoints, from, before, resumes, committer: None, marks, inputs })
    }

    /// Where a source resumes; nothing where it begins at its beginning.
    pub(in crate::pipeline) fn resumption(&self, source: &str) -> Option<Resumption> {
        let point = self.point_of_source(source).filter(|_| !self.from.finished)?;
        let cursor = point.cursor.clone()?;
        let of_it = self.inputs.iter().filter(|input| input.source == source);
        let inputs = of_it.map(|input| input.input.clone()).collect();
        Some(Resumption { cursor, inputs, accepts_changes: self.accepts_changes })
    }

    /// Where a source stands in the beginning.
    pub(in crate::pipeline) fn point_of_source(&self, source: &str) -> Option<&SourcePoint> {
        self.from.sources.iter().find(|point| point.name == source)
    }

    /// Says what the sources read in this run.
    pub(in crate::pipeline) fn set_inputs(&mut self, inputs: Vec<InputPoint>) {
        self.inputs = inputs;
    }

    /// The run, as a number: the same for all that resume it.
    pub(in crate::pipeline) fn run(&self) -> Option<u64> {
        u64::from_str_radix(&self.from.run, 16).ok()
    }

    /// Whether it continues an interrupted run.
    pub(in crate::pipeline) fn resumes(&self) -> bool {
        self.resumes
    }

    /// The interrupted run, if there is one.
    pub(in crate::pipeline) fn resumed_from(&self) -> Option<Resumed> {
        let has_ended = self.from.finished;
        self.resumes.then_some(Resumed { begun: self.from.begun, accounting: self.before, has_ended })
    }

    pub(in crate::pipeline) fn state(&self) -> &StateFile {
        &self.state
    }

    /// The time between two checkpoints.
    pub(in crate::pipeline) fn every(&self) -> Duration {
        self.checkpoints.every
    }

    /// Whether this sink commits the checkpoint with its rows.
    pub(in crate::pipeline) fn is_committed_by(&self, sink: &str) -> bool {
        self.committer.as_deref() == Some(sink)
    }

    pub(super) fn committer(&self) -> Option<&str> {
        self.committer.as_deref()
    }

    pub(super) fn checkpoints(&self) -> Checkpoints {
        self.checkpoints
    }

    /// Where the run begins.
    pub(super) fn from(&self) -> &Checkpoint {
        &self.from
    }

    /// The account of the runs before this one.
    pub(super) fn before(&self) -> Accounting {
        self.before
    }

    /// Writes down where the run begins. It blocks.
    ///
    /// # Errors
    /// When the state file cannot be written.
    pub(super) fn write_beginning(&self) -> Result<()> {
        let beginning = Beginning { checkpoint: &self.from, inputs: &self.inputs, marks: &self.marks };
        self.state.begin(&beginning, self.fresh)
    }

    /// Finds the sink that can commit the checkpoint with its rows, and where it has come to: it may be a step ahead of
    /// the state file.
    ///
    /// # Errors
    /// When it cannot be read, or is not where it was left.
    pub(in crate::pipeline) async fn choose_committer(&mut self, sinks: &mut [OpenSink]) -> Result<()> {
        // What a source has been told is committed is not held back.
        let mut able = sinks.iter_mut().filter(|open| open.sink.settles() == Settles::OnCommit && !open.answers);
        // Two of them could not commit as one: then neither does.
        let (Some(open), None) = (able.next(), able.next()) else { return Ok(()) };
        let owner = format!("{} {}", self.from.owner, open.plan.name);
        let mut failures = 0;
        let note = loop {
            match open.sink.hold(&owner).await {
                Ok(note) => break note,
                Err(failure) => open.retry.wait_after(failure, &mut failures).await?,
            }
        };
        self.committer = Some(Arc::clone(&open.plan.name));
        if self.from.finished {
            // Everything is where it belongs, whether the sink has forgotten its own checkpoint by then or not.
            return Ok(());
        }
        // A note of a run that is forgotten is of no interest, whatever it says.
        let note = note.filter(|_| self.resumes);
        let name = Arc::clone(&open.plan.name);
        self.catch_up(&name, note.as_deref())
    }

    /// Begins at the checkpoint that the committing sink holds, if that is the later one.
    fn catch_up(&mut self, sink: &str, note: Option<&str>) -> Result<()> {
        let ahead = note.map(Checkpoint::from_json).transpose().map_err(|error| {
            Error::config(format!("the checkpoint stored in sink \"{sink}\" cannot be read"))
                .caused_by(error)
                .hint("restore what was there, or start over with --fresh")
        })?;
        match ahead.filter(|ahead| ahead.run == self.from.run) {
            Some(ahead) if ahead.epoch >= self.from.epoch => {
                self.before = ahead.accounting;
                let pipeline = std::mem::take(&mut self.from.pipeline);
                self.from = Checkpoint { pipeline, ..ahead };
            }
            None if self.from.epoch == 0 => {}
            Some(_) | None if self.resumes => {
                return Err(Error::config(format!(
                    "sink \"{sink}\" does not hold what the interrupted run had written"
                ))
                .hint("restore what was there, or start over with --fresh"));
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    /// Tells the sinks where the run begins.
    ///
    /// # Errors
    /// When a sink has changed meanwhile.
    pub(in crate::pipeline) async fn place(&mut self, sinks: &mut [OpenSink]) -> Result<()> {
        if self.from.finished {
            return Ok(());
        }
        for open in sinks {
            if self.resumes {
                let point = self.point_of(open);
                open.was_by_several = point.as_ref().is_some_and(|point| point.by_several);
                if !open.others.is_empty() {
                    // From here on, also if no checkpoint is taken.
                    let points = self.from.sinks.iter_mut().filter(|point| *point.name == *open.plan.name);
                    points.for_each(|point| point.by_several = true);
                }
                let (mark, mut failures) = (point.and_then(|point| point.mark), 0);
                while let Err(failure) = open.sink.return_to(mark.as_ref()).await {
                    open.retry.wait_after(failure, &mut failures).await?;
                }
                continue;
            }
            let named = |error: Error| error.within(format!("sink \"{}\"", open.plan.name));
            let mark = open.sink.mark().await.map_err(named)?;
            let point = SinkPoint { name: open.plan.name.to_string(), mark, by_several: !open.others.is_empty() };
            let points = if open.answers { &mut self.marks } else { &mut self.from.sinks };
            points.retain(|known| known.name != point.name);
            points.push(point);
        }
        Ok(())
    }

    /// Where a sink stood, for a run that resumes.
    fn point_of(&self, open: &OpenSink) -> Option<SinkPoint> {
        let find = |points: &[SinkPoint]| points.iter().find(|point| *point.name == *open.plan.name).cloned();
        let settled = find(&self.marks).filter(|_| open.answers);
        settled.or_else(|| find(&self.from.sinks))
    }
}
