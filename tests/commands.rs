//! Programs that know nothing of Sandmill are stages: each output has the record that it is of, and a program that
//! keeps something back is found out, never guessed at.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandmill::plan::{Clock, CommandPlan, Each, Framing, Grants, Limits, Randomness, Reuse, Variable, VariableSource};
use sandmill::record::{BatchBounds, Column, Payload};
use sandmill::report::{Ending, Event, LogLevel, Report};
use sandmill::{Error, PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
use tests::edges::Given;
use tokio::time::timeout;
use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER as ADAPTER;
use wit_component::ComponentEncoder;

const BOUND: Duration = Duration::from_secs(60);

/// What every program begins with. `$read` reads once, to 1024 and at most 4096 bytes, and gives how many; the last
/// three functions write something of those `$n` bytes.
const PRELUDE: &str = r#"
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
    (memory (export "memory") 4)
    (data (i32.const 512) "head\n")
    (data (i32.const 520) "told to fail\n")
    (global $kept (mut i32) (i32.const 16384))
    (func $read (result i32)
        (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 4096))
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.load (i32.const 8)))
    (func $put (param $fd i32) (param $at i32) (param $len i32)
        (i32.store (i32.const 16) (local.get $at)) (i32.store (i32.const 20) (local.get $len))
        (drop (call $fd_write (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 24))))
    (func $write (param $n i32) (call $put (i32.const 1) (i32.const 1024) (local.get $n)))
    (func $starts (param $byte i32) (result i32) (i32.eq (local.get $byte) (i32.load8_u (i32.const 1024))))
    (func $keep (param $n i32)
        (memory.copy (global.get $kept) (i32.const 1024) (local.get $n))
        (global.set $kept (i32.add (global.get $kept) (local.get $n))))
    (func $give
        (call $put (i32.const 1) (i32.const 16384) (i32.sub (global.get $kept) (i32.const 16384)))
        (global.set $kept (i32.const 16384)))
"#;

/// A program that does `each` with every line, which is at 1024 and has `$n` bytes, and `last` at the end.
fn program(each: &str, last: &str) -> Vec<u8> {
    let text = format!(
        "(module {PRELUDE} (func (export \"_start\") (local $n i32)
            (loop $next
                (local.set $n (call $read))
                (if (local.get $n) (then {each} (br $next))))
            {last}))"
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
}

fn bare(start: &str) -> Vec<u8> {
    let text = format!("(module {PRELUDE} (func (export \"_start\") {start}))");
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
}

/// The same as a component, as the tools of many languages make them.
fn component(module: &[u8]) -> Vec<u8> {
    let made = || ComponentEncoder::default().module(module)?.adapter("wasi_snapshot_preview1", ADAPTER)?.encode();
    made().expect("a command")
}

const ECHO: &str = "(call $write (local.get $n))";

/// What came of a run: outputs as `key=value`, failures as `record: kind: reason`, warnings.
#[derive(Debug)]
struct Came {
    report: Report,
    outputs: Vec<String>,
    letters: Vec<String>,
    warnings: Vec<String>,
}

impl Came {
    fn texts(&self) -> Vec<&str> {
        self.outputs.iter().map(|output| output.split_once('=').map_or("", |(_, value)| value)).collect()
    }

    fn runs(&self) -> u64 {
        // Each attempt counts twice: once for its records, once for what an instance gives at its end.
        self.report.stats.stages[0].invocations.div_ceil(2)
    }
}

fn by(each: Each) -> CommandPlan {
    CommandPlan { each, ..CommandPlan::default() }
}

async fn run(wasm: &[u8], plan: CommandPlan, values: &[&str]) -> Came {
    run_with(wasm, values, |stage| stage.command(plan)).await.unwrap_or_else(|error| panic!("{error:?}"))
}

