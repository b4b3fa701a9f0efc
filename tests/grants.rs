//! What a stage reaches: nothing that it was not granted, and of that no more than was written down.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use rustix::fs::{RenameFlags, renameat_with};
use sandmill::edge::{Chunk, Source};
use sandmill::plan::{Clock, FolderGrant, Grants, HttpRule, Limits, Randomness, Reuse, Variable, VariableSource};
use sandmill::record::{BatchBounds, Payload, Places};
use sandmill::report::{Ending, Event, Report};
use sandmill::{Error, ErrorKind, Pipeline, PipelineBuilder, Result, SinkBuilder, SourceBuilder, StageBuilder};
use tests::guest::{Guest, PROCESS_ECHO};
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(30);

/// `$one`: an outcome of one output, the bytes at an address.
macro_rules! guest_with {
    ($imports:expr) => {
        concat!(
            $imports,
            r#"(memory (export "memory") 2)
            (func $one (param i32 i32)
                (call $clear) (i32.store (i32.const 32) (local.get 1))
                (call $emit (local.get 0) (local.get 1) (i32.const 32) (i32.const 1)
                    (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)))"#
        )
    };
}

/// Gives its whole environment as `NAME=value;` for every record.
const ENVIRONMENT: Guest = Guest {
    world: "import wasi:cli/environment@0.2.12;",
    declarations: guest_with!(
        r#"(import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))"#
    ),
    process: r#"(local $item i32) (local $at i32) (local $end i32)
        (call $environment (i32.const 16))
        (local.set $at (i32.const 100000))
        (local.set $item (i32.load (i32.const 16)))
        (local.set $end (i32.add (local.get $item) (i32.mul (i32.load (i32.const 20)) (i32.const 16))))
        (block $none (loop $next
            (br_if $none (i32.ge_u (local.get $item) (local.get $end)))
            (memory.copy (local.get $at) (i32.load (local.get $item)) (i32.load offset=4 (local.get $item)))
            (local.set $at (i32.add (local.get $at) (i32.load offset=4 (local.get $item))))
            (i32.store8 (local.get $at) (i32.const 61))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (memory.copy (local.get $at) (i32.load offset=8 (local.get $item)) (i32.load offset=12 (local.get $item)))
            (local.set $at (i32.add (local.get $at) (i32.load offset=12 (local.get $item))))
            (i32.store8 (local.get $at) (i32.const 59))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (local.set $item (i32.add (local.get $item) (i32.const 16)))
            (br $next)))
        (call $one (i32.const 100000) (i32.sub (local.get $at) (i32.const 100000))) (i32.const 64)"#,
    ..Guest::SOUND
};

/// Opens, below its first folder, the file that the record names, and gives what it holds; with a `!` before the name
/// it writes there instead and gives `W`. An error gives `E` and the two digits of its code.
const FILES: Guest = Guest {
    world: "import wasi:filesystem/preopens@0.2.12; import wasi:filesystem/types@0.2.12;",
    declarations: guest_with!(
        r#"(import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $folders (param i32)))
        (import "wasi:filesystem/types@0.2.12" "[method]descriptor.open-at"
            (func $open (param i32 i32 i32 i32 i32 i32 i32)))
        (import "wasi:filesystem/types@0.2.12" "[method]descriptor.read" (func $read (param i32 i64 i64 i32)))
        (import "wasi:filesystem/types@0.2.12" "[method]descriptor.write"
            (func $write (param i32 i32 i32 i64 i32)))
        (func $failed (param $code i32)
            (i32.store8 (i32.const 1024) (i32.const 69))
            (i32.store8 (i32.const 1025) (i32.add (i32.const 48) (i32.div_u (local.get $code) (i32.const 10))))
            (i32.store8 (i32.const 1026) (i32.add (i32.const 48) (i32.rem_u (local.get $code) (i32.const 10))))
            (call $one (i32.const 1024) (i32.const 3)))"#
    ),
    process: r#"(local $writes i32) (local $folder i32)
        (call $folders (i32.const 16))
        (if (i32.eqz (i32.load (i32.const 20))) (then (call $failed (i32.const 99)) (return (i32.const 64))))
        (local.set $folder (i32.load (i32.load (i32.const 16))))
        (local.set $writes (i32.eq (i32.load8_u (local.get 0)) (i32.const 33)))
        (call $open (local.get $folder) (i32.const 1)
            (i32.add (local.get 0) (local.get $writes)) (i32.sub (local.get 1) (local.get $writes))
            (local.get $writes) (i32.add (i32.const 1) (local.get $writes)) (i32.const 16))
        (if (i32.load8_u (i32.const 16))
            (then (call $failed (i32.load8_u (i32.const 20))) (return (i32.const 64))))
        (if (local.get $writes)
            (then
                (i32.store8 (i32.const 1024) (i32.const 87))
                (call $write (i32.load (i32.const 20)) (i32.const 1024) (i32.const 1) (i64.const 0) (i32.const 40)))
            (else (call $read (i32.load (i32.const 20)) (i64.const 100) (i64.const 0) (i32.const 40))))
        (if (i32.load8_u (i32.const 40))
            (then (call $failed (i32.load8_u (i32.const 44))) (return (i32.const 64))))
        (if (local.get $writes)
            (then (call $one (i32.const 1024) (i32.const 1)))
            (else (call $one (i32.load (i32.const 44)) (i32.load (i32.const 48)))))
        (i32.const 64)"#,
    ..Guest::SOUND
};

