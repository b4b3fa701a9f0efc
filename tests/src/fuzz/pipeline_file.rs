//! The pipeline file: any text is a plan whose numbers are all in range, or an error with its place in the text.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;

use sandmill::config::{load, parse};
use sandmill::plan::bounds::{
    BATCH_BYTES_MAX, BATCH_RECORDS_MAX, LINGER_MAX, MEMORY_MAX, MEMORY_MIN, PORTS_MAX, QUEUE_BYTES_MAX,
    QUEUE_RECORDS_MAX, TIME_MAX, WORKERS_MAX,
};
use sandmill::plan::{Node, Plan};
use sandmill::queue::QueueBounds;
use sandmill::record::BatchBounds;
use sandmill::settings::Snippet;
use sandmill::{Error, ErrorKind, Result};

pub(super) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        let good = String::from_utf8_lossy(data);
        return has_its_place(&loaded(data).expect_err("what is no text is no pipeline"), &good);
    };
    match parse(text, Path::new("folder/pipeline.toml"), NonZeroUsize::MIN) {
        Ok(plan) => is_within_bounds(&plan),
        Err(error) => has_its_place(&error, text),
    }
}

/// Only a file can hold what is no text.
fn loaded(data: &[u8]) -> Result<Plan> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(data).expect("a disk that is not full");
    load(file.path())
}

fn has_its_place(error: &Error, text: &str) {
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    let snippet = Snippet::of(error).unwrap_or_else(|| panic!("no place: {error}"));
    let line = text.split('\n').nth(snippet.line() - 1);
    let line = line.unwrap_or_else(|| panic!("no line {} in {text:?}: {error}", snippet.line()));
    assert!(
        (1..=line.chars().count() + 1).contains(&snippet.column()),
        "no column {} in {line:?}: {error}",
        snippet.column()
    );
    assert!(!error.to_string().is_empty() && snippet.to_string().contains('^'));
}

fn is_within_bounds(plan: &Plan) {
    assert!(!plan.sources.is_empty() && !plan.sinks.is_empty());
    for stage in &plan.stages {
        assert!(stage.workers.max.get() <= WORKERS_MAX, "{stage:?}");
        assert!(stage.ports.len() <= PORTS_MAX, "{stage:?}");
        assert!((MEMORY_MIN..=MEMORY_MAX).contains(&stage.limits.memory.get()), "{stage:?}");
        for time in [stage.limits.cpu, stage.limits.wall] {
            assert!(!time.is_zero() && time <= TIME_MAX, "{stage:?}");
        }
        queue_is_within_bounds(&stage.queue);
        batch_is_within_bounds(&stage.batch);
        let config: serde_json::Value = serde_json::from_str(&stage.config).expect("the configuration is JSON");
        assert!(config.is_object());
    }
    for sink in &plan.sinks {
        queue_is_within_bounds(&sink.queue);
        batch_is_within_bounds(&sink.batch);
    }
    for wire in &plan.graph.wires {
        for node in [wire.from.node, wire.to] {
            let exists = match node {
                Node::Source(index) => plan.sources.get(index).is_some(),
                Node::Stage(index) => plan.stages.get(index).is_some(),
                Node::Sink(index) => plan.sinks.get(index).is_some(),
            };
            assert!(exists, "{wire:?} leads nowhere");
        }
    }
}

fn queue_is_within_bounds(queue: &QueueBounds) {
    assert!(queue.records.get() <= QUEUE_RECORDS_MAX && queue.bytes.get() <= QUEUE_BYTES_MAX, "{queue:?}");
}

fn batch_is_within_bounds(batch: &BatchBounds) {
    assert!(batch.records.get() <= BATCH_RECORDS_MAX && batch.bytes.get() <= BATCH_BYTES_MAX, "{batch:?}");
    assert!(batch.linger <= LINGER_MAX, "{batch:?}");
}