/// Each value is given with its number as its key.
async fn run_with(
    wasm: &[u8],
    values: &[&str],
    stage: impl FnOnce(StageBuilder) -> StageBuilder,
) -> Result<Came, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("filter.wasm");
    std::fs::write(&file, wasm).expect("it can be written");
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&kept);
    let keys: Column = (0..values.len()).map(|number| number.to_string()).collect();
    let records = Payload::new(values.iter().collect(), keys).expect("as many keys");
    let batch = BatchBounds {
        records: NonZeroUsize::new(64).expect("positive"),
        bytes: NonZeroUsize::new(1 << 20).expect("positive"),
        linger: Duration::ZERO,
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let plan = PipelineBuilder::new("commands")
        .state_file(folder.path().join("dead.db"))
        .source(SourceBuilder::custom("given", Given::new(records, 64)))
        .stage(stage(StageBuilder::component("filter", file).workers(NonZeroUsize::MIN).batch(batch)))
        .sink(SinkBuilder::for_each("kept", move |key, value| {
            let output = format!("{}={}", key.map(text).unwrap_or_default(), text(value));
            keep.lock().expect("no panic").push(output);
        }))
        .plan()?;
    let mut running = sandmill::prepare(plan).await?.start();
    let mut events = running.events().expect("nobody else has asked");
    let report = timeout(BOUND, running.wait()).await.expect("every run ends");
    let mut warnings = Vec::new();
    while let Some(event) = events.next().await {
        if let Event::Log { level: LogLevel::Warn, message, .. } = event {
            warnings.push(message);
        }
    }
    assert!(report.stats.accounting.balances(), "{:?}", report.stats.accounting);
    let letters = letters(&folder.path().join("dead.db"));
    Ok(Came { report, outputs: kept.lock().expect("no panic").clone(), letters, warnings })
}

fn letters(file: &Path) -> Vec<String> {
    let lines = tests::letters::lines(file);
    let mut letters: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    letters.sort_by_key(|letter| letter["record"].as_u64());
    let told = |letter: &serde_json::Value| {
        let text = |key: &str| letter[key].as_str().unwrap_or_default().to_owned();
        format!("{}: {}: {}", letter["record"], text("kind"), text("reason"))
    };
    letters.iter().map(told).collect()
}

const HUNDRED: usize = 100;

/// `0` to `99`.
fn numbers() -> Vec<String> {
    (0..HUNDRED).map(|number| number.to_string()).collect()
}

fn texts(values: &[String]) -> Vec<&str> {
    values.iter().map(String::as_str).collect()
}

/// The outputs that are expected, each with the key of its record.
fn keyed(values: &[String], of: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let outputs = |(key, value): (usize, &String)| {
        of(value).into_iter().map(|output| format!("{key}={output}")).collect::<Vec<_>>()
    };
    values.iter().enumerate().flat_map(outputs).collect()
}

const DOUBLES: &str = "(call $write (local.get $n)) (call $write (local.get $n))";
/// Drops what begins with a 1, doubles what begins with a 2.
const CHOOSES: &str = "(if (i32.eqz (call $starts (i32.const 49))) (then (call $write (local.get $n))))
    (if (call $starts (i32.const 50)) (then (call $write (local.get $n))))";

fn chosen(value: &str) -> Vec<String> {
    match value.as_bytes()[0] {
        b'1' => vec![],
        b'2' => vec![value.to_owned(); 2],
        _ => vec![value.to_owned()],
    }
}

#[tokio::test]
async fn each_output_has_the_key_of_its_record_by_record_and_by_batch() {
    let values = numbers();
    for each in [Each::Record, Each::Batch] {
        for module in [program(ECHO, ""), component(&program(ECHO, ""))] {
            let came = run(&module, by(each), &texts(&values)).await;
            assert_eq!(came.outputs, keyed(&values, |value| vec![value.to_owned()]), "{each:?}");
            assert_eq!((came.report.ending, came.warnings), (Ending::Completed, vec![]));
        }
        let came = run(&program(DOUBLES, ""), by(each), &texts(&values)).await;
        assert_eq!(came.outputs, keyed(&values, |value| vec![value.to_owned(); 2]), "{each:?}");
        let came = run(&program(CHOOSES, ""), by(each), &texts(&values)).await;
        assert_eq!(came.outputs, keyed(&values, chosen), "{each:?}");
        assert_eq!(came.warnings, [""; 0], "{each:?}");
    }
}

#[tokio::test]
async fn a_command_that_writes_at_once_is_run_for_batches() {
    let values = numbers();
    for module in [program(ECHO, ""), component(&program(ECHO, "")), program(CHOOSES, "")] {
        let came = run(&module, by(Each::Batch), &texts(&values)).await;
        assert!(came.runs() <= 4, "{} runs", came.runs());
    }
    let came = run(&program(ECHO, ""), by(Each::Record), &texts(&values)).await;
    assert_eq!(came.runs(), 100);
}

