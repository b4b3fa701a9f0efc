//! Checks and inspects components and pipelines without moving a record.
//!
//! A check does what a run does up to its first record: it loads and links every component, opens one instance of each
//! stage, and opens sources and sinks. It also makes the images that a run makes beside its work. Outputs are not
//! touched. It finds the faults of all components, then the first of the rest.

mod grants;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::connector::{Generate, Generated, NullSink};
use crate::error::Result;
use crate::pipeline::Pipeline;
use crate::plan::{
    Code, Divided, Each, Grants, Limits, Node, OnError, Order, Plan, Retry, Reuse, SinkPlan, SourceKind, StagePlan,
};
use crate::program::Warmth;
use crate::record::{Pairing, RecordKey};
use crate::report::{CheckReport, CheckedNode, Inspection, Problem, Role, Warning, WarningKind};
use crate::sandbox::{Component, Engine, Sizing, World};
use crate::{PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};

/// One instance of a size that any machine has: nothing runs on this engine.
const SIZING: Sizing = Sizing { instances: 1, memory_bytes_max: 64 << 20, fuel: false, deterministic: false };

/// Inspects one component. A grant that it needs does not count as a fault.
///
/// # Errors
/// When the file cannot be read or is not a component. What keeps a component from being used is listed in its
/// problems.
pub fn inspect(path: &Path) -> Result<Inspection> {
    let component = Component::load(&Engine::new(SIZING)?, path, &Limits::default(), &Grants::default())?;
    let mut inspection = component.inspection().clone();
    let world = if inspection.world.as_deref() == Some("source") { World::Source } else { World::Stage };
    if let Err(fault) = component.check(world, &Grants::every()) {
        inspection.problems.push(fault.to_string());
    }
    Ok(inspection)
}

/// Compiles a component, if the cache does not have its code: the first run then finds it there.
///
/// # Errors
/// When the file cannot be read, or is not a component that can be compiled.
pub fn compile(path: &Path) -> Result<()> {
    Component::load(&Engine::new(SIZING)?, path, &Limits::default(), &Grants::default()).map(drop)
}

/// Makes the image with which the instances of a stage begin that is granted and told nothing, where they would begin
/// with one: the first run then finds it. How they begin; `None` where that cannot be known without a pipeline, because
/// the component is not a stage, wants a grant, or does not open without a configuration.
pub async fn make_image(path: &Path) -> Option<Warmth> {
    let stage = StageBuilder::component("stage", path).workers(NonZeroUsize::MIN).on_error(OnError::Drop);
    let nothing = Generate { what: Generated::Numbers, records: 0, seed: 0 };
    let plan = PipelineBuilder::new("image")
        .source(SourceBuilder::new("nothing", nothing).on_error(OnError::Drop))
        .stage(stage)
        .sink(SinkBuilder::new("nowhere", NullSink).on_error(OnError::Drop));
    let mut pipeline = crate::prepare(plan.plan().ok()?).await.ok()?;
    pipeline.make_images().await;
    pipeline.warmth().next().map(|(_, warmth)| warmth)
}

/// Checks a pipeline. `file_of` gives the component file of what the plan names: for a stage folder, what it builds
/// into.
pub async fn check(mut plan: Plan, file_of: &mut dyn FnMut(&Path) -> Result<PathBuf>) -> CheckReport {
    let mut report = inspect_pipeline(&mut plan, file_of);
    if !report.problems.is_empty() {
        return report;
    }
    match crate::prepare(plan).await {
        Ok(mut pipeline) => {
            pipeline.make_images().await;
            tell_warmth(&mut report, &pipeline);
            report.promises = pipeline.promises();
        }
        Err(error) => report.problems.push(Problem::from(&error)),
    }
    report
}

fn tell_warmth(report: &mut CheckReport, pipeline: &Pipeline) {
    for (name, warmth) in pipeline.warmth() {
        if let Some(node) = report.nodes.iter_mut().find(|node| node.component.is_some() && *node.name == **name) {
            node.warmth = Some(warmth);
        }
    }
}

