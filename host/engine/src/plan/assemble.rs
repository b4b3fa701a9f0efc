//! Turns parts into a plan: the one place where a pipeline is checked as a whole, for files and for code alike.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::{
    Code, Node, Order, Plan, Recycle, Reuse, SinkPlan, SourcePlan, StagePlan, StatePlan, Warm, bounds, name, paths,
    reach, wiring,
};
use crate::edge::{Reads, Writers};
use crate::error::Error;
use crate::failpoint::Failpoints;
use crate::queue::QueueBounds;
use crate::record::{BatchBounds, RecordKey};

/// The parts of a plan, before they are checked.
#[derive(Debug)]
pub struct Parts {
    /// The pipeline's name.
    pub name: String,
    /// Sources, in the order in which they are written.
    pub sources: Vec<SourcePlan>,
    /// Stages, in the order in which they are written, each with what it reads.
    pub stages: Vec<(StagePlan, Inputs)>,
    /// Sinks, in the order in which they are written, each with what it reads.
    pub sinks: Vec<(SinkPlan, Inputs)>,
    /// What a run keeps outside of itself: checkpoints and dead letters.
    pub state: StatePlan,
}

/// The inputs of a stage or sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Inputs {
    /// A stage: the stage before it, the first one all sources. A sink: the last stage; all sources when there is none.
    #[default]
    Before,
    /// Sources and stages by name, a port as `stage.port`.
    Named(Vec<String>),
}

/// The part of a pipeline that a [`Flaw`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The pipeline as a whole.
    Whole,
    /// The pipeline's name.
    PipelineName,
    /// The place of the state file.
    State,
    /// A source, stage or sink.
    Node(Node),
    /// The name of a source, stage or sink.
    Name(Node),
    /// One of the inputs of a stage or sink, from 0.
    Input(Node, usize),
    /// The path of the sink of this index.
    Path(usize),
    /// One of the ports of the stage of this index, from 0.
    Port(usize, usize),
    /// A key of a source, stage or sink: the tables that lead to it, and itself.
    Key(Node, &'static [&'static str]),
}

/// The reason why parts do not make a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where.
    pub part: Part,
    /// What.
    pub message: String,
    /// Suggestions of what to do about it.
    pub hints: Vec<String>,
}

impl Flaw {
    pub(super) fn new(part: Part, message: impl Into<String>) -> Self {
        Self { part, message: message.into(), hints: Vec::new() }
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<Flaw> for Error {
    fn from(flaw: Flaw) -> Self {
        flaw.hints.into_iter().fold(Self::config(flaw.message), Self::hint)
    }
}

impl Plan {
    /// Checks the parts and wires them.
    ///
    /// # Errors
    /// The first flaw: a name that is empty, has a character that names may not have, or is there twice; a number out
    /// of its [`bounds`]; an input that is not there; a cycle; an output that nothing reads; no source or no sink; a
    /// file that is written twice, or read and written.
    pub fn assemble(parts: Parts) -> Result<Self, Flaw> {
        check_names(&parts)?;
        check_numbers(&parts)?;
        check_edges(&parts)?;
        check_writers(&parts)?;
        reach::check(&parts)?;
        let graph = wiring::connect(&parts)?;
        Ok(Self {
            name: parts.name,
            sources: parts.sources,
            stages: parts.stages.into_iter().map(|(stage, _)| stage).collect(),
            sinks: parts.sinks.into_iter().map(|(sink, _)| sink).collect(),
            graph,
            state: parts.state,
            beside: Vec::new(),
            failpoints: Failpoints::default(),
        })
    }
}

impl Parts {
    /// All nodes with their names.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (Node, &Arc<str>)> {
        let sources = self.sources.iter().enumerate().map(|(i, source)| (Node::Source(i), &source.name));
        let stages = self.stages.iter().enumerate().map(|(i, (stage, _))| (Node::Stage(i), &stage.name));
        let sinks = self.sinks.iter().enumerate().map(|(i, (sink, _))| (Node::Sink(i), &sink.name));
        sources.chain(stages).chain(sinks)
    }
}

/// `source`, `stage` or `sink`.
pub(super) fn word(node: Node) -> &'static str {
    match node {
        Node::Source(_) => "source",
        Node::Stage(_) => "stage",
        Node::Sink(_) => "sink",
    }
}

fn check_names(parts: &Parts) -> Result<(), Flaw> {
    if let Some(fault) = name::fault(&parts.name) {
        return Err(Flaw::new(Part::PipelineName, format!("the pipeline's name {fault}")));
    }
    let mut seen: HashMap<&str, Node> = HashMap::new();
    for (node, name) in parts.nodes() {
        if let Some(fault) = name::fault(name) {
            return Err(Flaw::new(Part::Name(node), format!("the name of a {} {fault}", word(node))));
        }
        if let Some(first) = seen.insert(name, node) {
            let message = format!("the name {name:?} of this {} is already the name of a {}", word(node), word(first));
            return Err(Flaw::new(Part::Name(node), message)
                .hint("no two of a pipeline's sources, stages and sinks may have the same name"));
        }
    }
    parts.stages.iter().enumerate().try_for_each(|(index, (stage, _))| check_ports(index, stage))
}

