//! What a stateless stage gives depends on its records alone: not on how long its instances live or begin, on how many there are,
//! on how records are cut into batches, or on what a place in the pool was used for before.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use sandmill::plan::{Limits, Reuse, Warm};
use sandmill::record::{Accounting, BatchBounds, Payload};
use sandmill::report::Ending;
use sandmill::{PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
use serde_json::Value;
use tests::command::Sandbox;
use tests::edges::Given;
use tests::guest::{Guest, PROCESS_ECHO, PROCESS_TRAP_ON_BANG};
use tests::parts;
use tokio::time::timeout;

use crate::examples::build_stages;

const BOUND: Duration = Duration::from_secs(120);

/// By the lowest two bits of a value's first byte: gives it not at all, once, twice, or fails. An empty value is given once.
const PROCESS_VARIED: &str = r#"
    (local $start i32) (local $end i32) (local $key_start i32) (local $key_end i32) (local $kind i32)
    (local $data i32) (local $bytes i32) (local $ends i32) (local $count i32)
    (local $keys i32) (local $key_bytes i32) (local $key_ends i32) (local $origins i32) (local $failures i32)
    (local $failed i32)
    (local.set $data (call $room (local.get 1)))
    (local.set $ends (call $room (i32.mul (local.get 3) (i32.const 4))))
    (local.set $keys (call $room (local.get 5)))
    (local.set $key_ends (call $room (i32.mul (local.get 3) (i32.const 4))))
    (local.set $origins (call $room (i32.mul (local.get 3) (i32.const 4))))
    (local.set $failures (call $room (i32.mul (local.get 3) (i32.const 16))))
    (block $done (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get 3)))
        (local.set $end (i32.load (call $word (local.get 2) (local.get $i))))
        (if (local.get 7) (then (local.set $key_end (i32.load (call $word (local.get 6) (local.get $i))))))
        (local.set $kind (i32.const 1))
        (if (i32.lt_u (local.get $start) (local.get $end)) (then
            (local.set $kind (i32.and (i32.const 3) (i32.load8_u (i32.add (local.get 0) (local.get $start)))))))
        (if (i32.eq (local.get $kind) (i32.const 3)) (then
            (local.set $kind (i32.const 0))
            (i32.store (call $word (local.get $failures) (i32.mul (i32.const 4) (local.get $failed))) (local.get $i))
            (i32.store offset=4 (call $word (local.get $failures) (i32.mul (i32.const 4) (local.get $failed)))
                (i32.const 0))
            (i32.store offset=8 (call $word (local.get $failures) (i32.mul (i32.const 4) (local.get $failed)))
                (i32.const 1024))
            (i32.store offset=12 (call $word (local.get $failures) (i32.mul (i32.const 4) (local.get $failed)))
                (i32.const 6))
            (local.set $failed (i32.add (local.get $failed) (i32.const 1)))))
        (block $given (loop $again
            (br_if $given (i32.eqz (local.get $kind)))
            (local.set $kind (i32.sub (local.get $kind) (i32.const 1)))
            (memory.copy (i32.add (local.get $data) (local.get $bytes)) (i32.add (local.get 0) (local.get $start))
                (i32.sub (local.get $end) (local.get $start)))
            (local.set $bytes (i32.add (local.get $bytes) (i32.sub (local.get $end) (local.get $start))))
            (i32.store (call $word (local.get $ends) (local.get $count)) (local.get $bytes))
            (memory.copy (i32.add (local.get $keys) (local.get $key_bytes))
                (i32.add (local.get 4) (local.get $key_start)) (i32.sub (local.get $key_end) (local.get $key_start)))
            (local.set $key_bytes
                (i32.add (local.get $key_bytes) (i32.sub (local.get $key_end) (local.get $key_start))))
            (i32.store (call $word (local.get $key_ends) (local.get $count)) (local.get $key_bytes))
            (i32.store (call $word (local.get $origins) (local.get $count)) (local.get $i))
            (local.set $count (i32.add (local.get $count) (i32.const 1)))
            (br $again)))
        (local.set $start (local.get $end))
        (local.set $key_start (local.get $key_end))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (call $clear)
    (call $emit (local.get $data) (local.get $bytes) (local.get $ends) (local.get $count)
        (local.get $keys) (local.get $key_bytes) (local.get $key_ends)
        (select (local.get $count) (i32.const 0) (local.get 7)))
    (i32.store (i32.const 100) (local.get $origins)) (i32.store (i32.const 104) (local.get $count))
    (i32.store (i32.const 116) (local.get $failures)) (i32.store (i32.const 120) (local.get $failed))
    (global.set $heap (i32.const 4096))
    (i32.const 64)"#;