/// What a command keeps back would be taken for the output of a later record.
#[tokio::test]
async fn a_command_that_keeps_something_back_is_found_out_and_run_for_each_record() {
    let values = numbers();
    let all = program("(call $keep (local.get $n))", "(call $give)");
    // Each line is written when the next one has been read, and the last is dropped: nothing comes behind the end. Of
    // one record alone, nothing comes.
    let one_behind = program(
        "(call $give) (if (i32.eqz (call $starts (i32.const 57))) (then (call $keep (local.get $n))))",
        "(call $give)",
    );
    // Every second line writes both: with an even number of them, nothing comes behind the end.
    let pairs = program(
        "(call $keep (local.get $n))
        (if (i32.eqz (i32.and (i32.load8_u (i32.add (i32.const 1022) (local.get $n))) (i32.const 1)))
            (then) (else (call $give)))",
        "(call $give)",
    );
    for (name, module) in [("all", &all), ("one behind", &one_behind), ("pairs", &pairs)] {
        let by_record = run(module, by(Each::Record), &texts(&values)).await;
        let by_batch = run(module, by(Each::Batch), &texts(&values)).await;
        assert_eq!(by_batch.outputs, by_record.outputs, "{name}");
        assert!(by_batch.outputs.len() >= 89, "{name}: {}", by_batch.outputs.len());
        let [warning] = by_batch.warnings.as_slice() else { panic!("{name}: {:?}", by_batch.warnings) };
        assert!(warning.starts_with("from now on it runs once for each record"), "{name}: {warning}");
        assert_eq!(by_record.warnings, [""; 0], "{name}");
    }
}

/// What is read and written crosses in blocks of 16 KiB.
#[tokio::test]
async fn records_and_outputs_of_any_length_are_whole_and_of_their_record() {
    let lengths = [0, 1, 4095, 4096, 16_340, 16_350, 16_352, 16_360, 16_368, 16_384, 40_000, 1, 100_000, 0, 7];
    let values: Vec<String> =
        (0..).zip(lengths).map(|(number, length)| format!("{number} {}", "x".repeat(length))).collect();
    let whole = "(call $keep (local.get $n)) (if (i32.eq (i32.load8_u (i32.add (i32.const 1023) (local.get $n))) (i32.const 10)) (then (call $give)))";
    for (name, module) in [("in parts", program(ECHO, "")), ("at once", program(whole, ""))] {
        for each in [Each::Batch, Each::Record] {
            let came = run(&module, by(each), &texts(&values)).await;
            assert!(came.outputs == keyed(&values, |value| vec![value.to_owned()]), "{name} {each:?}");
            assert_eq!((came.warnings, came.letters), (vec![], vec![]), "{name} {each:?}");
        }
    }
}

#[tokio::test]
async fn a_command_that_reads_nothing_or_not_all_is_run_for_each_record() {
    let head = bare("(call $put (i32.const 1) (i32.const 512) (i32.const 5))");
    let first = bare("(call $write (call $read))");
    let values = numbers();
    let came = run(&head, by(Each::Batch), &texts(&values)).await;
    assert_eq!(came.outputs, keyed(&values, |_| vec!["head".to_owned()]));
    let came = run(&first, by(Each::Batch), &texts(&values)).await;
    assert_eq!(came.outputs, keyed(&values, |value| vec![value.to_owned()]));
    let [warning] = came.warnings.as_slice() else { panic!("{:?}", came.warnings) };
    assert!(
        warning.ends_with(
            "it ended before it had read the end of the batch. It would be faster if it read its input to the end"
        ),
        "{warning}"
    );
}

#[tokio::test]
async fn an_exit_with_zero_is_not_a_failure() {
    for each in [Each::Record, Each::Batch] {
        for module in
            [program(ECHO, "(call $exit (i32.const 0))"), component(&program(ECHO, "(call $exit (i32.const 0))"))]
        {
            let came = run(&module, by(each), &["a", "b"]).await;
            assert_eq!((came.texts(), came.letters.len()), (vec!["a", "b"], 0));
        }
    }
}

const FAILS: &str = "(if (call $starts (i32.const 33)) (then
        (call $put (i32.const 2) (i32.const 520) (i32.const 13)) (call $exit (i32.const 3))))
    (call $write (local.get $n))";

