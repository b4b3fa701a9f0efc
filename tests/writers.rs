//! Several writers of one sink: they write at the same time, and what a run promises holds for all of them together.

use std::collections::HashSet;
use std::num::{NonZeroU16, NonZeroUsize};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sandmill::connector::{FileSink, FolderSink, Generate, Generated, IfExists, LineFormat};
use sandmill::edge::{Delivery, PipelineFolder, Records, Rejected, Settles, Sink, SinkSpec, SinkStart, Writers};
use sandmill::failpoint::{Breakage, Failpoint, Failpoints};
use sandmill::plan::{Checkpoints, Order};
use sandmill::program::{NativeStage, Verdict};
use sandmill::record::{BatchBounds, Column, Pairing, Payload};
use sandmill::report::{Ending, Report};
use sandmill::{PipelineBuilder, Result, SinkBuilder, SourceBuilder, StageBuilder};
use tests::edges::{Given, Numbers};
use tokio::sync::watch;
use tokio::time::timeout;

/// A run that has not ended by then hangs.
const BOUND: Duration = Duration::from_secs(60);

fn nonzero(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("positive")
}

fn batch(records: usize) -> BatchBounds {
    BatchBounds { records: nonzero(records), bytes: nonzero(1 << 20), linger: Duration::ZERO }
}

/// A service whose writers share what it was told.
#[derive(Clone, Debug)]
struct Service {
    settles: Settles,
    /// How many writes are under way, and how many were at most.
    under_way: watch::Sender<(usize, usize)>,
    /// Once this many records are written, a write waits until as many are under way as there are writers.
    waits_after: u64,
    written: Arc<AtomicU64>,
    writers: usize,
    told: Arc<Mutex<Vec<&'static str>>>,
    /// Whether it is the writer that was opened first.
    is_first: bool,
}

impl Service {
    fn new(writers: usize) -> Self {
        let (under_way, written, told) = (watch::Sender::default(), Arc::default(), Arc::default());
        Self { settles: Settles::OnWrite, under_way, waits_after: 1_000, written, writers, told, is_first: true }
    }

    fn tell(&self, what: &'static str) {
        self.told.lock().expect("no test panics while it is locked").push(what);
    }

    fn told(&self) -> Vec<&'static str> {
        self.told.lock().expect("no test panics while it is locked").clone()
    }
}

#[async_trait]
impl SinkSpec for Service {
    fn summary(&self) -> String {
        "a service".to_owned()
    }

    fn identity(&self, _folder: &PipelineFolder) -> Vec<String> {
        vec![self.summary()]
    }

    fn writers(&self) -> Writers {
        Writers::Many
    }

