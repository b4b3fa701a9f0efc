//! Instances that begin with the image of one that was opened are what they would be had each been opened by itself,
//! and where that cannot be known they are opened by themselves.

use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use sandmill::edge::{Chunk, Source};
use sandmill::failpoint::{Breakage, Failpoint, Failpoints};
use sandmill::plan::{Grants, Limits, OnError, Reuse, Variable, VariableSource, Warm};
use sandmill::program::Warmth;
use sandmill::record::BatchBounds;
use sandmill::report::{Ending, Event, Report};
use sandmill::{Error, Pipeline, PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
use tests::command::Sandbox;
use tests::edges::{Keeper, Numbers};
use tests::guest::{Guest, OPEN_OK};
use tokio::sync::watch;
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(60);

/// `$one`: an outcome of one output, the bytes at an address.
macro_rules! one {
    () => {
        "(func $one (param i32 i32) (result i32)
            (call $clear) (i32.store (i32.const 32) (local.get 1))
            (call $emit (local.get 0) (local.get 1) (i32.const 32) (i32.const 1)
                (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)) (i32.const 64))"
    };
}

/// Takes a few milliseconds, logs a line, grows its memory, writes into the new page, counts itself, and keeps its
/// configuration; tells of each record how often it was opened and called, in memory and in globals, and what it keeps.
const COSTLY: Guest = Guest {
    declarations: concat!(
        "(memory (export \"memory\") 2) (data (i32.const 1024) \"opened\")
        (global $opened (mut i32) (i32.const 48)) (global $called (mut i64) (i64.const 48))
        (global $kept (mut i32) (i32.const 0))",
        one!()
    ),
    open: "(local $i i32)
        (loop $again (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 20000000))))
        (call $log (i32.const 1) (i32.const 1024) (i32.const 6))
        (global.set $opened (i32.add (global.get $opened) (i32.const 1)))
        (local.set $i (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))
        (i32.store8 (local.get $i) (i32.const 48))
        (memory.copy (i32.add (local.get $i) (i32.const 4)) (local.get 0) (local.get 1))
        (global.set $kept (local.get 1))
        (i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16)",
    process: "(local $at i32)
        (local.set $at (i32.mul (i32.sub (memory.size) (i32.const 1)) (i32.const 65536)))
        (i32.store8 (local.get $at) (i32.add (i32.const 1) (i32.load8_u (local.get $at))))
        (global.set $called (i64.add (global.get $called) (i64.const 1)))
        (i32.store8 offset=1 (local.get $at) (global.get $opened))
        (i64.store8 offset=2 (local.get $at) (global.get $called))
        (i32.store8 offset=3 (local.get $at) (i32.add (i32.const 48) (memory.size)))
        (call $one (local.get $at) (i32.add (i32.const 4) (global.get $kept)))",
    ..Guest::SOUND
};

/// Takes a few milliseconds, keeps the value of its first variable, and gives that for every record.
const RECALLS: Guest = Guest {
    world: "import wasi:cli/environment@0.2.12;",
    declarations: concat!(
        r#"(import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
        (memory (export "memory") 2)"#,
        one!()
    ),
    open: "(local $i i32)
        (loop $again (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 20000000))))
        (call $environment (i32.const 48)) (i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16)",
    process: "(local.set $i (i32.load (i32.const 48)))
        (call $one (i32.load offset=8 (local.get $i)) (i32.load offset=12 (local.get $i)))",
    ..Guest::SOUND
};

/// The same, but asks for its variables only when it is given a record.
const ASKS_LATE: Guest = Guest {
    open: OPEN_OK,
    process: "(call $environment (i32.const 48)) (local.set $i (i32.load (i32.const 48)))
        (call $one (i32.load offset=8 (local.get $i)) (i32.load offset=12 (local.get $i)))",
    ..RECALLS
};

/// Has a type of resources, makes one for each record, and gives the number of its handle: 1 in an instance that has
/// made none.
const RESOURCEFUL: Guest = Guest {
    world: "export things: interface { resource thing { constructor(); } }",
    declarations: concat!(
        r#"(import "[export]things" "[resource-new]thing" (func $new (param i32) (result i32)))
        (memory (export "memory") 2)
        (func (export "things#[constructor]thing") (result i32) (call $new (i32.const 7)))"#,
        one!()
    ),
    process: "(i32.store8 (i32.const 48) (i32.add (i32.const 48) (call $new (i32.const 7))))
        (call $one (i32.const 48) (i32.const 1))",
    ..Guest::SOUND
};

