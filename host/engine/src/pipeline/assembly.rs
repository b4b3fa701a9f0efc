//! Sets a ready pipeline in motion: queues between its nodes, a task for each source, worker and sink.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::admission::{Admission, Rule};
use super::answering::AnsweringTask;
use super::checkpoint::{
    Checkpointer, CommittedSink, Deliveries, Gate, Lifecycle, Session, Settling, SourcePosition, Subject, Writer,
};
use super::edge_retry::EdgeRetry;
use super::images::Images;
use super::opening::ReadySink;
use super::prepare::{Pipeline, ReadySource};
use super::running::{AnsweringSources, Running, Supervisor};
use super::sink::WriterTask;
use super::source::SourceTask;
use super::stages::ReadyStage;
use super::watch::{Watch, WatchedSink, WatchedSource, WatchedStage};
use crate::edge::{Settlement, Writers};
use crate::failpoint::Failpoints;
use crate::flow::{DeadLetters, FailurePolicy, Outlet, Settler};
use crate::plan::{Feed, Graph, Node, OnError, SinkPlan};
use crate::pool::{Growth, Runtimes, Stage, Worker, Workplace};
use crate::queue::{self, Receiver, Sender};
use crate::record::{BatchBounds, Issuer, Ledger, Receipts, Traffic};
use crate::redact::Redactor;
use crate::report::{Audience, EventSender};
use crate::state::StateFile;
use crate::task::Tasks;
use crate::time::{Instant, missed};

/// Sets `pipeline` in motion.
pub(super) fn assemble(pipeline: Pipeline) -> Running {
    let promises = pipeline.promises();
    let Pipeline {
        name,
        sources,
        mut stages,
        sinks,
        graph,
        state,
        settler,
        events,
        stream,
        redactor,
        session,
        failpoints,
        runtimes,
    } = pipeline;
    let images = Images::of(&mut stages, events.clone(), failpoints.clone(), runtimes.io());
    let (stop, cut) = (CancellationToken::new(), CancellationToken::new());
    let wiring = Wiring::new(graph, &stages, &sinks, &failpoints);
    let gate = Gate::default();
    // Closed before there is a task that could pass it.
    let opening = session.as_ref().and_then(|_| Arc::clone(&gate).try_write_owned().ok());
    let mut floor = Floor {
        wiring,
        tasks: Tasks::new(cut.clone()),
        io: runtimes.io().clone(),
        ledger: Arc::default(),
        dead_letters: DeadLetters::new(state, &redactor, runtimes.io()),
        redactor,
        settler,
        events,
        gate,
        positions: Vec::new(),
        committed: Vec::new(),
        state: session.as_ref().map(|session| session.state().clone()),
        run: session.as_ref().and_then(Session::run),
        answering: AnsweringSources::new(),
        stop: stop.clone(),
        cut: cut.clone(),
    };
    let (lingering, every) = (lingering(&stages, &sinks), session.as_ref().map(Session::every));
    let (stages, shared): (Vec<WatchedStage>, Vec<Arc<Stage>>) =
        stages.into_iter().enumerate().map(|(i, stage)| floor.stage(i, stage)).unzip();
    let writers = sinks.iter().map(|sink| sink.plan.writers.get()).sum();
    let rule = Arc::new(Rule::new(&shared, writers, lingering, every));
    let sources = sources.into_iter().enumerate().map(|(i, source)| floor.source(i, source, &rule)).collect();
    let sinks = sinks.into_iter().enumerate().map(|(i, sink)| floor.sink(i, sink)).collect();
    let checkpointer = session.map(|session| Checkpointer::new(session, opening, floor.subject(&stages)));
    let lifecycle = Lifecycle::new(checkpointer, floor.committed, failpoints);
    // The wiring's own ends of the queues go: a queue closes when the last of its senders is done.
    drop(floor.wiring);
    let (begun, lasted, ledger) = (Instant::now(), OnceLock::new(), floor.ledger);
    let watch = Arc::new(Watch { begun, missed: missed(), lasted, ledger, sources, stages, sinks });
    let supervisor = Supervisor {
        name,
        promises,
        tasks: floor.tasks,
        answering: floor.answering,
        images,
        lifecycle,
        io: runtimes.io().clone(),
        watch: Arc::clone(&watch),
        stop,
        cut,
        dead_letters: floor.dead_letters,
        redactor: floor.redactor,
        events: floor.events,
    };
    Running::supervised(supervisor, watch, stream, runtimes)
}