    async fn open(&self, _start: SinkStart) -> Result<Box<dyn Sink>> {
        self.tell("open");
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Sink for Service {
    async fn write(&mut self, records: &Records<'_>) -> Result<Vec<Rejected>> {
        self.under_way.send_modify(|(now, most)| (*now, *most) = (*now + 1, (*now + 1).max(*most)));
        if self.written.fetch_add(records.len() as u64, SeqCst) >= self.waits_after {
            let mut seen = self.under_way.subscribe();
            seen.wait_for(|(_, most)| *most == self.writers).await.expect("the sender is here");
        }
        self.under_way.send_modify(|(now, _)| *now -= 1);
        Ok(Vec::new())
    }

    async fn writer(&mut self) -> Result<Box<dyn Sink>> {
        self.tell("writer");
        Ok(Box::new(Self { is_first: false, ..self.clone() }))
    }

    async fn finish(&mut self) -> Result<()> {
        self.tell(if self.is_first { "finish first" } else { "finish" });
        Ok(())
    }

    fn settles(&self) -> Settles {
        self.settles
    }
}

/// Were there fewer writes at the same time, the first ones would wait for ever. A pipeline that has shown nothing is let in
/// for little, so they do not wait in the beginning.
#[tokio::test(flavor = "multi_thread")]
async fn a_sink_with_eight_writers_has_eight_writes_under_way() {
    let service = Service::new(8);
    let source = SourceBuilder::custom("numbers", Numbers { chunk: 10, ..Numbers::up_to(10_000) });
    let sink = SinkBuilder::new("service", service.clone()).writers(nonzero(8)).batch(batch(10));
    let plan = PipelineBuilder::new("p").source(source).sink(sink).plan().expect("a sound plan");
    let report = timeout(BOUND, sandmill::prepare(plan).await.expect("a sound pipeline").run()).await;
    let report = report.expect("every run ends");
    assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
    let sink = &report.stats.sinks[0];
    assert_eq!((sink.writers, sink.allows_several_writers, sink.delivered), (8, true, 10_000));
    assert_eq!(report.stats.accounting.in_flight, 0);
    let expected = [vec!["open"], vec!["writer"; 7], vec!["finish"; 7], vec!["finish first"]].concat();
    assert_eq!(service.told(), expected, "it is opened once, and every writer is finished, the first one last");
}

#[tokio::test]
async fn a_sink_that_commits_what_it_has_written_has_one_writer() {
    let service = Service { settles: Settles::OnCommit, ..Service::new(1) };
    let plan = |writers| {
        let sink = SinkBuilder::new("service", service.clone()).writers(nonzero(writers));
        let source = SourceBuilder::custom("numbers", Numbers::up_to(1));
        PipelineBuilder::new("p").source(source).sink(sink).plan().expect("the kind allows several")
    };
    sandmill::prepare(plan(1)).await.expect("one writer commits alone");
    let error = sandmill::prepare(plan(2)).await.expect_err("two could not commit as one");
    assert!(
        error.to_string().starts_with("sink \"service\" cannot have several writers, because it commits"),
        "{error}"
    );
}

/// Without a refusal, the lines of several writers would be mixed, and cut off wrongly when a run is resumed.
#[test]
fn several_writers_of_a_file_are_refused_in_code_as_in_a_pipeline_file() {
    let file = FileSink { path: "out.txt".into(), format: LineFormat::Lines, if_exists: IfExists::Replace };
    let plan = |sink: SinkBuilder| {
        PipelineBuilder::new("p").source(SourceBuilder::custom("numbers", Numbers::up_to(1))).sink(sink).plan()
    };
    let error = plan(SinkBuilder::new("file", file).writers(nonzero(2))).expect_err("a file has one end");
    assert!(error.to_string().starts_with("sink \"file\" can have only one writer, because a file takes"), "{error}");
    let in_order = SinkBuilder::new("service", Service::new(1)).writers(nonzero(2)).order(Order::Input);
    let error = plan(in_order).expect_err("several write at the same time");
    assert!(error.to_string().starts_with("order = \"input\" of sink \"service\" needs one writer"), "{error}");
}

const RECORDS: u64 = 3_000;

/// Writes a file for each number, and ends after some writes, if that is said.
async fn write_files(folder: &std::path::Path, writers: usize, ends_after: Option<u64>) -> Report {
    let writes = AtomicU64::new(0);
    let failpoints = Failpoints::new(move |point| {
        let is_over = |after| point == Failpoint::AfterWrite && writes.fetch_add(1, SeqCst) >= after;
        ends_after.is_some_and(is_over).then_some(Breakage::Lasting)
    });
    let keyed = NativeStage::new(|_key, value, out| {
        out.push(Some(value), value);
        Verdict::Done
    });
    let what = Generate { what: Generated::Numbers, records: RECORDS, seed: 1 };
    let sink = SinkBuilder::new("folder", FolderSink { path: folder.join("out") }).writers(nonzero(writers));
    let plan = PipelineBuilder::new("p")
        .state_file(folder.join("p.state.db"))
        .checkpoints(Checkpoints { every: Duration::from_millis(1), records: None })
        .failpoints(failpoints)
        .source(SourceBuilder::new("numbers", what))
        .stage(StageBuilder::native("keyed", keyed).batch(batch(20)))
        .sink(sink.batch(batch(20)))
        .plan()
        .expect("a sound plan");
    let pipeline = sandmill::prepare(plan).await.expect("nothing stands in the way");
    timeout(BOUND, pipeline.run()).await.expect("every run ends")
}

/// What several writers have written is not taken back, so nothing depends on their number.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_resumed_with_another_number_of_writers() {
    let folder = tempfile::tempdir().expect("a folder");
    for (writers, ends_after) in [(5, Some(60)), (1, Some(20)), (3, None)] {
        let report = write_files(folder.path(), writers, ends_after).await;
        let expected = if ends_after.is_some() { Ending::Aborted } else { Ending::Completed };
        assert_eq!(report.ending, expected, "{:?}", report.problem);
        assert!(report.stats.accounting.balances(), "{:?}", report.stats.accounting);
    }
    for number in 1..=RECORDS {
        let text = std::fs::read_to_string(folder.path().join("out").join(number.to_string())).expect("a file");
        assert_eq!(text, number.to_string());
    }
    let files = std::fs::read_dir(folder.path().join("out")).expect("a folder").count();
    assert_eq!(files as u64, RECORDS, "nothing half-written is left");
}

/// With one writer, it goes back to where it was at a checkpoint.
#[derive(Clone, Debug)]
struct GoesBack;

#[async_trait]
impl SinkSpec for GoesBack {
    fn summary(&self) -> String {
        "a place that goes back".to_owned()
    }

    fn identity(&self, _folder: &PipelineFolder) -> Vec<String> {
        vec![self.summary()]
    }

    fn writers(&self) -> Writers {
        Writers::Many
    }

