//! Runs that are killed and resumed: `kill -9` at any instant, or a disk that is full at any byte, and again, until the run
//! is done; then every record is where it belongs, once. `KILLS=200 SEED=… cargo test resume` does it oftener, and again as
//! it was.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use fastrand::Rng;
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tests::command::{Sandbox, finish};
use tokio::time::sleep;

/// Records of an input. Enough for a run to be killed in the middle of it.
const RECORDS: usize = 60_000;

/// Kills per shape, unless `KILLS` says otherwise.
const KILLS: u32 = 6;

/// Longer than any run takes until it is killed; and where there are many kills, so that they spread over a run.
const LONGEST: Duration = Duration::from_millis(700);
const LONGEST_OF_MANY: Duration = Duration::from_millis(300);

/// Of the attempts that are not the last, so many end at a quota instead of a kill.
const QUOTAS: f64 = 0.25;

/// Twice the largest of the outputs: what quotas leave room for, all together.
const OUTPUT_BYTES: u64 = 6 << 20;

/// How a pipeline is made, and what its sinks must hold.
struct Shape {
    pipeline: &'static str,
    /// Its end, beside success: with dead letters.
    code: i32,
    /// What the sinks hold, line by line.
    outputs: fn(&Path) -> Vec<String>,
    /// How often each record is there.
    times: usize,
    /// Whether the order is that of the input.
    ordered: bool,
}

fn kills() -> u32 {
    std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS)
}

/// The pipeline as it is; of many kills, one that takes its time: an instance for every record.
fn write_pipeline(folder: &Path, pipeline: &str) {
    let slowly =
        if kills() > KILLS { pipeline.replace("batch.", "reuse = \"record\"\nbatch.") } else { pipeline.to_owned() };
    fs::write(folder.join("pipeline.toml"), slowly).expect("a folder of our own");
}

/// A generator whose seed is printed: `SEED=…` runs a failed test again.
#[expect(clippy::print_stdout, reason = "shown with the test that fails")]
fn rng() -> Rng {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    Rng::with_seed(seed)
}

/// Unique, and whole or not: `{"id":7,"check":"…"}`.
fn record(id: usize) -> String {
    let check = (id as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("{{\"id\":{id},\"check\":\"{check:016x}\"}}")
}

/// What the guest `bang` traps on.
fn mark(id: usize) -> &'static str {
    if id % 1999 == 7 { "!" } else { "" }
}

fn write_inputs(folder: &Path) {
    let mut text = String::new();
    let mut csv = String::from("id,check\n");
    for id in 0..RECORDS {
        let record = record(id);
        writeln!(text, "{record}").expect("memory");
        let row: Value = serde_json::from_str(&record).expect("JSON");
        writeln!(csv, "{},{}", row["id"], row["check"].as_str().expect("text")).expect("memory");
    }
    fs::write(folder.join("in.jsonl"), &text).expect("a folder of our own");
    fs::write(folder.join("in.csv"), &csv).expect("a folder of our own");
    let spoilt: String = text.lines().enumerate().map(|(id, line)| format!("{}{line}\n", mark(id))).collect();
    fs::write(folder.join("spoilt.txt"), spoilt).expect("a folder of our own");
    let (front, back) = text.split_at(text.find("{\"id\":20000,").expect("a record"));
    fs::write(folder.join("part-1.jsonl"), front).expect("a folder of our own");
    fs::write(folder.join("part-2.jsonl"), back).expect("a folder of our own");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, back.as_bytes()).expect("memory");
    fs::write(folder.join("part-2.jsonl.gz"), gzip.finish().expect("memory")).expect("a folder of our own");
}

