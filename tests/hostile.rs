//! A broken guest harms only its own record: one table of hostile guests, each with what must become of its records.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::time::Duration;

use sandmill::plan::{Breaker, Isolation, Limits, OnError};
use sandmill::record::BatchBounds;
use sandmill::report::{Ending, Report};
use sandmill::{Error, ErrorKind, Pipeline, PipelineBuilder, Result, SinkBuilder, SourceBuilder, StageBuilder};
use tests::edges::{Keeper, Numbers};
use tests::guest::{Guest, PROCESS_ECHO, PROCESS_SPIN_ON_BANG, PROCESS_TRAP_ON_BANG};
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(60);

/// Turns some numbers into `!` and what the guest should choke on.
fn marked(divisor: u64) -> sandmill::pool::NativeStage {
    sandmill::pool::NativeStage::new(move |key, value, out| {
        let number: u64 = std::str::from_utf8(value).expect("text").parse().expect("a number");
        if number % divisor == 3 {
            out.push(key, format!("!{number}").as_bytes());
        } else {
            out.push(key, value);
        }
        sandmill::pool::Verdict::Done
    })
}

struct Hostile {
    guest: Guest,
    limits: Limits,
    reuse: Isolation,
    records: u64,
}

impl Hostile {
    fn new(guest: Guest) -> Self {
        let limits = Limits {
            memory: NonZeroU64::new(8 << 20).expect("positive"),
            cpu: Duration::from_millis(50),
            wall: Duration::from_secs(5),
            ..Limits::default()
        };
        Self { guest, limits, reuse: Isolation::Batch, records: 1_000 }
    }

    /// As large as the source's chunks, so that the table can say how many invocations there are.
    fn batch(&self) -> BatchBounds {
        let nonzero = |n| NonZeroUsize::new(n).expect("positive");
        BatchBounds { records: nonzero(100), bytes: nonzero(1 << 20), linger: Duration::ZERO }
    }

    async fn prepare(&self, keeper: Keeper, folder: &Path) -> Result<Pipeline> {
        let component = self.guest.write(folder, "guest").map_err(|error| Error::internal(format!("{error:#}")))?;
        let plan = PipelineBuilder::new("hostile")
            .dead_letters(folder.join("dead.jsonl"))
            .source(SourceBuilder::custom("numbers", Numbers { chunk: 100, ..Numbers::up_to(self.records) }))
            .stage(StageBuilder::native("mark", marked(250)))
            .stage(
                StageBuilder::component("guest", component)
                    .batch(self.batch())
                    .limits(self.limits)
                    .reuse(self.reuse)
                    .breaker(Breaker::OFF)
                    .on_error(OnError::DeadLetter),
            )
            .sink(SinkBuilder::custom("kept", keeper))
            .plan()?;
        Pipeline::prepare(plan).await
    }
}

struct Aftermath {
    report: Report,
    kept: Vec<String>,
    letters: Vec<serde_json::Value>,
}

async fn aftermath(hostile: &Hostile) -> Aftermath {
    let folder = tempfile::tempdir().expect("a folder");
    let keeper = Keeper::default();
    let kept = keeper.kept.clone();
    let pipeline = hostile.prepare(keeper, folder.path()).await.expect("a sound pipeline");
    let report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
    assert!(report.stats.accounting.balances(), "{:?}", report.stats.accounting);
    let letters = std::fs::read_to_string(folder.path().join("dead.jsonl")).unwrap_or_default();
    let letters = letters.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    Aftermath { report, kept: kept.records(), letters }
}

/// The four marked records stand alone among the dead letters; all others were delivered, once, in order.
async fn only_the_guilty_records_fail(hostile: Hostile, kind: &str, reason: &str) -> Report {
    let Aftermath { report, kept, letters } = aftermath(&hostile).await;
    assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
    let innocent: Vec<String> = (0..1_000).filter(|n| n % 250 != 3).map(|n| n.to_string()).collect();
    assert_eq!(kept, innocent);
    assert_eq!(letters.len(), 4, "{letters:?}");
    for letter in letters {
        assert_eq!(letter["kind"], kind, "{letter}");
        assert!(letter["reason"].as_str().expect("text").contains(reason), "{letter}");
        assert!(letter["value"].as_str().expect("text").starts_with('!'), "{letter}");
    }
    report
}

