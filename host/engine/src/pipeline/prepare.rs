//! Makes a plan ready: compiles, links and tries out components, opens sources and sinks; nothing moves yet.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::assembly;
use super::checkpoint::{Resumption, Session};
use super::fingerprint::{Described, points};
use super::host::Host;
use super::opened::{OpenSource, Opening, open_source};
use super::opening::{ReadySink, SinkOpening, SinkToOpen};
use super::overlap::Files;
use super::promises::promises;
use super::running::Running;
use super::runtimes::Runtimes;
use super::stages::{self, ReadyStage, in_node};
use crate::edge::{Settlement, Source};
use crate::error::{Error, Result};
use crate::failpoint::Failpoints;
use crate::failpoint::wrap;
use crate::flow::{Completions, Settler};
use crate::loader::{Loader, Loading, SourceToLoad};
use crate::plan::{Code, Graph, Node, OnError, Plan, Retry, SinkPlan, SourceKind, StagePlan, Start};
use crate::program::Warmth;
use crate::redact::{Redactor, SECRET_BYTES_MIN};
use crate::report::{Audience, Event, EventSender, EventStream, Promise, Report, Resumed, event_channel};
use crate::state::{InputPoint, SourcePoint, StateFile};

/// A pipeline that is ready to start.
pub struct Pipeline {
    pub(super) name: String,
    pub(super) sources: Vec<ReadySource>,
    pub(super) stages: Vec<ReadyStage>,
    pub(super) sinks: Vec<ReadySink>,
    pub(super) graph: Graph,
    pub(super) state: StateFile,
    pub(super) settler: Settler,
    pub(super) events: EventSender,
    pub(super) stream: EventStream,
    pub(super) redactor: Arc<Redactor>,
    /// When it keeps checkpoints.
    pub(super) session: Option<Session>,
    pub(super) failpoints: Failpoints,
    pub(super) runtimes: Runtimes,
}

pub(super) struct ReadySource {
    pub(super) name: Arc<str>,
    pub(super) source: Box<dyn Source>,
    /// Where it begins.
    pub(super) begins_at: SourcePoint,
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
    /// Reads what is granted, compiles and links all components, opens one instance of each stage, and opens sources
    /// and sinks. Outputs are not touched before the first record comes to them.
    ///
    /// # Errors
    /// Whatever can be known before a record moves: a missing file, a variable that is not set, a component that is not
    /// a stage or imports what it is not granted, a configuration that a stage refuses, an output that cannot be
    /// written.
    pub async fn prepare(mut plan: Plan, host: &Host) -> Result<Self> {
        take_suggestions(&mut plan, host.loader())?;
        let runtimes = host.runtimes();
        let loading = host.loader().begin(&plan, runtimes.io())?;
        let (events, stream) = event_channel();
        let redactor = Arc::new(Redactor::new(&secrets(&plan, &*loading)?));
        let making = Making { loading, runtimes, audience: Audience { events, redactor: Arc::clone(&redactor) } };
        making.pipeline(plan, stream).await.map_err(|error| redactor.error(error))
    }

    /// The interrupted run that this one continues, if there is one.
    #[must_use]
    pub fn resumed_from(&self) -> Option<Resumed> {
        self.session.as_ref().and_then(Session::resumed_from)
    }

    /// What a run promises about the records of each source at each sink, should it be killed and resumed.
    #[must_use]
    pub fn promises(&self) -> Vec<Promise> {
        promises(&self.sources, &self.sinks, &self.graph, self.session.is_some())
    }

    /// The stages by name, and whether the instances of each begin open.
    pub fn warmth(&self) -> impl Iterator<Item = (&Arc<str>, Warmth)> {
        self.stages.iter().map(|stage| (&stage.plan.name, stage.program.warmth()))
    }

    /// Makes the images that a run would make beside its work.
    pub async fn make_images(&mut self) {
        for image in self.stages.iter_mut().filter_map(|stage| stage.image.take()) {
            stages::make(image).await;
        }
    }

