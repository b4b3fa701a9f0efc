//! Every limit bites: for each there is a guest that goes just past it, and the same guest just within it. Instances
//! are recycled when they are due, and a stage that only fails ends its run.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use sandmill::defaults;
use sandmill::plan::{Breaker, ComponentSource, Grants, Limits, Recycle, Reuse, Suggested};
use sandmill::program::{NativeStage, Verdict};
use sandmill::record::{BatchBounds, Column, Payload};
use sandmill::report::{Ending, Event, Report};
use sandmill::{Error, PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
use tests::edges::{Given, Keeper, Numbers};
use tests::guest::{Guest, PROCESS_ECHO};
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(60);
const PAGE: u64 = 64 << 10;

fn bytes(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).expect("positive")
}

fn count(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("positive")
}

/// What came of a run.
struct Outcome {
    report: Report,
    kept: Vec<String>,
    letters: Vec<serde_json::Value>,
}

impl Outcome {
    fn passed(&self, records: usize) -> bool {
        self.report.ending == Ending::Completed && self.kept.len() == records && self.letters.is_empty()
    }
}

/// A guest that never ends at a record of 10 MiB: the limit that stops it is the sum of what a record has and what its
/// size adds.
#[tokio::test]
async fn a_large_record_has_a_larger_limit_of_cpu_and_the_reason_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let guest = Guest::processing(tests::guest::PROCESS_SPIN_ON_BANG);
    let component = guest.write(folder.path(), "guest").expect("a component");
    let values: Column = [b"!".repeat(10 << 20), b"!".to_vec()].into_iter().collect();
    let limits = default_with(|limits| limits.cpu = Duration::from_millis(20));
    let plan = PipelineBuilder::new("large")
        .state_file(folder.path().join("state.db"))
        .source(SourceBuilder::custom("given", Given::new(Payload::of_values(values), 1)))
        .stage(StageBuilder::component("guest", component).limits(limits))
        .sink(SinkBuilder::custom("kept", Keeper::default()))
        .plan()
        .expect("a plan");
    let pipeline = sandmill::prepare(plan).await.expect("a pipeline");
    let report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
    assert_eq!(report.stats.accounting.dead_lettered, 2);
    let letters = tests::letters::lines(&folder.path().join("state.db"));
    for allows in ["limits.cpu allows 120ms", "limits.cpu allows 20ms"] {
        assert!(letters.contains(allows), "{letters}");
    }
}

/// A guest that begins with 100 MiB of memory, of which 64 MiB are allowed when nobody says anything.
#[tokio::test]
async fn what_a_component_suggests_counts_until_the_pipeline_says_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    let guest = Guest { declarations: "(memory (export \"memory\") 1600)", ..Guest::default() };
    let mut wasm = guest.component().expect("sound WAT");
    let path = folder.path().join("guest.wasm");
    std::fs::write(&path, &wasm).expect("a folder of our own");
    let stage = || StageBuilder::component("guest", &path);
    assert!(run_in(folder.path(), stage(), 1).await.is_err(), "it wants more than the default");
    let suggested = Suggested { memory: Some(128 << 20), ..Suggested::default() };
    defaults::embed(&mut wasm, &suggested).expect("it is short");
    std::fs::write(&path, &wasm).expect("a folder of our own");
    assert!(run_in(folder.path(), stage(), 1).await.is_ok_and(|outcome| outcome.passed(1)));
    assert!(run_in(folder.path(), stage().limits(Limits::default()), 1).await.is_err(), "the pipeline says 64 MiB");
    let inspection = sandmill::check::inspect(&path).expect("a component");
    assert_eq!(inspection.defaults, Some(suggested));
}