/// Every record fails, each by itself, and the run still comes to its end.
async fn every_record_fails(process: &'static str, kind: &str, reason: &str) {
    let Aftermath { report, kept, letters } = aftermath(&Hostile::new(Guest::processing(process))).await;
    assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
    assert_eq!((kept.len(), letters.len()), (0, 1_000));
    for letter in letters {
        assert_eq!(letter["kind"], kind, "{letter}");
        assert!(letter["reason"].as_str().expect("text").contains(reason), "{letter}");
    }
}

async fn refused(guest: Guest) -> Error {
    let folder = tempfile::tempdir().expect("a folder");
    let prepared = timeout(BOUND, Hostile::new(guest).prepare(Keeper::default(), folder.path())).await;
    prepared.expect("every preparation ends").expect_err("the guest is refused")
}

#[tokio::test]
async fn a_well_behaved_guest_is_the_control() {
    let hostile = Hostile::new(Guest::processing(PROCESS_ECHO));
    let Aftermath { report, kept, letters } = aftermath(&hostile).await;
    assert_eq!(report.ending, Ending::Completed);
    assert_eq!((kept.len(), letters.len()), (1_000, 0));
    assert_eq!(report.stats.stages[1].failed_invocations, 0);
}

#[tokio::test]
async fn a_trap_costs_only_the_guilty_record() {
    for reuse in [Isolation::Record, Isolation::Batch, Isolation::Worker] {
        let hostile = Hostile { reuse, ..Hostile::new(Guest::processing(PROCESS_TRAP_ON_BANG)) };
        let report = only_the_guilty_records_fail(hostile, "trap", "unreachable").await;
        let stage = &report.stats.stages[1];
        // Batches of 100: at most 2 log2(128) more attempts for each of the four guilty records.
        assert!(stage.failed_invocations <= 4 * 8, "{reuse:?}: {} attempts failed", stage.failed_invocations);
    }
}

#[tokio::test]
async fn an_endless_loop_is_stopped_and_costs_only_the_guilty_record() {
    let hostile = Hostile::new(Guest::processing(PROCESS_SPIN_ON_BANG));
    only_the_guilty_records_fail(hostile, "cpu-limit", "limits.cpu allows 50ms").await;
}

#[tokio::test]
async fn a_memory_bomb_names_the_limit() {
    let bomb = "(if (i32.eq (i32.const -1) (memory.grow (i32.const 1000))) (then unreachable)) (i32.const 64)";
    every_record_fails(bomb, "memory-limit", "limits.memory allows 8.0 MiB").await;
}

#[tokio::test]
async fn endless_recursion_is_a_trap() {
    let guest = Guest {
        declarations: "(memory (export \"memory\") 2) (func $deep (param i32) (result i32)
            (i32.add (i32.const 1) (call $deep (local.get 0))))",
        process: "(call $deep (i32.const 0))",
        ..Guest::default()
    };
    let Aftermath { report, letters, .. } = aftermath(&Hostile::new(guest)).await;
    assert_eq!((report.ending, letters.len()), (Ending::Completed, 1_000));
    assert!(letters[0]["reason"].as_str().expect("text").contains("call stack exhausted"), "{}", letters[0]);
}

#[tokio::test]
async fn an_outcome_by_length_only_is_a_broken_contract() {
    // values.data: 2 GiB from address 8.
    let lie = "(call $clear) (i32.store (i32.const 68) (i32.const 8)) (i32.store (i32.const 72) (i32.const 0x7fffffff))
        (i32.const 64)";
    every_record_fails(lie, "contract", "broke the stage interface").await;
}