/// Looks at the components of a pipeline, and at what they are granted. Nothing is opened or read but these: no
/// variable, no folder, no input. The plan's components become the files that were looked at.
pub fn inspect_pipeline(plan: &mut Plan, file_of: &mut dyn FnMut(&Path) -> Result<PathBuf>) -> CheckReport {
    let mut report = CheckReport {
        pipeline: plan.name.clone(),
        nodes: Vec::new(),
        promises: Vec::new(),
        warnings: Vec::new(),
        problems: Vec::new(),
    };
    let deterministic = plan.stages.iter().any(|stage| stage.deterministic);
    let engine = match Engine::new(Sizing { deterministic, ..SIZING }) {
        Ok(engine) => engine,
        Err(error) => return CheckReport { problems: vec![Problem::from(&error)], ..report },
    };
    report.nodes = describe(plan);
    for Part { node: i, path, world, grants, limits } in components(plan) {
        let loaded = file_of(path).and_then(|file| Component::load(&engine, &file, &limits, grants));
        let inspection = loaded.as_ref().ok().map(|component| component.inspection_with(grants));
        if let Some(inspection) = &inspection {
            inspection.path.clone_into(path);
        }
        if let Some(node) = report.nodes.get_mut(i) {
            let imports = inspection.as_ref().map(|inspection| inspection.imports.as_slice());
            node.grants = grants::uses(grants, imports.unwrap_or_default());
            node.component = inspection;
        }
        note(&mut report, i, loaded.and_then(|component| component.check(world, grants)));
    }
    take_suggestions(plan, &report);
    report.warnings = partial_results(plan, &report);
    report
}

/// Lets each stage have what its component suggests, where the plan leaves that to it.
fn take_suggestions(plan: &mut Plan, report: &CheckReport) {
    let nodes = report.nodes.iter().filter(|node| node.role == Role::Stage);
    for (stage, node) in plan.stages.iter_mut().zip(nodes) {
        let suggested = node.component.as_ref().and_then(|component| component.defaults.as_ref());
        suggested.iter().for_each(|suggested| stage.suggest(suggested));
    }
}

/// Stages that say that they give results at their end, and that have more than one instance to do so.
fn partial_results(plan: &Plan, report: &CheckReport) -> Vec<Warning> {
    let nodes = report.nodes.iter().filter(|node| node.role == Role::Stage);
    let flushes = |node: &CheckedNode| node.component.as_ref().and_then(|component| component.flushes) == Some(true);
    let found = plan.stages.iter().zip(nodes).filter(|(_, node)| flushes(node));
    let warning = |stage: &StagePlan| {
        let Divided { among, hints } = stage.divided()?;
        let message = format!(
            "stage \"{}\" returns results at its end, and its input is divided among {among}: each result covers only a part of the input",
            stage.name
        );
        Some(Warning { node: stage.name.to_string(), kind: WarningKind::PartialResults, message, hints })
    };
    found.filter_map(|(stage, _)| warning(stage)).collect()
}

/// Adds what is wrong with the component of node `i`.
fn note(report: &mut CheckReport, i: usize, checked: Result<()>) {
    let (Err(error), Some(node)) = (checked, report.nodes.get(i)) else { return };
    let problem = Problem::from(&error.within(format_args!("{} \"{}\"", node.role.word(), node.name)));
    report.problems.push(problem);
}

/// A node that runs a component.
struct Part<'a> {
    /// Its position in the report.
    node: usize,
    path: &'a mut PathBuf,
    world: World,
    grants: &'a Grants,
    limits: Limits,
}

