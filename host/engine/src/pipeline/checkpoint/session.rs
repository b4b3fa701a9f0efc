//! Where a run begins: at its beginning, or where an earlier run was interrupted.

use std::sync::Arc;

use super::super::edge_retry::Patience;
use super::super::fingerprint::difference;
use crate::edge::{Cursor, Input, Settles, Sink};
use crate::error::{Error, Result};
use crate::plan::{Checkpoints, Start, StatePlan};
use crate::record::Accounting;
use crate::report::Resumed;
use crate::state::{Checkpoint, InputPoint, NodePoint, SinkPoint, SourcePoint, StateFile, now};

/// The checkpoint session of a run: where it began, and what it keeps.
#[derive(Debug)]
pub(in crate::pipeline) struct Keeping {
    pub(in crate::pipeline) state: StateFile,
    /// Whether what is there is of no interest, even if damaged.
    pub(in crate::pipeline) fresh: bool,
    /// Whether changes to the pipeline are accepted (`--resume`).
    accepts_changes: bool,
    pub(in crate::pipeline) checkpoints: Checkpoints,
    /// Where the run begins.
    pub(in crate::pipeline) from: Checkpoint,
    /// The account of the runs before this one.
    pub(in crate::pipeline) before: Accounting,
    /// Whether it continues an interrupted run.
    pub(in crate::pipeline) resumes: bool,
    /// The sink that commits the checkpoint with its rows.
    pub(in crate::pipeline) ledger: Option<usize>,
    /// Which sinks are fed by a source that acknowledges. What they hold is not taken back to a checkpoint.
    answered: Vec<bool>,
    /// Where these stand, by name.
    pub(in crate::pipeline) marks: Vec<SinkPoint>,
    /// What the sources read: of the interrupted run, then of this one, until it is written down.
    pub(in crate::pipeline) inputs: Vec<InputPoint>,
    /// Whether nothing is left to resume.
    pub(in crate::pipeline) is_over: bool,
}