/// Runs, is killed or has no room to write, goes on, until it is done. A run may be killed when it is done and has not ended yet: then its state
/// is gone, and its outputs, which `are_there`, must not be written again.
#[expect(clippy::print_stdout, reason = "shown with the test that fails")]
async fn runs_to_its_end(sandbox: &Sandbox, rng: &mut Rng, (code, output): (i32, &str), are_there: impl Fn() -> bool) {
    let kills = kills();
    let longest = if kills > KILLS { LONGEST_OF_MANY } else { LONGEST };
    for kill in 0..kills {
        // Whoever is killed in its last breath tells nothing: then the report of an earlier one must not be taken for its own.
        drop(fs::remove_file(sandbox.path().join("report.json")));
        let is_poor = rng.f64() < QUOTAS;
        let mut command = if is_poor {
            // In blocks of 512 bytes. Whoever exceeds it is told, not killed: as with a disk that is full.
            let more = rng.u64(1..OUTPUT_BYTES / u64::from(kills));
            let quota = (largest(sandbox.path()) + more).div_ceil(512);
            let line =
                format!("trap '' XFSZ; ulimit -f {quota}; exec sandmill run --quiet --report report.json {output}");
            sandbox.shell(&line)
        } else {
            sandbox.shell(&format!("exec sandmill run --quiet --report report.json {output}"))
        };
        let child = command.spawn().expect("it starts");
        let patience = if is_poor { Duration::from_secs(50) } else { longest.mul_f64(rng.f64()) };
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("a process");
        let mut end = pin!(finish(child, Duration::from_secs(60)));
        let seen = tokio::select! {
            seen = &mut end => seen,
            () = sleep(patience) => {
                // A run that has ended meanwhile is nobody's to kill.
                kill_process_group(group, Signal::KILL).unwrap_or_default();
                end.await
            }
        };
        let seen = seen.expect("it ends");
        if is_poor && seen.code != code {
            // It may not even come to a start: the image of an instance is a file to the system, too.
            assert!(seen.stderr.contains("os error 27") || seen.stderr.contains("disk I/O error"), "{}", seen.stderr);
            continue;
        }
        if seen.code != 137 || (is_done(sandbox.path()) && are_there()) {
            println!("cut {kill} times");
            assert!([code, 137].contains(&seen.code), "{}", seen.stderr);
            return;
        }
    }
    println!("cut {kills} times");
    let seen = sandbox.run(&format!("sandmill run --quiet --report report.json {output}")).await.expect("it ends");
    assert_eq!(seen.code, code, "{}", seen.stderr);
}

/// The largest file that a run may have written, bytes.
fn largest(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let written = files.filter(|file| !file.file_name().to_string_lossy().starts_with(['i', 's', 'p']));
    written.map(|file| file.metadata().map_or(0, |status| status.len())).max().unwrap_or(0)
}

/// Whether nothing is left to resume.
fn is_done(folder: &Path) -> bool {
    let mut entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let state = entries.find(|path| path.to_string_lossy().ends_with(".state.db"));
    state.is_none_or(|state| {
        let database = Connection::open(state).expect("a database");
        database.query_row("SELECT body FROM checkpoint", [], |row| row.get::<_, String>(0)).is_err()
    })
}

async fn holds(shape: Shape) {
    let mut rng = rng();
    let sandbox = Sandbox::new().expect("a sandbox");
    write_inputs(sandbox.path());
    write_pipeline(sandbox.path(), shape.pipeline);
    let output = ["out.jsonl", "out.csv", "out.db"].map(|name| sandbox.path().join(name));
    runs_to_its_end(&sandbox, &mut rng, (shape.code, ""), || output.iter().any(|path| path.exists())).await;

    let outputs = (shape.outputs)(sandbox.path());
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for output in &outputs {
        *times.entry(output).or_default() += 1;
    }
    let wrong: Vec<String> =
        (0..RECORDS).map(record).filter(|record| times.remove(record.as_str()) != Some(shape.times)).take(5).collect();
    assert!(wrong.is_empty(), "not there {} time(s): {wrong:?}", shape.times);
    assert!(times.is_empty(), "nobody gave: {:?}", times.iter().take(5).collect::<Vec<_>>());
    if shape.ordered {
        assert!((0..RECORDS).map(record).eq(outputs), "the order is that of the input");
    }
    let report = fs::read_to_string(sandbox.path().join("report.json")).unwrap_or_default();
    // Killed in its last breath, it has said nothing, and perhaps not cleared away everything.
    let Ok(report) = serde_json::from_str::<Value>(&report) else { return };
    let left =
        fs::read_dir(sandbox.path()).expect("a folder").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let left: Vec<_> = left.filter(|name| name.contains(".state.db") || name.ends_with("-wal")).collect();
    assert!(left.is_empty() || shape.code == 3, "a run that is done leaves no state behind: {left:?}");
    let database = Connection::open_with_flags(sandbox.path().join("out.db"), OpenFlags::SQLITE_OPEN_READ_ONLY);
    let tables = |database: Connection| {
        let select = "SELECT count(*) FROM sqlite_master WHERE type = 'table'";
        database.query_row(select, [], |row| row.get::<_, i64>(0)).expect("a database")
    };
    assert!(database.map_or(1, tables) == 1, "a run that is done leaves no table of its own behind");
    let total = |what: &str| {
        let before = report["checkpoints"]["resumed_from"]["accounting"][what].as_u64().unwrap_or(0);
        before + report["accounting"][what].as_u64().expect("a count")
    };
    assert_eq!(total("delivered") + total("dead_lettered"), (RECORDS * shape.times) as u64);
    assert_eq!((total("read") + total("created"), total("in_flight")), ((RECORDS * shape.times) as u64, 0));
}