/// Beside [`PROCESS_VARIED`]: the message of its failures, room for twice so many bytes, and the address of a word.
const DECLARATIONS_VARIED: &str = r#"(memory (export "memory") 2) (data (i32.const 1024) "guilty")
    (func $room (param i32) (result i32)
        (call $alloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.mul (i32.const 2) (local.get 0))))
    (func $word (param i32 i32) (result i32) (i32.add (local.get 0) (i32.mul (i32.const 4) (local.get 1))))"#;

/// Adds what it finds of its own traces to the last byte of its first value, and leaves traces wherever it can.
const PROCESS_TRACES: &str = "(local.set $i (i32.add (local.get 0) (i32.sub (local.get 1) (i32.const 1))))
    (drop (memory.grow (i32.const 1)))
    (i32.store8 (local.get $i) (i32.add (i32.load8_u (local.get $i)) (i32.add
        (i32.add (global.get $calls) (i32.sub (memory.size) (i32.const 3)))
        (i32.add (i32.load8_u (i32.const 100000)) (i32.load8_u (i32.const 131072))))))
    (global.set $calls (i32.const 1))
    (i32.store8 (i32.const 100000) (i32.const 1)) (i32.store8 (i32.const 131072) (i32.const 1))
    (call $clear) (call $emit (local.get 0) (local.get 1) (local.get 2) (local.get 3)
    (local.get 4) (local.get 5) (local.get 6) (local.get 7)) (i32.const 64)";

type Record = (Option<Vec<u8>>, Vec<u8>);

/// One way to run a stage.
#[derive(Clone, Copy, Debug)]
struct Way {
    reuse: Reuse,
    warm: Warm,
    workers: usize,
    batch: usize,
}

/// All ways, the plainest first.
fn ways() -> impl Iterator<Item = Way> {
    let never = [Reuse::Record, Reuse::Batch, Reuse::Worker].map(|reuse| (reuse, Warm::Never));
    let always = [Reuse::Record, Reuse::Batch].map(|reuse| (reuse, Warm::Always));
    never.into_iter().chain(always).flat_map(|(reuse, warm)| {
        [1, 3].into_iter().flat_map(move |workers| [1, 7, 1024].map(|batch| Way { reuse, warm, workers, batch }))
    })
}

/// What a run gave: everything but the time it took.
#[derive(Debug, PartialEq)]
struct Gave {
    outputs: Vec<Record>,
    letters: Vec<String>,
    account: Accounting,
}

/// A stage with the records it is given.
struct Case<'a> {
    component: &'a Path,
    config: &'a str,
    records: Payload,
}

