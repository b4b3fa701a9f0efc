//! What an invocation may use up is the sum over its records, armed anew each time; and what a stage may use up when
//! nobody says is what docs/limits.md says.

use std::num::NonZeroUsize;
use std::time::Duration;

use sandmill::plan::{Clock, Grants, Limits, Reuse};
use sandmill::record::BatchBounds;
use sandmill::report::{Ending, Report, StageStats};
use sandmill::{PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
use tests::edges::{Keeper, Numbers};
use tests::guest::{Guest, PROCESS_ECHO};
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(60);

/// A stage with one worker, and how its records come.
struct Trial {
    guest: Guest,
    limits: Limits,
    reuse: Reuse,
    records: u64,
    /// All of an invocation, unless one fails.
    batch: usize,
}

impl Trial {
    fn of(guest: Guest, limits: impl FnOnce(&mut Limits)) -> Self {
        let mut all = Limits { cpu: Duration::from_secs(20), ..Limits::default() };
        limits(&mut all);
        Self { guest, limits: all, reuse: Reuse::Batch, records: 1, batch: 1 }
    }

    fn batches(self, reuse: Reuse, records: u64, batch: usize) -> Self {
        Self { reuse, records, batch, ..self }
    }

    /// What became of the run, and how many records came out.
    async fn run(self) -> (Report, usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let component = self.guest.write(folder.path(), "guest").expect("a component");
        let keeper = Keeper::default();
        let kept = keeper.kept.clone();
        let records = NonZeroUsize::new(self.batch).expect("positive");
        let bytes = NonZeroUsize::new(1 << 20).expect("positive");
        // As many at once as make a batch: a batch is cut where a chunk ends, or where it is full.
        let source = Numbers { chunk: self.batch, ..Numbers::up_to(self.records) };
        let plan = PipelineBuilder::new("budgets")
            .state_file(folder.path().join("dead.db"))
            .source(SourceBuilder::custom("numbers", source))
            .stage(
                StageBuilder::component("guest", component)
                    .workers(NonZeroUsize::MIN)
                    // Full batches, however little a source is let in for that has shown nothing.
                    .batch(BatchBounds { records, bytes, linger: BOUND })
                    .limits(self.limits)
                    .reuse(self.reuse)
                    .grants(Grants { clock: Some(Clock::Real), ..Grants::default() }),
            )
            .sink(SinkBuilder::custom("kept", keeper))
            .plan()
            .expect("a sound plan");
        let pipeline = sandmill::prepare(plan).await.expect("a sound pipeline");
        let report = timeout(BOUND, pipeline.run()).await.expect("every run ends");
        assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
        assert!(report.stats.accounting.balances());
        (report, kept.records().len())
    }

    /// All records come out; what the stage did for it.
    async fn passes(self) -> StageStats {
        let records = self.records;
        let (mut report, kept) = self.run().await;
        assert_eq!((kept as u64, report.stats.stages[0].failed), (records, 0));
        report.stats.stages.remove(0)
    }

    async fn fails_all(self) {
        let records = self.records;
        let (report, kept) = self.run().await;
        assert_eq!((kept, report.stats.stages[0].failed), (0, records));
    }
}

/// Echoes, after so many rounds: times the number of records, or not.
fn counting(rounds: u32, for_each: bool) -> Guest {
    let times = if for_each { "(local.get 3)" } else { "(i32.const 1)" };
    let process = format!(
        "(local.set $i (i32.mul {times} (i32.const {rounds})))
        (loop $more (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i))) {PROCESS_ECHO}"
    );
    // A guest's texts are static, because nearly all are literals.
    Guest::processing(process.leak())
}

/// Echoes, after it has slept for so long for each of its records.
fn sleeping(time: Duration) -> Guest {
    let process = format!(
        "(call $block (call $timer (i64.mul (i64.extend_i32_u (local.get 3)) (i64.const {})))) {PROCESS_ECHO}",
        time.as_nanos()
    );
    Guest {
        world: "import wasi:clocks/monotonic-clock@0.2.12; import wasi:io/poll@0.2.12;",
        declarations: r#"(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration"
                (func $timer (param i64) (result i32)))
            (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
            (memory (export "memory") 2)"#,
        ..Guest::processing(process.leak())
    }
}

/// The time that one record takes of a guest that works for some milliseconds, on this machine. A busy machine may need
/// several times as long for the next one.
async fn time_of_a_record(guest: Guest) -> Duration {
    Trial::of(guest, |_| {}).batches(Reuse::Worker, 10, 1).passes().await.time_in_guest / 10
}

async fn thrice_a_record(guest: Guest) -> Duration {
    time_of_a_record(guest).await * 3
}

/// The work does not grow with the batch, so a lone record has too little for it where several together have enough.
#[tokio::test]
async fn the_fuel_of_a_batch_is_the_sum_of_its_records_to_the_unit() {
    let trial = |fuel: u64, records: u64| {
        let limits = |limits: &mut Limits| limits.fuel = std::num::NonZeroU64::new(fuel);
        Trial::of(counting(100_000, false), limits).batches(Reuse::Batch, records, 5)
    };
    let (mut too_little, mut enough) = (1, 1_000_000);
    while enough - too_little > 1 {
        let middle = u64::midpoint(too_little, enough);
        match trial(middle, 5).run().await.1 {
            5 => enough = middle,
            _ => too_little = middle,
        }
    }
    assert!((20_000..200_000).contains(&enough), "{enough} units a record for five in 100,000 rounds");
    for batches in 1..=3 {
        assert_eq!(trial(enough, 5 * batches).passes().await.failed_invocations, 0);
    }
    trial(too_little, 5).fails_all().await;
    trial(enough, 1).fails_all().await;
}

