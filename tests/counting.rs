//! Sources in languages other than Rust: each counts to what its configuration says.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandmill::build::{self, BuildOptions};
use sandmill::plan::{ComponentSource, Grants, Limits};
use sandmill::report::Ending;
use sandmill::{Error, PipelineBuilder, SinkBuilder, SourceBuilder};
use tokio::time::timeout;

use super::conformance::left_out;

const BOUND: Duration = Duration::from_secs(120);

/// What a source gives, in order.
async fn pulled(component: &Path, config: &str) -> Result<Vec<String>, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let source = ComponentSource {
        component: component.to_owned(),
        config: config.to_owned(),
        limits: Limits::default(),
        grants: Grants::default(),
    };
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&kept);
    let plan = PipelineBuilder::new("counting")
        .state_file(folder.path().join("state.db"))
        .source(SourceBuilder::new("numbers", source))
        .sink(SinkBuilder::for_each("kept", move |_, value| {
            keep.lock().expect("no panic").push(String::from_utf8_lossy(value).into_owned());
        }))
        .plan()?;
    let report = timeout(BOUND, sandmill::prepare(plan).await?.run()).await.expect("every run ends");
    assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
    let kept = kept.lock().expect("no panic").clone();
    Ok(kept)
}

#[tokio::test]
async fn a_source_in_any_language_gives_its_records_until_it_is_done() {
    let missing = left_out();
    let folder = tempfile::tempdir().expect("a folder");
    for language in ["c", "cpp", "zig", "assemblyscript"].into_iter().filter(|language| !missing.contains(language)) {
        let (from, to) =
            (Path::new(env!("CARGO_MANIFEST_DIR")).join("counting").join(language), folder.path().join(language));
        std::fs::create_dir(&to).expect("it can be made");
        for file in std::fs::read_dir(from).expect("it is there").map(|entry| entry.expect("readable").path()) {
            if file.is_file() {
                std::fs::copy(&file, to.join(file.file_name().expect("a name"))).expect("it can be copied");
            }
        }
        let options = BuildOptions { offline: true, ..BuildOptions::default() };
        let built = build::build(&to, &options, &mut |_| {});
        let component = built.unwrap_or_else(|error| panic!("{language}: {error}: {:?}", error.causes())).component;
        let numbers = pulled(&component, "{\"last\": 20000}").await.expect("it opens");
        let expected: Vec<String> = (0..=20_000).map(|number| number.to_string()).collect();
        assert!(numbers == expected, "{language}: {} records", numbers.len());
        let refused = pulled(&component, "{\"last\": \"many\"}").await.expect_err("it does not fit");
        let said = format!("{refused}: {}", refused.causes().join(": "));
        assert!(said.contains("last"), "{language}: {said}");
    }
}