    /// Subscribes to what became of each record. At most `capacity` completions wait to be taken; then the pipeline
    /// waits too. There may be several subscriptions: each is told of every record, and the pipeline waits for the slowest.
    pub fn subscribe(&mut self, capacity: NonZeroUsize) -> Completions {
        self.settler.subscribe(capacity)
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

/// What a plan is made ready with.
struct Making {
    loading: Box<dyn Loading>,
    runtimes: Runtimes,
    audience: Audience,
}

impl Making {
    async fn pipeline(mut self, plan: Plan, stream: EventStream) -> Result<Pipeline> {
        let keeps_failures = plan.keeps_failures();
        let files = Files::of(&plan);
        files.check()?;
        let Plan { name, sources, stages, sinks, graph, state: state_plan, failpoints, beside: _ } = plan;
        let ready_stages = self.stages(stages, &failpoints).await?;
        let (stages, folder) = (&ready_stages, &state_plan.folder);
        let redactor = Arc::clone(&self.audience.redactor);
        let described = Described { sources: &sources, stages, sinks: &sinks, graph: &graph, folder };
        let nodes = points(&described, &redactor);
        let mut opened = Vec::with_capacity(sources.len());
        for source in sources {
            opened.push(open_source(source).await?);
        }
        files.check_sources(&opened.iter().map(OpenSource::reads).collect::<Vec<_>>())?;
        let state = StateFile::at(&state_plan.path);
        let can_resume = opened.iter().any(|source| source.settlement() != Settlement::Never);
        let checkpoints = state_plan.checkpoints.filter(|_| can_resume);
        let mut session = match checkpoints {
            Some(checkpoints) => Some(Session::open(&state, &state_plan, checkpoints, nodes)?),
            None if keeps_failures => state.examine(state_plan.start == Start::Fresh).map(|()| None)?,
            None => None,
        };
        let sinks = sinks_to_open(sinks, &graph, &opened);
        let opening = SinkOpening { failpoints: &failpoints, audience: &self.audience };
        let mut sinks = opening.open_all(sinks, session.as_mut()).await?;
        let (mut sources, mut inputs) = (Vec::with_capacity(opened.len()), Vec::new());
        for (index, source) in opened.into_iter().enumerate() {
            let mut ready = self.source(index, source, session.as_ref()).await?;
            let not_resumed = session.as_ref().and_then(|session| ready.not_resumed(session));
            ready.remarks().chain(not_resumed).for_each(|remark| self.audience.events.send(remark));
            inputs.extend(ready.inputs(session.is_some())?);
            sources.push(ReadySource { source: wrap::source(ready.source, &failpoints), ..ready });
        }
        session.iter_mut().for_each(|session| session.set_inputs(std::mem::take(&mut inputs)));
        announce_headers(&sources, &mut sinks, &graph);
        let Self { loading: _, runtimes, audience } = self;
        Ok(Pipeline {
            name,
            sources,
            stages: ready_stages,
            sinks,
            graph,
            state,
            settler: Settler::default(),
            events: audience.events,
            stream,
            redactor,
            session,
            failpoints,
            runtimes,
        })
    }

    async fn stages(&mut self, plans: Vec<StagePlan>, failpoints: &Failpoints) -> Result<Vec<ReadyStage>> {
        let mut stages = Vec::with_capacity(plans.len());
        for (index, plan) in plans.into_iter().enumerate() {
            let ready = self.stage(index, plan).await?;
            let program = wrap::program(ready.program, failpoints);
            stages.push(ReadyStage { program, ..ready });
        }
        Ok(stages)
    }

    /// The stage at `index` of the plan.
    async fn stage(&mut self, index: usize, plan: StagePlan) -> Result<ReadyStage> {
        let guests = self.runtimes.add_guests(plan.workers.max)?;
        if let Code::Native(native) = &plan.code {
            let native = native.clone();
            return Ok(ReadyStage::native(plan, native, guests));
        }
        let loaded = self.loading.stage(index, &plan, &self.audience, &guests).await?;
        Ok(ReadyStage::loaded(plan, loaded, guests))
    }

    /// The source at `index` of the plan, at the place where it begins.
    async fn source(&mut self, index: usize, source: OpenSource, session: Option<&Session>) -> Result<ReadySource> {
        let OpenSource { name, on_error, retry, opening } = source;
        let resumption = session.and_then(|session| session.resumption(&name));
        let begins_at = session.and_then(|session| session.point_of_source(&name)).cloned();
        let begins_at = begins_at.unwrap_or_else(|| SourcePoint { name: name.to_string(), ..SourcePoint::default() });
        let mut guests = None;
        let source = match opening {
            Opening::Component(component) => {
                let guests = guests.insert(self.runtimes.add_guests(NonZeroUsize::MIN)?);
                let cursor = resumption.as_ref().map(|resumption| &resumption.cursor);
                let to_load = SourceToLoad { index, name: &name, component: &component, cursor };
                self.loading.source(to_load, &self.audience, guests).await?
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
        Ok(ReadySource { name, source, begins_at, settlement, guests, on_error, retry })
    }
}

/// All that no message may show: what is granted to components, and what the settings of sources and sinks hold.
///
/// # Errors
/// When a secret of a source or a sink is too short to be removed. The loader has refused such among those that are granted.
fn secrets(plan: &Plan, loading: &dyn Loading) -> Result<Vec<(String, String)>> {
    let mut secrets = loading.secrets();
    for source in &plan.sources {
        if let SourceKind::Connector(spec) = &source.kind {
            secrets.extend(long_enough("source", &source.name, spec.secrets())?);
        }
    }
    for sink in &plan.sinks {
        secrets.extend(long_enough("sink", &sink.name, sink.spec.secrets())?);
    }
    Ok(secrets)
}

fn long_enough(role: &str, node: &str, secrets: Vec<(String, String)>) -> Result<Vec<(String, String)>> {
    match secrets.iter().find(|(_, value)| value.len() < SECRET_BYTES_MIN) {
        None => Ok(secrets),
        Some((name, _)) => Err(Error::config(format!("the secret \"{name}\" of {role} \"{node}\" is too short")).hint(
            format!("a secret has at least {SECRET_BYTES_MIN} bytes: a shorter one cannot be told from other text"),
        )),
    }
}

impl ReadySource {
    /// Remarks for a person on its input.
    fn remarks(&self) -> impl Iterator<Item = Event> {
        let node = self.name.to_string();
        self.source.remarks().into_iter().map(move |message| Event::Remark { node: node.clone(), message })
    }

    /// What a resumed run does not give again, though an earlier one may have lost it.
    fn not_resumed(&self, session: &Session) -> Option<Event> {
        let point = session.point_of_source(&self.name)?;
        let is_lost = self.settlement == Settlement::Never && session.resumes() && point.records > 0;
        let message = match point.done {
            true => "the interrupted run had read it to its end: what it gives now is not read".to_owned(),
            false => format!(
                "it cannot resume: records after {} that the interrupted run had read are not read again",
                point.records
            ),
        };
        is_lost.then(|| Event::Remark { node: self.name.to_string(), message })
    }

    /// Its inputs, if they are `is_kept`.
    fn inputs(&mut self, is_kept: bool) -> Result<Vec<InputPoint>> {
        if !is_kept {
            return Ok(Vec::new());
        }
        let inputs = self.source.inputs().map_err(|error| in_node("source", &self.name, error))?;
        let of_it = |input| InputPoint { source: self.name.to_string(), input };
        Ok(inputs.into_iter().map(of_it).collect())
    }
}

/// Which sinks to open, and whether a source that acknowledges feeds each.
fn sinks_to_open(plans: Vec<SinkPlan>, graph: &Graph, sources: &[OpenSource]) -> Vec<SinkToOpen> {
    let sinks = plans.into_iter().enumerate();
    sinks.map(|(sink, plan)| SinkToOpen { plan, answers: is_answered(graph, sources, Node::Sink(sink)) }).collect()
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

/// Lets each stage have what its component suggests, where the plan leaves that to it.
fn take_suggestions(plan: &mut Plan, loader: &dyn Loader) -> Result<()> {
    for stage in &mut plan.stages {
        let Code::Component(path) = &stage.code else { continue };
        let suggested = loader.suggested(path).map_err(|error| in_node("stage", &stage.name, error))?;
        suggested.iter().for_each(|suggested| stage.suggest(suggested));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::edge::{PipelineFolder, Sink, SinkSpec, SinkStart};
    use crate::testing::{Numbers, prepare};
    use crate::{PipelineBuilder, SinkBuilder, SourceBuilder};

    /// A sink with a password, which is in its identity and in its errors.
    #[derive(Debug)]
    struct Locked(&'static str);

    #[async_trait]
    impl SinkSpec for Locked {
        fn summary(&self) -> String {
            "locked".to_owned()
        }

        fn identity(&self, _folder: &PipelineFolder) -> Vec<String> {
            vec![format!("url = \"db://user:{}@host\"", self.0)]
        }

        fn secrets(&self) -> Vec<(String, String)> {
            vec![("PASSWORD".to_owned(), self.0.to_owned())]
        }

        async fn open(&self, _start: SinkStart) -> Result<Box<dyn Sink>> {
            Err(Error::edge(format!("{} is refused", self.0)))
        }
    }

    fn plan(password: &'static str) -> Plan {
        let source = SourceBuilder::new("source", Numbers(1));
        let sink = SinkBuilder::new("sink", Locked(password));
        PipelineBuilder::new("p").source(source).sink(sink).plan().expect("a sound plan")
    }

    /// A password in a database's address would reach errors, and the state file with the settings of the pipeline.
    #[tokio::test]
    async fn a_secret_of_a_sink_is_in_no_error_and_in_no_fingerprint() {
        let error = prepare(plan("hunter22")).await.expect_err("it is refused");
        assert!(error.to_string().contains("[secret PASSWORD] is refused"), "{error}");

        let plan = plan("hunter22");
        let redactor = Redactor::new(&[("PASSWORD".to_owned(), "hunter22".to_owned())]);
        let Plan { sources, sinks, graph, state, .. } = &plan;
        let described = Described { sources, stages: &[], sinks, graph, folder: &state.folder };
        let nodes = points(&described, &redactor);
        assert!(nodes[1].what.contains("db://user:[secret PASSWORD]@host"), "{nodes:?}");
    }

    #[tokio::test]
    async fn a_secret_that_is_too_short_to_be_removed_is_refused() {
        let error = prepare(plan("abc")).await.expect_err("it is too short");
        assert_eq!(error.to_string(), "the secret \"PASSWORD\" of sink \"sink\" is too short");
    }
}