#[tokio::test]
async fn another_exit_fails_its_record_alone_with_the_status_and_the_last_line_of_stderr() {
    for each in [Each::Record, Each::Batch] {
        let came = run(&program(FAILS, ""), by(each), &["a", "b", "!", "c"]).await;
        assert_eq!(came.outputs, ["0=a", "1=b", "3=c"], "{each:?}");
        assert_eq!(came.letters, ["3: returned: exit status 3: told to fail"], "{each:?}");
        assert_eq!(came.warnings, ["told to fail"], "{each:?}: once, though the batch is run in parts");
    }
}

#[tokio::test]
async fn what_a_command_says_of_a_record_is_heard_once_though_the_record_is_run_twice() {
    let says = "(call $put (i32.const 2) (i32.const 520) (i32.const 13))";
    // It drops every record but the last, so a batch is run record by record to learn its habit.
    let drops = program(&format!("{says} (if (call $starts (i32.const 99)) (then (call $write (local.get $n))))"), "");
    for each in [Each::Record, Each::Batch] {
        let came = run(&drops, by(each), &["a", "b", "c"]).await;
        assert_eq!(came.texts(), ["c"], "{each:?}");
        assert_eq!(came.warnings, ["told to fail"; 3], "{each:?}");
    }
}

#[tokio::test]
async fn a_trap_fails_its_record_alone() {
    let traps = program("(if (call $starts (i32.const 33)) (then unreachable)) (call $write (local.get $n))", "");
    for each in [Each::Record, Each::Batch] {
        let came = run(&traps, by(each), &["a", "!", "b"]).await;
        assert_eq!((came.texts(), came.letters.len()), (vec!["a", "b"], 1), "{each:?}");
        assert!(came.letters[0].starts_with("2: trap: trapped: wasm `unreachable`"), "{:?}", came.letters);
    }
}

#[tokio::test]
async fn what_it_writes_to_stderr_are_log_lines() {
    let tells = program("(call $put (i32.const 2) (i32.const 1024) (local.get $n))", "");
    let came = run(&tells, by(Each::Batch), &["a", "b"]).await;
    assert_eq!((came.texts().len(), came.report.stats.accounting.dropped), (0, 2));
    assert_eq!(came.warnings, ["a", "b"]);
}

#[tokio::test]
async fn the_last_line_may_lack_its_end() {
    let cut = program("(call $write (i32.sub (local.get $n) (i32.const 1)))", "");
    let came = run(&cut, by(Each::Batch), &["a", "b", ""]).await;
    assert_eq!(came.outputs, ["0=a", "1=b"]);
}

/// Until it reads, a command may take as long as any other stage for its `open`; then the record's limit holds.
#[tokio::test]
async fn limits_hold() {
    let short = |stage: StageBuilder, limits: Limits| stage.limits(limits).command(by(Each::Batch));
    let limits = Limits { cpu: Duration::from_millis(20), ..Limits::default() };
    let spins = "(loop $spin (br_if $spin (i32.eqz (i32.const 0))))";
    let module =
        program(&format!("(if (call $starts (i32.const 33)) (then {spins})) (call $write (local.get $n))"), "");
    let came = run_with(&module, &["a", "!", "b"], |stage| short(stage, limits)).await.expect("it starts");
    assert_eq!((came.texts(), came.letters.len()), (vec!["a", "b"], 1));
    assert!(came.letters[0].starts_with("2: cpu-limit: ") && came.letters[0].ends_with("limits.cpu allows 20ms"));

    // A tenth of a second before the first read.
    let slow = "(local $i i32) (loop $spin (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $spin (i32.lt_u (local.get $i) (i32.const 200000000)))) (call $write (call $read))";
    let came = run_with(&bare(slow), &["a"], |stage| short(stage, limits)).await.expect("it starts");
    assert_eq!(came.texts(), ["a"], "{:?}", came.letters);

    let endless = program("(loop $more (call $write (local.get $n)) (br $more))", "");
    let limits = Limits { output: 1000.try_into().expect("positive"), ..Limits::default() };
    let came = run_with(&endless, &["a"], |stage| short(stage, limits)).await.expect("it starts");
    assert_eq!(came.letters, ["1: output-limit: made 1001 B of output from one record; limits.output allows 1000 B"]);
    let limits = Limits { output_records: 9.try_into().expect("positive"), ..Limits::default() };
    let came = run_with(&component(&endless), &["a"], |stage| short(stage, limits)).await.expect("it starts");
    let reason = "1: output-records-limit: made 10 outputs from one record; limits.output_records allows 9";
    assert_eq!(came.letters, [reason]);

    let grows = program("(if (i32.eq (i32.const -1) (memory.grow (i32.const 2048))) (then unreachable))", "");
    let came = run(&grows, by(Each::Batch), &["a"]).await;
    assert!(came.letters[0].starts_with("1: memory-limit: "), "{:?}", came.letters);
    // A command has more by default than another stage.
    let grows = program("(if (i32.eq (i32.const -1) (memory.grow (i32.const 1500))) (then unreachable))", "");
    let came = run(&grows, by(Each::Batch), &["a"]).await;
    assert!(came.letters.is_empty(), "{:?}", came.letters);
}