#[tokio::test]
async fn failures_that_all_point_to_one_text_do_not_multiply_it_in_the_host() {
    // Ten thousand failures of 100,000 bytes each: 1 GB, were they all copied.
    let bomb = "(drop (memory.grow (i32.const 100))) (call $clear) (i32.store (i32.const 116) (i32.const 1048576))
        (i32.store (i32.const 120) (i32.const 10000)) (local.set $i (i32.const 0))
        (loop $more
            (i32.store (i32.add (i32.const 1048584) (i32.mul (local.get $i) (i32.const 16))) (i32.const 4000000))
            (i32.store (i32.add (i32.const 1048588) (i32.mul (local.get $i) (i32.const 16))) (i32.const 100000))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 10000)))) (i32.const 64)";
    let hostile = Hostile { records: 50, ..Hostile::new(Guest::processing(bomb)) };
    let Aftermath { report, letters, .. } = aftermath(&hostile).await;
    assert_eq!((report.ending, letters.len()), (Ending::Completed, 50));
    assert!(letters[0]["reason"].as_str().expect("text").contains("too much data"), "{}", letters[0]);
}

#[tokio::test]
async fn ends_past_the_data_are_a_broken_contract() {
    // One value of 4 bytes that claims to end at the first word of the input's ends.
    let lie = "(call $clear) (i32.store (i32.const 32) (i32.const 1000000))
        (call $emit (local.get 0) (local.get 1) (i32.const 32) (i32.const 1)
            (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)) (i32.const 64)";
    every_record_fails(lie, "contract", "the last end is 1000000").await;
}

#[tokio::test]
async fn a_result_outside_of_the_memory_is_a_broken_contract() {
    every_record_fails("(i32.const 0x7ffffff0)", "contract", "broke the stage interface").await;
}

#[tokio::test]
async fn an_error_for_the_whole_batch_is_split_down_to_records() {
    // Tag 1 at 64, message at 68: the five bytes at 8.
    let refuse = "(i32.store8 (i32.const 64) (i32.const 1)) (i64.store (i32.const 8) (i64.const 0x6f6e6f6e6f))
        (i32.store (i32.const 68) (i32.const 8)) (i32.store (i32.const 72) (i32.const 5)) (i32.const 64)";
    every_record_fails(refuse, "returned", "onono").await;
}

#[tokio::test]
async fn a_trap_in_flush_costs_the_records_of_its_instance_only() {
    let guest = Guest { flush: "unreachable", ..Guest::default() };
    let Aftermath { report, letters, .. } = aftermath(&Hostile::new(guest)).await;
    assert_eq!((report.ending, letters.len()), (Ending::Completed, 1_000));
}

#[tokio::test]
async fn state_that_is_lost_ends_the_run_and_is_never_passed_over() {
    // Emits nothing, so it may hold everything; traps on a marked record.
    let holding = "(if (call $has_bang (local.get 0) (local.get 2) (local.get 3)) (then unreachable))
        (call $clear) (i32.const 64)";
    let hostile = Hostile { reuse: Isolation::Worker, ..Hostile::new(Guest::processing(holding)) };
    let Aftermath { report, .. } = aftermath(&hostile).await;
    // A worker whose very first batch held the marked record had held nothing; the later ones must be noticed.
    assert_eq!(report.ending, Ending::Aborted);
    assert!(report.problem.expect("a problem").message.contains("what it held of"));
}

#[tokio::test]
async fn state_that_is_lost_while_a_first_batch_is_split_is_noticed_too() {
    // Would pass over the records before the guilty one, were they counted only when their batch is through.
    let holding = "(if (call $has_bang (local.get 0) (local.get 2) (local.get 3)) (then unreachable))
        (call $clear) (i32.const 64)";
    let hostile = Hostile { reuse: Isolation::Worker, records: 100, ..Hostile::new(Guest::processing(holding)) };
    let Aftermath { report, .. } = aftermath(&hostile).await;
    assert_eq!(report.ending, Ending::Aborted);
    assert!(report.problem.expect("a problem").message.ends_with("what it held of 3 records is lost"));
}