/// What came of a run.
struct Outcome {
    report: Report,
    kept: Vec<String>,
    lines: usize,
}

impl Outcome {
    fn warmth(&self) -> &Warmth {
        &self.report.stats.stages[0].warmth
    }

    /// Whether there is an image, made by this run or an earlier one.
    fn is_warm(&self) -> bool {
        matches!(self.warmth(), Warmth::Warm | Warmth::Warmed { .. })
    }
}

/// Gives its first numbers at once, and the others when somebody lets them through.
#[derive(Debug)]
struct Held {
    numbers: Numbers,
    at_once: u64,
    is_open: watch::Receiver<bool>,
}

#[async_trait]
impl Source for Held {
    async fn pull(&mut self, bounds: &BatchBounds) -> sandmill::Result<Option<Chunk>> {
        if self.numbers.next >= self.at_once && self.numbers.next < self.numbers.count {
            // Whoever lets them through lives as long as the run.
            let _opened = self.is_open.wait_for(|is_open| *is_open).await;
        }
        self.numbers.pull(bounds).await
    }
}

/// A pipeline of which no record moves before it is known how instances begin.
struct Try<'a> {
    component: &'a Path,
    records: u64,
    /// So many records move before.
    at_once: u64,
    failpoints: Failpoints,
    keeper: Keeper,
}

impl<'a> Try<'a> {
    fn new(component: &'a Path, records: u64) -> Self {
        Self { component, records, at_once: 0, failpoints: Failpoints::default(), keeper: Keeper::default() }
    }

    /// Gives the numbers from 0 on to one worker, one by one, and takes notice of what is logged.
    async fn run(self, stage_of: impl FnOnce(StageBuilder) -> StageBuilder) -> Result<Outcome, Error> {
        let kept = self.keeper.kept.clone();
        let (open, is_open) = watch::channel(false);
        let mut running = self.prepare(is_open, stage_of).await?.start();
        let mut events = running.events().expect("nobody has taken them");
        open.send_if_modified(|open| {
            *open = running.stats().stages[0].warmth != Warmth::Pending;
            *open
        });
        let mut lines = 0;
        let mut hear = |event: Event| match event {
            Event::Log { .. } => lines += 1,
            Event::Image { .. } => drop(open.send_replace(true)),
            Event::Retrying { .. } | Event::Remark { .. } | Event::Resized { .. } | Event::Failed { .. } => {}
        };
        timeout(BOUND, async {
            loop {
                tokio::select! {
                    Some(event) = events.next() => hear(event),
                    () = running.ended() => break,
                }
            }
        })
        .await
        .expect("every run ends");
        let report = running.wait().await;
        while let Some(event) = events.next().await {
            hear(event);
        }
        assert!(report.stats.accounting.balances(), "{:?}", report.stats.accounting);
        Ok(Outcome { report, kept: kept.records(), lines })
    }

    async fn prepare(
        self,
        is_open: watch::Receiver<bool>,
        stage_of: impl FnOnce(StageBuilder) -> StageBuilder,
    ) -> Result<Pipeline, Error> {
        let Self { component, records, at_once, failpoints, keeper } = self;
        let one = NonZeroUsize::MIN;
        let batch =
            BatchBounds { records: one, bytes: NonZeroUsize::new(1 << 20).expect("positive"), linger: Duration::ZERO };
        let numbers = Numbers { chunk: 1, ..Numbers::up_to(records) };
        let stage = StageBuilder::component("guest", component).workers(one).batch(batch).reuse(Reuse::Record);
        let plan = PipelineBuilder::new("warm")
            .state_file(component.with_file_name("dead.db"))
            .failpoints(failpoints)
            .source(SourceBuilder::custom("numbers", Held { numbers, at_once, is_open }))
            .stage(stage_of(stage))
            .sink(SinkBuilder::custom("kept", keeper))
            .plan()?;
        sandmill::prepare(plan).await
    }
}

/// Runs when it is known how instances begin.
async fn run(
    component: &Path,
    stage_of: impl FnOnce(StageBuilder) -> StageBuilder,
    records: u64,
) -> Result<Outcome, Error> {
    Try::new(component, records).run(stage_of).await
}