/// Gives two random numbers, the time and the monotonic clock: 8 bytes each, 12 for the time.
const CHANCE: Guest = Guest {
    world: "import wasi:random/random@0.2.12; import wasi:random/insecure@0.2.12; import wasi:clocks/wall-clock@0.2.12;
        import wasi:clocks/monotonic-clock@0.2.12;",
    declarations: guest_with!(
        r#"(import "wasi:random/random@0.2.12" "get-random-u64" (func $random (result i64)))
        (import "wasi:random/insecure@0.2.12" "get-insecure-random-u64" (func $insecure (result i64)))
        (import "wasi:clocks/wall-clock@0.2.12" "now" (func $wall (param i32)))
        (import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $monotonic (result i64)))"#
    ),
    process: "(i64.store (i32.const 1024) (call $random)) (i64.store (i32.const 1032) (call $insecure))
        (i64.store (i32.const 1040) (call $monotonic)) (call $wall (i32.const 1048))
        (call $one (i32.const 1024) (i32.const 36)) (i32.const 64)",
    ..Guest::SOUND
};

/// Gives two NaNs, one of them with a payload.
const NAN: Guest = Guest {
    world: "",
    declarations: guest_with!(""),
    process: "(f64.store (i32.const 1024) (f64.div (f64.load (i32.const 512)) (f64.load (i32.const 520))))
        (f64.store (i32.const 1032)
            (f64.add (f64.reinterpret_i64 (i64.const 0x7ff8000000000123)) (f64.load (i32.const 512))))
        (call $one (i32.const 1024) (i32.const 16)) (i32.const 64)",
    ..Guest::SOUND
};