/// Logs each value, and traps when one of them is `!`.
const LOG_AND_TRAP: &str = "(local $start i32)
    (block $none (loop $next
        (br_if $none (i32.ge_u (local.get $i) (local.get 3)))
        (call $log (i32.const 1) (i32.add (local.get 0) (local.get $start)) (i32.sub
            (i32.load (i32.add (local.get 2) (i32.mul (local.get $i) (i32.const 4)))) (local.get $start)))
        (local.set $start (i32.load (i32.add (local.get 2) (i32.mul (local.get $i) (i32.const 4)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))";

/// A line came as often as its record was tried: four to six times for a batch of which one record traps.
#[tokio::test]
async fn what_is_said_of_a_record_is_told_once_however_its_batch_is_split() {
    let process: &'static str = format!("{LOG_AND_TRAP} {}", tests::guest::PROCESS_TRAP_ON_BANG).leak();
    for reuse in [Reuse::Batch, Reuse::Worker, Reuse::Record] {
        let folder = tempfile::tempdir().expect("a folder");
        let component = Guest::processing(process).write(folder.path(), "guest").expect("a component");
        let values: Column = ["a", "b", "!", "c", "d", "e", "f", "g"].into_iter().collect();
        let plan = PipelineBuilder::new("told")
            .state_file(folder.path().join("state.db"))
            .source(SourceBuilder::custom("given", Given::new(Payload::of_values(values), 8)))
            .stage(StageBuilder::component("guest", component).reuse(reuse).workers(count(1)))
            .sink(SinkBuilder::custom("kept", Keeper::default()))
            .plan()
            .expect("a plan");
        let mut running = sandmill::prepare(plan).await.expect("a pipeline").start();
        let mut events = running.events().expect("nobody has taken them");
        timeout(BOUND, running.wait()).await.expect("every run ends");
        let mut told = String::new();
        while let Some(event) = events.next().await {
            if let Event::Log { message, .. } = event {
                told += &message;
            }
        }
        assert_eq!(told, "ab!cdefg", "{reuse:?}");
    }
}

/// Gives the numbers from 0 on to one worker, one by one.
async fn run(stage: impl FnOnce(StageBuilder) -> StageBuilder, guest: &Guest, records: u64) -> Result<Outcome, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let component = guest.write(folder.path(), "guest").expect("a component");
    run_in(folder.path(), stage(StageBuilder::component("guest", component)), records).await
}

async fn run_in(folder: &std::path::Path, stage: StageBuilder, records: u64) -> Result<Outcome, Error> {
    let keeper = Keeper::default();
    let kept = keeper.kept.clone();
    let batch = BatchBounds { records: count(1), bytes: count(1 << 20), linger: Duration::ZERO };
    let plan = PipelineBuilder::new("limits")
        .state_file(folder.join("dead.db"))
        .source(SourceBuilder::custom("numbers", Numbers::up_to(records)))
        .stage(stage.workers(NonZeroUsize::MIN).batch(batch))
        .sink(SinkBuilder::custom("kept", keeper))
        .plan()?;
    let report = timeout(BOUND, sandmill::prepare(plan).await?.run()).await.expect("every run ends");
    assert!(report.stats.accounting.balances(), "{:?}", report.stats.accounting);
    let letters = tests::letters::lines(&folder.join("dead.db"));
    let letters = letters.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    Ok(Outcome { report, kept: kept.records(), letters })
}

async fn within(guest: &Guest, limits: Limits) -> Outcome {
    run(|stage| stage.limits(limits), guest, 1).await.expect("a sound pipeline")
}

/// `limits` are just wide enough for the guest, and `narrow` are not: the dead letter says which limit, its value, what
/// was used, where, and on which record.
async fn bites(guest: &Guest, wide: Limits, narrow: Limits, kind: &str, reason: &str) {
    let passed = within(guest, wide).await;
    assert!(passed.passed(1), "{:?} {:?}", passed.report.problem, passed.letters);
    let tripped = within(guest, narrow).await;
    let [letter] = tripped.letters.as_slice() else { panic!("{:?}", tripped.report.problem) };
    assert_eq!((&letter["kind"], &letter["node"], &letter["record"]), (&kind.into(), &"guest".into(), &1.into()));
    assert_eq!(letter["reason"], reason);
}

/// As [`bites`], for what is found before a record moves.
async fn refuses(guest: &Guest, wide: Limits, narrow: Limits, message: &str, cause: Option<&str>) {
    assert!(within(guest, wide).await.passed(1));
    let error = run(|stage| stage.limits(narrow), guest, 1).await.map(|_| ()).expect_err("refused");
    assert!(error.to_string().starts_with(message), "{error}");
    if let Some(cause) = cause {
        assert_eq!(error.causes(), [cause]);
    }
}

fn echo_after(work: &str, declarations: &'static str) -> Guest {
    // A guest's texts are static, because nearly all are literals; a test may leak a few.
    let process: &'static str = Box::leak(format!("{work} {PROCESS_ECHO}").into_boxed_str());
    Guest { declarations, ..Guest::processing(process) }
}

const MEMORY: &str = "(memory (export \"memory\") 2)";

fn default_with(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

#[tokio::test]
async fn memory_that_grows_is_bounded_to_the_byte() {
    let guest = echo_after("(if (i32.eq (i32.const -1) (memory.grow (i32.const 30))) (then unreachable))", MEMORY);
    let wide = default_with(|limits| limits.memory = bytes(32 * PAGE));
    let narrow = default_with(|limits| limits.memory = bytes(31 * PAGE));
    let reason = "asked for 2.0 MiB of memory; limits.memory allows 1.9 MiB";
    bites(&guest, wide, narrow, "memory-limit", reason).await;
}

#[tokio::test]
async fn memory_to_begin_with_is_bounded_too() {
    let wide = default_with(|limits| limits.memory = bytes(2 * PAGE));
    let narrow = default_with(|limits| limits.memory = bytes(2 * PAGE - 1));
    let cause = "asked for 128.0 KiB of memory; limits.memory allows 128.0 KiB";
    refuses(&Guest::default(), wide, narrow, "stage \"guest\" does not start", Some(cause)).await;
}

#[tokio::test]
async fn tables_that_grow_are_bounded() {
    let guest = echo_after(
        "(if (i32.eq (i32.const -1) (table.grow (ref.null func) (i32.const 90))) (then unreachable))",
        "(memory (export \"memory\") 2) (table 10 funcref)",
    );
    // And one element for each import, in a table that the encoder puts beside the module.
    let wide = default_with(|limits| limits.table = bytes(102));
    let narrow = default_with(|limits| limits.table = bytes(101));
    let reason = "asked for tables of 102 elements; limits.table allows 101";
    bites(&guest, wide, narrow, "table-limit", reason).await;
}

#[tokio::test]
async fn tables_to_begin_with_are_bounded_all_together() {
    let guest = Guest {
        declarations: "(memory (export \"memory\") 2) (table 60 funcref) (table 40 funcref)",
        ..Guest::default()
    };
    // And one element for each import, in a table that the encoder puts beside the module.
    let wide = default_with(|limits| limits.table = bytes(102));
    let narrow = default_with(|limits| limits.table = bytes(101));
    let cause = "asked for tables of 102 elements; limits.table allows 101";
    refuses(&guest, wide, narrow, "stage \"guest\" does not start", Some(cause)).await;
}

#[tokio::test]
async fn core_instances_are_bounded() {
    // The guest's module, and what the encoder puts beside it to hand it its import.
    let needed = 3;
    let wide = default_with(|limits| limits.instances = count(needed));
    let narrow = default_with(|limits| limits.instances = count(needed - 1));
    let cause = "consists of at least 3 core instances; limits.instances allows 2";
    refuses(&Guest::default(), wide, narrow, "stage \"guest\" does not start", Some(cause)).await;
}

/// A loop whose length is the same in every run.
const COUNT_DOWN: &str = "(local.set $i (i32.const 100000)) (loop $more
    (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i)))";

#[tokio::test]
async fn fuel_trips_at_the_same_place_in_every_run() {
    let guest = echo_after(COUNT_DOWN, MEMORY);
    let with_fuel = |fuel| default_with(|limits| limits.fuel = Some(bytes(fuel)));
    let (mut too_little, mut enough) = (1, 10_000_000);
    while enough - too_little > 1 {
        let middle = u64::midpoint(too_little, enough);
        match within(&guest, with_fuel(middle)).await.passed(1) {
            true => enough = middle,
            false => too_little = middle,
        }
    }
    assert!(enough > 100_000, "a loop of 100,000 rounds took {enough} units");
    let reason = format!("used up {too_little} units of fuel; limits.fuel allows {too_little}");
    for _ in 0..3 {
        bites(&guest, with_fuel(enough), with_fuel(too_little), "fuel-limit", &reason).await;
    }
}

#[tokio::test]
async fn fuel_is_given_anew_for_every_invocation() {
    let guest = echo_after(COUNT_DOWN, MEMORY);
    let limits = default_with(|limits| limits.fuel = Some(bytes(1_000_000)));
    let living = |stage: StageBuilder| stage.limits(limits).reuse(Reuse::Worker);
    assert!(run(living, &guest, 1_000).await.expect("a sound pipeline").passed(1_000));
}

#[tokio::test]
async fn a_stage_without_a_fuel_limit_beside_one_that_has_it_never_runs_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let component = echo_after(COUNT_DOWN, MEMORY).write(folder.path(), "guest").expect("a component");
    let keeper = Keeper::default();
    let kept = keeper.kept.clone();
    let plan = PipelineBuilder::new("fuel")
        .state_file(folder.path().join("dead.db"))
        .source(SourceBuilder::custom("numbers", Numbers::up_to(100)))
        .stage(StageBuilder::component("free", &component).reuse(Reuse::Worker))
        .stage(
            StageBuilder::component("counted", &component)
                .limits(default_with(|limits| limits.fuel = Some(bytes(10_000_000)))),
        )
        .sink(SinkBuilder::custom("kept", keeper))
        .plan()
        .expect("a sound plan");
    let report = sandmill::prepare(plan).await.expect("a sound pipeline").run().await;
    assert_eq!((report.ending, kept.records().len()), (Ending::Completed, 100));
}

#[tokio::test]
async fn an_endless_loop_is_met_by_its_cpu_limit() {
    // An endless loop ends at the limit, and says so; what ends by itself within it passes.
    let spins = echo_after("(loop $ever (br $ever))", MEMORY);
    let limits = default_with(|limits| limits.cpu = Duration::from_millis(30));
    let tripped = within(&spins, limits).await;
    let reason = tripped.letters[0]["reason"].as_str().expect("text").to_owned();
    assert_eq!(tripped.letters[0]["kind"], "cpu-limit");
    assert!(reason.starts_with("used 3") && reason.ends_with("limits.cpu allows 30ms"), "{reason}");
    assert!(within(&echo_after(COUNT_DOWN, MEMORY), limits).await.passed(1));
}

#[tokio::test]
async fn wall_holds_where_cpu_does_not() {
    let spins = echo_after("(loop $ever (br $ever))", MEMORY);
    let limits = default_with(|limits| {
        limits.cpu = Duration::from_secs(60);
        limits.wall = Duration::from_millis(50);
    });
    let tripped = within(&spins, limits).await;
    assert_eq!(tripped.letters[0]["kind"], "wall-limit");
    assert!(tripped.letters[0]["reason"].as_str().expect("text").ends_with("limits.wall allows 50ms"));
}

#[tokio::test]
async fn the_bytes_of_a_records_outputs_are_bounded() {
    // One value of 1,000 zeros.
    let inflate = "(call $clear) (i32.store (i32.const 32) (i32.const 1000))
        (call $emit (i32.const 8192) (i32.const 1000) (i32.const 32) (i32.const 1)
            (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)) (i32.const 64)";
    let wide = default_with(|limits| limits.output = bytes(1_000));
    let narrow = default_with(|limits| limits.output = bytes(999));
    let reason = "made 1000 B of output from one record; limits.output allows 999 B";
    bites(&Guest::processing(inflate), wide, narrow, "output-limit", reason).await;
}

/// Three empty values that all come from the first record: ends and origins are the zeros at 8192.
const THREE_OF_ONE: &str = "(call $clear) (call $emit (i32.const 8192) (i32.const 0) (i32.const 8192) (i32.const 3)
    (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0))
    (i32.store (i32.const 100) (i32.const 8192)) (i32.store (i32.const 104) (i32.const 3)) (i32.const 64)";