fn lines_of(path: &Path) -> Vec<String> {
    fs::read_to_string(path).expect("an output").lines().map(str::to_owned).collect()
}

fn rows_of(path: &Path) -> Vec<String> {
    let database = Connection::open(path).expect("a database");
    let mut statement = database.prepare("SELECT id, \"check\" FROM t ORDER BY rowid").expect("a table");
    let rows = statement.query_map([], |row| {
        let (id, check): (Value, String) = (row.get::<_, i64>(0)?.into(), row.get(1)?);
        Ok(format!("{{\"id\":{id},\"check\":\"{check}\"}}"))
    });
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

#[tokio::test]
async fn a_file_holds_every_record_once_in_order_however_often_its_run_is_killed() {
    holds(Shape {
        pipeline: r#"
            name = "ordered"
            state.checkpoint = { every = "20ms" }
            source = { kind = "file", path = "in.jsonl", format = "lines" }
            sink = { kind = "file", path = "out.jsonl", format = "lines" }
            [[stage]]
            name = "echo"
            component = "guests/echo.wasm"
            batch.records = 100
        "#,
        code: 0,
        outputs: |folder| lines_of(&folder.join("out.jsonl")),
        times: 1,
        ordered: true,
    })
    .await;
}

#[tokio::test]
async fn a_table_holds_every_record_once_in_order_however_often_its_run_is_killed() {
    holds(Shape {
        pipeline: r#"
            name = "table"
            state.checkpoint = { every = "20ms" }
            source = { kind = "file", path = "part-*.jsonl", format = "jsonl" }
            sink = { kind = "sqlite", path = "out.db", table = "t", if_exists = "append" }
            [[stage]]
            name = "echo"
            component = "guests/echo.wasm"
            batch.records = 100
        "#,
        code: 0,
        outputs: |folder| rows_of(&folder.join("out.db")),
        times: 1,
        ordered: true,
    })
    .await;
}

#[tokio::test]
async fn branches_without_order_hold_every_record_once_each() {
    holds(Shape {
        pipeline: r#"
            name = "branches"
            state.checkpoint = { every = "20ms" }
            [[source]]
            name = "first"
            kind = "file"
            path = "part-1.jsonl"
            format = "jsonl"
            [[source]]
            name = "second"
            kind = "file"
            path = "part-2.jsonl.gz"
            format = "jsonl"
            [[stage]]
            name = "echo"
            component = "guests/echo.wasm"
            order = "none"
            workers = 2
            batch.records = 50
            [[stage]]
            name = "again"
            component = "guests/echo.wasm"
            order = "none"
            workers = 2
            reuse = "worker"
            recycle.records = 70
            [[sink]]
            name = "table"
            kind = "sqlite"
            path = "out.db"
            table = "t"
            from = ["again"]
            [[sink]]
            name = "lines"
            kind = "file"
            path = "out.jsonl"
            format = "lines"
            from = ["echo"]
        "#,
        code: 0,
        outputs: |folder| [rows_of(&folder.join("out.db")), lines_of(&folder.join("out.jsonl"))].concat(),
        times: 2,
        ordered: false,
    })
    .await;
}

/// Their records have no key, so all of them are in the order of one.
#[tokio::test]
async fn order_by_key_holds_however_often_a_run_is_killed() {
    holds(Shape {
        pipeline: r#"
            name = "keyed"
            state.checkpoint = { every = "20ms" }
            source = { kind = "file", path = "in.jsonl", format = "jsonl" }
            sink = { kind = "file", path = "out.jsonl", format = "lines" }
            [[stage]]
            name = "echo"
            component = "guests/echo.wasm"
            order = "key"
            key = "/customer/id"
            workers = 2
            batch.records = 50
        "#,
        code: 0,
        outputs: |folder| lines_of(&folder.join("out.jsonl")),
        times: 1,
        ordered: true,
    })
    .await;
}

#[tokio::test]
async fn rows_of_csv_go_on_behind_the_last_one_and_below_the_header() {
    holds(Shape {
        pipeline: r#"
            name = "rows"
            state.checkpoint = { every = "20ms" }
            source = { kind = "file", path = "in.csv", format = "csv" }
            sink = { kind = "file", path = "out.csv", format = "csv", if_exists = "fail" }
            [[stage]]
            name = "echo"
            component = "guests/echo.wasm"
            batch.bytes = "3KiB"
        "#,
        code: 0,
        outputs: |folder| {
            let lines = lines_of(&folder.join("out.csv"));
            assert_eq!(lines.first().map(String::as_str), Some("id,check"));
            let whole = |line: &String| {
                line.split_once(',').map(|(id, check)| format!("{{\"id\":{id},\"check\":\"{check}\"}}"))
            };
            lines.iter().skip(1).filter_map(whole).collect()
        },
        times: 1,
        ordered: true,
    })
    .await;
}

#[tokio::test]
async fn records_that_fail_are_dead_letters_once_and_the_others_delivered_once() {
    holds(Shape {
        pipeline: r#"
            name = "spoilt"
            state.checkpoint = { every = "20ms" }
            source = { kind = "file", path = "spoilt.txt", format = "lines" }
            sink = { kind = "file", path = "out.jsonl", format = "lines" }
            [[stage]]
            name = "bang"
            component = "guests/bang.wasm"
            batch.records = 100
            order = "none"
        "#,
        code: 3,
        outputs: |folder| {
            let letters = tests::letters::lines(&folder.join("spoilt.state.db"));
            let letters = letters.lines().map(|letter| serde_json::from_str::<Value>(letter).expect("JSON"));
            let failed = letters.map(|letter| letter["value"].as_str().expect("text").replace('!', ""));
            lines_of(&folder.join("out.jsonl")).into_iter().chain(failed).collect()
        },
        times: 1,
        ordered: false,
    })
    .await;
}

#[tokio::test]
async fn standard_output_is_given_every_record_at_least_once() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let mut rng = rng();
    write_inputs(sandbox.path());
    let pipeline = r#"
        name = "stdout"
        state.checkpoint = { every = "20ms" }
        source = { kind = "file", path = "in.jsonl", format = "lines" }
        sink = { kind = "stdout", format = "lines" }
        [[stage]]
        name = "echo"
        component = "guests/echo.wasm"
        batch.records = 100
    "#;
    write_pipeline(sandbox.path(), pipeline);
    let output = sandbox.path().join("out.txt");
    runs_to_its_end(&sandbox, &mut rng, (0, ">> out.txt"), || fs::metadata(&output).is_ok_and(|file| file.len() > 0))
        .await;
    // Whoever is killed while it writes may leave a piece of a line, to which the next one adds.
    let text = fs::read_to_string(&output).expect("an output");
    let whole: HashSet<&str> = text.lines().collect();
    let is_missing = |record: &String| !whole.contains(record.as_str()) && !text.contains(record);
    let missing: Vec<String> = (0..RECORDS).map(record).filter(is_missing).take(5).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// A folder sink writes a file again for each record that comes again: every file is there, whole, and nothing else. The sinks
/// that are drawn beside it keep their own promises.
#[tokio::test]
async fn a_folder_holds_every_file_whole() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let mut rng = rng();
    let files = 3_000;
    fs::create_dir(sandbox.path().join("in")).expect("a folder of our own");
    (0..files).for_each(|id| fs::write(sandbox.path().join(format!("in/{id}.json")), record(id)).expect("a file"));
    let sinks = draw_sinks(&mut rng, 0);
    let pipeline = r#"
        name = "folder"
        state.checkpoint = { every = "20ms" }
        source = { kind = "file", path = "in/*.json", format = "bytes" }
        [[stage]]
        name = "echo"
        component = "guests/echo.wasm"
        batch.records = 20
        [[sink]]
        name = "folder-sink"
        kind = "folder"
        path = "out"
        from = ["echo"]
    "#;
    let pipeline = pipeline.to_owned() + &sink_sections(&sinks, "echo");
    write_pipeline(sandbox.path(), &pipeline);
    let output = sandbox.path().join("out");
    let redirected = redirection(&mut rng);
    runs_to_its_end(&sandbox, &mut rng, (0, redirected), || output.exists()).await;
    for id in 0..files {
        assert_eq!(fs::read_to_string(output.join(format!("{id}.json"))).ok(), Some(record(id)), "{id}");
    }
    assert_eq!(fs::read_dir(output).expect("a folder").count(), files, "nothing else is left there");
    let mut expected: Vec<String> = (0..files).map(record).collect();
    expected.sort_unstable();
    for sink in sinks {
        let mut found = (SINKS[sink].holds)(sandbox.path());
        found.sort_unstable();
        keeps_its_promise(&SINKS[sink], &found, &expected);
    }
}