fn check_ports(index: usize, stage: &StagePlan) -> Result<(), Flaw> {
    for (port, name) in stage.ports.iter().enumerate() {
        let part = Part::Port(index, port);
        if port >= bounds::PORTS_MAX {
            return Err(Flaw::new(part, format!("stage {:?} has more than {} ports", stage.name, bounds::PORTS_MAX)));
        }
        if let Some(fault) = name::fault(name) {
            return Err(Flaw::new(part, format!("the name of a port of stage {:?} {fault}", stage.name)));
        }
        if stage.ports.iter().take(port).any(|earlier| earlier == name) {
            return Err(Flaw::new(part, format!("stage {:?} has two ports with the name {name:?}", stage.name)));
        }
    }
    Ok(())
}

fn check_numbers(parts: &Parts) -> Result<(), Flaw> {
    for (index, (stage, _)) in parts.stages.iter().enumerate() {
        let too_large =
            queue_excess(&stage.queue).or_else(|| batch_excess(&stage.batch)).or_else(|| stage_excess(stage));
        if let Some(what) = too_large {
            return Err(Flaw::new(Part::Node(Node::Stage(index)), format!("stage {:?}: {what}", stage.name)));
        }
    }
    for (index, source) in parts.sources.iter().enumerate() {
        let of_component = source.kind.component().and_then(|component| component.limits.excess());
        if let Some(what) = of_component.or_else(|| source.retry.excess()) {
            return Err(Flaw::new(Part::Node(Node::Source(index)), format!("source {:?}: {what}", source.name)));
        }
    }
    for (index, (sink, _)) in parts.sinks.iter().enumerate() {
        let too_large = queue_excess(&sink.queue).or_else(|| batch_excess(&sink.batch)).or_else(|| sink_excess(sink));
        if let Some(what) = too_large {
            return Err(Flaw::new(Part::Node(Node::Sink(index)), format!("sink {:?}: {what}", sink.name)));
        }
    }
    Ok(())
}

fn queue_excess(queue: &QueueBounds) -> Option<String> {
    if queue.records.get() > bounds::QUEUE_RECORDS_MAX {
        return Some(format!("its queue may hold at most {} records", bounds::QUEUE_RECORDS_MAX));
    }
    (queue.bytes.get() > bounds::QUEUE_BYTES_MAX)
        .then(|| format!("its queue may hold at most {} bytes", bounds::QUEUE_BYTES_MAX))
}

fn batch_excess(batch: &BatchBounds) -> Option<String> {
    if batch.records.get() > bounds::BATCH_RECORDS_MAX {
        return Some(format!("its batch may hold at most {} records", bounds::BATCH_RECORDS_MAX));
    }
    if batch.bytes.get() > bounds::BATCH_BYTES_MAX {
        return Some(format!("its batch may hold at most {} bytes", bounds::BATCH_BYTES_MAX));
    }
    (batch.linger > bounds::LINGER_MAX).then(|| format!("its batch may wait at most {:?}", bounds::LINGER_MAX))
}

fn stage_excess(stage: &StagePlan) -> Option<String> {
    if let Some(excess) = stage.workers.excess() {
        return Some(excess);
    }
    if stage.recycle != Recycle::default() && stage.reuse != Reuse::Worker {
        return Some("only reuse = \"worker\" has instances to recycle".to_owned());
    }
    if stage.warm == Warm::Always && (stage.reuse == Reuse::Worker || matches!(stage.code, Code::Native(_))) {
        return Some("only a component with reuse = \"record\" or \"batch\" can be warm".to_owned());
    }
    let too_far = stage.breaker.share.filter(|share| share.of.get() > bounds::SHARE_OF_MAX);
    let too_far = too_far.map(|_| format!("its breaker may look back at most {} records", bounds::SHARE_OF_MAX));
    let of_key = key_excess(Some(stage.order), &stage.key, stage.workers.max);
    of_key.or_else(|| stage.limits.excess()).or_else(|| stage.retry.excess()).or(too_far)
}