#[tokio::test]
async fn the_number_of_a_records_outputs_is_bounded() {
    let guest = Guest::processing(THREE_OF_ONE);
    let wide = default_with(|limits| limits.output_records = bytes(3));
    assert_eq!(within(&guest, wide).await.kept.len(), 3);
    let narrow = default_with(|limits| limits.output_records = bytes(2));
    let tripped = within(&guest, narrow).await;
    assert_eq!(tripped.letters[0]["kind"], "output-records-limit");
    assert_eq!(tripped.letters[0]["reason"], "made 3 outputs from one record; limits.output_records allows 2");
}

/// Runs a source that gives `111` with these ends of records.
async fn pull(ends: &str, limits: Limits) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    let component = folder.path().join("source.wasm");
    std::fs::write(&component, tests::guest::source(ends).expect("sound WAT")).expect("a folder of our own");
    let source = ComponentSource { component, config: String::new(), limits, grants: Grants::default() };
    let keeper = Keeper::default();
    let plan = PipelineBuilder::new("source")
        .state_file(folder.path().join("dead.db"))
        .source(SourceBuilder::new("source", source))
        .sink(SinkBuilder::custom("kept", keeper))
        .plan()
        .expect("a sound plan");
    timeout(BOUND, sandmill::prepare(plan).await.expect("a sound pipeline").run()).await.expect("every run ends")
}