#[tokio::test]
async fn what_was_there_before_an_appending_run_stays_there_once() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let mut rng = rng();
    let pipeline = r#"
        name = "append"
        state.checkpoint = { every = "20ms" }
        source = { kind = "generate", what = "numbers", records = 100000 }
        sink = { kind = "file", path = "out.txt", format = "lines", if_exists = "append" }
        [[stage]]
        name = "echo"
        component = "guests/echo.wasm"
        batch.records = 100
    "#;
    write_pipeline(sandbox.path(), pipeline);
    fs::write(sandbox.path().join("out.txt"), "before").expect("a folder of our own");
    let output = sandbox.path().join("out.txt");
    runs_to_its_end(&sandbox, &mut rng, (0, ""), || fs::metadata(&output).expect("a file").len() > 6).await;
    let expected = std::iter::once("before".to_owned()).chain((1..=100_000).map(|number: u32| number.to_string()));
    assert!(lines_of(&sandbox.path().join("out.txt")).into_iter().eq(expected));
}

#[tokio::test]
async fn a_stage_that_holds_its_records_loses_none_and_counts_none_twice() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let mut rng = rng();
    write_inputs(sandbox.path());
    tests::parts::stage_into(sandbox.path(), "count-by").expect("a stage that has been built");
    // Every record is a group of its own, and nothing comes out before the end: a checkpoint on the way would lose what
    // the instance holds.
    let pipeline = r#"
        name = "held"
        state.checkpoint = { every = "10ms" }
        source = { kind = "file", path = "in.jsonl", format = "jsonl" }
        sink = { kind = "file", path = "out.jsonl", format = "jsonl" }
        [[stage]]
        name = "echo"
        component = "guests/echo.wasm"
        batch.records = 100
        [[stage]]
        name = "count"
        component = "stages/count-by.wasm"
        config = { fields = ["id", "check"] }
        reuse = "worker"
        workers = 1
        limits.memory = "512MiB"
    "#;
    write_pipeline(sandbox.path(), pipeline);
    let output = sandbox.path().join("out.jsonl");
    runs_to_its_end(&sandbox, &mut rng, (0, ""), || fs::metadata(&output).is_ok_and(|status| status.len() > 0)).await;
    let whole = |line: String| line.strip_suffix(",\"count\":1}").map(|start| format!("{start}}}"));
    let mut counted: Vec<String> =
        lines_of(&output).into_iter().map(|line| whole(line).expect("one of each")).collect();
    let mut expected: Vec<String> = (0..RECORDS).map(record).collect();
    counted.sort_unstable();
    expected.sort_unstable();
    assert!(counted == expected, "{} of {} records", counted.len(), expected.len());
}

