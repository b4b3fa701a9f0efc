//! Sends dead letters back into the stage (or sink) where they failed, through the rest of the pipeline to its sinks.
//!
//! A replay is a run of the same pipeline whose sources are the dead letters. Its sinks add to what is there. Letters
//! are deleted once the run has ended with nothing in flight: what failed again has become a new dead letter by then. A
//! replay that is killed leaves all of them, and may deliver some a second time when it is repeated.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;

use crate::edge::{Chunk, Extent, OpenedSource, Source};
use crate::error::{Error, Result};
use crate::plan::{Feed, Node, OnError, Plan, Retry, SourcePlan, Wire};
use crate::record::{BatchBounds, Payload, Places};
use crate::report::{Ending, Report};
use crate::state::{Choice, DeadLetter, StateFile};

/// A replay of chosen dead letters.
#[derive(Debug)]
pub struct Replay {
    state: StateFile,
    parts: Vec<Part>,
    /// Dead letters that are left where they are: of sources, and those from which a secret was removed.
    pub left: u64,
}

/// Those of one stage or sink.
#[derive(Debug)]
struct Part {
    choice: Choice,
    /// The last one that was read.
    through: Arc<AtomicI64>,
}

impl Replay {
    /// Makes a replay of a pipeline: its sources are replaced by the chosen letters.
    ///
    /// # Errors
    /// When no dead letter is chosen that can be replayed, one failed in a node that is not there any more, an
    /// interrupted run has to be finished first, another run is active, or the state file cannot be read.
    pub fn of(plan: &mut Plan, choice: &Choice) -> Result<Self> {
        let state = StateFile::at(&plan.state.path);
        if state.has_checkpoint()? {
            return Err(Error::config(
                "this pipeline has an interrupted run; resuming it would undo anything replayed now",
            )
            .hint("finish it first with `sandmill run`, or discard it with `sandmill run --fresh`"));
        }
        let counts = count(&state, choice, plan)?;
        plan.state.checkpoints = None;
        for sink in &mut plan.sinks {
            sink.appends = true;
        }
        plan.graph.wires.retain(|wire| !matches!(wire.from.node, Node::Source(_)));
        plan.sources.clear();
        let mut parts = Vec::new();
        for (index, (node, Counted { letters, last })) in counts.nodes.into_iter().enumerate() {
            let name = plan.name_of(node).unwrap_or_default();
            let chosen = Choice { node: Some(name.to_string()), up_to: Some(last), whole: true, ..choice.clone() };
            let through = Arc::new(AtomicI64::new(0));
            let source = LetterSource {
                state: state.clone(),
                choice: chosen.clone(),
                through: Arc::clone(&through),
                letters,
                given: 0,
            };
            plan.sources.push(SourcePlan {
                name: format!("dead letters of {name}").into(),
                kind: OpenedSource::new(Box::new(source)).into(),
                on_error: OnError::default(),
                retry: Retry::OF_EDGES,
            });
            plan.graph.wires.push(Wire { from: Feed { node: Node::Source(index), port: 0 }, to: node });
            parts.push(Part { choice: chosen, through });
        }
        Ok(Self { state, parts, left: counts.left })
    }

    /// Deletes the dead letters that have met another fate, and returns how many: all that were read, where the run has
    /// ended with nothing in flight; else none.
    ///
    /// # Errors
    /// When the state file cannot be written.
    pub fn settle(&self, report: &Report) -> Result<u64> {
        if !matches!(report.ending, Ending::Completed | Ending::Stopped) {
            return Ok(0);
        }
        let mut gone = 0;
        for Part { choice, through } in &self.parts {
            let through = through.load(Ordering::Acquire);
            gone += self.state.discard(&Choice { up_to: Some(through), ..choice.clone() })?;
        }
        Ok(gone)
    }
}

struct Counted {
    letters: u64,
    last: i64,
}

struct Counts {
    nodes: BTreeMap<Node, Counted>,
    left: u64,
}

/// Which nodes the chosen letters failed in.
fn count(state: &StateFile, choice: &Choice, plan: &Plan) -> Result<Counts> {
    let mut counts = Counts { nodes: BTreeMap::new(), left: 0 };
    state.letters(|letter| {
        if !choice.takes(&letter) {
            return Ok(());
        }
        match plan.node_of(&letter.node) {
            Some(Node::Source(_)) => counts.left += 1,
            Some(_) if letter.redacted => counts.left += 1,
            Some(node) => {
                let counted = counts.nodes.entry(node).or_insert(Counted { letters: 0, last: 0 });
                counted.letters += 1;
                counted.last = letter.id;
            }
            None => return Err(no_node(&letter)),
        }
        Ok(())
    })?;
    if counts.nodes.is_empty() {
        let error = Error::config(format!("there is nothing to replay in \"{}\"", state.path().display()));
        return Err(match counts.left {
            0 => error.hint("`sandmill dead-letters list` shows all dead letters"),
            _ => error.hint(
                "records that a source could not read, and records from which a secret was removed, cannot be replayed",
            ),
        });
    }
    Ok(counts)
}

fn no_node(letter: &DeadLetter) -> Error {
    Error::config(format!("dead letter {} failed in \"{}\", which this pipeline does not have", letter.id, letter.node))
        .hint("--node, --kind, --id and --since choose others; `sandmill dead-letters drop` deletes it")
}

/// Gives the chosen letters' records, oldest first.
struct LetterSource {
    state: StateFile,
    choice: Choice,
    through: Arc<AtomicI64>,
    letters: u64,
    given: u64,
}

#[async_trait]
impl Source for LetterSource {
    /// One dead letter at a time, because each has a place of its own: what fails again reports where it came from.
    async fn pull(&mut self, _bounds: &BatchBounds) -> Result<Option<Chunk>> {
        let (state, choice) = (self.state.clone(), self.choice.clone());
        let after = self.through.load(Ordering::Acquire);
        let next = tokio::task::spawn_blocking(move || next(&state, &choice, after)).await;
        let next = next.map_err(|error| Error::internal("reading dead letters panicked").caused_by(error))??;
        let Some(letter) = next else { return Ok(None) };
        self.through.store(letter.id, Ordering::Release);
        self.given += 1;
        let mut records = Payload::default();
        records.push(letter.key.as_deref(), &letter.value);
        let places = Places { path: Some(Path::new(&letter.place).into()), ..Places::default() };
        Ok(Some(Chunk { records, places, position: self.given, ..Chunk::default() }))
    }

    fn extent(&self) -> Extent {
        Extent::Records(self.letters)
    }
}

/// The first of the chosen dead letters after the one numbered `after`.
fn next(state: &StateFile, choice: &Choice, after: i64) -> Result<Option<DeadLetter>> {
    let mut found = None;
    state.letters_after(after, |letter| {
        found = choice.takes(&letter).then_some(letter);
        Ok(found.is_none())
    })?;
    Ok(found)
}