const THREE_RECORDS: &str = "(i32.store (i32.const 76) (i32.const 36)) (i32.store (i32.const 80) (i32.const 3))";
const ONE_RECORD: &str = "(i32.store (i32.const 76) (i32.const 44)) (i32.store (i32.const 80) (i32.const 1))";

/// The limits of a source used to be read, and never looked at.
#[tokio::test]
async fn each_record_of_a_source_is_bounded_and_so_is_their_number_in_a_pull() {
    for (ends, largest) in [(THREE_RECORDS, 1), (ONE_RECORD, 3)] {
        let report = pull(ends, default_with(|limits| limits.output = bytes(largest))).await;
        assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
    }
    let problem = pull(ONE_RECORD, default_with(|limits| limits.output = bytes(2))).await.problem.expect("a problem");
    assert_eq!(problem.message, "source \"source\": it failed after record 0");
    assert_eq!(problem.causes, ["made 3 B of output from one record; limits.output allows 2 B"]);

    let report = pull(THREE_RECORDS, default_with(|limits| limits.output_records = bytes(3))).await;
    assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
    let narrow = default_with(|limits| limits.output_records = bytes(2));
    let problem = pull(THREE_RECORDS, narrow).await.problem.expect("a problem");
    assert_eq!(problem.causes, ["broke the stage interface: pull returned 3 records, but was asked for at most 2"]);
}

