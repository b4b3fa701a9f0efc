//! A pipeline in code, watched and stopped, then run to its end, then with a sink of its own: `cargo run --release --example library`. What it shows
//! is told in `examples/library/README.md`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example has something to say")]

mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use sandmill::build::{BuildOptions, build};
use sandmill::connector::{Generate, Generated, NullSink};
use sandmill::plan::bounds::BATCH_DEFAULT;
use sandmill::plan::{Plan, Retry};
use sandmill::program::{NativeStage, Verdict};
use sandmill::record::{BatchBounds, Fate};
use sandmill::report::Event;
use sandmill::{Completions, PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};

use service::{Service, ServiceSink};

/// The stage that runs in the sandbox: a folder, as `sandmill new` makes them.
const STAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../stages/parse-access-log");
/// Completions that wait to be taken: when as many wait, the pipeline waits too.
const COMPLETIONS_MAX: NonZeroUsize = NonZeroUsize::new(4096).expect("positive");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let component = tokio::task::spawn_blocking(|| {
        build(Path::new(STAGE), &BuildOptions::default(), &mut |line| eprintln!("{line}"))
    });
    let component = component.await??.component;
    watch_and_stop(&component).await?;
    run_to_the_end(&component).await?;
    post_to_a_service(&component).await
}

/// Lines of a log are parsed in the sandbox; a function of this program keeps the requests that failed.
fn failed_requests(component: &Path, lines: u64, sink: SinkBuilder) -> sandmill::Result<Plan> {
    let log = Generate { what: Generated::AccessLog, records: lines, seed: 1 };
    let failed = NativeStage::new(|key, value, out| {
        if status(value).is_some_and(|status| status >= 400) {
            out.push(key, value);
        }
        Verdict::Done
    });
    PipelineBuilder::new("failed-requests")
        .source(SourceBuilder::new("log", log))
        .stage(
            StageBuilder::component("parse", component)
                .config(r#"{"fields": ["path", "status"], "strip_query": true}"#),
        )
        .stage(StageBuilder::native("failed", failed))
        .sink(sink)
        .state_file(std::env::temp_dir().join(format!("failed-requests-{}.state.db", std::process::id())))
        .plan()
}

/// Starts in the background what would take hours, looks at it from time to time, and stops it when it has seen enough.
async fn watch_and_stop(component: &Path) -> anyhow::Result<()> {
    let plan = failed_requests(component, 10_000_000_000, SinkBuilder::new("nowhere", NullSink))?;
    let mut pipeline = sandmill::prepare(plan).await?;
    #[expect(clippy::disallowed_methods, reason = "a task of this program, not of the run")]
    let completions = tokio::spawn(count(pipeline.subscribe(COMPLETIONS_MAX)));
    let running = pipeline.start();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let stats = running.stats();
        let waiting: usize = stats.stages.iter().map(|stage| stage.queue.depth).sum();
        eprintln!("read {}, waiting before stages {waiting}", stats.accounting.read);
    }
    // What has been read meets its fate; then the run ends, and with it the stream of completions.
    let report = running.stop().await;
    let fates = completions.await?;
    eprintln!("{:?}: {:?}", report.ending, report.stats.accounting);
    eprintln!("told of {fates:?}");
    anyhow::ensure!(fates.values().sum::<u64>() == report.stats.accounting.read, "every record meets one fate");
    Ok(())
}

/// Takes the completions as they come: each says what became of one record, where, why, and how long it took.
async fn count(mut completions: Completions) -> BTreeMap<&'static str, u64> {
    let mut fates = BTreeMap::new();
    while let Some(completion) = completions.next().await {
        let fate = match completion.fate {
            Fate::Delivered => "delivered",
            Fate::Dropped => "dropped",
            Fate::DeadLettered => "dead letters",
            Fate::InFlight => "in flight",
        };
        *fates.entry(fate).or_default() += 1;
    }
    fates
}

/// Runs to the end and keeps a sum for each status, and no record.
async fn run_to_the_end(component: &Path) -> anyhow::Result<()> {
    let sums = Arc::new(Mutex::new(BTreeMap::<u16, u64>::new()));
    let sink = SinkBuilder::for_each("sums", {
        let sums = Arc::clone(&sums);
        move |_key, value| {
            if let (Some(status), Ok(mut sums)) = (status(value), sums.lock()) {
                *sums.entry(status).or_default() += 1;
            }
        }
    });
    let report = sandmill::prepare(failed_requests(component, 100_000, sink)?).await?.run().await;
    let sums = sums.lock().ok().context("the sink panicked")?;
    for (status, requests) in sums.iter() {
        println!("{status}: {requests} requests");
    }
    let account = report.stats.accounting;
    println!("{} lines read, {} delivered, {} dead letters", account.read, account.delivered, account.dead_lettered);
    Ok(())
}

/// Posts to a service, four batches at the same time. It says when it is tried again, and why: without its token.
async fn post_to_a_service(component: &Path) -> anyhow::Result<()> {
    let (url, token) = ("https://alerts.example.com/v1".to_owned(), "hunter2-hunter2".to_owned());
    let service = Arc::new(Service::default());
    let sink = SinkBuilder::new("alerts", ServiceSink { url, token, service: Arc::clone(&service) })
        .writers(NonZeroUsize::new(4).context("four is not zero")?)
        .batch(BatchBounds { records: NonZeroUsize::new(500).context("nor is this")?, ..BATCH_DEFAULT })
        .retry(Retry::times(5).backoff(Duration::from_millis(1)));
    let running = sandmill::prepare(failed_requests(component, 100_000, sink)?).await?.start();
    let mut events = running.observer().events();
    let report = running.wait().await;
    let mut reasons = BTreeSet::new();
    while let Some(event) = events.next().await {
        if let Event::Retrying { node, reason, .. } = event {
            reasons.insert(format!("{node} is tried again: {reason}"));
        }
    }
    reasons.iter().for_each(|reason| println!("{reason}"));
    let delivered = report.stats.accounting.delivered;
    println!("{delivered} records delivered, {} at the service", service.records());
    Ok(())
}

/// The status of a request, in the JSON of `parse-access-log`.
fn status(json: &[u8]) -> Option<u16> {
    serde_json::from_slice::<serde_json::Value>(json).ok()?.get("status")?.as_u64()?.try_into().ok()
}