impl Case<'_> {
    /// Runs it in every way, and compares. Returns what each of them gave.
    async fn gives_the_same_in_every_way(&self) -> Gave {
        let mut first = None;
        for way in ways() {
            let gave = self.run(way).await;
            match &first {
                None => first = Some(gave),
                Some(first) => {
                    // Said without the records: there are thousands.
                    assert_eq!(gave.account, first.account, "{way:?}: {:?}", gave.letters.first());
                    let same = gave.outputs.iter().zip(&first.outputs).take_while(|(a, b)| a == b).count();
                    assert!(gave.outputs == first.outputs, "{way:?}: output {same} differs");
                    assert_eq!(gave.letters, first.letters, "{way:?}");
                }
            }
        }
        first.expect("there is a way")
    }

    async fn run(&self, way: Way) -> Gave {
        let nonzero = |n| NonZeroUsize::new(n).expect("positive");
        let folder = tempfile::tempdir().expect("a folder");
        let letters = folder.path().join("dead.db");
        let outputs = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&outputs);
        let keep = move |key: Option<&[u8]>, value: &[u8]| {
            kept.lock().expect("nothing panics here").push((key.map(<[u8]>::to_vec), value.to_vec()));
        };
        // Time has no part in this: a machine that is busy must not make a record fail.
        let limits = Limits { cpu: Duration::from_secs(20), ..Limits::default() };
        let plan = PipelineBuilder::new("differential")
            .state_file(&letters)
            .source(SourceBuilder::custom("given", Given::new(self.records.clone(), 100)))
            .stage(
                StageBuilder::component("stage", self.component)
                    .config(self.config)
                    .workers(nonzero(way.workers))
                    .batch(BatchBounds { records: nonzero(way.batch), bytes: nonzero(1 << 20), linger: Duration::ZERO })
                    .limits(limits)
                    .reuse(way.reuse)
                    .warm(way.warm),
            )
            .sink(SinkBuilder::for_each("kept", keep))
            .plan()
            .expect("a sound plan");
        let pipeline = sandmill::prepare(plan).await.expect("a sound pipeline");
        let report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
        assert_eq!(report.ending, Ending::Completed, "{way:?}: {:?}", report.problem);
        let account = report.stats.accounting;
        assert!(account.balances() && account.in_flight == 0, "{way:?}: {account:?}");
        let outputs = std::mem::take(&mut *outputs.lock().expect("nothing panics here"));
        assert_eq!(outputs.len() as u64, account.delivered, "{way:?}");
        Gave { outputs, letters: letters_in(&letters), account }
    }
}

/// The dead letters, in order, without what is not the same each time: the clock, and where the code lay.
fn letters_in(path: &Path) -> Vec<String> {
    let text = tests::letters::lines(path);
    let letter = |line: &str| {
        let letter: Value = serde_json::from_str(line).expect("JSON");
        ["node", "place", "kind", "reason", "key", "value"].map(|field| letter[field].to_string()).join(" ")
    };
    text.lines().map(letter).collect()
}

/// A generator whose seed is printed: `SEED=…` runs a failed test again.
#[expect(clippy::print_stdout, reason = "shown with the test that fails")]
fn rng() -> Rng {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    Rng::with_seed(seed)
}

/// Records of all sizes, empty ones among them, with keys and without, made by `value`.
fn records(rng: &mut Rng, count: usize, value: impl Fn(&mut Rng) -> Vec<u8>) -> Payload {
    let mut payload = Payload::default();
    let keyed = rng.bool();
    for _ in 0..count {
        let length = rng.usize(0..12);
        let key: Option<Vec<u8>> = keyed.then(|| std::iter::repeat_with(|| rng.u8(..)).take(length).collect());
        payload.push(key.as_deref(), &value(rng));
    }
    payload
}

/// Any bytes: most short, some empty, some of a few thousand.
fn bytes(rng: &mut Rng) -> Vec<u8> {
    let length = match rng.u8(0..20) {
        0 => 0,
        1 => rng.usize(0..3_000),
        _ => rng.usize(0..40),
    };
    std::iter::repeat_with(|| rng.u8(..)).take(length).collect()
}

/// Lines that the stages of this repository take, as they should be or cut off.
fn lines(rng: &mut Rng, sample: &[&str]) -> Vec<u8> {
    let number = rng.i64(..) >> rng.u32(0..64);
    let line = rng.choice(sample).expect("there is one").replace('#', &number.to_string());
    let cut = if rng.u8(0..8) == 0 { rng.usize(0..=line.len()) } else { line.len() };
    line.as_bytes()[..cut].to_vec()
}

#[tokio::test]
async fn an_echo_gives_its_input_however_it_is_run() {
    let mut rng = rng();
    let folder = tempfile::tempdir().expect("a folder");
    let component = Guest::processing(PROCESS_ECHO).write(folder.path(), "echo").expect("a sound guest");
    let records = records(&mut rng, 3_000, bytes);
    let gave =
        Case { component: &component, config: "{}", records: records.clone() }.gives_the_same_in_every_way().await;
    assert!(gave.outputs.iter().map(|(_, value)| value.as_slice()).eq(records.values().iter()));
    let keys: Vec<Option<&[u8]>> = (0..records.len()).map(|index| records.key(index)).collect();
    assert!(gave.outputs.iter().map(|(key, _)| key.as_deref()).eq(keys));
}