#[tokio::test]
async fn log_lines_of_a_source_beyond_their_bound_are_cut_and_counted() {
    // A line counts its end.
    let speaks = format!("(call $log (i32.const 1) (i32.const 8192) (i32.const 1000)) {ONE_RECORD}");
    for (allowed, cut) in [(1_001, 0), (1_000, 1), (0, 1_001)] {
        let report = pull(&speaks, default_with(|limits| limits.log = allowed)).await;
        assert_eq!((report.ending, report.stats.sources[0].log_bytes_cut), (Ending::Completed, cut));
    }
}

#[tokio::test]
async fn log_lines_beyond_their_bound_are_cut_and_counted_and_fail_nothing() {
    let guest = echo_after("(call $log (i32.const 1) (i32.const 8192) (i32.const 1000))", MEMORY);
    // A line's end counts too.
    for (allowed, cut) in [(1_001, 0), (1_000, 1), (0, 1_001)] {
        let outcome = within(&guest, default_with(|limits| limits.log = allowed)).await;
        assert!(outcome.passed(1));
        // `open` and `flush` say nothing; each invocation has its own allowance.
        assert_eq!(outcome.report.stats.stages[0].log_bytes_cut, cut);
    }
}

#[tokio::test]
async fn the_size_of_a_component_is_bounded() {
    let length = Guest::default().component().expect("a component").len() as u64;
    let wide = default_with(|limits| limits.component = bytes(length));
    let narrow = default_with(|limits| limits.component = bytes(length - 1));
    refuses(&Guest::default(), wide, narrow, "stage \"guest\": component \"", None).await;
}