/// A sink in the pipeline file, what it holds in the end, and how often it holds it when its run was killed.
struct Drawn {
    text: &'static str,
    holds: fn(&Path) -> Vec<String>,
    /// Exactly once; else at least once.
    is_exact: bool,
}

const SINKS: [Drawn; 5] = [
    Drawn {
        text: "kind = \"file\"\npath = \"out.jsonl\"\nformat = \"lines\"",
        holds: |folder| lines_of(&folder.join("out.jsonl")),
        is_exact: true,
    },
    Drawn {
        text: "kind = \"file\"\npath = \"out.csv\"\nformat = \"csv\"",
        holds: |folder| lines_of(&folder.join("out.csv")).iter().skip(1).filter_map(|line| object_of(line)).collect(),
        is_exact: true,
    },
    Drawn {
        text: "kind = \"sqlite\"\npath = \"out.db\"\ntable = \"t\"",
        holds: |folder| rows_of(&folder.join("out.db")),
        is_exact: true,
    },
    Drawn {
        text: "kind = \"file\"\npath = \"again.jsonl\"\nformat = \"jsonl\"",
        holds: |folder| lines_of(&folder.join("again.jsonl")),
        is_exact: true,
    },
    Drawn { text: "kind = \"stdout\"\nformat = \"lines\"", holds: given, is_exact: false },
];

