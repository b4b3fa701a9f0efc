//! Programs for WASI preview 1 reach what their author named and the pipeline grants: the time, files, variables and random
//! numbers, as their own language asks for them. Nothing of it takes memory that their runtime believes to be its own.
//!
//! A language whose toolchain is not on this machine is left out, and named.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandmill::build::{self, BuildOptions};
use sandmill::plan::{
    Clock, CommandPlan, Each, FolderGrant, Grants, Limits, Randomness, Reuse, Variable, VariableSource,
};
use sandmill::record::{BatchBounds, Payload};
use sandmill::report::Ending;
use sandmill::{Error, PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
use tests::edges::Given;
use tokio::time::timeout;

use super::conformance::left_out;

const BOUND: Duration = Duration::from_secs(300);

/// A folder with what is granted.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["geo", "out"] {
            std::fs::create_dir(folder.path().join(name)).expect("it can be made");
        }
        std::fs::write(folder.path().join("geo/a.txt"), "hello\n").expect("it can be written");
        std::fs::write(folder.path().join("secret"), "not granted\n").expect("it can be written");
        Self { folder }
    }

    fn grants(&self) -> Grants {
        let folder = |name: &str, write| FolderGrant { host: self.path(name), guest: name.to_owned(), write };
        let greeting =
            Variable { name: "GREETING".into(), value: VariableSource::Literal("good day".into()), secret: false };
        Grants {
            folders: Some(vec![folder("geo", false), folder("out", true)]),
            variables: Some(vec![greeting]),
            clock: Some(Clock::Real),
            random: Some(Randomness::Real),
            ..Grants::default()
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Copies a stage of `tests/reaching`, with other settings.
    fn stage(&self, language: &str, reach: &str) -> PathBuf {
        let (from, to) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("reaching").join(language), self.path(language));
        std::fs::create_dir_all(&to).expect("it can be made");
        for entry in std::fs::read_dir(from).expect("it is there") {
            let entry = entry.expect("it can be read");
            if entry.path().is_file() {
                std::fs::copy(entry.path(), to.join(entry.file_name())).expect("it can be copied");
            }
        }
        let settings = format!("language = \"{language}\"\nreach = [{reach}]\n");
        std::fs::write(to.join("sandmill.toml"), settings).expect("it can be written");
        let options = BuildOptions { offline: true, ..BuildOptions::default() };
        let built = build::build(&to, &options, &mut |_| {});
        built.unwrap_or_else(|error| panic!("{language}: {error}: {:?}", error.causes())).component
    }

    /// What becomes of each record: an output, or why it failed.
    async fn run(&self, stage: StageBuilder, values: &[&str]) -> Result<Vec<String>, Error> {
        let kept = Arc::new(Mutex::new(vec![String::new(); values.len()]));
        let keep = Arc::clone(&kept);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let keys = (0..values.len()).map(|number| number.to_string()).collect();
        let records = Payload::new(values.iter().collect(), keys).expect("as many keys");
        let plan = PipelineBuilder::new("reaching")
            .state_file(self.path("state.db"))
            .source(SourceBuilder::custom("given", Given::new(records, 64)))
            .stage(stage)
            .sink(SinkBuilder::for_each("kept", move |key, value| {
                let place: usize = text(key.expect("its record's")).parse().expect("a number");
                keep.lock().expect("no panic")[place] = text(value);
            }))
            .plan()?;
        let running = sandmill::prepare(plan).await?.start();
        let report = timeout(BOUND, running.wait()).await.expect("every run ends");
        assert!(report.ending != Ending::Aborted && report.stats.accounting.balances(), "{report:?}");
        let mut came = kept.lock().expect("no panic").clone();
        for line in tests::letters::lines(&self.path("state.db")).lines() {
            let letter: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let place = letter["record"].as_u64().expect("a number") as usize - 1;
            came[place] = format!("failed: {}", letter["reason"].as_str().unwrap_or_default());
        }
        Ok(came)
    }
}

fn stage(component: PathBuf, grants: Grants) -> StageBuilder {
    let batch = BatchBounds {
        records: NonZeroUsize::new(64).expect("positive"),
        bytes: NonZeroUsize::new(4 << 20).expect("positive"),
        linger: Duration::ZERO,
    };
    let limits = Limits { cpu: Duration::from_secs(5), ..Limits::default() };
    StageBuilder::component("asks", component).workers(NonZeroUsize::MIN).batch(batch).limits(limits).grants(grants)
}

/// What all four languages can do, and what comes of it.
const ASKED: [(&str, &str); 7] = [
    ("env GREETING", "good day"),
    ("env HOME", ""),
    ("random", "true"),
    ("read geo/a.txt", "hello"),
    ("write out/w.txt", ""),
    ("append out/a.txt", ""),
    ("append out/a.txt", ""),
];
/// What Zig's stage has no function for, or has no path for.
const NOT_IN_ZIG: usize = 3;

const ALL: &str = "\"time\", \"files\", \"env\", \"random\"";

fn this_year() -> String {
    let date = Command::new("date").args(["-u", "+%Y"]).output().expect("every machine has it");
    String::from_utf8_lossy(&date.stdout).trim().to_owned()
}