fn key_excess(order: Option<Order>, key: &RecordKey, at_once: NonZeroUsize) -> Option<String> {
    if *key != RecordKey::default() && order != Some(Order::Key) {
        return Some("only order = \"key\" has a key".to_owned());
    }
    let RecordKey::Pair(pairing) = key else { return None };
    let is_within = (2..=bounds::BUCKETS_MAX).contains(&usize::from(pairing.buckets.get()));
    if !is_within {
        return Some(format!("its partition must have 2 to {} buckets", bounds::BUCKETS_MAX));
    }
    let (most, at_once) = (pairing.at_once_max(), at_once.get());
    (at_once > most && at_once > 1)
        .then(|| format!("with its partition, at most {most} batches are worked on at once, and {at_once} may be"))
}

fn sink_excess(sink: &SinkPlan) -> Option<String> {
    if sink.writers.get() > bounds::WRITERS_MAX {
        return Some(format!("it may have at most {} writers", bounds::WRITERS_MAX));
    }
    key_excess(sink.order, &sink.key, sink.writers).or_else(|| sink.retry.excess())
}

/// Several writers: only where the kind of the sink can have them, and not in the order of the input.
fn check_writers(parts: &Parts) -> Result<(), Flaw> {
    let sinks = parts.sinks.iter().map(|(sink, _)| sink).enumerate();
    for (index, sink) in sinks.filter(|(_, sink)| sink.writers.get() > 1) {
        let (node, name) = (Node::Sink(index), &sink.name);
        if let Writers::One(why) = sink.spec.writers() {
            let message = format!("sink {name:?} can have only one writer, because {why}");
            return Err(Flaw::new(Part::Key(node, &["writers"]), message).hint("leave \"writers\" out"));
        }
        if sink.order == Some(Order::Input) {
            let message =
                format!("order = \"input\" of sink {name:?} needs one writer: several write at the same time");
            return Err(Flaw::new(Part::Key(node, &["order"]), message)
                .hint("order = \"key\" keeps the order of the records of each key, with any number of writers")
                .hint("or leave \"writers\" out"));
        }
    }
    Ok(())
}

