//! The sandbox as the engine sees it: components of a plan become programs and sources.

use std::collections::HashMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Handle;

use super::engines::{EngineKind, Engines};
use super::instance::Rehearsal;
use super::log::GuestOutput;
use super::store::InstanceSettings;
use super::{Command, Component, EgressBounds, Engine, ImageToMake, Provisions, Sandboxed, SandboxedSource, Sizing};
use sandmill_component::defaults;
use sandmill_engine::edge::Source;
use sandmill_engine::error::{Error, Result};
use sandmill_engine::loader::{Image, LoadedStage, Loader, Loading, SourceToLoad};
use sandmill_engine::plan::{Code, Grants, Limits, Plan, Script, SourcePlan, StagePlan, Suggested, Warm};
use sandmill_engine::program::{GuestFailure, Program, Warmth, cannot_open};
use sandmill_engine::report::Audience;

/// Runs components in wasmtime.
#[derive(Clone, Debug, Default)]
pub struct Sandbox {
    /// `None`: each pipeline has engines of its own.
    shared: Option<Arc<Engines>>,
}

impl Sandbox {
    /// Each pipeline has engines of its own, with as much room as its plan needs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Pipelines share engines, which start when they are first needed: one for each kind of code, with room for this many
    /// instances at one time. A pipeline needs room for one for each worker and for each source that is a component, and for 8
    /// more while some are replaced. That is address space, about 16 GiB for each instance, not memory. A pipeline that finds less
    /// room than it needs has engines of its own.
    #[must_use]
    pub fn with_room_for(instances: NonZeroU32) -> Self {
        Self { shared: Some(Arc::new(Engines::new(instances))) }
    }
}

impl Loader for Sandbox {
    fn suggested(&self, component: &Path) -> Result<Option<Suggested>> {
        defaults::of_file(component)
    }

    fn begin(&self, plan: &Plan, io: &Handle) -> Result<Box<dyn Loading>> {
        Ok(Box::new(PlanLoading::begin(plan, io, self.shared.clone())?))
    }
}

/// What one plan shares, and what its nodes are granted, in the order of the plan.
struct PlanLoading {
    sizings: HashMap<EngineKind, Sizing>,
    engines: HashMap<EngineKind, Engine>,
    shared: Option<Arc<Engines>>,
    sources: Vec<Option<Provisions>>,
    stages: Vec<Option<Provisions>>,
}

impl PlanLoading {
    /// Before any guest runs: whatever one says, the secrets of all are struck out of it.
    fn begin(plan: &Plan, io: &Handle, shared: Option<Arc<Engines>>) -> Result<Self> {
        let of_source = |source: &SourcePlan| match source.kind.component() {
            Some(component) => {
                let bounds = egress_bounds(&component.limits, 1);
                Provisions::read(&format!("source \"{}\"", source.name), &component.grants, bounds, io).map(Some)
            }
            None => Ok(None),
        };
        let of_stage = |stage: &StagePlan| {
            let bounds = egress_bounds(&stage.limits, stage.workers.max.get());
            Provisions::read(&format!("stage \"{}\"", stage.name), &stage.grants, bounds, io).map(Some)
        };
        let sources = plan.sources.iter().map(of_source).collect::<Result<_>>()?;
        let stages = plan.stages.iter().map(of_stage).collect::<Result<_>>()?;
        Ok(Self { sizings: sizings(plan), engines: HashMap::new(), shared, sources, stages })
    }

    /// The engine for code of one kind; started when it is first asked for.
    fn engine(&mut self, kind: EngineKind) -> Result<Engine> {
        if let Some(engine) = self.engines.get(&kind) {
            return Ok(engine.clone());
        }
        let sizing = self.sizings.get(&kind).copied();
        let sizing = sizing.ok_or_else(|| Error::internal("an engine that no node of the plan wants"))?;
        let shared = self.shared.as_ref().map_or(Ok(None), |shared| shared.engine(sizing))?;
        let engine = shared.map_or_else(|| Engine::new(sizing), Ok)?;
        Ok(self.engines.entry(kind).or_insert(engine).clone())
    }
}