impl Keeping {
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
        let cut = if fresh { state.checkpoint().ok().flatten() } else { state.checkpoint()? };
        let resumes = cut.is_some() && !fresh;
        let (inputs, marks) = if resumes { (state.inputs()?, state.marks()?) } else { Default::default() };
        let from = match cut {
            Some(cut) if fresh => beginning(pipeline, cut.owner),
            Some(cut) if cut.finished => over(cut, pipeline),
            Some(cut) => as_planned(cut, pipeline, plan)?,
            None => beginning(pipeline, String::new()),
        };
        let before = from.accounting;
        let accepts_changes = plan.start == Start::ResumeChanged;
        Ok(Self {
            state,
            fresh,
            accepts_changes,
            checkpoints,
            before,
            from,
            resumes,
            ledger: None,
            answered: Vec::new(),
            marks,
            inputs,
            is_over: false,
        })
    }

    /// Where a source resumes, and what it read; nothing where it begins at its beginning.
    pub(in crate::pipeline) fn resumption(&self, source: usize) -> Option<Resumption> {
        let point = self.from.sources.get(source).filter(|_| !self.from.finished)?;
        let cursor = point.cursor.clone()?;
        let of_it = self.inputs.iter().filter(|input| input.source == point.name);
        let inputs = of_it.map(|input| input.input.clone()).collect();
        Some(Resumption { cursor, inputs, accepts_changes: self.accepts_changes })
    }

    /// The run, as a number: the same for all that resume it.
    pub(in crate::pipeline) fn run(&self) -> Option<u64> {
        u64::from_str_radix(&self.from.run, 16).ok()
    }

    /// The interrupted run, if there is one.
    pub(in crate::pipeline) fn resumed_from(&self) -> Option<Resumed> {
        let has_ended = self.from.finished;
        self.resumes.then_some(Resumed { begun: self.from.begun, accounting: self.before, has_ended })
    }

    /// Finds the sink that can commit the checkpoint with its rows, and where it has come to: it may be a step ahead of
    /// the state file.
    ///
    /// # Errors
    /// When it cannot be read, or is not where it was left.
    pub(in crate::pipeline) async fn consult(
        &mut self,
        answered: &[bool],
        sinks: &mut [Box<dyn Sink>],
        patience: &[Patience],
    ) -> Result<()> {
        self.answered = answered.to_vec();
        let commits = |index: usize, sink: &dyn Sink| {
            // What a source has been told is committed is not held back.
            sink.settles() == Settles::OnCommit && answered.get(index) != Some(&true)
        };
        let able = sinks.iter_mut().zip(patience).enumerate();
        let mut able = able.filter(|(index, (sink, _))| commits(*index, &***sink));
        // Two of them could not commit as one: then neither does.
        let (Some((index, (sink, patience))), None) = (able.next(), able.next()) else { return Ok(()) };
        let name = self.from.sinks.get(index).map(|sink| sink.name.as_str()).unwrap_or_default();
        let owner = format!("{} {name}", self.from.owner);
        let mut failures = 0;
        let note = loop {
            match sink.hold(&owner).await {
                Ok(note) => break note,
                Err(failure) => patience.wait_after(failure, &mut failures).await?,
            }
        };
        self.ledger = Some(index);
        if self.from.finished {
            // Everything is where it belongs, whether the sink has forgotten its own checkpoint by then or not.
            return Ok(());
        }
        // A note of a run that is forgotten is of no interest, whatever it says.
        let note = note.filter(|_| self.resumes);
        let ahead = match note.as_deref().map(Checkpoint::from_json).transpose() {
            Ok(note) => {
                note.filter(|note| note.run == self.from.run).map(|note| in_order(note, self.from.pipeline.clone()))
            }
            Err(error) => {
                return Err(Error::config(format!("the checkpoint stored in sink \"{name}\" cannot be read"))
                    .caused_by(error)
                    .hint("restore what was there, or start over with --fresh"));
            }
        };
        match ahead {
            Some(ahead) if ahead.epoch >= self.from.epoch => {
                self.before = ahead.accounting;
                self.from = ahead;
            }
            None if self.from.epoch == 0 => {}
            Some(_) | None if self.resumes => {
                return Err(Error::config(format!(
                    "sink \"{name}\" does not hold what the interrupted run had written"
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
    pub(in crate::pipeline) async fn place(
        &mut self,
        sinks: &mut [Box<dyn Sink>],
        patience: &[Patience],
    ) -> Result<()> {
        if self.from.finished {
            return Ok(());
        }
        let points = self.from.sinks.iter_mut().zip(&self.answered);
        for ((sink, patience), (point, answered)) in sinks.iter_mut().zip(patience).zip(points) {
            let settled = self.marks.iter().find(|settled| settled.name == point.name).filter(|_| *answered);
            if self.resumes {
                let mark = settled.unwrap_or(point).mark.clone();
                let mut failures = 0;
                while let Err(failure) = sink.return_to(mark.as_ref()).await {
                    patience.wait_after(failure, &mut failures).await?;
                }
                continue;
            }
            let named = |error: Error| error.within(format!("sink \"{}\"", point.name));
            let mark = sink.mark().await.map_err(named)?;
            match answered {
                true => self.marks.push(SinkPoint { name: point.name.clone(), mark }),
                false => point.mark = mark,
            }
        }
        Ok(())
    }
}

/// Where a source resumes.
pub(in crate::pipeline) struct Resumption {
    pub(in crate::pipeline) cursor: Cursor,
    /// The inputs of the earlier run.
    pub(in crate::pipeline) inputs: Vec<Input>,
    /// Whether what comes after that may be another one.
    pub(in crate::pipeline) accepts_changes: bool,
}

/// The names of all nodes of a role.
fn named(pipeline: &[NodePoint], role: &'static str) -> impl Iterator<Item = String> {
    pipeline.iter().filter(move |node| node.role == role).map(|node| node.name.clone())
}

fn beginning(pipeline: Vec<NodePoint>, owner: String) -> Checkpoint {
    let begun = now();
    let drawn = || format!("{:016x}", fastrand::u64(..));
    let sources = named(&pipeline, "source").map(|name| SourcePoint { name, ..SourcePoint::default() }).collect();
    let sinks = named(&pipeline, "sink").map(|name| SinkPoint { name, mark: None }).collect();
    Checkpoint {
        run: drawn(),
        owner: if owner.is_empty() { drawn() } else { owner },
        finished: false,
        begun,
        epoch: 0,
        taken: begun,
        sources,
        sinks,
        pipeline,
        accounting: Accounting::default(),
    }
}

/// A run that was interrupted after its end: nothing of the pipeline as it is now is read or written.
fn over(cut: Checkpoint, pipeline: Vec<NodePoint>) -> Checkpoint {
    let Checkpoint { sources, sinks, pipeline, .. } = beginning(pipeline, String::new());
    let sources = sources.into_iter().map(|point| SourcePoint { done: true, ..point }).collect();
    Checkpoint { sources, sinks, pipeline, ..cut }
}

/// The interrupted run, if it was one of this pipeline.
fn as_planned(cut: Checkpoint, pipeline: Vec<NodePoint>, plan: &StatePlan) -> Result<Checkpoint> {
    let may_change = |node: &NodePoint| plan.start == Start::ResumeChanged && node.role == "stage";
    let changes: Vec<String> = differences(&cut.pipeline, &pipeline, may_change);
    if changes.is_empty() {
        return Ok(in_order(cut, pipeline));
    }
    let only_stages = differences(&cut.pipeline, &pipeline, |node| node.role == "stage").is_empty();
    let error = Error::config("this pipeline has an interrupted run, and the pipeline has changed since")
        .caused_by(changes.join("\n"));
    let error = if only_stages {
        error.hint("--resume continues from the last checkpoint, with the stages as they are now")
    } else {
        error
    };
    Err(error.hint("--fresh starts over; or undo the changes and finish the run first"))
}

/// The same checkpoint, its sources and sinks in the order in which the pipeline has them now.
fn in_order(cut: Checkpoint, pipeline: Vec<NodePoint>) -> Checkpoint {
    let source = |name: String| cut.sources.iter().find(|point| point.name == name).cloned();
    let sources = named(&pipeline, "source").filter_map(source).collect();
    let sink = |name: String| cut.sinks.iter().find(|point| point.name == name).cloned();
    let sinks = named(&pipeline, "sink").filter_map(sink).collect();
    Checkpoint { pipeline, sources, sinks, ..cut }
}

/// The differences, as text.
fn differences(then: &[NodePoint], now: &[NodePoint], may_change: impl Fn(&NodePoint) -> bool) -> Vec<String> {
    let same = |a: &NodePoint, b: &NodePoint| a.role == b.role && a.name == b.name;
    let gone = then.iter().filter(|a| !now.iter().any(|b| same(a, b)));
    let gone = gone.filter(|node| !may_change(node)).map(|node| format!("{} \"{}\" is gone", node.role, node.name));
    let others = now.iter().filter(|node| !may_change(node)).filter_map(|b| match then.iter().find(|a| same(a, b)) {
        None => Some(format!("{} \"{}\" is new", b.role, b.name)),
        Some(a) if a.what != b.what => Some(difference(a, b)),
        Some(_) => None,
    });
    gone.chain(others).collect()
}

/// Shared by a source's task and the checkpoints.
pub(in crate::pipeline) type SourceDesk = Arc<std::sync::Mutex<SourcePoint>>;
