//! A plan made ready: components compiled, linked and tried out, sources and sinks open, nothing moved yet.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::assembly;
use super::failing;
use super::keeping::{Keeping, Resumption};
use super::opened::{OpenSource, Opening, open_source};
use super::opening::{ReadySink, ready_sinks};
use super::overlap::Files;
use super::patience::Told;
use super::points::{Described, points};
use super::promises::promises;
use super::running::Running;
use super::runtimes::Runtimes;
use super::stages::{self, ReadyStage, in_node, load, ready_stage};
use crate::edge::{Settlement, Source};
use crate::error::{Error, Result};
use crate::failpoint::Failpoints;
use crate::flow::{Completions, Settler, completion_channel};
use crate::plan::{Code, Grants, Graph, Limits, Node, OnError, Plan, Retry, SourceKind, SourcePlan, StagePlan, Start};
use crate::redact::Redactor;
use crate::report::{Event, EventSender, EventStream, Promise, Report, Resumed, Warmth, event_channel};
use crate::sandbox::{EgressBounds, Engine, Provisions, SandboxedSource, Sizing, Voice, defaults};
use crate::state::{InputPoint, StateFile};

/// A pipeline that is ready to start.
pub struct Pipeline {
    pub(super) name: String,
    pub(super) sources: Vec<ReadySource>,
    pub(super) stages: Vec<ReadyStage>,
    pub(super) sinks: Vec<ReadySink>,
    pub(super) graph: Graph,
    pub(super) state: StateFile,
    pub(super) settler: Settler,
    pub(super) events: (EventSender, EventStream),
    pub(super) redactor: Arc<Redactor>,
    /// When it keeps checkpoints.
    pub(super) keeping: Option<Keeping>,
    pub(super) failpoints: Failpoints,
    pub(super) runtimes: Runtimes,
}

