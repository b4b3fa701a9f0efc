//! What the pipelines of one host share, and what they do not.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::time::Duration;

use sandmill::plan::{Breaker, Limits};
use sandmill::record::{Column, Payload};
use sandmill::report::{Ending, Report};
use sandmill::sandbox::Sandbox;
use sandmill::{Host, Pipeline, PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
use tests::edges::{Given, Keeper, Numbers};
use tests::guest::{Guest, PROCESS_ECHO, PROCESS_SPIN_ON_BANG};
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(60);
const RECORDS: u64 = 5_000;

/// Its engines have room for the spare instances of two pipelines (8 each), and for four more.
fn host() -> Host {
    Host::start(Sandbox::with_room_for(NonZeroU32::new(4 + 2 * 8).expect("positive"))).expect("threads")
}

/// A pipeline of numbers through a stage with this number of workers that gives them back.
async fn echoing(host: &Host, folder: &Path, name: &str, workers: usize, keeper: &Keeper) -> Pipeline {
    let component = Guest::processing(PROCESS_ECHO).write(folder, name).expect("a component");
    let workers = NonZeroUsize::new(workers).expect("positive");
    let plan = PipelineBuilder::new(name)
        .state_file(folder.join(format!("{name}.state.db")))
        .source(SourceBuilder::custom("numbers", Numbers::up_to(RECORDS)))
        .stage(StageBuilder::component("guest", component).workers(workers))
        .sink(SinkBuilder::custom("kept", keeper.clone()))
        .plan()
        .expect("a plan");
    Pipeline::prepare(plan, host).await.expect("a pipeline")
}

fn has_delivered_all(report: &Report, keeper: &Keeper) {
    assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
    assert_eq!((report.stats.accounting.delivered, keeper.kept.records().len() as u64), (RECORDS, RECORDS));
}

/// They have two workers, one and three: the last one finds no room.
#[tokio::test]
async fn pipelines_of_one_host_run_side_by_side_whether_or_not_they_find_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = host();
    let mut running = Vec::new();
    for (name, workers) in [("one", 2), ("two", 1), ("three", 3)] {
        let keeper = Keeper::default();
        let pipeline = echoing(&host, folder.path(), name, workers, &keeper).await;
        running.push((keeper, pipeline.start()));
    }
    for (keeper, pipeline) in running {
        has_delivered_all(&timeout(BOUND, pipeline.wait()).await.expect("every run ends"), &keeper);
    }
    // What they have left is free again, whoever comes first.
    for round in 0..3 {
        let keeper = Keeper::default();
        let pipeline = echoing(&host, folder.path(), &format!("again-{round}"), 4, &keeper).await;
        has_delivered_all(&timeout(BOUND, pipeline.run()).await.expect("every run ends"), &keeper);
    }
}

/// The other one spins at each record until its limit, in the same engine.
#[tokio::test]
async fn a_guest_that_spins_costs_a_pipeline_beside_it_no_record() {
    const SPINNING: usize = 30;
    let folder = tempfile::tempdir().expect("a folder");
    let host = host();
    let (bad, good) = (Keeper::default(), Keeper::default());
    let component = Guest::processing(PROCESS_SPIN_ON_BANG).write(folder.path(), "spins").expect("a component");
    let values: Column = std::iter::repeat_n(b"!", SPINNING).collect();
    let limits = Limits { cpu: Duration::from_millis(10), ..Limits::default() };
    let plan = PipelineBuilder::new("spins")
        .state_file(folder.path().join("spins.state.db"))
        .source(SourceBuilder::custom("given", Given::new(Payload::of_values(values), 1)))
        .stage(StageBuilder::component("guest", component).limits(limits).breaker(Breaker::OFF))
        .sink(SinkBuilder::custom("kept", bad.clone()))
        .plan()
        .expect("a plan");
    let spinning = Pipeline::prepare(plan, &host).await.expect("a pipeline").start();
    let beside = echoing(&host, folder.path(), "echoes", 2, &good).await;
    has_delivered_all(&timeout(BOUND, beside.run()).await.expect("every run ends"), &good);
    let report = timeout(BOUND, spinning.wait()).await.expect("every run ends");
    assert_eq!((report.stats.accounting.dead_lettered, bad.kept.records().len()), (SPINNING as u64, 0));
}