fn components(plan: &mut Plan) -> impl Iterator<Item = Part<'_>> {
    let stages_begin = plan.sources.len();
    let sources = plan.sources.iter_mut().enumerate().filter_map(|(node, source)| match &mut source.kind {
        SourceKind::Component(of) => {
            let of = &mut **of;
            Some(Part { node, path: &mut of.component, world: World::Source, grants: &of.grants, limits: of.limits })
        }
        SourceKind::Connector(_) => None,
    });
    let stages = plan.stages.iter_mut().enumerate().filter_map(move |(i, stage)| match &mut stage.code {
        Code::Component(path) => Some(Part {
            node: stages_begin + i,
            path,
            world: World::Stage,
            grants: &stage.grants,
            limits: stage.limits,
        }),
        Code::Native(_) => None,
    });
    sources.chain(stages)
}

/// All nodes, in the order of the plan, without their components and grants.
fn describe(plan: &Plan) -> Vec<CheckedNode> {
    let node = |of: Node, role: Role, name: &str, detail: String| CheckedNode {
        name: name.to_owned(),
        role,
        detail,
        fed_by: feeders(plan, of),
        component: None,
        grants: Vec::new(),
        warmth: None,
    };
    let sources = plan.sources.iter().enumerate();
    let stages = plan.stages.iter().enumerate();
    let sinks = plan.sinks.iter().enumerate();
    let sources = sources.map(|(i, of)| node(Node::Source(i), Role::Source, &of.name, source(&of.kind)));
    let stages = stages.map(|(i, of)| node(Node::Stage(i), Role::Stage, &of.name, stage(of)));
    let sinks = sinks.map(|(i, of)| node(Node::Sink(i), Role::Sink, &of.name, sink(of)));
    sources.chain(stages).chain(sinks).collect()
}

/// The names of the nodes that feed `node`; a port's name after a dot, as in the pipeline file.
fn feeders(plan: &Plan, node: Node) -> Vec<String> {
    let wires = plan.graph.wires.iter().filter(|wire| wire.to == node);
    wires
        .filter_map(|wire| match wire.from.node {
            Node::Source(i) => plan.sources.get(i).map(|source| source.name.to_string()),
            Node::Stage(i) => plan.stages.get(i).map(|stage| match stage.ports.get(usize::from(wire.from.port)) {
                Some(port) => format!("{}.{port}", stage.name),
                None => stage.name.to_string(),
            }),
            Node::Sink(_) => None,
        })
        .collect()
}

fn source(kind: &SourceKind) -> String {
    match kind {
        SourceKind::Connector(spec) => spec.summary(),
        SourceKind::Component(_) => "component".to_owned(),
    }
}

/// Its writers are named where there are several: then the order is not that of the input. With one, the order is named
/// where it was asked for.
fn sink(of: &SinkPlan) -> String {
    let summary = of.spec.summary();
    match (of.writers.get(), of.order, &of.key) {
        (1, Some(Order::Key), key) => format!("{summary}, {}", in_order_by(key)),
        (1, Some(Order::Input), _) => format!("{summary}, in input order"),
        (1, Some(Order::None), _) => format!("{summary}, in any order"),
        (1, None, _) => summary,
        (writers, Some(Order::Key), key) => format!("{summary}, {writers} writers, {}", in_order_by(key)),
        (writers, Some(Order::None | Order::Input) | None, _) => format!("{summary}, {writers} writers, in any order"),
    }
}

fn in_order_by(key: &RecordKey) -> String {
    match key {
        RecordKey::Own => "in order by the record's key".to_owned(),
        RecordKey::Json(pointer) => format!("in order by {pointer}"),
        RecordKey::Pair(Pairing { left, right, buckets, same_nodes }) => {
            let together = if *same_nodes { " together" } else { "" };
            format!("kept apart by {buckets} buckets of {left} and {right}{together}")
        }
    }
}