pub(super) struct ReadySource {
    pub(super) name: Arc<str>,
    pub(super) source: Box<dyn Source>,
    pub(super) settlement: Settlement,
    /// Where it runs, when it is a guest: apart from I/O.
    pub(super) guests: Option<Handle>,
    pub(super) on_error: OnError,
    pub(super) retry: Retry,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Pipeline {
    /// Reads what is granted, compiles and links all components, opens one instance of each stage, and opens sources and
    /// sinks. Outputs are not touched before the first record comes to them.
    ///
    /// # Errors
    /// Whatever can be known before a record moves: a missing file, a variable that is not set, a component that is no
    /// stage or imports what it is not granted, a configuration that a stage refuses, an output that cannot be written.
    pub async fn prepare(plan: Plan) -> Result<Self> {
        let runtimes = Runtimes::start()?;
        let granted = Granted::read(&plan, runtimes.io())?;
        let redactor = Arc::clone(&granted.redactor);
        Self::prepare_with(plan, granted, runtimes).await.map_err(|error| redactor.error(error))
    }

    async fn prepare_with(mut plan: Plan, granted: Granted, mut runtimes: Runtimes) -> Result<Self> {
        take_suggestions(&mut plan)?;
        let events = event_channel();
        let engine = Engine::new(sizing(&plan))?;
        let keeps_failures = plan.keeps_failures();
        let files = Files::of(&plan);
        files.check()?;
        let Plan { name, sources, stages, sinks, graph, state: state_plan, failpoints, beside: _ } = plan;
        let Granted { sources: to_sources, stages: to_stages, redactor } = granted;
        let voice = Voice::new(&events.0, &redactor);
        let mut ready_stages = Vec::with_capacity(stages.len());
        for (stage, granted) in stages.into_iter().zip(to_stages) {
            let ready = ready_stage(stage, &engine, (granted, voice.clone()), &mut runtimes).await?;
            let program = failing::program(ready.program, &failpoints);
            ready_stages.push(ReadyStage { program, ..ready });
        }
        let (stages, folder) = (&ready_stages, &state_plan.folder);
        let nodes = points(Described { sources: &sources, stages, sinks: &sinks, graph: &graph, folder });
        let opened = sources.into_iter().map(open_source).collect::<Result<Vec<_>>>()?;
        files.check_sources(&opened.iter().map(OpenSource::reads).collect::<Vec<_>>())?;
        let state = StateFile::at(&state_plan.path);
        let answered: Vec<bool> = (0..sinks.len()).map(|sink| is_answered(&graph, &opened, Node::Sink(sink))).collect();
        let can_resume = opened.iter().any(|source| source.settlement() != Settlement::Never);
        let checkpoints = state_plan.checkpoints.filter(|_| can_resume);
        let keeping = match checkpoints {
            Some(checkpoints) => Some(Keeping::open(&state, &state_plan, checkpoints, nodes)?),
            None if keeps_failures => state.examine(state_plan.start == Start::Fresh).map(|()| None)?,
            None => None,
        };
        let told = Told { events: events.0.clone(), redactor: Arc::clone(&redactor) };
        let (mut sinks, mut keeping) = ready_sinks(sinks, keeping, &answered, (&failpoints, &told)).await?;
        let (mut ready_sources, mut inputs) = (Vec::with_capacity(opened.len()), Vec::new());
        for (index, (source, granted)) in opened.into_iter().zip(to_sources).enumerate() {
            let resumption = keeping.as_ref().and_then(|keeping| keeping.resumption(index));
            let given = (granted, voice.clone(), resumption);
            let mut ready = ready_source(source, &engine, given, &mut runtimes).await?;
            ready.remarks().for_each(|remark| events.0.send(remark));
            keeping
                .as_ref()
                .and_then(|keeping| ready.not_resumed(keeping))
                .into_iter()
                .for_each(|remark| events.0.send(remark));
            inputs.extend(ready.inputs(keeping.is_some())?);
            ready_sources.push(ReadySource { source: failing::source(ready.source, &failpoints), ..ready });
        }
        keeping.iter_mut().for_each(|keeping| keeping.inputs = std::mem::take(&mut inputs));
        announce_headers(&ready_sources, &mut sinks, &graph);
        let settler = Settler::default();
        Ok(Self {
            name,
            sources: ready_sources,
            stages: ready_stages,
            sinks,
            graph,
            state,
            settler,
            events,
            redactor,
            keeping,
            failpoints,
            runtimes,
        })
    }

    /// The run that was cut and that this one goes on with, if there is one.
    #[must_use]
    pub fn resumed_from(&self) -> Option<Resumed> {
        self.keeping.as_ref().and_then(Keeping::resumed_from)
    }

    /// What a run promises about the records of each source at each sink, should it be killed and resumed.
    #[must_use]
    pub fn promises(&self) -> Vec<Promise> {
        promises(&self.sources, &self.sinks, &self.graph, self.keeping.is_some())
    }

    /// The stages by name, and whether the instances of each begin open.
    pub(crate) fn warmth(&self) -> impl Iterator<Item = (&Arc<str>, Warmth)> {
        self.stages.iter().map(|stage| (&stage.plan.name, stage.program.warmth()))
    }

    /// Makes the images that a run would make beside its work.
    pub(crate) async fn make_images(&mut self) {
        for image in self.stages.iter_mut().filter_map(|stage| stage.image.take()) {
            stages::make(image).await;
        }
    }

    /// Asks to be told what became of each record. At most `capacity` completions wait to be taken; then the pipeline
    /// waits too. A second subscription replaces the first.
    pub fn subscribe(&mut self, capacity: NonZeroUsize) -> Completions {
        let (settler, completions) = completion_channel(capacity);
        self.settler = settler;
        completions
    }

    /// Sets the pipeline in motion, in the background.
    #[must_use]
    pub fn start(self) -> Running {
        assembly::assemble(self)
    }

    /// Runs the pipeline to its end.
    ///
    /// # Cancel safety
    /// Dropping the future stops the run at once.
    pub async fn run(self) -> Report {
        self.start().wait().await
    }
}

impl ReadySource {
    /// What a person should know of its input.
    fn remarks(&self) -> impl Iterator<Item = Event> {
        let node = self.name.to_string();
        self.source.remarks().into_iter().map(move |message| Event::Remark { node: node.clone(), message })
    }

    /// What a resumed run does not give again, though an earlier one may have lost it.
    fn not_resumed(&self, keeping: &Keeping) -> Option<Event> {
        let point = keeping.from.sources.iter().find(|point| *point.name == *self.name)?;
        let is_lost = self.settlement == Settlement::Never && keeping.resumes && point.records > 0 && !point.done;
        let message = format!(
            "it cannot resume: what the interrupted run had read of it after record {} is not read again",
            point.records
        );
        is_lost.then(|| Event::Remark { node: self.name.to_string(), message })
    }

