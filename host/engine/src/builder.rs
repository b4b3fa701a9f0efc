//! Builds a pipeline in code: what the pipeline file can state, and the host program's own sources, stages and sinks.

mod command;
mod for_each;
mod order;
mod partial;
mod sink;

pub use self::sink::SinkBuilder;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;

use crate::edge::{OpenedSource, Source};
use crate::error::Result;
use crate::failpoint::Failpoints;
use crate::plan::bounds::{BATCH_DEFAULT, STAGE_QUEUE_DEFAULT};
use crate::plan::{
    Breaker, Checkpoints, Code, Grants, Inputs, Limits, OnError, Order, Parts, Plan, Recycle, Retry, Reuse, SourceKind,
    SourcePlan, StagePlan, Start, StatePlan, Unsaid, Warm, Workers,
};
use crate::program::NativeStage;
use crate::queue::QueueBounds;
use crate::record::{BatchBounds, RecordKey};

/// Builds a [`Plan`]. By default, records flow from the sources through the stages, in the order in which these
/// were added, to the sinks.
#[derive(Debug)]
pub struct PipelineBuilder {
    parts: Parts,
    failpoints: Failpoints,
}

impl PipelineBuilder {
    /// Starts a pipeline without parts. It keeps dead letters in `<name>.state.db` in the working folder, and takes no
    /// checkpoints.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let path = PathBuf::from(format!("{name}.state.db"));
        let state = StatePlan { path, folder: PathBuf::new(), checkpoints: None, start: Start::default() };
        let parts = Parts { name, sources: Vec::new(), stages: Vec::new(), sinks: Vec::new(), state };
        Self { parts, failpoints: Failpoints::default() }
    }

    /// Adds a source.
    #[must_use]
    pub fn source(mut self, source: SourceBuilder) -> Self {
        self.parts.sources.push(source.plan);
        self
    }

    /// Adds a stage, after those added before.
    #[must_use]
    pub fn stage(mut self, stage: StageBuilder) -> Self {
        self.parts.stages.push(stage.parts());
        self
    }

    /// Adds a sink.
    #[must_use]
    pub fn sink(mut self, sink: SinkBuilder) -> Self {
        self.parts.sinks.push((sink.plan, sink.inputs));
        self
    }

    /// Keeps state elsewhere: dead letters, and checkpoints if there are any. The folder of this file can be moved,
    /// with the inputs and outputs in it, while a run waits to be resumed.
    #[must_use]
    pub fn state_file(mut self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.parts.state.folder = path.parent().unwrap_or(Path::new("")).to_owned();
        self.parts.state.path = path;
        self
    }

    /// Takes checkpoints, if any source can resume: an interrupted run resumes at the last one.
    #[must_use]
    pub fn checkpoints(mut self, checkpoints: Checkpoints) -> Self {
        self.parts.state.checkpoints = Some(checkpoints);
        self
    }

    /// What to do about an earlier, interrupted run.
    #[must_use]
    pub fn start(mut self, start: Start) -> Self {
        self.parts.state.start = start;
        self
    }

    /// Sets where the run is to fail: for tests of what happens then.
    #[must_use]
    pub fn failpoints(mut self, failpoints: Failpoints) -> Self {
        self.failpoints = failpoints;
        self
    }

    /// Checks the parts and wires them.
    ///
    /// # Errors
    /// The first flaw: a name that is there twice, a number out of range, an input that is not there, a cycle …
    pub fn plan(self) -> Result<Plan> {
        let plan = Plan::assemble(self.parts)?;
        Ok(Plan { failpoints: self.failpoints, ..plan })
    }
}

/// A source of a [`PipelineBuilder`].
#[derive(Debug)]
pub struct SourceBuilder {
    plan: SourcePlan,
}

impl SourceBuilder {
    /// Makes a source of one of the kinds that the pipeline file knows.
    ///
    /// A kind of the program's own implements [`SourceSpec`](crate::edge::SourceSpec).
    pub fn new(name: &str, kind: impl Into<SourceKind>) -> Self {
        let (on_error, retry) = (OnError::default(), Retry::OF_EDGES);
        Self { plan: SourcePlan { name: Arc::from(name), kind: kind.into(), on_error, retry } }
    }

    /// A source that the program has opened.
    pub fn custom(name: &str, source: impl Source + 'static) -> Self {
        Self::new(name, OpenedSource::new(Box::new(source)))
    }

    /// What happens with a bad record; by default it goes to the dead letters.
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.plan.on_error = on_error;
        self
    }

    /// How often a read that may succeed later is retried; [`Retry::OF_EDGES`] by default.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.plan.retry = retry;
        self
    }
}

/// A stage of a [`PipelineBuilder`].
#[derive(Debug)]
pub struct StageBuilder {
    plan: StagePlan,
    inputs: Inputs,
    /// `None` by default: then it depends on whether the stage is deterministic.
    reuse: Option<Reuse>,
}

