//! Sandmill itself: stages in the sandbox, or the same function native in the same runner.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, ensure};
use async_trait::async_trait;
use sandmill::build::{self, BuildOptions};
use sandmill::edge::{Chunk, Records, Rejected, Sink, Source};
use sandmill::program::{NativeStage, Verdict};
use sandmill::record::{BatchBounds, Column, Payload, Places};
use sandmill::report::{Ending, Report};
use sandmill::{Error, PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
use tokio::runtime::Builder;
use works::Work;
use works::harness::{Arrived, Input, Length, Measured, Portion, Stopwatch, Took};

/// A stage in the sandbox.
pub(crate) fn sandboxed(work: Work, name: &str) -> Result<StageBuilder> {
    Ok(StageBuilder::component(name, component(work)?).config(config(work)))
}

/// The same function without a sandbox.
pub(crate) fn native(work: Work, name: &str) -> StageBuilder {
    let worker = work.open();
    let stage = NativeStage::new(move |key, value, out| {
        let mut done = Ok(());
        out.push_with(key, |data| done = worker.apply(value, data));
        done.map_or_else(Verdict::Failed, |()| Verdict::Done)
    });
    StageBuilder::native(name, stage)
}

/// What all sections need but those that measure other languages.
pub(crate) const GUESTS: [&str; 6] = [
    "../stages/identity",
    "../stages/upper",
    "../stages/parse-access-log",
    "works/stage",
    "works/pick",
    "guests/reach-http",
];

/// Builds these stages where that has not been done.
pub(crate) fn build_guests(folders: &[&str]) -> Result<()> {
    for folder in folders {
        build::build(&beside(folder), &BuildOptions::default(), &mut |_line| {})?;
    }
    Ok(())
}

/// The component that does it: a stage of its own where there is one.
pub(crate) fn component(work: Work) -> Result<PathBuf> {
    built(match work {
        Work::Upper => "../stages/upper",
        Work::AccessLog => "../stages/parse-access-log",
        Work::Json | Work::Redact | Work::Hash | Work::Blur => "works/stage",
    })
}

/// What its `open` is given.
pub(crate) fn config(work: Work) -> String {
    match work {
        Work::Upper | Work::AccessLog => "{}".to_owned(),
        Work::Json | Work::Redact | Work::Hash | Work::Blur => serde_json::json!({ "work": work }).to_string(),
    }
}

/// What a folder below this package has been built to.
pub(crate) fn built(folder: &str) -> Result<PathBuf> {
    Ok(build::state(&beside(folder))?.component)
}

fn beside(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

/// Runs the input through `stages`. The clock runs from the start of the pipeline, compiled and open, to the end of its
/// report.
pub(crate) fn run(input: Input, length: Length, stages: impl IntoIterator<Item = StageBuilder>) -> Result<Measured> {
    let sink = Counting { arrived: input.arrivals(), total: Arc::default() };
    run_into(sink, source(input, length), length, stages)
}

/// As [`run`], of records that have `keys` different keys, in turn, and may arrive in any order.
pub(crate) fn run_keyed(
    input: Input,
    length: Length,
    keys: usize,
    stages: impl IntoIterator<Item = StageBuilder>,
) -> Result<Measured> {
    run_into(Tallying::default(), keyed_source(input, length, keys), length, stages)
}

fn run_into(
    sink: impl Sink + Tally + 'static,
    source: SourceBuilder,
    length: Length,
    stages: impl IntoIterator<Item = StageBuilder>,
) -> Result<Measured> {
    let arrived = sink.total();
    let mut pipeline = PipelineBuilder::new("bench").source(source);
    for stage in stages {
        pipeline = pipeline.stage(stage);
    }
    let (report, took) = complete(pipeline.sink(SinkBuilder::custom("count", sink)))?;
    let count = arrived.load(Ordering::Acquire);
    ensure!(report.stats.accounting.delivered == count as u64, "the report and the sink disagree");
    Measured::new(length, count, took)
}

/// Runs a pipeline to its end, which must be a good one.
pub(crate) fn complete(pipeline: PipelineBuilder) -> Result<(Report, Took)> {
    let plan = pipeline.plan()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (report, took) = runtime.block_on(async {
        let ready = sandmill::prepare(plan).await?;
        let stopwatch = Stopwatch::start();
        let report = ready.run().await;
        Ok::<_, Error>((report, stopwatch.stop()))
    })?;
    ensure!(report.ending == Ending::Completed, "the run did not complete: {:?}", report.problem);
    Ok((report, took))
}

/// A source, `input`.
pub(crate) fn source(input: Input, length: Length) -> SourceBuilder {
    keyed_source(input, length, 0)
}

fn keyed_source(input: Input, length: Length, keys: usize) -> SourceBuilder {
    let keys = (0..keys).map(|key| format!("key-{key}")).collect();
    SourceBuilder::custom("input", Prepared { portions: Box::new(input.portions(length)), keys, position: 0 })
}

/// A number of workers, records or bytes.
pub(crate) fn nonzero(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("there is at least one")
}

/// Hands out batches that are there already.
struct Prepared {
    portions: Box<dyn Iterator<Item = Portion> + Send>,
    /// Of the records, in turn; none: they have none.
    keys: Column,
    position: u64,
}

#[async_trait]
impl Source for Prepared {
    async fn pull(&mut self, _bounds: &BatchBounds) -> sandmill::Result<Option<Chunk>> {
        let Some(Portion { columns: (data, ends), .. }) = self.portions.next() else { return Ok(None) };
        let values = Column::from_parts(data, ends).map_err(|error| Error::internal("a bad input").caused_by(error))?;
        let first = usize::try_from(self.position).unwrap_or(0);
        let keys = (first..first + values.len()).filter_map(|at| self.keys.get(at.checked_rem(self.keys.len())?));
        let records = Payload::new(values, keys.collect()).ok_or_else(|| Error::internal("a key is missing"))?;
        self.position += records.len() as u64;
        Ok(Some(Chunk { records, places: Places::default(), bad: Vec::new(), position: self.position, cursor: None }))
    }
}

/// Counts what arrives.
struct Counting {
    arrived: Arrived,
    total: Arc<AtomicUsize>,
}

#[async_trait]
impl Sink for Counting {
    async fn write(&mut self, records: &Records<'_>) -> sandmill::Result<Vec<Rejected>> {
        for value in records.values().iter() {
            self.arrived.record(value);
        }
        self.total.store(self.arrived.records(), Ordering::Release);
        Ok(Vec::new())
    }
}

/// Counts what arrives in any order.
#[derive(Default)]
struct Tallying(Arc<AtomicUsize>);

#[async_trait]
impl Sink for Tallying {
    async fn write(&mut self, records: &Records<'_>) -> sandmill::Result<Vec<Rejected>> {
        self.0.fetch_add(records.len(), Ordering::AcqRel);
        Ok(Vec::new())
    }
}

/// A sink whose count others may read.
trait Tally {
    fn total(&self) -> Arc<AtomicUsize>;
}

impl Tally for Counting {
    fn total(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.total)
    }
}

impl Tally for Tallying {
    fn total(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.0)
    }
}