/// Some of them, at least so many, in any order.
fn draw_sinks(rng: &mut Rng, least: usize) -> Vec<usize> {
    let mut sinks: Vec<usize> = (0..SINKS.len()).collect();
    rng.shuffle(&mut sinks);
    sinks.truncate(rng.usize(least..=SINKS.len()));
    sinks
}

fn sink_sections(sinks: &[usize], from: &str) -> String {
    let section =
        |sink: &usize| format!("[[sink]]\nname = \"sink{sink}\"\n{}\nfrom = [\"{from}\"]\n", SINKS[*sink].text);
    sinks.iter().map(section).collect()
}

/// Where standard output goes: to one file, one run after the other, or to a file for each run.
fn redirection(rng: &mut Rng) -> &'static str {
    [">> given.txt", "> given-$$.txt"][rng.usize(0..2)]
}

/// The whole records in all that standard output was given. Who is killed while it writes may leave a piece of one.
fn given(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let files = files.filter(|file| file.file_name().to_string_lossy().starts_with("given"));
    let texts: Vec<String> = files.map(|file| fs::read_to_string(file.path()).expect("an output")).collect();
    let pieces = texts.iter().flat_map(|text| text.split("{\"id\":").skip(1));
    pieces.filter_map(|piece| piece.split_once('}').map(|(rest, _)| format!("{{\"id\":{rest}}}"))).collect()
}

/// Both sorted, unless their order is to be kept.
fn keeps_its_promise(sink: &Drawn, found: &[String], expected: &[String]) {
    let (all, whole) = (found.len(), expected.len());
    if sink.is_exact {
        assert!(found == expected, "{} holds {all} of {whole} records", sink.text);
        return;
    }
    let mut times: BTreeMap<&str, isize> = BTreeMap::new();
    found.iter().for_each(|record| *times.entry(record).or_default() += 1);
    expected.iter().for_each(|record| *times.entry(record).or_default() -= 1);
    let missing: Vec<_> = times.iter().filter(|(_, times)| **times < 0).take(5).collect();
    assert!(missing.is_empty(), "{} holds {all} of {whole} records, without {missing:?}", sink.text);
    let known: HashSet<&String> = expected.iter().collect();
    assert!(found.iter().all(|record| known.contains(record)), "{} holds what nobody gave", sink.text);
}

fn object_of(row: &str) -> Option<String> {
    row.split_once(',').map(|(id, check)| format!("{{\"id\":{id},\"check\":\"{check}\"}}"))
}