/// How long a record may wait for fuller batches on its way, at most.
fn lingering(stages: &[ReadyStage], sinks: &[ReadySink]) -> Duration {
    let stages = stages.iter().map(|stage| stage.plan.batch.linger);
    stages.chain(sinks.iter().map(|sink| sink.plan.batch.linger)).sum()
}

/// The floor on which the tasks stand: what they share.
struct Floor {
    wiring: Wiring,
    tasks: Tasks,
    io: tokio::runtime::Handle,
    ledger: Arc<Ledger>,
    dead_letters: DeadLetters,
    redactor: Arc<Redactor>,
    settler: Settler,
    events: EventSender,
    gate: Gate,
    positions: Vec<SourcePosition>,
    committed: Vec<CommittedSink>,
    /// Where it is kept how far sinks have come that answer, if anywhere.
    state: Option<StateFile>,
    /// The run, if it can be resumed.
    run: Option<u64>,
    /// Sources that acknowledge.
    answering: AnsweringSources,
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Floor {
    /// The parts that checkpoints look at.
    fn subject(&self, stages: &[WatchedStage]) -> Subject {
        Subject {
            gate: Arc::clone(&self.gate),
            ledger: Arc::clone(&self.ledger),
            sources: self.positions.clone(),
            stages: stages.iter().map(|stage| Arc::clone(&stage.counters)).collect(),
            sinks: self.committed.clone(),
        }
    }

    fn source(&mut self, index: usize, ready: ReadySource, rule: &Arc<Rule>) -> WatchedSource {
        let ReadySource { name, source, begins_at, settlement, guests, on_error, retry } = ready;
        let node = Node::Source(index);
        let output = self.wiring.outlet(node, 1);
        let (counters, tap) = (Arc::default(), output.tap());
        let watched = WatchedSource { name: Arc::clone(&name), extent: source.extent(), counters, tap };
        let position = SourcePosition::new(begins_at, settlement == Settlement::Cursor);
        self.positions.push(position.clone());
        let traffic = Arc::new(Traffic::default());
        let receipts = match settlement {
            Settlement::Receipt(per) => Some(Arc::new(Receipts::new(per))),
            Settlement::Cursor | Settlement::Never => None,
        };
        let task = SourceTask {
            bounds: self.wiring.bounds_after(node),
            output,
            failures: self.policy(&name, "source", on_error),
            failpoints: self.wiring.failpoints.clone(),
            admission: Admission::new(rule, &traffic),
            issuer: Issuer {
                ledger: Arc::clone(&self.ledger),
                source: Arc::clone(&name),
                traffic: Some(traffic),
                // What only this process can count has names in this process alone.
                run: self.run.filter(|_| settlement == Settlement::Cursor).unwrap_or_else(|| fastrand::u64(1..)),
                receipts: receipts.clone(),
            },
            counters: Arc::clone(&watched.counters),
            stop: self.stop.clone(),
            gate: Arc::clone(&self.gate),
            position,
            retry: EdgeRetry::new("source", &name, retry, self.audience()),
            source,
        };
        let runtime = guests.as_ref().unwrap_or(&self.io);
        match receipts {
            None => self.tasks.spawn(runtime, task.run()),
            Some(receipts) => {
                let (pulled, ended) = oneshot::channel();
                let task = AnsweringTask { task, receipts, cut: self.cut.clone(), pulled };
                self.answering.tasks.spawn(runtime, task.run());
                // The end of the pulling is heard of here, and the end of the telling there, as is a panic.
                self.tasks.spawn(runtime, async move { ended.await.unwrap_or(Ok(())) });
            }
        }
        watched
    }

    fn stage(&mut self, index: usize, ready: ReadyStage) -> (WatchedStage, Arc<Stage>) {
        let ReadyStage { plan, program, sha256, guests, image: _ } = ready;
        let node = Node::Stage(index);
        let component = sha256.map(Arc::from);
        let failures = FailurePolicy { component, ..self.policy(&plan.name, "stage", plan.on_error) };
        let stage = Arc::new(Stage::new(&plan, program, failures, &self.ledger));
        let output = self.wiring.outlet(node, plan.ports.len().max(1));
        let input = self.wiring.input(node);
        let (queue, tap) = (input.probe(), output.tap());
        let runtimes = Runtimes { shared: self.io.clone(), own: guests.clone() };
        let workplace = Workplace { input, output, runtimes };
        for task in 0..stage.tasks() {
            self.tasks.spawn_migrating(&guests, Worker::new(&stage, task, workplace.clone()).run());
        }
        if !plan.workers.are_fixed() {
            self.tasks.spawn(&self.io, Growth::new(&stage, queue.clone()).run());
        }
        let watched = WatchedStage {
            divided: plan.divided(),
            name: plan.name,
            program: Arc::clone(&stage.program),
            counters: Arc::clone(&stage.counters),
            queue,
            slots: Arc::clone(&stage.slots),
            tasks: Arc::clone(&stage.activities),
            tap,
        };
        (watched, stage)
    }

    fn sink(&mut self, index: usize, ready: ReadySink) -> WatchedSink {
        let ReadySink { plan, sink, others, was_by_several: _, holds, answers } = ready;
        let SinkPlan { name, batch, on_error, retry, .. } = plan;
        let input = self.wiring.input(Node::Sink(index));
        let watched = WatchedSink {
            name: Arc::clone(&name),
            writers: plan.writers.get(),
            allows_several_writers: plan.spec.writers() == Writers::Many,
            counters: Arc::default(),
            queue: input.probe(),
        };
        let settling = match (answers, holds) {
            (true, _) => Settling::Answered(self.state.clone()),
            (false, true) => Settling::Committed,
            (false, false) => Settling::Written,
        };
        let counters = Arc::clone(&watched.counters);
        let deliveries = Deliveries { sink: Arc::clone(&name), settler: self.settler.clone(), counters };
        let is_one_of_several = !others.is_empty();
        let writers = std::iter::once(sink).chain(others).enumerate().map(|(number, sink)| {
            let retry = EdgeRetry::new("sink", &name, retry, self.audience()).of_writer(number);
            let writer = Writer::new(sink, settling.clone(), deliveries.clone(), retry);
            Arc::new(if is_one_of_several { writer.one_of_several() } else { writer })
        });
        let writers: Vec<Arc<Writer>> = writers.collect();
        for writer in &writers {
            let task = WriterTask {
                writer: Arc::clone(writer),
                bounds: batch,
                input: input.clone(),
                failures: self.policy(&name, "sink", on_error),
                counters: Arc::clone(&watched.counters),
            };
            self.tasks.spawn(&self.io, task.run());
        }
        self.committed.push(CommittedSink::new(&name, writers));
        watched
    }

    fn audience(&self) -> Audience {
        Audience { events: self.events.clone(), redactor: Arc::clone(&self.redactor) }
    }

    fn policy(&self, node: &Arc<str>, role: &'static str, on_error: OnError) -> FailurePolicy {
        FailurePolicy {
            node: Arc::clone(node),
            role,
            component: None,
            on_error,
            dead_letters: self.dead_letters.clone(),
            redactor: Arc::clone(&self.redactor),
            settler: self.settler.clone(),
            events: self.events.clone(),
        }
    }
}

/// The queues of a pipeline, by the node they lead to.
struct Wiring {
    graph: Graph,
    failpoints: Failpoints,
    queues: HashMap<Node, (Sender, Receiver, BatchBounds)>,
}

impl Wiring {
    fn new(graph: Graph, stages: &[ReadyStage], sinks: &[ReadySink], failpoints: &Failpoints) -> Self {
        let stages = stages.iter().enumerate().map(|(i, s)| {
            let plan = &s.plan;
            (Node::Stage(i), queue::with_lanes(plan.queue, plan.by_key()), plan.batch)
        });
        let sinks = sinks
            .iter()
            .enumerate()
            .map(|(i, s)| (Node::Sink(i), queue::with_lanes(s.plan.queue, s.plan.by_key()), s.plan.batch));
        let queues = stages.chain(sinks).map(|(node, (sender, receiver), batch)| (node, (sender, receiver, batch)));
        Self { graph, failpoints: failpoints.clone(), queues: queues.collect() }
    }

    fn outlet(&self, node: Node, ports: usize) -> Outlet {
        let ports =
            (0_u16..).take(ports).map(|port| self.consumers(Feed { node, port }).map(|q| q.0.clone()).collect());
        Outlet::new(ports.collect(), self.failpoints.clone())
    }

    /// The largest chunk that does not have to be split after a source: the smallest batch bounds of its consumers.
    fn bounds_after(&self, node: Node) -> BatchBounds {
        let consumers = self.consumers(Feed { node, port: 0 }).map(|queue| queue.2);
        consumers
            .reduce(|a, b| BatchBounds { records: a.records.min(b.records), bytes: a.bytes.min(b.bytes), ..a })
            .expect("the plan gives every source a consumer")
    }

    fn input(&self, node: Node) -> Receiver {
        self.queues.get(&node).map(|queue| queue.1.clone()).expect("every stage and sink has a queue")
    }

    fn consumers(&self, feed: Feed) -> impl Iterator<Item = &(Sender, Receiver, BatchBounds)> {
        self.graph.consumers(feed).filter_map(|node| self.queues.get(&node))
    }
}