#[tokio::test]
async fn the_time_to_compile_a_component_is_bounded() {
    // New in every run: what has been compiled before is not compiled again.
    let unique = std::process::id();
    let function =
        |index: u32| format!("(func (result i32) {} (i32.const {index}))", "(i32.const 1) drop ".repeat(500));
    let functions: String = (0..200).map(|index| function(index + unique)).collect();
    let declarations = format!("(memory (export \"memory\") 2) {functions}");
    let guest = Guest { declarations: Box::leak(declarations.into_boxed_str()), ..Guest::default() };
    let narrow = default_with(|limits| limits.compile = Duration::from_nanos(1));
    let error = run(|stage| stage.limits(narrow), &guest, 1).await.map(|_| ()).expect_err("refused");
    let message = error.to_string();
    assert!(message.ends_with("takes longer to compile than limits.compile, which is 1ns"), "{message}");
    assert!(within(&guest, Limits::default()).await.passed(1));
}

/// Emits how often its instance has been called: `a` for the first time.
fn counts_its_calls() -> Guest {
    let process = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (drop (memory.grow (i32.const 1)))
        (i32.store8 (i32.const 8192) (i32.add (i32.const 96) (global.get $calls)))
        (i32.store (i32.const 32) (i32.const 1))
        (call $clear) (call $emit (i32.const 8192) (i32.const 1) (i32.const 32) (i32.const 1)
            (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)) (i32.const 64)";
    let declarations = "(memory (export \"memory\") 2) (global $calls (mut i32) (i32.const 0))";
    Guest { declarations, ..Guest::processing(process) }
}

async fn calls_seen(reuse: Reuse, recycle: Recycle) -> String {
    let stage = |stage: StageBuilder| stage.reuse(reuse).recycle(recycle);
    run(stage, &counts_its_calls(), 7).await.expect("a sound pipeline").kept.concat()
}

#[tokio::test]
async fn an_instance_lives_as_long_as_the_pipeline_says() {
    let never = Recycle::default();
    assert_eq!(calls_seen(Reuse::Record, never).await, "aaaaaaa");
    assert_eq!(calls_seen(Reuse::Batch, never).await, "aaaaaaa");
    assert_eq!(calls_seen(Reuse::Worker, never).await, "abcdefg");
    let after_three = Recycle { records: Some(count(3)), memory: None };
    assert_eq!(calls_seen(Reuse::Worker, after_three).await, "abcabca");
    // Two pages to begin with, one more each call.
    let at_four_pages = Recycle { records: None, memory: Some(bytes(4 * PAGE)) };
    assert_eq!(calls_seen(Reuse::Worker, at_four_pages).await, "abababa");
}

#[tokio::test]
async fn no_instance_is_given_more_records_than_it_may() {
    let folder = tempfile::tempdir().expect("a folder");
    let component = Guest::default().write(folder.path(), "guest").expect("a component");
    let keeper = Keeper::default();
    let kept = keeper.kept.clone();
    let recycle = Recycle { records: Some(count(8)), memory: None };
    let plan = PipelineBuilder::new("recycle")
        .source(SourceBuilder::custom("numbers", Numbers { chunk: 100, ..Numbers::up_to(100) }))
        .stage(
            StageBuilder::component("guest", component)
                .workers(NonZeroUsize::MIN)
                .reuse(Reuse::Worker)
                .recycle(recycle),
        )
        .sink(SinkBuilder::custom("kept", keeper))
        .plan()
        .expect("a sound plan");
    let report = sandmill::prepare(plan).await.expect("a sound pipeline").run().await;
    let in_order: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(kept.records(), in_order);
    assert_eq!(report.stats.stages[0].instances, 100_u64.div_ceil(8));
}