/// A guest in a folder of its own.
struct Home {
    folder: tempfile::TempDir,
    component: PathBuf,
}

impl Home {
    /// A configuration that no run has had before, as its image is not in the cache of the tests then.
    fn never_seen(&self) -> String {
        format!("{:?}", self.folder.path().display().to_string())
    }
}

fn home(guest: &Guest) -> Home {
    let folder = tempfile::tempdir().expect("a folder");
    let component = guest.write(folder.path(), "guest").expect("a sound guest");
    Home { folder, component }
}

fn value(value: &str) -> Grants {
    let value = VariableSource::Literal(value.to_owned());
    Grants { variables: Some(vec![Variable { name: "NAME".into(), value, secret: false }]), ..Grants::default() }
}

/// What stands against a warm start of `guest`.
async fn cold(guest: &Guest, stage: impl FnOnce(StageBuilder) -> StageBuilder) -> String {
    let error = match run(&home(guest).component, |of| stage(of.warm(Warm::Always)), 1).await {
        Ok(outcome) => panic!("nothing stands against it: {:?}", outcome.warmth()),
        Err(error) => error,
    };
    assert_eq!(error.to_string(), "stage \"guest\" cannot be warm");
    error.causes().concat()
}

#[tokio::test]
async fn open_runs_once_for_a_thousand_records_and_each_has_an_instance_that_nobody_has_used() {
    let home = home(&COSTLY);
    let outcome = run(&home.component, |of| of.config("{\"a\":1}"), 1_000).await.expect("a sound pipeline");
    assert!(outcome.is_warm(), "{:?}", outcome.warmth());
    // Called once in memory, opened once, called once in a global, three pages, and the configuration.
    assert_eq!(outcome.kept, vec!["1113{\"a\":1}"; 1_000]);
    // The line that `open` logs.
    assert_eq!((outcome.lines, outcome.report.stats.stages[0].instances), (1, 1_000));
}

#[tokio::test]
async fn a_stage_that_is_not_to_be_warm_is_opened_for_each_record_and_gives_the_same() {
    let home = home(&COSTLY);
    let outcome = run(&home.component, |of| of.config("[]").warm(Warm::Never), 100).await.expect("a sound pipeline");
    assert_eq!(outcome.warmth(), &Warmth::Unneeded);
    assert_eq!((outcome.kept, outcome.lines), (vec!["1113[]".to_owned(); 100], 101));
}

#[tokio::test]
async fn what_has_nothing_to_gain_is_opened_as_ever() {
    let cheap = home(&Guest { open: OPEN_OK, ..COSTLY });
    assert_eq!(run(&cheap.component, |of| of, 3).await.expect("a sound pipeline").warmth(), &Warmth::Unneeded);
    let costly = home(&COSTLY);
    let kept = run(&costly.component, |of| of.reuse(Reuse::Worker), 3).await.expect("a sound pipeline");
    assert_eq!(kept.warmth(), &Warmth::Unneeded);
    let batch = run(&costly.component, |of| of.reuse(Reuse::Batch), 3).await.expect("a sound pipeline");
    assert!(batch.is_warm(), "{:?}", batch.warmth());
}

/// Both compile the image otherwise than a stage without them; and what `open` took is of no record's fuel.
#[tokio::test]
async fn a_warm_stage_can_be_deterministic_and_count_fuel() {
    let home = home(&COSTLY);
    let fuel = |units| Limits { fuel: NonZeroU64::new(units), ..Limits::default() };
    let steady = run(&home.component, |of| of.config("7").deterministic(true), 10).await.expect("a sound pipeline");
    assert_eq!((steady.is_warm(), &steady.kept), (true, &vec!["11137".to_owned(); 10]));
    let counted = run(&home.component, |of| of.config("7").limits(fuel(10_000)), 10).await.expect("a sound pipeline");
    assert_eq!((counted.is_warm(), &counted.kept), (true, &vec!["11137".to_owned(); 10]));
    let starved = run(&home.component, |of| of.config("7").limits(fuel(5)).on_error(OnError::Drop), 10).await;
    let starved = starved.expect("a sound pipeline");
    assert_eq!((starved.is_warm(), starved.report.stats.accounting.dropped), (true, 10));
}