fn stage(of: &StagePlan) -> String {
    let native = if matches!(of.code, Code::Native(_)) { ", native" } else { "" };
    let workers = of.workers;
    let order = match (of.order, &of.key) {
        (Order::None, _) => "in any order".to_owned(),
        (Order::Input, _) => "in input order".to_owned(),
        (Order::Key, key) => in_order_by(key),
    };
    let reuse = match of.reuse {
        _ if of.command.as_ref().is_some_and(|command| command.each == Each::Record) => "a run per record",
        Reuse::Batch if of.command.is_some() => "a run per batch",
        Reuse::Record => "a fresh instance per record",
        Reuse::Batch => "a fresh instance per batch",
        Reuse::Worker if of.keeps_state_by_key() => "an instance per lane of keys",
        Reuse::Worker => "an instance per worker",
    };
    let failures = match of.on_error {
        OnError::Fail => "failures end the run",
        OnError::Drop => "failures are dropped",
        OnError::DeadLetter => "failures become dead letters",
    };
    let deterministic = if of.deterministic { ", deterministic" } else { "" };
    let retries = match of.retry {
        rule if rule == Retry::default() => String::new(),
        Retry { times: 0, .. } => " without a retry".to_owned(),
        Retry { times: 1, .. } => " after 1 retry".to_owned(),
        Retry { times, .. } => format!(" after {times} retries"),
    };
    format!("{workers}{native}, {order}, {reuse}{deterministic}, {failures}{retries}")
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::config;

    fn plan(text: &str) -> Plan {
        let workers = NonZeroUsize::new(2).unwrap();
        config::parse(text, Path::new("pipeline.toml"), workers).unwrap()
    }

    const SOURCE: &str = "name = \"demo\"\n[source]\nkind = \"generate\"\nwhat = \"numbers\"\nrecords = 3\n";

    #[tokio::test]
    async fn a_pipeline_without_faults_can_run() {
        let report = check(plan(&format!("{SOURCE}[sink]\nkind = \"null\"\n")), &mut |path| Ok(path.to_owned())).await;
        assert_eq!(report.problems, []);
        let lines: Vec<_> = report.nodes.iter().map(|node| (node.role, node.detail.as_str())).collect();
        let expected = [(Role::Source, "3 generated numbers, seed 1"), (Role::Sink, "nowhere: records are counted")];
        assert_eq!(lines, expected);
        assert_eq!(report.nodes[1].fed_by, [report.nodes[0].name.clone()]);
    }

    #[test]
    fn a_stage_is_described_by_the_key_that_orders_it() {
        let described = |keys: &str| {
            let file =
                format!("{SOURCE}[[stage]]\nname = \"s\"\ncomponent = \"x.wasm\"\n{keys}\n[sink]\nkind = \"null\"\n");
            stage(&plan(&file).stages[0])
        };
        assert!(described("order = 'key'").contains(", in order by the record's key,"));
        assert!(described("order = 'key'\nreuse = 'worker'").contains(", an instance per lane of keys,"));
        assert!(described("order = 'key'\nkey = '/customer/id'").contains(", in order by /customer/id,"));
    }

    #[tokio::test]
    async fn the_faults_of_all_components_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text.wasm");
        std::fs::write(&text, "no component").unwrap();
        let stage = |name: &str, file: &Path| {
            format!("[[stage]]\nname = \"{name}\"\ncomponent = \"{}\"\nworkers = 3\n", file.display())
        };
        let missing = stage("missing", &folder.path().join("missing.wasm"));
        let wrong = stage("wrong", &text);
        let plan = plan(&format!("{SOURCE}{missing}{wrong}[sink]\nkind = \"null\"\n"));
        let report = check(plan, &mut |path| Ok(path.to_owned())).await;
        let messages: Vec<_> = report.problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(messages[0].starts_with("stage \"missing\": component \""), "{messages:?}");
        assert!(messages[1].starts_with("stage \"wrong\": \"") && messages[1].ends_with("is not a component"));
        assert!(report.nodes[1].detail.starts_with("3 workers, in input order"), "{:?}", report.nodes[1]);
    }
}