/// How large each engine has to be.
fn sizings(plan: &Plan) -> HashMap<EngineKind, Sizing> {
    let components = plan.sources.iter().filter_map(|source| source.kind.component());
    let sources = components.map(|component| (EngineKind::of_source(&component.limits), 1, component.limits));
    let stages = plan.stages.iter().filter(|stage| matches!(stage.code, Code::Component(_)));
    let stages = stages.map(|stage| (EngineKind::of_stage(stage), stage.workers.max.get(), stage.limits));
    let mut sizings = HashMap::new();
    for (kind, instances, limits) in sources.chain(stages) {
        let EngineKind { fuel, deterministic } = kind;
        let nothing = Sizing { instances: 0, memory_bytes_max: 0, fuel, deterministic };
        let sizing: &mut Sizing = sizings.entry(kind).or_insert(nothing);
        sizing.instances = sizing.instances.saturating_add(u32::try_from(instances).unwrap_or(u32::MAX));
        sizing.memory_bytes_max = sizing.memory_bytes_max.max(limits.memory.get());
    }
    sizings
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

#[async_trait]
impl Loading for PlanLoading {
    fn secrets(&self) -> Vec<(String, String)> {
        let granted = self.sources.iter().chain(&self.stages).flatten();
        granted.flat_map(Provisions::secrets).cloned().collect()
    }

    async fn stage(
        &mut self,
        index: usize,
        plan: &StagePlan,
        audience: &Audience,
        guests: &Handle,
    ) -> Result<LoadedStage> {
        let Code::Component(path) = &plan.code else {
            return Err(Error::internal("a native stage is not loaded"));
        };
        let engine = self.engine(EngineKind::of_stage(plan))?;
        let granted = taken(&mut self.stages, index)?;
        let within = |error: Error| error.within(format!("stage \"{}\"", plan.name));
        let component = load(&engine, path, &plan.limits, &plan.grants).await.map_err(within)?;
        let guest_output = GuestOutput::new(audience);
        if component.is_command() || plan.command.is_some() {
            let command = Command::new(&component, plan, granted, &guest_output).map_err(within)?;
            return ready_command(plan, component.inspection().sha256.clone(), command, guests).await;
        }
        let sandboxed = Sandboxed::new(&component, plan, granted, &guest_output).map_err(within)?;
        rehearsed(plan, &component, sandboxed, guests).await
    }

    async fn source(
        &mut self,
        source: SourceToLoad<'_>,
        audience: &Audience,
        guests: &Handle,
    ) -> Result<Box<dyn Source>> {
        let SourceToLoad { index, name, component: plan, cursor } = source;
        let engine = self.engine(EngineKind::of_source(&plan.limits))?;
        let granted = taken(&mut self.sources, index)?;
        let compiled = load(&engine, &plan.component, &plan.limits, &plan.grants).await;
        let compiled = compiled.map_err(|error| error.within(format!("source \"{name}\"")))?;
        let (name, plan, cursor, guest_output) =
            (Arc::clone(name), plan.clone(), cursor.cloned(), GuestOutput::new(audience));
        let settings = InstanceSettings::new(&compiled, plan.limits, granted, &guest_output);
        let opening = async move { SandboxedSource::open(&compiled, &name, &plan, settings, cursor.as_ref()).await };
        let opened = guests.spawn(opening).await;
        let opened = opened.map_err(|error| Error::internal("opening a source panicked").caused_by(error))?;
        Ok(Box::new(opened?))
    }
}

fn taken(granted: &mut [Option<Provisions>], index: usize) -> Result<Provisions> {
    let taken = granted.get_mut(index).and_then(Option::take);
    taken.ok_or_else(|| Error::internal("a node was loaded that the plan does not have, or a second time"))
}

/// A mistake in a script, at its place.
fn mistake(script: Option<&Script>, failure: &GuestFailure) -> Option<Error> {
    match (script, failure) {
        (Some(script), GuestFailure::Returned(said)) => script.mistake(said),
        _ => None,
    }
}

/// Makes an instance of a command before anything runs.
async fn ready_command(plan: &StagePlan, sha256: String, program: Command, guests: &Handle) -> Result<LoadedStage> {
    let name = Arc::clone(&plan.name);
    let rehearsal = async move { program.rehearse(&name).await.map(|()| program) };
    let program = guests
        .spawn(rehearsal)
        .await
        .map_err(|error| Error::internal("making an instance panicked").caused_by(error))?
        .map_err(|failure| cannot_open(&plan.name, failure))?;
    Ok(LoadedStage { program: Arc::new(program), sha256, image: None })
}

/// Tries a stage once before anything runs, so that a refused configuration costs no record.
async fn rehearsed(
    plan: &StagePlan,
    component: &Component,
    program: Sandboxed,
    guests: &Handle,
) -> Result<LoadedStage> {
    let sha256 = component.inspection().sha256.clone();
    let program = Arc::new(program);
    let (rehearsal, tried) = (Rehearsal::of(component, plan), Arc::clone(&program));
    let wants_image = guests
        .spawn(async move { tried.rehearse(&rehearsal).await })
        .await
        .map_err(|error| Error::internal("opening a stage panicked").caused_by(error))?
        .map_err(|failure| {
            mistake(plan.script.as_ref(), &failure).unwrap_or_else(|| cannot_open(&plan.name, failure))
        })?;
    let mut image = wants_image.then(|| ImageToMake::new(&program, component, plan));
    if plan.warm == Warm::Always {
        // That there is one is promised before the first record, so the run waits for it.
        if let Some(image) = image.take() {
            // A panic is the reason why there is none.
            drop(tokio::task::spawn_blocking(move || image.make()).await);
        }
        insist(&plan.name, &program.warmth())?;
    }
    Ok(LoadedStage { program, sha256, image: image.map(|image| Box::new(image) as Box<dyn Image>) })
}

/// Refuses a stage that is to be warm and cannot be.
fn insist(stage: &str, warmth: &Warmth) -> Result<()> {
    let Warmth::Cold(why) = warmth else { return Ok(()) };
    Err(Error::config(format!("stage \"{stage}\" cannot be warm"))
        .caused_by(why.as_str())
        .hint("leave out \"warm\": its instances are then opened one by one"))
}

/// Reads and compiles on a thread that may take its time.
///
/// # Errors
/// As [`Component::load`].
async fn load(engine: &Engine, path: &Path, limits: &Limits, grants: &Grants) -> Result<Component> {
    let (engine, path, limits, grants) = (engine.clone(), path.to_owned(), *limits, grants.clone());
    let loaded = tokio::task::spawn_blocking(move || Component::load(&engine, &path, &limits, &grants)).await;
    loaded.map_err(|error| Error::internal("compiling a component panicked").caused_by(error))?
}
