//! Sandmill itself: stages in the sandbox, or the same function native in the same runner.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, ensure};
use async_trait::async_trait;
use sandmill::build::{self, BuildOptions};
use sandmill::edge::{Chunk, Rejected, Sink, Source};
use sandmill::pool::{NativeStage, Verdict};
use sandmill::record::{BatchBounds, Column, Payload, Places};
use sandmill::report::Ending;
use sandmill::{Error, Pipeline, PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
use tokio::runtime::Builder;

use crate::input::{Arrived, Columns, Input};
use crate::stopwatch::{Stopwatch, Took};

/// The trivial stage in the sandbox.
pub(crate) fn sandboxed(name: &str) -> Result<StageBuilder> {
    Ok(StageBuilder::component(name, component()?))
}

/// The trivial stage without a sandbox.
pub(crate) fn native(name: &str) -> StageBuilder {
    let upper = NativeStage::new(|key, value, out| {
        out.push_with(key, |data| {
            let start = data.len();
            data.extend_from_slice(value);
            data.get_mut(start..).unwrap_or_default().make_ascii_uppercase();
        });
        Verdict::Done
    });
    StageBuilder::native(name, upper)
}

/// Builds the trivial stage where that has not been done.
pub(crate) fn build_guest() -> Result<()> {
    build::build(&guest_folder(), &BuildOptions::default(), &mut |_line| {})?;
    Ok(())
}

/// The trivial stage's component.
pub(crate) fn component() -> Result<PathBuf> {
    Ok(build::state(&guest_folder())?.component)
}

fn guest_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../stages/upper")
}

/// Runs the input through `stages`, and says how many records came to the sink. The clock runs from the start of the pipeline, compiled and open, to the end of its
/// report.
pub(crate) fn run(
    input: Input,
    records: usize,
    stages: impl IntoIterator<Item = StageBuilder>,
) -> Result<(usize, Took)> {
    let arrived = Arc::new(AtomicUsize::new(0));
    let sink = Counting { arrived: Arrived::default(), total: Arc::clone(&arrived) };
    let mut pipeline = PipelineBuilder::new("bench").source(source(input, records));
    for stage in stages {
        pipeline = pipeline.stage(stage);
    }
    let plan = pipeline.sink(SinkBuilder::custom("count", sink)).plan()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (report, took) = runtime.block_on(async {
        let ready = Pipeline::prepare(plan).await?;
        let stopwatch = Stopwatch::start();
        let report = ready.run().await;
        Ok::<_, Error>((report, stopwatch.stop()))
    })?;
    let count = arrived.load(Ordering::Acquire);
    ensure!(report.ending == Ending::Completed, "the run did not complete: {:?}", report.problem);
    ensure!(report.stats.accounting.delivered == count as u64, "the report and the sink disagree");
    Ok((count, took))
}

/// A source of so many records, `input`.
pub(crate) fn source(input: Input, records: usize) -> SourceBuilder {
    SourceBuilder::custom("input", Prepared { batches: Box::new(input.into_batches(records)), position: 0 })
}

/// A number of workers, records or bytes.
pub(crate) fn nonzero(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("there is at least one")
}

/// Hands out batches that are there already.
struct Prepared {
    batches: Box<dyn Iterator<Item = Columns> + Send>,
    position: u64,
}

#[async_trait]
impl Source for Prepared {
    async fn pull(&mut self, _bounds: &BatchBounds) -> sandmill::Result<Option<Chunk>> {
        let Some((data, ends)) = self.batches.next() else { return Ok(None) };
        let values = Column::from_parts(data, ends).map_err(|error| Error::internal("a bad input").caused_by(error))?;
        let records = Payload::of_values(values);
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
    async fn write(&mut self, records: &Payload) -> sandmill::Result<Vec<Rejected>> {
        for value in records.values().iter() {
            self.arrived.record(value);
        }
        self.total.store(self.arrived.records(), Ordering::Release);
        Ok(Vec::new())
    }
}