/// A stage that doubles, slow or quick, whose instances may live on, before some of the sinks. Issue 12: with two sinks of which
/// one holds rows back, records were missing, and a slow one began again from the start each time.
#[tokio::test]
async fn whatever_shape_is_drawn_every_sink_holds_every_record_as_often_as_it_came() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let mut rng = rng();
    let is_slow = rng.bool();
    let records = if is_slow { 200 } else { 20_000 };
    let sinks = draw_sinks(&mut rng, 1);
    let order = ["none", "input"][rng.usize(0..2)];
    let reuse = ["reuse = \"batch\"", "reuse = \"worker\"\nrecycle.records = 70"][rng.usize(0..2)];
    let mut pipeline = format!(
        "name = \"drawn\"\nstate.checkpoint = {{ every = \"20ms\" }}
        source = {{ kind = \"file\", path = \"in.jsonl\", format = \"lines\" }}
        [[stage]]\nname = \"first\"\ncomponent = \"guests/{}.wasm\"\nbatch.records = 100\norder = \"{order}\"
        [[stage]]\nname = \"twice\"\ncomponent = \"guests/twice.wasm\"\nworkers = {}\norder = \"{order}\"\n{reuse}\n",
        if is_slow { "slow" } else { "echo" },
        ["1", "2", "{ min = 1, max = 3 }"][rng.usize(0..3)],
    );
    pipeline += &sink_sections(&sinks, "twice");
    let input: String = (0..records).map(|id| record(id) + "\n").collect();
    fs::write(sandbox.path().join("in.jsonl"), input).expect("a folder of our own");
    fs::write(sandbox.path().join("pipeline.toml"), &pipeline).expect("a folder of our own");
    let output = ["out.jsonl", "out.csv", "out.db", "again.jsonl"].map(|name| sandbox.path().join(name));
    let redirected = redirection(&mut rng);
    let are_there = || output.iter().any(|path| path.exists()) || !given(sandbox.path()).is_empty();
    runs_to_its_end(&sandbox, &mut rng, (0, redirected), are_there).await;
    let mut expected: Vec<String> = (0..records).flat_map(|id| [record(id), record(id)]).collect();
    if order == "none" {
        expected.sort_unstable();
    }
    for sink in sinks {
        let mut found = (SINKS[sink].holds)(sandbox.path());
        if order == "none" {
            found.sort_unstable();
        }
        keeps_its_promise(&SINKS[sink], &found, &expected);
    }
}

/// Issue 12: what is in flight was bounded by the queues alone, 16,384 records each. Such a run was never level, so it began
/// from the start each time.
#[tokio::test]
async fn a_slow_run_that_is_killed_again_and_again_comes_to_its_end() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let input: String = (0..1_000).map(|id| record(id) + "\n").collect();
    fs::write(sandbox.path().join("in.jsonl"), input).expect("a folder of our own");
    let pipeline = r#"
        name = "slow"
        source = { kind = "file", path = "in.jsonl", format = "lines" }
        sink = { kind = "file", path = "out.jsonl", format = "lines" }
        [[stage]]
        name = "slow"
        component = "guests/slow.wasm"
        workers = 1
    "#;
    fs::write(sandbox.path().join("pipeline.toml"), pipeline).expect("a folder of our own");
    let output = sandbox.path().join("out.jsonl");
    let mut before = 0;
    for _ in 0..3 {
        let child = sandbox.shell("exec sandmill run --quiet").spawn().expect("it starts");
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("a process");
        let mut end = pin!(finish(child, Duration::from_secs(60)));
        // Two checkpoints are due by then, and a machine that has other things to do is slow at both.
        tokio::select! {
            seen = &mut end => {
                assert_eq!(seen.expect("it ends").code, 0);
                break;
            }
            () = sleep(Duration::from_millis(2_500)) => kill_process_group(group, Signal::KILL).unwrap_or_default(),
        }
        end.await.expect("it is killed");
        let state = Connection::open(sandbox.path().join("slow.state.db")).expect("a database");
        let body: String = state.query_row("SELECT body FROM checkpoint", [], |row| row.get(0)).expect("a checkpoint");
        let done = serde_json::from_str::<Value>(&body).expect("JSON")["accounting"]["delivered"].as_u64();
        assert!(done > Some(before), "it gets on from one kill to the next: {done:?} after {before}");
        before = done.unwrap_or_default();
    }
    let seen = sandbox.run("sandmill run --quiet").await.expect("it ends");
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert!(lines_of(&output).into_iter().eq((0..1_000).map(record)));
}