#[tokio::test]
async fn a_stage_that_drops_doubles_and_fails_does_so_however_it_is_run() {
    let mut rng = rng();
    let folder = tempfile::tempdir().expect("a folder");
    let guest = Guest { declarations: DECLARATIONS_VARIED, ..Guest::processing(PROCESS_VARIED) };
    let component = guest.write(folder.path(), "varied").expect("a sound guest");
    let records = records(&mut rng, 3_000, bytes);
    let times = |value: &[u8]| value.first().map_or(1, |first| first & 3);
    let gave =
        Case { component: &component, config: "{}", records: records.clone() }.gives_the_same_in_every_way().await;
    let expected = records.values().iter().flat_map(|value| {
        let times = if times(value) == 3 { 0 } else { times(value) };
        std::iter::repeat_n(value, times.into())
    });
    assert!(gave.outputs.iter().map(|(_, value)| value.as_slice()).eq(expected));
    assert_eq!(gave.letters.len(), records.values().iter().filter(|value| times(value) == 3).count());
    assert!(gave.letters.iter().all(|letter| letter.contains("\"returned\" \"guilty\"")), "{:?}", gave.letters.first());
}

#[tokio::test]
async fn a_stage_that_traps_loses_the_same_records_however_it_is_run() {
    let mut rng = rng();
    let folder = tempfile::tempdir().expect("a folder");
    let component = Guest::processing(PROCESS_TRAP_ON_BANG).write(folder.path(), "bang").expect("a sound guest");
    // Short values: a guest that is looked into by its first byte has to have one.
    let value = |rng: &mut Rng| if rng.u8(0..100) == 0 { b"!".to_vec() } else { rng.u16(..).to_string().into_bytes() };
    let records = records(&mut rng, 1_500, value);
    let gave =
        Case { component: &component, config: "{}", records: records.clone() }.gives_the_same_in_every_way().await;
    assert_eq!(gave.letters.len(), records.values().iter().filter(|value| *value == b"!").count());
}

#[tokio::test]
async fn the_stages_of_this_repository_give_the_same_however_they_are_run() {
    const LOG: [&str; 2] = [
        "127.0.0.1 - - [21/Nov/2026:10:00:00 +0000] \"GET /a?token=# HTTP/1.1\" 200 # \"-\" \"curl/8\"",
        "::1 - ann [21/Nov/2026:10:00:00 +0000] \"POST /b%40c HTTP/2\" 404 - \"http://x/?q=#\" \"Googlebot\"",
    ];
    const JSON: [&str; 3] = [
        "{\"path\": \"/a?b=#\", \"agent\": \"Firefox\", \"n\": #}",
        "{\"ip\": \"10.1.2.3\", \"path\": \"/u/a@b.ch?key=#\", \"agent\": \"Googlebot\", \"n\": #}",
        "{\"path\": \"/healthz\", \"agent\": \"x\", \"deep\": {\"a\": [#, null]}}",
    ];
    tokio::task::spawn_blocking(build_stages).await.expect("the stages are built");
    let mut rng = rng();
    let folder = tempfile::tempdir().expect("a folder");
    let stages: [(&str, &str, &[&str]); 8] = [
        ("identity", "{}", &LOG),
        ("upper", "{}", &LOG),
        ("multiply", "{\"by\": 3}", &["#", " # ", "#.5"]),
        ("add", "{\"number\": -7}", &["#", "x"]),
        ("keep", "{\"multiple_of\": 2, \"at_least\": -9000}", &["#"]),
        ("parse-access-log", "{}", &LOG),
        ("drop-bots", "{}", &JSON),
        ("mask-personal-data", "{}", &JSON),
    ];
    for (name, config, sample) in stages {
        parts::stage_into(folder.path(), name).expect("a stage that has been built");
        let component = folder.path().join(format!("stages/{name}.wasm"));
        let records = records(&mut rng, 500, |rng| lines(rng, sample));
        let gave = Case { component: &component, config, records }.gives_the_same_in_every_way().await;
        assert!(!gave.outputs.is_empty(), "{name} gives nothing, so nothing was compared");
    }
}