/// Says the value of its first variable: logs it and prints it, then, by the record's first byte, panics with it (`?`),
/// fails with it (`!`), or drops the record.
const TELLTALE: Guest = Guest {
    world: "import wasi:cli/environment@0.2.12; import wasi:cli/stdout@0.2.12;",
    declarations: guest_with!(
        r#"(import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
        (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
        (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
            (func $print (param i32 i32 i32 i32)))"#
    ),
    process: r#"(local $value i32) (local $length i32) (local $first i32)
        (call $environment (i32.const 16))
        (local.set $value (i32.load offset=8 (i32.load (i32.const 16))))
        (local.set $length (i32.load offset=12 (i32.load (i32.const 16))))
        (call $log (i32.const 1) (local.get $value) (local.get $length))
        (call $print (call $stdout) (local.get $value) (local.get $length) (i32.const 40))
        (local.set $first (i32.load8_u (local.get 0)))
        (if (i32.eq (local.get $first) (i32.const 63)) (then
            (call $panicked (local.get $value) (local.get $length) (local.get $value) (local.get $length))
            unreachable))
        (call $clear)
        (if (i32.eq (local.get $first) (i32.const 33)) (then
            (i32.store8 (i32.const 64) (i32.const 1))
            (i32.store (i32.const 68) (local.get $value)) (i32.store (i32.const 72) (local.get $length))))
        (i32.const 64)"#,
    ..Guest::SOUND
};

/// Asks a server for the path that its first variable says, and drops the record.
const ASKING: Guest = Guest {
    world: "import wasi:cli/environment@0.2.12; import wasi:http/outgoing-handler@0.2.12;",
    declarations: r#"(import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
        (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
        (import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
        (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme"
            (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
        (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority"
            (func $authority (param i32 i32 i32 i32) (result i32)))
        (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query"
            (func $path (param i32 i32 i32 i32) (result i32)))
        (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $handle (param i32 i32 i32 i32)))
        (import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe"
            (func $subscribe (param i32) (result i32)))
        (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
        (memory (export "memory") 2) (data (i32.const 1024) "localhost")"#,
    process: r#"(local $request i32)
        (call $environment (i32.const 16))
        (local.set $request (call $request (call $fields)))
        (drop (call $scheme (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
        (drop (call $authority (local.get $request) (i32.const 1) (i32.const 1024) (i32.const 9)))
        (if (call $path (local.get $request) (i32.const 1)
                (i32.load offset=8 (i32.load (i32.const 16))) (i32.load offset=12 (i32.load (i32.const 16))))
            (then unreachable))
        (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 2048))
        (if (i32.load8_u (i32.const 2048)) (then unreachable))
        (call $block (call $subscribe (i32.load (i32.const 2056))))
        (call $clear) (i32.const 64)"#,
    ..Guest::SOUND
};

/// Sleeps for an hour, then gives whether the sleep was ready, and the clock.
const SLEEPER: Guest = Guest {
    world: "import wasi:clocks/monotonic-clock@0.2.12; import wasi:io/poll@0.2.12; import wasi:io/streams@0.2.12;
        import wasi:filesystem/types@0.2.12;",
    declarations: guest_with!(
        r#"(import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))
        (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $sleep (param i64) (result i32)))
        (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-instant" (func $until (param i64) (result i32)))
        (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
        (import "wasi:io/poll@0.2.12" "[method]pollable.ready" (func $ready (param i32) (result i32)))
        (import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
        (import "wasi:io/streams@0.2.12" "[method]input-stream.read" (func (param i32 i64 i32)))
        (import "wasi:io/streams@0.2.12" "[method]input-stream.skip" (func (param i32 i64 i32)))
        (import "wasi:io/streams@0.2.12" "[method]output-stream.splice" (func (param i32 i32 i64 i32)))
        (import "wasi:filesystem/types@0.2.12" "[method]descriptor.stat" (func (param i32 i32)))
        (import "wasi:filesystem/types@0.2.12" "[method]descriptor.stat-at" (func (param i32 i32 i32 i32 i32)))"#
    ),
    process: "(i32.store (i32.const 1024) (call $sleep (i64.const 3600000000000)))
        (i32.store (i32.const 1028) (call $until (i64.const 7200000000000)))
        (call $poll (i32.const 1024) (i32.const 2) (i32.const 16))
        (i32.store (i32.const 1032) (i32.load (i32.const 20)))
        (call $block (i32.load (i32.const 1024)))
        (i32.store (i32.const 1036) (call $ready (i32.load (i32.const 1028))))
        (i64.store (i32.const 1040) (call $now))
        (call $one (i32.const 1032) (i32.const 16)) (i32.const 64)",
    ..Guest::SOUND
};

/// Gives these records.
struct Given(VecDeque<String>);

#[async_trait]
impl Source for Given {
    async fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>> {
        let values: Vec<String> = self.0.drain(..self.0.len().min(bounds.records.get())).collect();
        let position = values.len() as u64;
        let records = Payload::of_values(values.iter().map(String::as_str).collect());
        let chunk = Chunk { records, places: Places::default(), bad: Vec::new(), position, cursor: None };
        Ok((!values.is_empty()).then_some(chunk))
    }
}

/// What a run left behind.
struct Seen {
    report: Report,
    delivered: Vec<Vec<u8>>,
    /// The dead letters, as they stand in the file.
    letters: String,
    /// All that was told while it ran.
    told: String,
}

struct Trial {
    folder: tempfile::TempDir,
    guest: Guest,
    records: Vec<String>,
}

impl Trial {
    fn of(guest: Guest, records: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, guest, records: records.iter().map(ToString::to_string).collect() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn prepare(&self, sink: SinkBuilder, stage: impl FnOnce(StageBuilder) -> StageBuilder) -> Result<Pipeline> {
        let component = self.guest.write(self.path(), "guest").expect("a guest");
        let guest = StageBuilder::component("guest", component).limits(Limits::default());
        let plan = PipelineBuilder::new("grants")
            .state_file(self.path().join("dead.db"))
            .source(SourceBuilder::custom("given", Given(self.records.iter().cloned().collect())))
            .stage(stage(guest))
            .sink(sink)
            .plan()?;
        sandmill::prepare(plan).await
    }

    async fn run(&self, stage: impl FnOnce(StageBuilder) -> StageBuilder) -> Seen {
        let delivered = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&delivered);
        let sink =
            SinkBuilder::for_each("kept", move |_key, value| keep.lock().expect("no panic").push(value.to_vec()));
        let mut running = self.prepare(sink, stage).await.expect("a sound pipeline").start();
        let mut events = running.events().expect("nobody has taken them");
        let report = timeout(BOUND, running.wait()).await.expect("every run ends");
        let mut told = String::new();
        while let Some(event) = events.next().await {
            match event {
                Event::Log { message, .. } => told += &format!("{message}\n"),
                Event::Failed { reason, .. } | Event::Retrying { reason, .. } => told += &format!("{reason}\n"),
                Event::Remark { message, .. } => told += &format!("{message}\n"),
                Event::Image { .. } | Event::Resized { .. } => {}
            }
        }
        let letters = tests::letters::lines(&self.path().join("dead.db"));
        let delivered = delivered.lock().expect("no panic").clone();
        Seen { report, delivered, letters, told }
    }

    async fn refused(&self, stage: impl FnOnce(StageBuilder) -> StageBuilder) -> Error {
        let prepared = self.prepare(SinkBuilder::for_each("kept", |_, _| ()), stage).await;
        let error = prepared.map(|_| ()).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        error
    }
}

fn alone(grants: Grants) -> impl FnOnce(StageBuilder) -> StageBuilder {
    |stage| stage.grants(grants).reuse(Reuse::Record)
}

fn variable(name: &str, value: VariableSource) -> Variable {
    Variable { name: name.into(), value, secret: false }
}

fn literal(name: &str, value: &str) -> Variable {
    variable(name, VariableSource::Literal(value.to_owned()))
}

fn secret(name: &str, path: &Path) -> Variable {
    Variable { name: name.into(), value: VariableSource::File(path.to_owned()), secret: true }
}

fn variables(variables: Vec<Variable>) -> Grants {
    Grants { variables: Some(variables), ..Grants::default() }
}

fn folder(host: &Path, write: bool) -> Grants {
    let folder = FolderGrant { host: host.to_owned(), guest: "data".to_owned(), write };
    Grants { folders: Some(vec![folder]), ..Grants::default() }
}

fn texts(delivered: &[Vec<u8>]) -> Vec<String> {
    delivered.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

#[tokio::test]
async fn an_environment_holds_what_was_granted_and_nothing_of_the_hosts() {
    let trial = Trial::of(ENVIRONMENT, &["1"]);
    let file = trial.path().join("value");
    std::fs::write(&file, "from a file\n").expect("written");
    let all = vec![
        literal("TZ", "UTC"),
        // Set for every test by cargo.
        variable("PACKAGE", VariableSource::Environment("CARGO_PKG_NAME".to_owned())),
        variable("FILE", VariableSource::File(file)),
    ];
    let seen = trial.run(alone(variables(all))).await;
    assert_eq!(texts(&seen.delivered), ["TZ=UTC;PACKAGE=tests;FILE=from a file;"]);
    let seen = Trial::of(ENVIRONMENT, &["1"]).run(alone(variables(vec![]))).await;
    assert_eq!(texts(&seen.delivered), [""], "an empty grant is an empty environment");
}

#[tokio::test]
async fn what_is_granted_but_not_there_is_told_before_anything_runs() {
    let trial = Trial::of(ENVIRONMENT, &["1"]);
    let missing = |name: &str| variable("A", VariableSource::Environment(name.to_owned()));
    let error = trial.refused(alone(variables(vec![missing("SANDMILL_NO_SUCH_VARIABLE")]))).await;
    let what = "stage \"guest\": \"env\" grants \"A\", but the variable \"SANDMILL_NO_SUCH_VARIABLE\" is not set";
    assert_eq!(error.to_string(), what);
    assert_eq!(error.hints(), ["set it before the run: export SANDMILL_NO_SUCH_VARIABLE=…"]);

    let error = trial.refused(alone(variables(vec![secret("A", &trial.path().join("none"))]))).await;
    assert!(error.to_string().starts_with("stage \"guest\": \"secret\" grants \"A\", but the file \""), "{error}");

    std::fs::write(trial.path().join("pin"), "123\n").expect("written");
    let error = trial.refused(alone(variables(vec![secret("PIN", &trial.path().join("pin"))]))).await;
    assert!(error.to_string().ends_with("\"secret\" grants \"PIN\", whose value has 3 bytes"), "{error}");

    let error = trial.refused(alone(folder(&trial.path().join("none"), false))).await;
    assert!(error.to_string().starts_with("stage \"guest\": \"read\" grants the folder \""), "{error}");
    let error = trial.refused(alone(folder(&trial.path().join("pin"), true))).await;
    assert!(error.to_string().ends_with("pin\", which is not a folder"), "{error}");
}

#[tokio::test]
async fn a_folder_is_read_and_nothing_beside_or_behind_it() {
    let trial = Trial::of(
        FILES,
        &["in.txt", "sub/in.txt", "../beside.txt", "sub/../../beside.txt", "/etc/passwd", "link", "out", "!new.txt"],
    );
    let granted = trial.path().join("granted");
    std::fs::create_dir_all(granted.join("sub")).expect("made");
    std::fs::write(granted.join("in.txt"), "inside").expect("written");
    std::fs::write(granted.join("sub/in.txt"), "deeper").expect("written");
    std::fs::write(trial.path().join("beside.txt"), "beside").expect("written");
    std::os::unix::fs::symlink("/etc/passwd", granted.join("link")).expect("linked");
    std::os::unix::fs::symlink("..", granted.join("out")).expect("linked");
    let seen = trial.run(alone(folder(&granted, false))).await;
    // 31 is not-permitted, as WASI numbers it.
    assert_eq!(texts(&seen.delivered), ["inside", "deeper", "E31", "E31", "E31", "E31", "E31", "E31"]);
    assert!(!granted.join("new.txt").exists());
}

/// A file, and a folder on the way to one, change places with links that lead out, all the time while they are opened.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_takes_the_place_of_a_file_during_a_run_does_not_lead_out() {
    let records: Vec<&str> = ["file", "sub/file"].repeat(2_000);
    let trial = Trial::of(FILES, &records);
    let granted = trial.path().join("granted");
    for folder in [granted.join("sub"), trial.path().join("outside")] {
        std::fs::create_dir_all(folder).expect("made");
    }
    std::fs::write(granted.join("file"), "inside").expect("written");
    std::fs::write(granted.join("sub/file"), "inside").expect("written");
    std::fs::write(trial.path().join("outside/file"), "beside").expect("written");
    std::os::unix::fs::symlink("../outside/file", granted.join("file-link")).expect("linked");
    std::os::unix::fs::symlink("../outside", granted.join("sub-link")).expect("linked");
    let over = Arc::new(AtomicBool::new(false));
    let (folder_of, is_over) = (std::fs::File::open(&granted).expect("a folder"), Arc::clone(&over));
    let swapping = std::thread::spawn(move || {
        while !is_over.load(Relaxed) {
            for name in ["file", "sub"] {
                let link = format!("{name}-link");
                renameat_with(&folder_of, name, &folder_of, link, RenameFlags::EXCHANGE).expect("they change places");
            }
        }
    });
    let seen = trial.run(|stage| alone(folder(&granted, false))(stage).order(sandmill::plan::Order::None)).await;
    over.store(true, Relaxed);
    swapping.join().expect("it only swaps");
    let read = texts(&seen.delivered);
    let count = |text: &str| read.iter().filter(|read| *read == text).count();
    assert_eq!(read.len(), 4_000, "{}", seen.told);
    assert_eq!(count("beside"), 0);
    assert!(count("inside") > 0 && count("E31") > 0, "nothing was swapped in time: {read:?}");
}

#[tokio::test]
async fn a_folder_is_written_to_when_that_was_granted() {
    let trial = Trial::of(FILES, &["!new.txt", "!../new.txt", "new.txt"]);
    let granted = trial.path().join("granted");
    std::fs::create_dir(&granted).expect("made");
    let seen = trial.run(alone(folder(&granted, true))).await;
    assert_eq!(seen.delivered.len(), 3);
    assert_eq!(texts(&seen.delivered)[1], "E31");
    assert_eq!(std::fs::read_to_string(granted.join("new.txt")).expect("written"), "W");
    assert!(!trial.path().join("new.txt").exists());
    let none = Grants { folders: Some(vec![]), ..Grants::default() };
    let seen = Trial::of(FILES, &["in.txt"]).run(alone(none)).await;
    assert_eq!(texts(&seen.delivered), ["E99"], "an empty grant gives no folder at all");
}

#[tokio::test]
async fn a_secret_is_struck_out_of_all_that_is_told() {
    let value = "hunter2\"\\secret";
    let trial = Trial::of(TELLTALE, &["drop", "!hunter2\"\\secret", "?said \"hunter2\\\"\\\\secret\" in JSON"]);
    let file = trial.path().join("secret");
    std::fs::write(&file, value).expect("written");
    let seen = trial.run(alone(variables(vec![secret("TOKEN", &file)]))).await;
    assert_eq!(seen.report.ending, Ending::Completed, "{:?}", seen.report.problem);
    // Once through the log and once printed, for each of the three records, and a reason each for two of them.
    assert_eq!(seen.told.lines().filter(|line| *line == "[secret TOKEN]").count(), 7, "{}", seen.told);
    assert!(seen.told.contains("panicked: [secret TOKEN] at [secret TOKEN]"), "{}", seen.told);
    let letters: Vec<serde_json::Value> =
        seen.letters.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(letters[0]["reason"], "[secret TOKEN]");
    assert_eq!((&letters[0]["value"], &letters[0]["redacted"]), (&"![secret TOKEN]".into(), &true.into()));
    assert_eq!(letters[1]["value"], "?said \"[secret TOKEN]\" in JSON");
    let all = format!("{}{}{:?}", seen.told, seen.letters, seen.report);
    assert!(!all.contains("hunter2") && !all.contains("secret\\"), "{all}");
}

/// Of both kinds: a request that no rule allows, and one whose host lies where it may not.
#[tokio::test]
async fn a_secret_is_struck_out_of_warnings_about_requests() {
    for (rule, why) in [("http://example.com", "no http rule"), ("http://*", "is not a public address")] {
        let trial = Trial::of(ASKING, &["1"]);
        let file = trial.path().join("secret");
        std::fs::write(&file, "/hunter2secret").expect("written");
        let http = Some(vec![HttpRule::parse(rule).expect("a rule")]);
        let seen = trial.run(alone(Grants { http, ..variables(vec![secret("TOKEN", &file)]) })).await;
        assert!(seen.told.contains("[secret TOKEN]") && seen.told.contains(why), "{} {}", seen.told, seen.letters);
        assert!(!seen.told.contains("hunter2"), "{}", seen.told);
    }
}

#[tokio::test]
async fn a_secret_is_struck_out_of_the_error_that_ends_a_run() {
    let trial = Trial::of(TELLTALE, &["!now"]);
    let file = trial.path().join("secret");
    std::fs::write(&file, "hunter2secret").expect("written");
    let fail = |stage: StageBuilder| {
        stage.grants(variables(vec![secret("TOKEN", &file)])).on_error(sandmill::plan::OnError::Fail)
    };
    let seen = trial.run(fail).await;
    assert_eq!(seen.report.ending, Ending::Aborted);
    assert_eq!(seen.report.problem.expect("a problem").causes, ["[secret TOKEN]"]);
}

#[tokio::test]
async fn chance_and_time_are_the_same_in_every_run_when_they_are_fixed() {
    let fixed = || Grants {
        clock: Some(Clock::Fixed(UNIX_EPOCH + Duration::from_secs(1_767_225_600))),
        random: Some(Randomness::Seed(7)),
        ..Grants::default()
    };
    let first = Trial::of(CHANCE, &["1", "2"]).run(alone(fixed())).await.delivered;
    let second = Trial::of(CHANCE, &["1", "2"]).run(alone(fixed())).await.delivered;
    assert_eq!(first, second);
    assert_eq!(first[0], first[1], "each instance begins anew");
    assert_eq!(first[0][24..32], 1_767_225_600_u64.to_le_bytes());
    // Never to change: outputs that were made with a seed must be made again by later versions.
    assert_eq!(u64::from_le_bytes(first[0][..8].try_into().expect("8 bytes")), SEED_7_FIRST);
    let other = Grants { random: Some(Randomness::Seed(8)), ..fixed() };
    let other = Trial::of(CHANCE, &["1"]).run(alone(other)).await.delivered;
    assert_ne!(first[0][..16], other[0][..16]);
    let real = Grants { clock: Some(Clock::Real), random: Some(Randomness::Real), ..Grants::default() };
    let real = Trial::of(CHANCE, &["1", "2"]).run(alone(real)).await.delivered;
    assert_ne!(real[0][..16], real[1][..16]);
    assert!(u64::from_le_bytes(real[0][24..32].try_into().expect("8 bytes")) > 1_767_225_600);
}

/// The first number of `random = 7`.
const SEED_7_FIRST: u64 = 4_942_773_595_716_951_793;

#[tokio::test]
async fn a_deterministic_stage_has_one_nan() {
    let control = Trial::of(NAN, &["1"]).run(|stage| stage).await;
    let seen = Trial::of(NAN, &["1"]).run(|stage| stage.deterministic(true)).await;
    assert_ne!(control.delivered, seen.delivered, "processors keep what a NaN carries");
    let nan = 0x7ff8_0000_0000_0000_u64.to_le_bytes();
    assert_eq!(seen.delivered, [[nan, nan].concat()]);
}

#[tokio::test]
async fn a_deterministic_stage_sleeps_without_waiting() {
    let grants = || Grants { clock: Some(Clock::Fixed(UNIX_EPOCH)), folders: Some(vec![]), ..Grants::default() };
    let run =
        || async { Trial::of(SLEEPER, &["1", "2"]).run(|stage| stage.deterministic(true).grants(grants())).await };
    let (first, second) = (run().await, run().await);
    assert_eq!(first.delivered, second.delivered, "{:?}", first.told);
    assert_eq!(first.delivered.len(), 2, "{}", first.told);
    let told = &first.delivered[0];
    assert_eq!(told[..8], [2, 0, 0, 0, 1, 0, 0, 0], "both are ready");
    assert!(u64::from_le_bytes(told[8..].try_into().expect("8 bytes")) >= 7_200_000_000_000);
}

#[tokio::test]
async fn a_guest_that_sleeps_is_met_by_its_wall_limit_and_charged_no_time() {
    let grants = Grants { clock: Some(Clock::Real), folders: Some(vec![]), ..Grants::default() };
    let limits = Limits { wall: Duration::from_millis(200), cpu: Duration::from_millis(100), ..Limits::default() };
    let seen = Trial::of(SLEEPER, &["1"]).run(|stage| stage.grants(grants).limits(limits)).await;
    assert!(seen.letters.contains("\"kind\":\"wall-limit\""), "{}", seen.letters);
    assert!(seen.report.stats.stages[0].time_in_guest < Duration::from_millis(100));
}

#[tokio::test]
async fn handles_are_bounded_and_exit_is_a_failure() {
    let hoarder =
        Guest { process: "(loop $more (drop (call $sleep (i64.const 1))) (br $more)) unreachable", ..SLEEPER };
    let grants = Grants { clock: Some(Clock::Real), folders: Some(vec![]), ..Grants::default() };
    let seen = Trial::of(hoarder, &["1"]).run(alone(grants)).await;
    assert!(seen.letters.contains("it holds more than 1024 files, streams and timers"), "{}", seen.letters);
    let exit = Guest {
        world: "import wasi:cli/exit@0.2.12;",
        declarations: guest_with!(r#"(import "wasi:cli/exit@0.2.12" "exit" (func $exit (param i32)))"#),
        process: "(call $exit (i32.const 0)) unreachable",
        ..Guest::default()
    };
    let seen = Trial::of(exit, &["1"]).run(alone(Grants::default())).await;
    assert!(seen.letters.contains("exit was called, with status 0"), "{}", seen.letters);
}

/// A hundred timers for each record, none of which is given back: thirty records would fill a table three times.
#[tokio::test]
async fn handles_do_not_outlive_their_instance() {
    const HOARDER: &str = "(local.set $i (i32.const 99))
        (loop $more (drop (call $sleep (i64.const 1)))
            (br_if $more (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
        (i32.store (i32.const 1024) (call $sleep (i64.const 1)))
        (call $one (i32.const 1024) (i32.const 4)) (i32.const 64)";
    let grants = || Grants { clock: Some(Clock::Real), folders: Some(vec![]), ..Grants::default() };
    let trial = || Trial::of(Guest { process: HOARDER, ..SLEEPER }, &["1"; 30]);
    let seen = trial().run(alone(grants())).await;
    assert_eq!((seen.delivered.len(), seen.letters.as_str()), (30, ""));
    assert!(seen.delivered.iter().all(|handle| *handle == seen.delivered[0]), "each begins with an empty table");
    let living = trial().run(|stage| one_by_one(stage).grants(grants())).await;
    assert!(living.letters.contains("it holds more than 1024"), "the guest does hoard: {}", living.letters);
}

#[tokio::test]
async fn a_seeded_generator_begins_anew_with_its_instance() {
    let grants =
        || Grants { clock: Some(Clock::Fixed(UNIX_EPOCH)), random: Some(Randomness::Seed(7)), ..Grants::default() };
    let seen = Trial::of(CHANCE, &["1", "2", "3"]).run(alone(grants())).await.delivered;
    assert_eq!(seen, vec![seen[0].clone(); 3]);
    let living = Trial::of(CHANCE, &["1", "2", "3"]).run(|stage| one_by_one(stage).grants(grants())).await.delivered;
    assert_eq!(living[0], seen[0]);
    assert_ne!(living[1], living[0], "the numbers of an instance that lives on go on");
}

/// Prints its record and no line feed: what one instance has left must not stand before what the next one says.
#[tokio::test]
async fn the_start_of_a_line_does_not_outlive_its_instance() {
    let guest = Guest {
        process: "(call $print (call $stdout) (local.get 0) (local.get 1) (i32.const 40)) (call $clear) (i32.const 64)",
        ..TELLTALE
    };
    let seen = Trial::of(guest, &["one", "two", "three"]).run(alone(variables(vec![]))).await;
    let mut lines: Vec<&str> = seen.told.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one", "three", "two"]);
}

/// One instance that lives on, and is given a record at a time.
fn one_by_one(stage: StageBuilder) -> StageBuilder {
    let one = std::num::NonZeroUsize::MIN;
    let batch = BatchBounds { records: one, bytes: one, linger: Duration::ZERO };
    stage.reuse(Reuse::Worker).workers(one).batch(batch)
}

#[tokio::test]
async fn what_is_not_granted_is_refused_with_the_key_that_would_grant_it() {
    let error = Trial::of(CHANCE, &["1"]).refused(|stage| stage).await.to_string();
    assert!(error.starts_with("stage \"guest\": \"") && error.ends_with("but they are not granted"), "{error}");
    for import in ["wasi:random/random@0.2.12", "wasi:random/insecure@0.2.12", "wasi:clocks/wall-clock@0.2.12"] {
        assert!(error.contains(import), "{error}");
    }
    let error = Trial::of(FILES, &["1"]).refused(alone(variables(vec![]))).await;
    let hint = "read or write under [stage.grant] provides it: read = [\"data/\"], or at least read = []";
    assert_eq!(error.hints(), [hint]);
}

#[tokio::test]
async fn a_guest_without_wasi_is_linked_without_it_whatever_it_is_granted() {
    let echo = Guest { process: PROCESS_ECHO, ..Guest::default() };
    let seen = Trial::of(echo, &["same"]).run(|stage| stage.grants(Grants::every())).await;
    assert_eq!(texts(&seen.delivered), ["same"]);
}

#[test]
fn a_native_stage_is_granted_nothing() {
    use sandmill::program::{NativeStage, Verdict};
    let native = StageBuilder::native("n", NativeStage::new(|_, _, _| Verdict::Done)).grants(Grants::every());
    let plan = PipelineBuilder::new("p")
        .source(SourceBuilder::custom("given", Given(VecDeque::new())))
        .stage(native)
        .sink(SinkBuilder::for_each("kept", |_, _| ()))
        .plan();
    assert!(plan.expect_err("refused").to_string().contains("it runs without a sandbox"));
}

/// The snippets of the page on grants, each put into a pipeline where it is none by itself.
#[test]
fn the_page_on_grants_shows_files_that_are_read() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/grants.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let snippets: Vec<&str> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(snippets.len() >= 5, "{}", snippets.len());
    for snippet in snippets {
        let stage = if snippet.contains("[[stage]]") { "" } else { "[[stage]]\nname = 's'\ncomponent = 'c'\n" };
        let whole = match snippet.contains("[source]") {
            true => snippet.to_owned(),
            false => format!("name = 'p'\nsource.kind = 'stdin'\nsink.kind = 'null'\n{stage}{snippet}"),
        };
        let workers = std::num::NonZeroUsize::MIN;
        sandmill::config::parse(&whole, Path::new("pipeline.toml"), workers)
            .unwrap_or_else(|error| panic!("{error}: {:?}\n{whole}", error.causes()));
    }
}