#[tokio::test]
async fn a_cpu_limit_shorter_than_a_tick_bites_all_the_same() {
    let busy = "(local.set $i (i32.const 100000)) (loop $more
        (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i)))
        (call $clear) (call $emit (local.get 0) (local.get 1) (local.get 2) (local.get 3)
        (local.get 4) (local.get 5) (local.get 6) (local.get 7)) (i32.const 64)";
    let mut hostile = Hostile { records: 20, ..Hostile::new(Guest::processing(busy)) };
    hostile.limits.cpu = Duration::from_micros(1);
    let Aftermath { report, letters, .. } = aftermath(&hostile).await;
    assert_eq!((report.ending, letters.len()), (Ending::Completed, 20));
    assert_eq!(letters[0]["kind"], "cpu-limit");
}

#[tokio::test]
async fn much_output_of_small_records_is_sent_on_in_parts() {
    // Each record becomes a mebibyte: a hundred of them are more than is held at a time, and come out in order.
    let inflate = "(memory.copy (i32.const 200000) (local.get 0) (local.get 1)) (call $clear)
        (i32.store (i32.const 32) (i32.const 1048576))
        (call $emit (i32.const 200000) (i32.const 1048576) (i32.const 32) (i32.const 1)
            (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)) (i32.const 64)";
    let guest = Guest { declarations: "(memory (export \"memory\") 32)", ..Guest::processing(inflate) };
    let hostile = Hostile { reuse: Isolation::Record, records: 100, ..Hostile::new(guest) };
    let Aftermath { report, kept, .. } = aftermath(&hostile).await;
    assert_eq!((report.ending, kept.len()), (Ending::Completed, 100), "{:?}", report.problem);
    let first: Vec<&str> = kept.iter().map(|text| text.trim_end_matches('\0')).collect();
    let expected: Vec<String> = (0..100).map(|n| if n % 250 == 3 { format!("!{n}") } else { n.to_string() }).collect();
    assert_eq!(first, expected);
}

#[tokio::test]
async fn a_log_flood_is_bounded_and_counted() {
    let flood = "(local.set $i (i32.const 10000)) (loop $more
        (call $log (i32.const 1) (i32.const 1024) (i32.const 1000))
        (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i)))
        (call $clear) (call $emit (local.get 0) (local.get 1) (local.get 2) (local.get 3)
        (local.get 4) (local.get 5) (local.get 6) (local.get 7)) (i32.const 64)";
    let Aftermath { report, kept, .. } = aftermath(&Hostile::new(Guest::processing(flood))).await;
    assert_eq!((report.ending, kept.len()), (Ending::Completed, 1_000));
    // Ten invocations, each of which writes 10,000,000 bytes and may write 64 KiB.
    assert_eq!(report.stats.stages[1].log_bytes_cut, 10 * (10_000_000 - (64 << 10)));
}

#[tokio::test]
async fn a_guest_that_cannot_start_is_refused_before_anything_runs() {
    let error = refused(Guest { open: "unreachable", ..Guest::default() }).await;
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Guest, "stage \"guest\" does not start"));

    let message = "(i32.store8 (i32.const 16) (i32.const 1)) (i64.store (i32.const 8) (i64.const 0x6f6e6f6e6f))
        (i32.store (i32.const 20) (i32.const 8)) (i32.store (i32.const 24) (i32.const 5)) (i32.const 16)";
    let error = refused(Guest { open: message, ..Guest::default() }).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.to_string(), "stage \"guest\" refuses its configuration");
    assert_eq!(error.causes(), ["onono"]);

    let error = refused(Guest { open: "(loop $l (br $l)) unreachable", ..Guest::default() }).await;
    assert!(error.causes()[0].contains("cpu"), "{:?}", error.causes());
}

#[tokio::test]
async fn initial_memory_over_the_limit_is_refused() {
    let error = refused(Guest { declarations: "(memory (export \"memory\") 1000)", ..Guest::default() }).await;
    assert!(error.causes()[0].contains("limits.memory allows 8.0 MiB"), "{error}: {:?}", error.causes());
    assert_eq!(error.hints(), ["raise limits.memory of stage \"guest\""]);
}