#[tokio::test]
async fn a_value_that_would_be_two_lines_fails_and_nul_passes_it() {
    let came = run(&program(ECHO, ""), by(Each::Batch), &["a", "b\nb", "c"]).await;
    assert_eq!(came.outputs, ["0=a", "2=c"]);
    assert!(came.letters[0].starts_with("2: returned: the value has a line feed"), "{:?}", came.letters);
    let nul = CommandPlan { framing: Framing::Nul, ..CommandPlan::default() };
    let came = run(&program(ECHO, ""), nul, &["a", "b\nb", "c\0"]).await;
    assert_eq!(came.outputs, ["0=a", "1=b\nb"]);
    assert!(came.letters[0].starts_with("3: returned: the value contains a NUL"), "{:?}", came.letters);
}

#[tokio::test]
async fn with_json_lines_an_output_that_is_not_json_fails_its_record() {
    let jsonl = CommandPlan { framing: Framing::Jsonl, ..CommandPlan::default() };
    let came = run(&program(ECHO, ""), jsonl, &["{}", "no", "[1]"]).await;
    assert_eq!(came.outputs, ["0={}", "2=[1]"]);
    assert!(
        came.letters[0].starts_with("2: returned: the command wrote a line that is not JSON"),
        "{:?}",
        came.letters
    );
}

#[tokio::test]
async fn arguments_are_its_own_name_and_those_of_the_plan() {
    // Writes all of them, with a NUL behind each.
    let tells = bare(
        "(drop (call $read)) (drop (call $args_sizes_get (i32.const 32) (i32.const 36)))
        (drop (call $args_get (i32.const 64) (i32.const 1024)))
        (call $put (i32.const 1) (i32.load (i32.const 72)) (i32.const 5))
        (call $write (i32.load (i32.const 36)))",
    );
    for module in [tells.clone(), component(&tells)] {
        let plan =
            CommandPlan { args: vec!["-c".into(), "two  words".into()], each: Each::Record, ..CommandPlan::default() };
        let came = run(&module, plan, &["a"]).await;
        assert_eq!(came.texts(), ["two  filter\0-c\0two  words\0"]);
    }
}