#[tokio::test]
async fn what_is_reached_and_granted_is_there_in_every_language() {
    let missing = left_out();
    for language in ["go", "c", "cpp", "zig"].into_iter().filter(|language| !missing.contains(language)) {
        let world = World::new();
        let component = world.stage(language, ALL);
        let asked = if language == "zig" { &ASKED[..ASKED.len() - NOT_IN_ZIG] } else { &ASKED[..] };
        let values: Vec<&str> = asked.iter().map(|(value, _)| *value).chain(["year", "read geo/none.txt"]).collect();
        let came = world.run(stage(component, world.grants()), &values).await.expect("it is granted all");
        let expected: Vec<&str> = asked.iter().map(|(_, output)| *output).collect();
        assert_eq!(came[..asked.len()], expected, "{language}");
        assert_eq!(came[asked.len()], this_year(), "{language}");
        let gone = &came[asked.len() + 1];
        let words = ["No such file or directory", "FileNotFound"];
        assert!(gone.starts_with("failed: ") && words.iter().any(|word| gone.contains(word)), "{language}: {gone}");
        if language != "zig" {
            assert_eq!(std::fs::read(world.path("out/w.txt")).expect("it was written"), b"written\n", "{language}");
            assert_eq!(std::fs::read(world.path("out/a.txt")).expect("it was written").len(), 10_002, "{language}");
        }
    }
}

#[tokio::test]
async fn folders_are_listed_and_sleep_takes_its_time_and_nothing_else_is_reached() {
    let missing = left_out();
    for language in ["go", "c"].into_iter().filter(|language| !missing.contains(language)) {
        let world = World::new();
        for number in 0..1_500 {
            std::fs::write(world.path("geo").join(format!("a-file-with-a-longer-name-{number}")), "").expect("written");
        }
        let values = ["list geo", "list /geo", "sleep", "read ../secret", "read secret", "write geo/a.txt", "read geo"];
        let came = world.run(stage(world.stage(language, ALL), world.grants()), &values).await.expect("granted");
        assert_eq!(came[..3], ["1501", "1501", "true"], "{language}");
        assert!(came[3..].iter().all(|output| output.starts_with("failed: ")), "{language}: {came:?}");
        assert_eq!(std::fs::read(world.path("geo/a.txt")).expect("it is there"), b"hello\n", "{language}");
    }
}

/// A stage asks for what its author named, whatever its runtime could use; and `check` says what to grant.
#[tokio::test]
async fn what_is_reached_must_be_granted_and_what_is_not_reached_is_not_asked_for() {
    let missing = left_out();
    for language in ["go", "c", "cpp", "zig"].into_iter().filter(|language| !missing.contains(language)) {
        let world = World::new();
        let component = world.stage(language, "\"random\"");
        let inspection = sandmill::check::inspect(&component).expect("a component");
        let wasi = inspection.imports.iter().filter(|import| import.name.starts_with("wasi:"));
        let wasi: Vec<&str> = wasi.map(|import| import.name.as_str()).collect();
        assert_eq!(wasi, ["wasi:random/random@0.2.12"], "{language}");
        let refused = world.run(stage(component.clone(), Grants::default()), &["random"]).await.expect_err("refused");
        assert!(refused.to_string().contains("imports wasi:random/random@0.2.12, but it is not granted"), "{refused}");
        let granted = Grants { random: Some(Randomness::Seed(1)), ..Grants::default() };
        let values = ["random", "env GREETING", "read geo/a.txt"];
        let came = world.run(stage(component, granted), &values).await.expect("granted");
        assert_eq!(came[..2], ["true", ""], "{language}");
        assert!(came[2].starts_with("failed: "), "{language}: the language's own error: {}", came[2]);
    }
}

/// Go's collector asks for the time while the host passes a batch in, and may not ask the host then. Its allocator believes
/// that all memory that is added is its own.
#[tokio::test]
async fn go_keeps_its_memory_and_its_clock_while_its_collector_works() {
    if left_out().contains("go") {
        return;
    }
    let world = World::new();
    let long = format!("nothing {}", "x".repeat(20_000));
    let mut values = vec![long.as_str(); 1_500];
    for place in (0..values.len()).step_by(10) {
        values[place] = ["read geo/a.txt", "random", "year", "env GREETING"][place / 10 % 4];
    }
    let asks = stage(world.stage("go", ALL), world.grants()).reuse(Reuse::Worker);
    let came = world.run(asks, &values).await.expect("granted");
    let year = this_year();
    let expected = ["hello", "true", &year, "good day"];
    for (place, output) in came.iter().enumerate() {
        let expected = if place % 10 == 0 { expected[place / 10 % 4] } else { "" };
        assert_eq!(output, expected, "record {place}");
    }
}

/// The programs of docs/commands.md, and one that asks for everything.
#[tokio::test]
async fn a_command_for_preview_1_reaches_what_it_is_granted() {
    let world = World::new();
    let filter = world.path("filter.wasm");
    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(&filter).arg("filter.go");
    go.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("reaching/command"));
    go.envs([
        ("GOOS", "wasip1"),
        ("GOARCH", "wasm"),
        ("GOTOOLCHAIN", "local"),
        ("GOPROXY", "off"),
        ("GO111MODULE", "off"),
    ]);
    let Ok(built) = go.output() else { return };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let year = this_year();
    let asked = [
        ("year", year.as_str()),
        ("env GREETING", "good day"),
        ("read geo/a.txt", "hello"),
        ("read /geo/a.txt", "hello"),
        ("write out/w.txt", "ok"),
        ("random", "true"),
        ("collect geo/a.txt", "hello"),
        ("read secret", "open secret: Permission denied"),
    ];
    let values = asked.map(|(value, _)| value);
    for each in [Each::Record, Each::Batch] {
        let command = CommandPlan { each, ..CommandPlan::default() };
        let asks = stage(filter.clone(), world.grants()).command(command.clone());
        assert_eq!(world.run(asks, &values).await.expect("granted"), asked.map(|(_, output)| output), "{each:?}");
        // Without grants the clock begins in 2001, and there is nothing else.
        let asks = stage(filter.clone(), Grants::default()).command(command);
        let came = world.run(asks, &values[..3]).await.expect("nothing is refused");
        assert_eq!(came, ["2001", "", "open geo/a.txt: Permission denied"], "{each:?}");
    }
}