#[tokio::test]
async fn a_stage_that_only_crashes_ends_its_run() {
    let breaker = Breaker { crashes: NonZeroU64::new(5), failures: None, ..Breaker::OFF };
    let outcome = run(|stage| stage.breaker(breaker), &Guest::processing("unreachable"), 1_000).await;
    let Outcome { report, kept, letters } = outcome.expect("a sound pipeline");
    assert_eq!((report.ending, kept.len(), letters.len()), (Ending::Aborted, 0, 5));
    let problem = report.problem.expect("a problem");
    assert_eq!(problem.message, "stage \"guest\" only fails: 5 records in a row ended their instances");
    assert_eq!(problem.causes, ["trapped: wasm `unreachable` instruction executed"]);
    assert_eq!(report.stats.accounting.dead_lettered, 5);
}

/// Each counts for all, and what each had in its hands when the last one was one too many has its letter.
#[tokio::test]
async fn the_workers_of_a_stage_share_one_breaker() {
    const WORKERS: usize = 4;
    let folder = tempfile::tempdir().expect("a folder");
    let component = Guest::processing("unreachable").write(folder.path(), "guest").expect("a component");
    let batch = BatchBounds { records: count(1), bytes: count(1 << 20), linger: Duration::ZERO };
    let crashes = 20;
    let plan = PipelineBuilder::new("breaker")
        .state_file(folder.path().join("dead.db"))
        .source(SourceBuilder::custom("numbers", Numbers::up_to(1_000)))
        .stage(StageBuilder::component("guest", component).workers(count(WORKERS)).batch(batch).breaker(Breaker {
            crashes: NonZeroU64::new(crashes),
            failures: None,
            ..Breaker::OFF
        }))
        .sink(SinkBuilder::custom("kept", Keeper::default()))
        .plan()
        .expect("a sound plan");
    let pipeline = sandmill::prepare(plan).await.expect("a sound pipeline");
    let report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
    assert_eq!(report.ending, Ending::Aborted);
    assert!(report.problem.expect("a problem").message.contains("20 records in a row ended their instances"));
    let account = report.stats.accounting;
    assert!(account.balances(), "{account:?}");
    // A record that a worker still has in its hands separates what others have failed at before and after it.
    let failed = report.stats.stages[0].failed;
    assert!((crashes - WORKERS as u64..crashes * WORKERS as u64).contains(&failed), "{failed} records failed");
}

#[tokio::test]
async fn a_stage_that_only_fails_by_its_own_judgement_ends_its_run_too() {
    let refuses = NativeStage::new(|_, _, _| Verdict::Failed("no".to_owned()));
    let breaker = Breaker { crashes: NonZeroU64::new(5), failures: NonZeroU64::new(20), ..Breaker::OFF };
    let folder = tempfile::tempdir().expect("a folder");
    let stage = StageBuilder::native("stage", refuses).breaker(breaker);
    let outcome = run_in(folder.path(), stage, 1_000).await.expect("a sound pipeline");
    assert_eq!((outcome.report.ending, outcome.letters.len()), (Ending::Aborted, 20));
    let message = outcome.report.problem.expect("a problem").message;
    assert_eq!(message, "stage \"stage\" only fails: 20 records in a row failed");
}

#[tokio::test]
async fn one_record_that_fares_better_keeps_the_run_going() {
    let every_fourth = NativeStage::new(|_, value, out| {
        let number: u64 = std::str::from_utf8(value).expect("text").parse().expect("a number");
        if number % 4 == 3 {
            out.push(None, value);
            return Verdict::Done;
        }
        Verdict::Failed("no".to_owned())
    });
    let folder = tempfile::tempdir().expect("a folder");
    let breaker = Breaker { crashes: None, failures: NonZeroU64::new(4), ..Breaker::OFF };
    let stage = StageBuilder::native("stage", every_fourth).breaker(breaker);
    let outcome = run_in(folder.path(), stage, 100).await.expect("a sound pipeline");
    assert_eq!((outcome.report.ending, outcome.kept.len(), outcome.letters.len()), (Ending::Completed, 25, 75));
}
