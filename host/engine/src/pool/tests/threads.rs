//! On whose threads a stage runs.

use std::sync::{Arc, Mutex};
use std::thread;

use super::*;
use crate::report::Ending;
use crate::testing::prepare;

/// The names of the threads on which the records of a run are tried, one record a load; the record `long` takes a while.
async fn threads(records: u64, long: u64) -> Vec<String> {
    let threads = Arc::<Mutex<Vec<String>>>::default();
    let told = Arc::clone(&threads);
    let function = NativeStage::new(move |_key, value, out| {
        told.lock().unwrap().push(thread::current().name().unwrap_or_default().to_owned());
        if value == long.to_string().as_bytes() {
            thread::park_timeout(Duration::from_millis(10));
        }
        out.push(None, value);
        Verdict::Done
    });
    let plan = PipelineBuilder::new("runtimes")
        .source(SourceBuilder::new("source", Numbers(records)))
        .stage(StageBuilder::native("stage", function).workers(count(1)).batch(batch(1)))
        .sink(SinkBuilder::new("sink", Nowhere))
        .plan()
        .expect("a sound plan");
    let report = prepare(plan).await.expect("it is ready").run().await;
    assert_eq!(report.ending, Ending::Completed);
    Arc::into_inner(threads).unwrap().into_inner().unwrap()
}

#[tokio::test]
async fn a_stage_shares_its_threads_as_long_as_its_turns_are_short() {
    const OWN: &str = "sandmill-guest";
    // The machine may take its time with any record, which is then a long turn, too.
    for _ in 0..20 {
        let threads = threads(200, 100).await;
        assert!(threads.iter().take(16).all(|name| name == OWN), "it begins on threads of its own");
        assert!(threads.iter().skip(100).all(|name| name == OWN), "it stays on them after a long turn");
        if threads.iter().take(100).filter(|name| *name != OWN).count() == 84 {
            return;
        }
    }
    panic!("its threads were never shared");
}