/// The image of one configuration must not be taken for that of another.
#[tokio::test]
async fn each_configuration_has_an_image_of_its_own() {
    let home = home(&COSTLY);
    for config in ["1", "2", "1"] {
        let outcome = run(&home.component, |of| of.config(config), 2).await.expect("a sound pipeline");
        assert_eq!((outcome.is_warm(), &outcome.kept), (true, &vec![format!("1113{config}"); 2]));
    }
}

#[tokio::test]
async fn a_variable_that_open_reads_has_its_value_in_every_instance() {
    let home = home(&RECALLS);
    for seen in ["first", "second"] {
        let outcome = run(&home.component, |of| of.grants(value(seen)), 20).await.expect("a sound pipeline");
        let Warmth::Cold(why) = outcome.warmth() else { panic!("{:?}", outcome.warmth()) };
        assert_eq!(why, "its `open` calls wasi:cli/environment@0.2.12#get-environment");
        assert_eq!(outcome.kept, vec![seen; 20]);
    }
}

#[tokio::test]
async fn what_is_read_after_open_is_what_the_run_grants_and_no_part_of_the_image() {
    let home = home(&ASKS_LATE);
    for seen in ["first", "second"] {
        let outcome = run(&home.component, |of| of.grants(value(seen)).warm(Warm::Always), 20).await;
        let outcome = outcome.expect("a sound pipeline");
        assert_eq!((outcome.warmth(), &outcome.kept), (&Warmth::Warm, &vec![seen.to_owned(); 20]));
    }
}

/// The engine does not tell what handles an instance has, so none may have been made when its image is taken.
#[tokio::test]
async fn resources_are_no_hindrance_unless_open_makes_one() {
    let unused = home(&Guest { open: OPEN_OK, ..RESOURCEFUL });
    let outcome = run(&unused.component, |of| of.warm(Warm::Always), 5).await.expect("a sound pipeline");
    assert_eq!((outcome.warmth(), &outcome.kept), (&Warmth::Warm, &vec!["1".to_owned(); 5]));
    let open = "(drop (call $new (i32.const 7))) (i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16)";
    assert_eq!(cold(&Guest { open, ..RESOURCEFUL }, |of| of).await, "its `open` makes a resource");
}

#[tokio::test]
async fn an_open_that_was_refused_memory_is_not_repeated_from_an_image() {
    let guest = Guest {
        open: "(drop (memory.grow (i32.const 5000))) (i32.store8 (i32.const 16) (i32.const 0))
        (i32.const 16)",
        ..Guest::SOUND
    };
    assert_eq!(cold(&guest, |of| of).await, "its `open` runs with less memory than it asks for");
    let wide = Limits { memory: NonZeroU64::new(1 << 30).expect("positive"), ..Limits::default() };
    assert_eq!(cold(&guest, |of| of.limits(wide)).await, "it has more than 256 MiB of memory");
}

#[tokio::test]
async fn an_image_is_no_larger_than_a_component_may_be() {
    let guest = Guest {
        open: "(memory.fill (i32.const 65536) (i32.const 1) (i32.const 65536))
        (i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16)",
        ..Guest::SOUND
    };
    let limits = Limits { component: NonZeroU64::new(32 << 10).expect("positive"), ..Limits::default() };
    let why = cold(&guest, |of| of.limits(limits)).await;
    assert!(why.starts_with("its image is ") && why.ends_with(", more than limits.component allows"), "{why}");
}

/// The code of an image has the holes of its memory in it, so that instances map it: also where no other process compiles.
#[tokio::test]
async fn an_image_is_mapped_though_most_of_it_is_empty() {
    const EMPTY: u64 = 30 << 20;
    let guest = Guest {
        open: "(i32.store8 (i32.sub (i32.add (i32.mul (memory.grow (i32.const 480)) (i32.const 65536)) (i32.const 31457280)) (i32.const 1)) (i32.const 1))
        (i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16)",
        ..Guest::SOUND
    };
    let (home, begun) = (home(&guest), SystemTime::now());
    let config = home.never_seen();
    run(&home.component, |of| of.config(&config).warm(Warm::Always), 1).await.expect("a sound pipeline");
    let cache = std::env::var_os("SANDMILL_CACHE")
        .map(PathBuf::from)
        .unwrap_or_else(|| std::env::home_dir().expect("somebody runs this").join(".cache/sandmill"));
    let is_it = |entry: &fs::DirEntry| {
        entry.metadata().is_ok_and(|about| {
            let is_new = about.modified().is_ok_and(|at| at >= begun);
            is_new && (EMPTY..EMPTY + (1 << 20)).contains(&about.len())
        })
    };
    let code = fs::read_dir(cache.join("code")).expect("a cache").flatten().find(is_it).expect("code of that size");
    fs::remove_file(code.path()).expect("it is of no use to anybody");
}