fn check_edges(parts: &Parts) -> Result<(), Flaw> {
    if parts.sources.is_empty() || parts.sinks.is_empty() {
        let what = if parts.sources.is_empty() { "source" } else { "sink" };
        return Err(Flaw::new(Part::Whole, format!("the pipeline has no {what}"))
            .hint("a pipeline has at least one source and one sink"));
    }
    let mut stdins = parts.sources.iter().enumerate().filter(|(_, source)| source.kind.reads().contains(&Reads::Stdin));
    if let (Some((_, first)), Some((index, second))) = (stdins.next(), stdins.next()) {
        let message = format!("sources {:?} and {:?} both read standard input", first.name, second.name);
        return Err(Flaw::new(Part::Node(Node::Source(index)), message).hint("one source can feed several stages"));
    }
    paths::check(parts)
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU16, NonZeroU64};
    use std::time::Duration;

    use super::*;
    use crate::plan::{Breaker, Grants, Limits, OnError, Retry, Share, Start, Unsaid};
    use crate::record::Pairing;
    use crate::testing::{Nowhere, Numbers};

    fn stage() -> StagePlan {
        StagePlan {
            name: "stage".into(),
            code: Code::Component("x".into()),
            command: None,
            config: "{}".to_owned(),
            script: None,
            workers: NonZeroUsize::MIN.into(),
            queue: bounds::STAGE_QUEUE_DEFAULT,
            batch: bounds::BATCH_DEFAULT,
            order: Order::Input,
            key: RecordKey::default(),
            reuse: Reuse::Batch,
            warm: Warm::default(),
            unsaid: Unsaid::default(),
            recycle: Recycle::default(),
            partial: false,
            limits: Limits::default(),
            grants: Grants::default(),
            deterministic: false,
            retry: Retry::default(),
            on_error: OnError::Fail,
            breaker: Breaker::default(),
            ports: Vec::new(),
        }
    }

    fn parts(stage: StagePlan) -> Parts {
        let (queue, batch) = (bounds::SINK_QUEUE_DEFAULT, bounds::BATCH_DEFAULT);
        let sink = SinkPlan {
            name: "sink".into(),
            spec: Box::new(Nowhere),
            appends: false,
            writers: NonZeroUsize::MIN,
            order: None,
            key: RecordKey::Own,
            queue,
            batch,
            on_error: OnError::Fail,
            retry: Retry::OF_EDGES,
        };
        Parts {
            name: "p".to_owned(),
            sources: vec![SourcePlan {
                name: "in".into(),
                kind: Numbers(1).into(),
                on_error: OnError::Fail,
                retry: Retry::OF_EDGES,
            }],
            stages: vec![(stage, Inputs::Before)],
            sinks: vec![(sink, Inputs::Before)],
            state: StatePlan {
                path: "p.state.db".into(),
                folder: "".into(),
                checkpoints: None,
                start: Start::default(),
            },
        }
    }

    fn flaw(parts: Parts) -> Flaw {
        Plan::assemble(parts).map(|_| ()).expect_err("the parts have a flaw")
    }

    #[test]
    fn numbers_of_code_are_bounded_as_those_of_files_are() {
        Plan::assemble(parts(stage())).expect("the parts are good");
        let much = NonZeroUsize::MAX;
        let spoilt: [fn(&mut StagePlan, NonZeroUsize); 22] = [
            |stage, much| stage.workers = much.into(),
            |stage, _| stage.workers.min = NonZeroUsize::new(2).expect("not zero"),
            |stage, much| stage.queue.records = much,
            |stage, much| stage.queue.bytes = much,
            |stage, much| stage.batch.records = much,
            |stage, much| stage.batch.bytes = much,
            |stage, _| stage.batch.linger = Duration::MAX,
            |stage, _| stage.limits.memory = NonZeroU64::MIN,
            |stage, _| stage.limits.cpu = Duration::ZERO,
            |stage, _| stage.limits.wall = Duration::MAX,
            |stage, _| stage.limits.compile = Duration::ZERO,
            |stage, _| stage.limits.table = NonZeroU64::MAX,
            |stage, much| stage.limits.instances = much,
            |stage, _| stage.limits.component = NonZeroU64::MAX,
            |stage, much| stage.recycle.records = Some(much),
            |stage, _| stage.key = RecordKey::Json("/id".parse().expect("a pointer")),
            |stage, _| {
                let [left, right] = ["/a", "/b"].map(|id| id.parse().expect("a pointer"));
                stage.order = Order::Key;
                stage.key = RecordKey::Pair(Pairing { left, right, buckets: NonZeroU16::MIN, same_nodes: false });
            },
            |stage, _| (stage.warm, stage.reuse) = (Warm::Always, Reuse::Worker),
            |stage, _| stage.retry.times = u32::MAX,
            |stage, _| stage.breaker.share = Some(Share { more_than: 1, of: NonZeroU64::MAX }),
            |stage, _| stage.retry.backoff_max = Duration::MAX,
            |stage, _| stage.retry.backoff_max = Duration::ZERO,
        ];
        for (index, spoil) in spoilt.into_iter().enumerate() {
            let mut stage = stage();
            spoil(&mut stage, much);
            assert_eq!(flaw(parts(stage)).part, Part::Node(Node::Stage(0)), "{index}");
        }
        let mut parts = parts(stage());
        parts.sinks[0].0.queue.bytes = much;
        assert_eq!(flaw(parts).part, Part::Node(Node::Sink(0)));
        for spoil in [
            |sink: &mut SinkPlan| sink.writers = NonZeroUsize::MAX,
            |sink: &mut SinkPlan| {
                sink.key = RecordKey::Json("/id".parse().expect("a pointer"));
            },
        ] {
            let mut parts = self::parts(stage());
            spoil(&mut parts.sinks[0].0);
            assert_eq!(flaw(parts).part, Part::Node(Node::Sink(0)));
        }
    }

    #[test]
    fn more_ports_than_a_stage_may_have_are_refused() {
        let mut wide = stage();
        wide.ports = (0..=bounds::PORTS_MAX).map(|port| format!("p{port}").into()).collect();
        assert_eq!(flaw(parts(wide)).part, Part::Port(0, bounds::PORTS_MAX));
    }

    #[test]
    fn a_flaw_becomes_an_error_with_its_hints() {
        let mut parts = parts(stage());
        parts.sinks.clear();
        let error = Error::from(flaw(parts));
        assert_eq!(error.to_string(), "the pipeline has no sink");
        assert_eq!(error.hints(), ["a pipeline has at least one source and one sink"]);
    }

    /// A long chain, written backwards: the check neither recurses nor takes the square of the number of stages.
    #[test]
    fn ten_thousand_stages_are_checked_and_a_cycle_of_all_is_found() {
        let chain = |first: &str| {
            let mut parts = parts(stage());
            parts.stages = (0..10_000)
                .map(|i| {
                    let from = if i == 9_999 { first.to_owned() } else { format!("s{}", i + 1) };
                    (StagePlan { name: format!("s{i}").into(), ..stage() }, Inputs::Named(vec![from]))
                })
                .collect();
            parts.sinks[0].1 = Inputs::Named(vec!["s0".to_owned()]);
            parts
        };
        assert_eq!(Plan::assemble(chain("in")).expect("good").graph.wires.len(), 10_001);
        let flaw = flaw(chain("s0"));
        assert_eq!(flaw.part, Part::Node(Node::Stage(0)));
        let message = flaw.message;
        assert!(message.starts_with("stages feed each other in a circle: \"s0\" -> \"s9999\""), "{message}");
        assert!(message.ends_with("-> … -> \"s0\""), "{message}");
    }
}