/// Where a batch ends is a matter of time: what an instance gives at its end must stand behind its own record all the
/// same, not behind those that happened to share the batch.
#[tokio::test]
async fn a_deterministic_stage_that_gives_more_at_its_end_gives_it_at_the_same_place_in_every_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let flush = "(i32.store8 (i32.const 8192) (i32.const 70)) (i32.store (i32.const 32) (i32.const 1))
        (call $clear) (call $emit (i32.const 8192) (i32.const 1) (i32.const 32) (i32.const 1)
            (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)) (i32.const 64)";
    let component = Guest { flush, ..Guest::default() }.write(folder.path(), "guest").expect("a sound guest");
    let inputs: Vec<String> = (0..300).map(|number| number.to_string()).collect();
    let expected: Vec<&str> = inputs.iter().flat_map(|input| [input.as_str(), "F"]).collect();
    for (workers, chunk) in [(1, 1), (1, 100), (2, 1), (2, 100)] {
        let given = Given::new(Payload::of_values(inputs.iter().map(String::as_str).collect()), chunk);
        let outputs = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&outputs);
        let keep = move |_: Option<&[u8]>, value: &[u8]| {
            kept.lock().expect("nothing panics here").push(String::from_utf8_lossy(value).into_owned());
        };
        let plan = PipelineBuilder::new("deterministic")
            .source(SourceBuilder::custom("given", given))
            .stage(
                StageBuilder::component("stage", &component)
                    .workers(NonZeroUsize::new(workers).expect("positive"))
                    .deterministic(true),
            )
            .sink(SinkBuilder::for_each("kept", keep))
            .plan()
            .expect("a sound plan");
        let pipeline = sandmill::prepare(plan).await.expect("a sound pipeline");
        let report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
        assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
        assert_eq!(*outputs.lock().expect("nothing panics here"), expected, "{workers} workers, chunks of {chunk}");
    }
}

#[tokio::test]
async fn an_instance_from_the_pool_gives_what_a_fresh_process_gives() {
    const PIPELINE: &str = "name = \"traces\"\n[source]\nkind = \"stdin\"\nformat = \"lines\"\n[[stage]]\nname = \"traces\"\n\
        component = \"traces.wasm\"\nreuse = \"record\"\nworkers = 1\n[sink]\nkind = \"stdout\"\nformat = \"lines\"\n";
    let sandbox = Sandbox::new().expect("a sandbox");
    let declarations = "(memory (export \"memory\") 2) (global $calls (mut i32) (i32.const 0))";
    let guest = Guest { declarations, ..Guest::processing(PROCESS_TRACES) };
    guest.write(sandbox.path(), "traces").expect("a sound guest");
    std::fs::write(sandbox.path().join("pipeline.toml"), PIPELINE).expect("a disk that is not full");
    let pooled = sandbox.run("seq 1 500 | sandmill run --quiet").await.expect("it ends");
    assert_eq!(pooled.code, 0, "{}", pooled.stderr);
    let fresh = sandbox.run("for i in 1 2 3 499; do echo $i | sandmill run --quiet; done").await.expect("it ends");
    assert_eq!(fresh.stdout, "1\n2\n3\n499\n", "{}", fresh.stderr);
    let all: Vec<String> = (1..=500).map(|number| number.to_string()).collect();
    assert_eq!(pooled.stdout.lines().collect::<Vec<_>>(), all);
    // The guest does leave traces: one that lives on finds them.
    let living = PIPELINE.replace("\"record\"", "\"worker\"").replace("workers = 1", "workers = 1\nbatch.records = 1");
    std::fs::write(sandbox.path().join("pipeline.toml"), living).expect("a disk that is not full");
    let living = sandbox.run("seq 1 2 | sandmill run --quiet").await.expect("it ends");
    assert_eq!(living.stdout, "1\n6\n", "{}", living.stderr);
}