/// Of each: code that could change what no image holds, whether or not it is ever run.
#[tokio::test]
async fn what_no_image_holds_is_found_before_one_is_taken() {
    const TABLE: &str = "(memory (export \"memory\") 2) (table $t 4 funcref) (elem declare func $alloc)";
    let cases = [
        ("(table.set $t (i32.const 0) (ref.func $alloc))", TABLE, "`table.set`"),
        ("(drop (table.grow $t (ref.null func) (i32.const 1)))", TABLE, "`table.grow`"),
        ("(data.drop $d)", "(memory (export \"memory\") 2) (data $d \"x\")", "`data.drop`"),
        ("", "(memory (export \"memory\") 2) (global (mut funcref) (ref.null func))", "reference type"),
        ("", "(memory (export \"memory\") 2) (global (mut v128) (v128.const i64x2 1 2))", "v128"),
    ];
    for (code, declarations, word) in cases {
        let open = format!("{code} {OPEN_OK}").leak();
        let why = cold(&Guest { declarations, open, ..Guest::SOUND }, |of| of).await;
        assert!(why.starts_with("no image can be taken of it: ") && why.contains(word), "{word}: {why}");
    }
}

#[tokio::test]
async fn an_open_that_is_hostile_is_stopped_whether_or_not_it_is_to_be_warm() {
    let hostile = [
        ("unreachable", "trapped"),
        ("(loop $again (br_if $again (i32.ne (i32.const -1) (memory.grow (i32.const 64))))) unreachable", "memory"),
        ("(loop $l (br $l)) unreachable", "was not ready after 10s of cpu time"),
        ("(i32.const 0x7ffffff0)", "broke the stage interface"),
    ];
    for (open, words) in hostile {
        let home = home(&Guest { open, ..Guest::SOUND });
        let error = run(&home.component, |of| of.warm(Warm::Always), 1).await.map(|_| ()).expect_err("it is refused");
        assert_eq!(error.to_string(), "stage \"guest\" does not start");
        assert!(error.causes().concat().contains(words), "{words}: {:?}", error.causes());
    }
}

#[tokio::test]
async fn an_open_that_floods_the_log_is_cut_short_once() {
    let guest = Guest {
        open: "(local $i i32) (loop $again (call $log (i32.const 1) (i32.const 1024) (i32.const 1000))
            (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $again (i32.lt_u (local.get $i) (i32.const 100))))
            (i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16)",
        ..Guest::SOUND
    };
    let limits = Limits { log: 10_000, ..Limits::default() };
    let outcome = run(&home(&guest).component, |of| of.limits(limits).warm(Warm::Always), 10).await;
    let outcome = outcome.expect("a sound pipeline");
    assert_eq!((outcome.warmth(), outcome.report.ending), (&Warmth::Warm, Ending::Completed));
    assert_eq!((outcome.lines, outcome.report.stats.stages[0].log_bytes_cut), (10, 100 * 1001 - 10_000));
}

/// Issue 13: an image was made before the first record, which Python paid with 24 s.
#[tokio::test]
async fn the_first_record_of_a_run_with_an_empty_cache_does_not_wait_for_the_image() {
    let home = home(&COSTLY);
    let config = home.never_seen();
    let mut of = Try::new(&home.component, 100);
    let kept = of.keeper.kept.clone();
    // No image is begun before something has been delivered.
    of.failpoints = gate(move || !kept.records().is_empty());
    of.at_once = 1;
    let outcome = of.run(|of| of.config(&config)).await.expect("a sound pipeline");
    assert!(matches!(outcome.warmth(), Warmth::Warmed { .. }), "{:?}", outcome.warmth());
    assert_eq!(outcome.kept, vec![format!("1113{config}"); 100], "whether or not an instance began with the image");
    // Of the rehearsal and of the first record; all others began with the image.
    assert_eq!((outcome.lines, outcome.report.stats.stages[0].instances), (2, 100));
}