    /// What it reads, where that `is_kept`.
    fn inputs(&mut self, is_kept: bool) -> Result<Vec<InputPoint>> {
        if !is_kept {
            return Ok(Vec::new());
        }
        let inputs = self.source.inputs().map_err(|error| in_node("source", &self.name, error))?;
        let of_it = |input| InputPoint { source: self.name.to_string(), input };
        Ok(inputs.into_iter().map(of_it).collect())
    }
}

/// Whether a source that acknowledges feeds a sink, through whatever stages.
fn is_answered(graph: &Graph, sources: &[OpenSource], sink: Node) -> bool {
    let answers = |source: &OpenSource| matches!(source.settlement(), Settlement::Receipt(_));
    sources.iter().enumerate().any(|(index, source)| answers(source) && graph.leads(Node::Source(index), sink))
}

/// Tells sinks that sources feed directly which columns these have.
fn announce_headers(sources: &[ReadySource], sinks: &mut [ReadySink], graph: &Graph) {
    for wire in &graph.wires {
        if let (Node::Source(source), Node::Sink(sink)) = (wire.from.node, wire.to)
            && let (Some(source), Some(sink)) = (sources.get(source), sinks.get_mut(sink))
            && let Some(header) = source.source.header()
        {
            sink.sink.expect_header(&header);
        }
    }
}

/// What the nodes of a plan are granted, read; in the order of the plan.
struct Granted {
    sources: Vec<Provisions>,
    stages: Vec<Provisions>,
    redactor: Arc<Redactor>,
}

impl Granted {
    /// Before any guest runs: whatever one says, the secrets of all are struck out of it. Connections will run on `io`.
    fn read(plan: &Plan, io: &Handle) -> Result<Self> {
        let nothing = Grants::default();
        let of_source = |source: &SourcePlan| {
            let (grants, limits) = match &source.kind {
                SourceKind::Component(component) => (&component.grants, component.limits),
                SourceKind::File(_) | SourceKind::Stdin(_) | SourceKind::Generate(_) | SourceKind::Custom(_) => {
                    (&nothing, Limits::default())
                }
            };
            Provisions::read(&format!("source \"{}\"", source.name), grants, egress_bounds(&limits, 1), io)
        };
        let of_stage = |stage: &StagePlan| {
            let bounds = egress_bounds(&stage.limits, stage.workers.get());
            Provisions::read(&format!("stage \"{}\"", stage.name), &stage.grants, bounds, io)
        };
        let sources = plan.sources.iter().map(of_source).collect::<Result<Vec<_>>>()?;
        let stages = plan.stages.iter().map(of_stage).collect::<Result<Vec<_>>>()?;
        let secrets: Vec<_> = sources.iter().chain(&stages).flat_map(Provisions::secrets).cloned().collect();
        Ok(Self { sources, stages, redactor: Arc::new(Redactor::new(&secrets)) })
    }
}

/// Lets each stage have what its component suggests, where the plan leaves that to it.
fn take_suggestions(plan: &mut Plan) -> Result<()> {
    for stage in &mut plan.stages {
        let Code::Component(path) = &stage.code else { continue };
        let suggested = defaults::of_file(path).map_err(|error| in_node("stage", &stage.name, error))?;
        suggested.iter().for_each(|suggested| stage.suggest(suggested));
    }
    Ok(())
}

/// Each worker may have a few requests under way at once, and all of them one at least.
fn egress_bounds(limits: &Limits, workers: usize) -> EgressBounds {
    let least = EgressBounds::CONNECTIONS_MIN;
    EgressBounds {
        response_bytes: limits.response.get(),
        exchange: limits.exchange,
        connections: NonZeroUsize::new(workers).map_or(least, |workers| workers.max(least)),
    }
}

fn sizing(plan: &Plan) -> Sizing {
    let workers = plan.stages.iter().map(|stage| stage.workers.get()).sum::<usize>() + plan.sources.len();
    let stages = plan.stages.iter().map(|stage| stage.limits);
    let sources = plan.sources.iter().filter_map(|source| match &source.kind {
        SourceKind::Component(component) => Some(component.limits),
        SourceKind::File(_) | SourceKind::Stdin(_) | SourceKind::Generate(_) | SourceKind::Custom(_) => None,
    });
    let limits: Vec<Limits> = stages.chain(sources).collect();
    Sizing {
        instances: u32::try_from(workers).unwrap_or(u32::MAX),
        memory_bytes_max: limits.iter().map(|limits| limits.memory.get()).max().unwrap_or(0),
        fuel: limits.iter().any(|limits| limits.fuel.is_some()),
        deterministic: plan.stages.iter().any(|stage| stage.deterministic),
    }
}

async fn ready_source(
    OpenSource { name, on_error, retry, opening }: OpenSource,
    engine: &Engine,
    (granted, voice, resumption): (Provisions, Voice, Option<Resumption>),
    runtimes: &mut Runtimes,
) -> Result<ReadySource> {
    let mut guests = None;
    let source: Box<dyn Source> = match opening {
        Opening::Component(component) => {
            let compiled = load(engine, &component.component, (&component.limits, &component.grants)).await;
            let compiled = compiled.map_err(|error| in_node("source", &name, error))?;
            let opened = Arc::clone(&name);
            let opening = async move {
                let cursor = resumption.as_ref().map(|resumption| &resumption.cursor);
                SandboxedSource::open(&compiled, &opened, &component, (granted, voice), cursor).await
            };
            let opened = guests.insert(runtimes.add_guests(NonZeroUsize::MIN)?).spawn(opening).await;
            let opened = opened.map_err(|error| Error::internal("opening a source panicked").caused_by(error))?;
            Box::new(opened?)
        }
        Opening::Done(mut source) => {
            if let Some(Resumption { cursor, inputs, accepts_changes }) = resumption {
                if accepts_changes {
                    source.accept_changes();
                }
                source.seek(&cursor, &inputs).await.map_err(|error| in_node("source", &name, error))?;
            }
            source
        }
    };
    let settlement = source.settlement();
    Ok(ReadySource { name, source, settlement, guests, on_error, retry })
}