/// Each record keeps to its limit, and ten of them use up more than three limits in one invocation. Only the first batch
/// may be suspected: before that nobody knows what a record takes.
#[tokio::test]
async fn the_cpu_of_a_batch_is_the_sum_of_its_records() {
    let guest = counting(20_000_000, true);
    let limit = thrice_a_record(guest).await;
    let limits = |limits: &mut Limits| limits.cpu = limit;
    let stage = Trial::of(guest, limits).batches(Reuse::Batch, 50, 10).passes().await;
    assert!(stage.failed_invocations <= 4, "{} of {} attempts failed", stage.failed_invocations, stage.invocations);
    Trial::of(guest, |limits| limits.cpu = limit / 8).batches(Reuse::Batch, 10, 10).fails_all().await;
}

#[tokio::test]
async fn the_wall_of_a_batch_is_the_sum_of_its_records() {
    let limits = |limits: &mut Limits| limits.wall = Duration::from_secs(1);
    let guest = sleeping(Duration::from_millis(200));
    let stage = Trial::of(guest, limits).batches(Reuse::Batch, 30, 10).passes().await;
    assert!(stage.failed_invocations <= 4, "{} of {} attempts failed", stage.failed_invocations, stage.invocations);
}

/// Would fail at about the ninth record if the limit counted what earlier invocations used. Eight times a record's time,
/// not three: a loaded machine once needed more than three times as long for one of them.
#[tokio::test]
async fn cpu_is_armed_anew_for_every_invocation_of_an_instance_that_lives_on() {
    let guest = counting(20_000_000, true);
    let limit = time_of_a_record(guest).await * 8;
    let stage = Trial::of(guest, |limits| limits.cpu = limit).batches(Reuse::Worker, 60, 1).passes().await;
    assert_eq!((stage.instances, stage.failed_invocations), (1, 0));
    assert!(stage.time_in_guest > limit * 2, "{:?} in all of {limit:?} for each", stage.time_in_guest);
}

/// Would fail at the fifth.
#[tokio::test]
async fn wall_is_armed_anew_for_every_invocation_of_an_instance_that_lives_on() {
    let limits = |limits: &mut Limits| limits.wall = Duration::from_secs(1);
    let guest = sleeping(Duration::from_millis(200));
    let stage = Trial::of(guest, limits).batches(Reuse::Worker, 10, 1).passes().await;
    assert_eq!((stage.instances, stage.failed_invocations), (1, 0));
}

#[tokio::test]
async fn wall_lets_pass_what_is_just_within_it_and_nothing_beyond() {
    let guest = sleeping(Duration::from_secs(2));
    Trial::of(guest, |limits| limits.wall = Duration::from_millis(2_900)).passes().await;
    Trial::of(guest, |limits| limits.wall = Duration::from_millis(1_950)).fails_all().await;
}

/// Work that a stage leaves to its end would make every batch suspect, were it not learnt.
#[tokio::test]
async fn what_a_stage_does_in_flush_is_known_to_take_its_time() {
    let limit = thrice_a_record(counting(20_000_000, true)).await;
    let guest = Guest {
        declarations: "(memory (export \"memory\") 2) (global $held (mut i32) (i32.const 0))",
        flush: "(local.set $i (i32.mul (global.get $held) (i32.const 20000000)))
            (loop $more (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i)))
            (call $clear) (i32.const 64)",
        ..Guest::processing(
            "(global.set $held (local.get 3))
            (call $echo (local.get 0) (local.get 1) (local.get 2) (local.get 3)
                (local.get 4) (local.get 5) (local.get 6) (local.get 7))",
        )
    };
    let stage = Trial::of(guest, |limits| limits.cpu = limit).batches(Reuse::Batch, 50, 10).passes().await;
    assert!(stage.failed_invocations <= 4, "{} of {} attempts failed", stage.failed_invocations, stage.invocations);
}

/// The page's table and the code say the same; a stage of which nobody has said anything is bounded by it.
#[test]
fn the_defaults_are_those_that_the_page_says() {
    let page = include_str!("../docs/limits.md");
    let Limits {
        memory,
        table,
        instances,
        cpu,
        wall,
        fuel,
        output,
        output_records,
        log,
        component,
        compile,
        response,
        exchange,
    } = Limits::default();
    let size = |bytes: u64| match bytes.is_multiple_of(1 << 20) {
        true => format!("`\"{}MiB\"`", bytes >> 20),
        false => format!("`\"{}KiB\"`", bytes >> 10),
    };
    let time = |time: Duration| match time.subsec_millis() {
        0 => format!("`\"{}s\"`", time.as_secs()),
        millis => format!("`\"{millis}ms\"`"),
    };
    assert_eq!(fuel, None);
    for (keys, default) in [
        ("`memory`", size(memory.get())),
        ("`table`", format!("{table} elements")),
        ("`instances`", instances.to_string()),
        ("`cpu`", time(cpu)),
        ("`wall`", time(wall)),
        ("`fuel`", "not counted".to_owned()),
        ("`output`", size(output.get())),
        ("`output_records`", output_records.to_string()),
        ("`log`", size(log)),
        ("`component`", size(component.get())),
        ("`compile`", time(compile)),
        ("`response`, `exchange`", format!("{}, {}", size(response.get()), time(exchange))),
    ] {
        let row = format!("\n| {keys} | {default} |");
        assert!(page.contains(&row), "docs/limits.md has no row that begins {:?}", row.trim_start());
    }
}