#[tokio::test]
async fn a_run_does_not_wait_for_an_image_at_its_end() {
    let home = home(&COSTLY);
    let of = Try { at_once: 10, failpoints: gate(|| false), ..Try::new(&home.component, 10) };
    let config = home.never_seen();
    let outcome = of.run(|of| of.config(&config)).await.expect("a sound pipeline");
    assert_eq!((outcome.warmth(), outcome.report.ending), (&Warmth::Pending, Ending::Completed));
    assert_eq!((outcome.kept, outcome.lines), (vec![format!("1113{config}"); 10], 11));
}

#[tokio::test]
async fn a_run_that_is_cut_does_not_wait_for_an_image() {
    let home = home(&COSTLY);
    let (_open, is_open) = watch::channel(false);
    let of = Try { failpoints: gate(|| false), ..Try::new(&home.component, 10) };
    let running = of.prepare(is_open, |of| of.config(home.never_seen())).await.expect("a sound pipeline").start();
    running.stopper().abort();
    let report = timeout(BOUND, running.wait()).await.expect("it ends");
    assert_eq!((report.ending, &report.stats.stages[0].warmth), (Ending::Interrupted, &Warmth::Pending));
}

#[tokio::test]
async fn an_image_that_cannot_be_made_costs_no_record() {
    let home = home(&COSTLY);
    for breakage in [Breakage::Lasting, Breakage::Panic] {
        let failpoints = Failpoints::new(move |point| (point == Failpoint::Image).then_some(breakage));
        let of = Try { failpoints, ..Try::new(&home.component, 10) };
        let config = home.never_seen();
        let outcome = of.run(|of| of.config(&config)).await.expect("a sound pipeline");
        assert_eq!(outcome.warmth(), &Warmth::Cold("made to fail at Image".to_owned()));
        assert_eq!((outcome.kept, outcome.lines), (vec![format!("1113{config}"); 10], 11));
    }
}

/// A gate before the making of images, which opens when something `is_so`.
fn gate(is_so: impl Fn() -> bool + Send + Sync + 'static) -> Failpoints {
    Failpoints::new(move |point| (point == Failpoint::Image && !is_so()).then_some(Breakage::Passing))
}

/// Three numbers through `costly.wasm`.
const THREE: &str = "name = \"p\"\n[source]\nkind = \"generate\"\nwhat = \"numbers\"\nrecords = 3\n[[stage]]\n\
    component = \"costly.wasm\"\nname = \"costly\"\nreuse = \"record\"\n[sink]\nkind = \"stdout\"\n";

#[tokio::test]
async fn a_run_finds_the_image_that_a_check_has_made() {
    let sandbox = Sandbox::new().expect("a sandbox");
    COSTLY.write(sandbox.path(), "costly").expect("a sound guest");
    fs::write(sandbox.path().join("p.toml"), THREE).expect("a disk that is not full");
    let seen = sandbox.run("SANDMILL_CACHE=$PWD/cache sandmill check p.toml").await.expect("it ends");
    assert!(seen.stdout.contains("opened once: every instance starts from that image"), "{}", seen.stdout);
    let cached = || fs::read_dir(sandbox.path().join("cache/code")).expect("a cache").count();
    assert_eq!(cached(), 2, "the component, and its image");
    let seen = sandbox.run("SANDMILL_CACHE=$PWD/cache sandmill run p.toml --report r.json").await.expect("it ends");
    assert_eq!((seen.code, seen.stdout.as_str()), (0, "1113{}\n1113{}\n1113{}\n"), "{}", seen.stderr);
    let report = fs::read_to_string(sandbox.path().join("r.json")).expect("a report");
    assert!(report.contains("\"warmth\":\"warm\""), "{report}");
    assert_eq!(cached(), 2);
}

