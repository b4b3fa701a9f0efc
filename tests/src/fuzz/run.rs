//! A guest that nobody vouches for, run for real: whatever it does, the run ends, and its account balances.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::time::Duration;

use sandmill::connector::NullSink;
use sandmill::plan::{Limits, Reuse, Warm};
use sandmill::record::{BatchBounds, Payload};
use sandmill::report::{Ending, Report};
use sandmill::{ErrorKind, Pipeline, PipelineBuilder, Result, SinkBuilder, SourceBuilder, StageBuilder};
use tokio::time::timeout;

use crate::edges::Given;

/// Records of a run.
pub(super) const RECORDS: usize = 12;
/// Records of an invocation.
pub(super) const BATCH: usize = 6;
/// Ports of the stage.
pub(super) const PORTS: usize = 2;

/// More than an instance may take to start (10 s inside the guest), and far more than these limits allow for the rest.
const BOUND: Duration = Duration::from_secs(60);

/// Runs some records through the component; `None` when it is refused before the first of them.
///
/// # Panics
/// When anything that is promised about any guest does not hold.
pub(super) fn run(component: &[u8], reuse: Reuse) -> Option<Report> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("guest.wasm");
    std::fs::write(&path, component).expect("a disk that is not full");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ended = |warm| {
        runtime.block_on(async {
            let run = async { Ok(prepare(&path, reuse, warm).await?.run().await) };
            let ended: Result<Report> = timeout(BOUND, run).await.expect("every run ends");
            ended
        })
    };
    // Half of them, by something that the bytes decide.
    let warm = if reuse == Reuse::Worker || component.len().is_multiple_of(2) { Warm::Auto } else { Warm::Always };
    let ended = match ended(warm) {
        Err(refusal) if refusal.to_string() == "stage \"guest\" cannot be warm" => ended(Warm::Never),
        ended => ended,
    };
    let report = match ended {
        Ok(report) => report,
        Err(refusal) => {
            assert!(matches!(refusal.kind(), ErrorKind::Config | ErrorKind::Guest), "{refusal:?}");
            return None;
        }
    };
    holds_its_promises(&report, reuse);
    Some(report)
}

fn holds_its_promises(report: &Report, reuse: Reuse) {
    let (account, problem) = (report.stats.accounting, &report.problem);
    assert!(account.balances(), "{account:?}");
    match report.ending {
        Ending::Completed => {
            assert_eq!((account.read, account.in_flight), (RECORDS as u64, 0), "{report:?}");
        }
        // State that is lost ends a run, and so does a guest that only ever fails.
        Ending::Aborted => {
            let kind = problem.as_ref().map(|problem| problem.kind);
            assert_eq!(kind, Some(ErrorKind::Guest), "{reuse:?}: {report:?}");
        }
        Ending::Stopped | Ending::Interrupted => panic!("nobody asked for that: {report:?}"),
    }
}

async fn prepare(component: &Path, reuse: Reuse, warm: Warm) -> Result<Pipeline> {
    let nonzero = |n| NonZeroUsize::new(n).expect("positive");
    let limits = Limits {
        memory: NonZeroU64::new(2 << 20).expect("positive"),
        cpu: Duration::from_millis(3),
        ..Limits::default()
    };
    let mut records = Payload::default();
    for (number, value) in
        (0..RECORDS).zip(["", "1", "!", "null", "{\"a\": 1}", "\u{1b}[31m", "0.5", "long"].iter().cycle())
    {
        records.push((number % 3 > 0).then_some(b"key"), value.repeat(1 + number).as_bytes());
    }
    let plan = PipelineBuilder::new("fuzz")
        .state_file(component.with_file_name("dead.db"))
        .source(SourceBuilder::custom("given", Given::new(records, BATCH)))
        .stage(
            StageBuilder::component("guest", component)
                .workers(nonzero(2))
                .batch(BatchBounds { records: nonzero(BATCH), bytes: nonzero(1 << 20), linger: Duration::ZERO })
                .limits(limits)
                .reuse(reuse)
                .warm(warm)
                .ports(["a", "b"]),
        )
        .sink(SinkBuilder::new("first", NullSink).from(["guest.a"]))
        .sink(SinkBuilder::new("second", NullSink).from(["guest.b"]))
        .plan()?;
    sandmill::prepare(plan).await
}