impl StageBuilder {
    /// Makes a stage in the sandbox: a `.wasm` file, or a folder that has been built.
    pub fn component(name: &str, component: impl Into<PathBuf>) -> Self {
        Self::new(name, Code::Component(component.into()))
    }

    /// Makes a stage of a function of the program's own, without a sandbox.
    pub fn native(name: &str, function: NativeStage) -> Self {
        Self::new(name, Code::Native(function))
    }

    fn new(name: &str, code: Code) -> Self {
        let plan = StagePlan {
            name: Arc::from(name),
            code,
            command: None,
            config: "{}".to_owned(),
            script: None,
            workers: available_parallelism().unwrap_or(NonZeroUsize::MIN).into(),
            queue: STAGE_QUEUE_DEFAULT,
            batch: BATCH_DEFAULT,
            order: Order::default(),
            key: RecordKey::default(),
            reuse: Reuse::default(),
            warm: Warm::default(),
            unsaid: Unsaid::ALL,
            recycle: Recycle::default(),
            partial: false,
            limits: Limits::default(),
            grants: Grants::default(),
            deterministic: false,
            retry: Retry::default(),
            on_error: OnError::default(),
            breaker: Breaker::default(),
            ports: Vec::new(),
        };
        Self { plan, inputs: Inputs::Before, reuse: None }
    }

    fn parts(self) -> (StagePlan, Inputs) {
        let reuse = self.reuse.unwrap_or(Reuse::default_of(self.plan.deterministic));
        (StagePlan { reuse, ..self.plan }, self.inputs)
    }

    /// The plan of the stage alone, of which nothing has been checked.
    #[must_use]
    pub fn into_plan(self) -> StagePlan {
        self.parts().0
    }

    /// The configuration that `open` receives: JSON text; `{}` by default.
    #[must_use]
    pub fn config(mut self, json: impl Into<String>) -> Self {
        self.plan.config = json.into();
        self
    }

    /// How many instances work at once; one per processor by default. With [`Workers`] that are not fixed, the pool grows
    /// while work waits, and shrinks when it is idle.
    #[must_use]
    pub fn workers(mut self, workers: impl Into<Workers>) -> Self {
        self.plan.workers = workers.into();
        self
    }

    /// Sets how much waits before the stage.
    #[must_use]
    pub fn queue(mut self, queue: QueueBounds) -> Self {
        self.plan.queue = queue;
        self
    }

    /// Sets how much one invocation is given.
    #[must_use]
    pub fn batch(mut self, batch: BatchBounds) -> Self {
        self.plan.batch = batch;
        self
    }

    /// How long an instance lives; by default for one batch, or for one record if the stage is deterministic.
    #[must_use]
    pub fn reuse(mut self, reuse: Reuse) -> Self {
        self.reuse = Some(reuse);
        self.plan.unsaid.reuse = false;
        self
    }

    /// Whether instances start from an image of one that was opened before; by default where it is worth it.
    #[must_use]
    pub fn warm(mut self, warm: Warm) -> Self {
        self.plan.warm = warm;
        self.plan.unsaid.warm = false;
        self
    }

    /// When an instance that lives as long as its worker is replaced nevertheless; by default never.
    #[must_use]
    pub fn recycle(mut self, recycle: Recycle) -> Self {
        self.plan.recycle = recycle;
        self
    }

    /// Sets how many failures in a row end the run; see [`Breaker::default`].
    #[must_use]
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.plan.breaker = breaker;
        self
    }

    /// Sets the stage's limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.plan.limits = limits;
        self.plan.unsaid = Unsaid { memory: false, cpu: false, compile: false, ..self.plan.unsaid };
        self
    }

    /// What the stage may reach; by default nothing.
    #[must_use]
    pub fn grants(mut self, grants: Grants) -> Self {
        self.plan.grants = grants;
        self
    }

    /// Sets whether its output must be the same, bit by bit, run after run, whatever the guest does.
    #[must_use]
    pub fn deterministic(mut self, deterministic: bool) -> Self {
        self.plan.deterministic = deterministic;
        self
    }

    /// Sets how often a record that failed is retried; see [`Retry::default`].
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.plan.retry = retry;
        self
    }

    /// What happens with a record that has failed for good; by default it goes to the dead letters.
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.plan.on_error = on_error;
        self
    }

    /// Sets the names of its outputs.
    #[must_use]
    pub fn ports(mut self, ports: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.plan.ports = ports.into_iter().map(|port| Arc::from(port.as_ref())).collect();
        self
    }

    /// Reads from these sources and stages (`name`, or `stage.port`), not from what was added before it.
    #[must_use]
    pub fn from(mut self, inputs: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.inputs = Inputs::Named(inputs.into_iter().map(Into::into).collect());
        self
    }
}