#[tokio::test]
async fn a_run_finds_the_image_that_a_build_has_made() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let folder = sandbox.path().join("costly");
    fs::create_dir(&folder).expect("a folder");
    COSTLY.write(&folder, "made").expect("a sound guest");
    let settings = "language = \"custom\"\nbuild = [\"true\"]\noutput = \"made.wasm\"\n";
    fs::write(folder.join("sandmill.toml"), settings).expect("a disk that is not full");
    fs::write(sandbox.path().join("p.toml"), THREE.replace("costly.wasm", "costly")).expect("a disk that is not full");
    let seen = sandbox.run("SANDMILL_CACHE=$PWD/cache sandmill build costly").await.expect("it ends");
    assert!(seen.stderr.contains("  opened once: every instance starts from that image\n"), "{}", seen.stderr);
    let seen = sandbox.run("SANDMILL_CACHE=$PWD/cache sandmill build costly --json").await.expect("it ends");
    assert!(seen.stdout.contains("\"is_new\":false") && seen.stdout.contains("\"warmth\":\"warm\""), "{}", seen.stdout);
    let seen = sandbox.run("SANDMILL_CACHE=$PWD/cache sandmill run p.toml --report r.json").await.expect("it ends");
    assert_eq!((seen.code, seen.stdout.as_str()), (0, "1113{}\n1113{}\n1113{}\n"), "{}", seen.stderr);
    let report = fs::read_to_string(sandbox.path().join("r.json")).expect("a report");
    assert!(report.contains("\"warmth\":\"warm\""), "{report}");
}

/// The compilers work in processes of their own here: none outlives the run, and none leaves a file.
#[tokio::test]
async fn a_run_leaves_nothing_of_an_image_that_was_not_ready() {
    let sandbox = Sandbox::new().expect("a sandbox");
    COSTLY.write(sandbox.path(), "costly").expect("a sound guest");
    fs::write(sandbox.path().join("p.toml"), THREE).expect("a disk that is not full");
    let seen = sandbox.run("SANDMILL_CACHE=$PWD/cache sandmill run p.toml --report r.json").await.expect("it ends");
    assert_eq!((seen.code, seen.stdout.as_str()), (0, "1113{}\n1113{}\n1113{}\n"), "{}", seen.stderr);
    let report = fs::read_to_string(sandbox.path().join("r.json")).expect("a report");
    let entries = fs::read_dir(sandbox.path().join("cache/code")).expect("a cache").count();
    let is_made = report.contains("\"warmed\"");
    assert_eq!(entries, if is_made { 2 } else { 1 }, "{report}");
}

/// Whatever lies in the cache of a run that was granted a secret.
#[tokio::test]
async fn secrets_never_reach_the_cache() {
    const SECRET: &str = "correct-horse-battery";
    let sandbox = Sandbox::new().expect("a sandbox");
    RECALLS.write(sandbox.path(), "recalls").expect("a sound guest");
    COSTLY.write(sandbox.path(), "costly").expect("a sound guest");
    fs::write(sandbox.path().join("name.txt"), SECRET).expect("a disk that is not full");
    let stage = |name: &str, rest: &str| {
        format!("[[stage]]\nname = \"{name}\"\ncomponent = \"{name}.wasm\"\nreuse = \"record\"\n{rest}\n")
    };
    let file = format!(
        "name = \"p\"\n[source]\nkind = \"generate\"\nwhat = \"numbers\"\nrecords = 3\n{}{}[sink]\nkind = \"null\"\n",
        stage("recalls", "[stage.grant]\nsecret = { NAME = { file = \"name.txt\" } }"),
        stage("costly", &format!("config = {{ password = \"{SECRET}\" }}")),
    );
    fs::write(sandbox.path().join("p.toml"), file).expect("a disk that is not full");
    let seen =
        sandbox.run("SANDMILL_CACHE=$PWD/cache sandmill run p.toml && SANDMILL_CACHE=$PWD/cache sandmill check p.toml");
    let seen = seen.await.expect("it ends");
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    for why in ["its `open` calls wasi:cli/environment@0.2.12#get-environment", "its configuration contains a secret"] {
        assert!(seen.stdout.contains(&format!("opened for every instance: {why}")), "{}", seen.stdout);
    }
    let cached: Vec<_> = fs::read_dir(sandbox.path().join("cache/code")).expect("a cache").collect();
    assert_eq!(cached.len(), 3, "two components, and why one of them has no image");
    for entry in cached {
        let code = fs::read(entry.expect("an entry").path()).expect("it can be read");
        assert!(!code.windows(SECRET.len()).any(|bytes| bytes == SECRET.as_bytes()));
    }
}