    async fn open(&self, _start: SinkStart) -> Result<Box<dyn Sink>> {
        Ok(Box::new(Self))
    }
}

#[async_trait]
impl Sink for GoesBack {
    async fn write(&mut self, _records: &Records<'_>) -> Result<Vec<Rejected>> {
        Ok(Vec::new())
    }

    async fn writer(&mut self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(Self))
    }

    fn delivery(&self) -> Delivery {
        Delivery::ExactlyOnce
    }
}

/// Neither by them nor by one that resumes what they have done: it cannot be taken back.
#[tokio::test(flavor = "multi_thread")]
async fn what_several_writers_write_is_not_promised_to_be_there_exactly_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = async |writers, breaks: bool| {
        let failpoints =
            Failpoints::new(move |point| (breaks && point == Failpoint::AfterWrite).then_some(Breakage::Lasting));
        let what = Generate { what: Generated::Numbers, records: RECORDS, seed: 1 };
        let plan = PipelineBuilder::new("p")
            .state_file(folder.path().join("p.state.db"))
            .checkpoints(Checkpoints { every: Duration::from_millis(1), records: None })
            .failpoints(failpoints)
            .source(SourceBuilder::new("numbers", what))
            .sink(SinkBuilder::new("back", GoesBack).writers(nonzero(writers)).batch(batch(20)))
            .plan()
            .expect("a sound plan");
        sandmill::prepare(plan).await.expect("nothing stands in the way")
    };
    for (writers, promised) in
        [(1, Delivery::ExactlyOnce), (1, Delivery::ExactlyOnce), (4, Delivery::AtLeastOnce), (1, Delivery::AtLeastOnce)]
    {
        let pipeline = pipeline(writers, true).await;
        assert_eq!(pipeline.promises().first().map(|promise| promise.delivery), Some(promised), "{writers} writers");
        let report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
        assert_eq!(report.ending, Ending::Aborted, "{:?}", report.problem);
    }
}

/// A database in which two writes of one node at once would wait for each other.
#[derive(Clone, Debug, Default)]
struct Graph {
    in_hand: Arc<Mutex<HashSet<u64>>>,
    most: Arc<AtomicU64>,
    under_way: Arc<AtomicU64>,
}

#[async_trait]
impl SinkSpec for Graph {
    fn summary(&self) -> String {
        "a graph".to_owned()
    }

    fn identity(&self, _folder: &PipelineFolder) -> Vec<String> {
        vec![self.summary()]
    }

    fn writers(&self) -> Writers {
        Writers::Many
    }

    async fn open(&self, _start: SinkStart) -> Result<Box<dyn Sink>> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Sink for Graph {
    async fn write(&mut self, records: &Records<'_>) -> Result<Vec<Rejected>> {
        let pairs = records.values().iter();
        let pairs = pairs.map(|value| serde_json::from_slice::<(u64, u64)>(value).expect("a pair"));
        let nodes: HashSet<u64> = pairs.flat_map(|(left, right)| [left, right]).collect();
        {
            let mut in_hand = self.in_hand.lock().expect("no test panics while it is locked");
            assert!(in_hand.is_disjoint(&nodes), "two writes of one node");
            in_hand.extend(&nodes);
        }
        self.most.fetch_max(self.under_way.fetch_add(1, SeqCst) + 1, SeqCst);
        for _ in 0..nodes.len() {
            tokio::task::yield_now().await;
        }
        self.under_way.fetch_sub(1, SeqCst);
        self.in_hand.lock().expect("no test panics while it is locked").retain(|node| !nodes.contains(node));
        Ok(Vec::new())
    }

    async fn writer(&mut self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(self.clone()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_writes_at_once_have_a_node_in_common() {
    let graph = Graph::default();
    let pairs: Column = (0..20_000_u64).map(|n| format!("[{},{}]", n * 7 % 997, n * 13 % 991)).collect();
    let [left, right] = ["/0", "/1"].map(|id| id.parse().expect("a pointer"));
    let pairing = Pairing { left, right, buckets: NonZeroU16::new(16).expect("positive"), same_nodes: true };
    let sink = SinkBuilder::new("graph", graph.clone()).writers(nonzero(4)).batch(batch(50)).partition(pairing);
    let source = SourceBuilder::custom("pairs", Given::new(Payload::of_values(pairs), 1_000));
    let plan = PipelineBuilder::new("p").source(source).sink(sink).plan().expect("a sound plan");
    let report = timeout(BOUND, sandmill::prepare(plan).await.expect("a sound pipeline").run()).await;
    let report = report.expect("every run ends");
    assert_eq!((report.ending, report.stats.accounting.delivered), (Ending::Completed, 20_000), "{:?}", report.problem);
    assert!(graph.most.load(SeqCst) > 1, "writes one after the other");
}