/// C libraries and the runtimes of languages ask for these without need. What is not granted holds nothing.
#[tokio::test]
async fn what_is_not_granted_is_there_and_holds_nothing() {
    let asks = format!(
        "(module
            (import \"wasi_snapshot_preview1\" \"random_get\" (func $random (param i32 i32) (result i32)))
            (import \"wasi_snapshot_preview1\" \"clock_time_get\" (func $clock (param i32 i64 i32) (result i32)))
            (import \"wasi_snapshot_preview1\" \"environ_sizes_get\" (func $environ (param i32 i32) (result i32)))
            (import \"wasi_snapshot_preview1\" \"fd_prestat_get\" (func $prestat (param i32 i32) (result i32)))
            {PRELUDE}
            (func $digit (param i32) (result i32)
                (i32.add (i32.const 97) (i32.and (i32.const 15) (local.get 0))))
            (func (export \"_start\")
                (drop (call $read))
                (drop (call $random (i32.const 64) (i32.const 8)))
                (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 72)))
                (drop (call $environ (i32.const 80) (i32.const 84)))
                ;; A number for each: random, the same in every run; a time; variables; what opening a folder says.
                (i32.store8 (i32.const 1024) (call $digit (i32.load (i32.const 64))))
                (i32.store8 (i32.const 1025) (call $digit (i32.load (i32.const 72))))
                (i32.store8 (i32.const 1026) (call $digit (i32.load (i32.const 80))))
                (i32.store8 (i32.const 1027) (call $digit (call $prestat (i32.const 3) (i32.const 88))))
                (call $write (i32.const 4))))"
    );
    let module = wat::parse_str(asks).unwrap_or_else(|error| panic!("{error}"));
    for wasm in [module.clone(), component(&module)] {
        let came = run(&wasm, by(Each::Record), &["x", "y", "z"]).await;
        let texts = came.texts();
        assert!(texts.len() == 3 && texts.iter().all(|text| *text == texts[0]), "{texts:?} {:?}", came.letters);
        assert!(texts[0].ends_with("ai"), "no variables and no folder (errno 8): {texts:?}");
    }
}

/// The same program, granted: as a module it reaches what it reaches as a component.
#[tokio::test]
async fn a_module_reaches_what_a_component_does() {
    let asks = format!(
        "(module
            (import \"wasi_snapshot_preview1\" \"random_get\" (func $random (param i32 i32) (result i32)))
            (import \"wasi_snapshot_preview1\" \"clock_time_get\" (func $clock (param i32 i64 i32) (result i32)))
            (import \"wasi_snapshot_preview1\" \"environ_sizes_get\" (func $sizes (param i32 i32) (result i32)))
            (import \"wasi_snapshot_preview1\" \"environ_get\" (func $environ (param i32 i32) (result i32)))
            {PRELUDE}
            (func (export \"_start\")
                (drop (call $read))
                (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 64)))
                ;; Seconds, then variables.
                (i64.store (i32.const 1024)
                    (i64.add (i64.const 48) (i64.div_u (i64.load (i32.const 64)) (i64.const 1000000000))))
                (drop (call $sizes (i32.const 80) (i32.const 84)))
                (drop (call $environ (i32.const 8192) (i32.const 1025)))
                (drop (call $random (i32.const 96) (i32.const 8)))
                (if (i64.eqz (i64.load (i32.const 96))) (then unreachable))
                (call $write (i32.const 7))))"
    );
    let module = wat::parse_str(asks).unwrap_or_else(|error| panic!("{error}"));
    let seven = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(7);
    let variable = Variable { name: "A".into(), value: VariableSource::Literal("bcd".into()), secret: false };
    let granted = Grants {
        clock: Some(Clock::Fixed(seven)),
        random: Some(Randomness::Seed(1)),
        variables: Some(vec![variable]),
        ..Grants::default()
    };
    for wasm in [module.clone(), component(&module)] {
        let came = run_with(&wasm, &["x", "y"], |stage| stage.grants(granted.clone()).command(by(Each::Record))).await;
        assert_eq!(came.expect("it is granted").texts(), ["7A=bcd\0", "7A=bcd\0"]);
    }
}

#[tokio::test]
async fn what_no_command_has_is_refused() {
    let module = program(ECHO, "");
    let refused = |stage: fn(StageBuilder) -> StageBuilder| {
        let module = module.clone();
        async move { run_with(&module, &["a"], stage).await.map(drop).expect_err("refused").to_string() }
    };
    let begins = "stage \"filter\": it is a command, ";
    assert!(refused(|stage| stage.reuse(Reuse::Worker)).await.starts_with(begins));
    assert!(refused(|stage| stage.config("{\"a\":1}")).await.starts_with(begins));
    let other = wat::parse_str("(component)").expect("WAT");
    let error = run_with(&other, &["a"], |stage| stage.command(by(Each::Batch))).await.map(drop).expect_err("refused");
    assert!(error.to_string().contains("is not a command"), "{error}");
    let stranger = wat::parse_str("(module (import \"env\" \"x\" (func)) (func (export \"_start\")))").expect("WAT");
    let error = run_with(&stranger, &["a"], |stage| stage).await.map(drop).expect_err("refused");
    assert!(error.to_string().contains("cannot be run as a command"), "{error}");
}

/// A filter in C, as zig makes it.
#[tokio::test]
async fn a_filter_that_knows_nothing_of_pipelines_gives_the_same_by_record_and_by_batch() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/any-program/tidy.wasm");
    let tidy = std::fs::read(file).expect("the example has it");
    let lines = ["One.  Two!", "# nothing", "", "a  b", "<script>", "last"];
    for each in [Each::Record, Each::Batch] {
        let came = run(&tidy, by(each), &lines).await;
        assert_eq!(came.outputs, ["0=One.", "0=Two!", "3=a b", "5=last"], "{each:?}");
        assert_eq!(came.letters, ["5: returned: exit status 1: no place for a script: <script>"], "{each:?}");
    }
}

/// A program of Go always ends by an exit, and takes for its own whatever memory is added to it.
#[tokio::test]
async fn a_filter_in_go_runs() {
    const FILTER: &str = "package main\n
        import (\"bufio\"; \"fmt\"; \"os\"; \"strings\")\n
        func main() {\n
            lines, kept := bufio.NewScanner(os.Stdin), [][]byte{}\n
            for lines.Scan() {\n
                kept = append(kept, make([]byte, 1<<16))\n
                if lines.Text() == \"!\" { fmt.Fprintln(os.Stderr, \"no\"); os.Exit(2) }\n
                if lines.Text() != \"-\" { fmt.Println(strings.ToUpper(lines.Text()), len(os.Args), os.Args[1]) }\n
            }\n
        }\n";
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("filter.go"), FILTER).expect("it can be written");
    let mut go = Command::new("go");
    go.args(["build", "-o", "filter.wasm", "filter.go"]).current_dir(folder.path());
    go.envs([("GOOS", "wasip1"), ("GOARCH", "wasm"), ("GOTOOLCHAIN", "local"), ("GOPROXY", "off")]);
    let Ok(built) = go.output() else { return left_out("Go") };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let filter = std::fs::read(path("filter.wasm")).expect("it has been built");
    let mut values = numbers();
    values[7] = "-".to_owned();
    values[8] = "!".to_owned();
    let expected = keyed(&values, |value| match value {
        "-" | "!" => vec![],
        value => vec![format!("{value} 2 x")],
    });
    for each in [Each::Record, Each::Batch] {
        let plan = CommandPlan { args: vec!["x".into()], each, ..CommandPlan::default() };
        let came = run(&filter, plan, &texts(&values)).await;
        assert_eq!(came.outputs, expected, "{each:?}");
        assert_eq!(came.letters, ["9: returned: exit status 2: no"], "{each:?}");
    }
}

/// The program of docs/commands.md.
#[tokio::test]
async fn a_filter_in_rust_runs() {
    const FILTER: &str = "fn main() {
            for line in std::io::stdin().lines() {
                let line = line.unwrap();
                if line == \"!\" { eprintln!(\"no\"); std::process::exit(2) }
                if line == \"?\" { panic!(\"told to\") }
                if line != \"-\" { println!(\"{}\", line.to_uppercase()) }
            }
        }";
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("filter.rs"), FILTER).expect("it can be written");
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2021", "--target", "wasm32-wasip1", "-O", "filter.rs"]).current_dir(folder.path());
    match rustc.output() {
        Ok(built) if built.status.success() => {}
        Ok(built) => {
            let said = String::from_utf8_lossy(&built.stderr).into_owned();
            assert!(said.contains("target may not be installed"), "{said}");
            return left_out("the Rust target wasm32-wasip1");
        }
        Err(_) => return left_out("rustc"),
    }
    let filter = std::fs::read(folder.path().join("filter.wasm")).expect("it has been built");
    let mut values = numbers();
    (values[7], values[8], values[9]) = ("-".to_owned(), "!".to_owned(), "?".to_owned());
    let expected = keyed(&values, |value| match value {
        "-" | "!" | "?" => vec![],
        value => vec![value.to_owned()],
    });
    for each in [Each::Record, Each::Batch] {
        let came = run(&filter, by(each), &texts(&values)).await;
        assert_eq!(came.outputs, expected, "{each:?}");
        assert_eq!(came.letters[0], "9: returned: exit status 2: no", "{each:?}");
        assert!(came.letters.len() == 2 && came.letters[1].starts_with("10: "), "{:?}", came.letters);
    }
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests is told")]
fn left_out(what: &str) {
    eprintln!("left out: {what} is not on this machine");
}
