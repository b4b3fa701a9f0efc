//! What a row says, and the one check that all rows go through.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::time::Duration;

use sandmill::plan::{Limits, Reuse};
use sandmill::program::{NativeStage, Verdict};
use sandmill::record::BatchBounds;
use sandmill::report::{Ending, Report};
use sandmill::{Error, ErrorKind, Pipeline, PipelineBuilder, Result, SinkBuilder, SourceBuilder, StageBuilder};
use tests::edges::{Keeper, Kept, Numbers};
use tests::guest::{Guest, PROCESS_ECHO};
use tokio::sync::RwLock;
use tokio::time::timeout;

use super::process;

/// No row takes longer, refusals included: a bound on hanging, not on speed. `open` alone may use ten seconds.
const BOUND: Duration = Duration::from_secs(60);
/// One record of so many is marked with a `!`.
const MARKED_ONE_IN: u64 = 50;
/// A process whose memory is measured has no other row beside it.
static ALONE: RwLock<()> = RwLock::const_new(());

/// One hostile guest, what it is given, and what is expected of it.
pub(super) struct Row {
    pub(super) guest: Wasm,
    pub(super) limits: Limits,
    /// The row holds for each of these.
    pub(super) reuse: &'static [Reuse],
    pub(super) records: u64,
    /// Records of an invocation, as long as none fails.
    pub(super) batch: usize,
    /// Grants, ports, configuration: whatever else the stage is given. The folder is the row's own.
    pub(super) stage: fn(StageBuilder, &Path) -> StageBuilder,
    pub(super) expected: Expected,
    /// What else must hold.
    pub(super) also: fn(&Aftermath),
    /// Takes seconds, and hardly any memory: rows that are measured need not wait for it.
    pub(super) slow: bool,
    /// A bomb: the process may grow by so many MiB at its peak.
    pub(super) growth_mib: Option<u64>,
}

/// The component of a row.
pub(super) enum Wasm {
    Guest(Guest),
    Bytes(Vec<u8>),
}

/// What must become of the records, or of the attempt to run at all. Words must all be in the reason.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    /// Refused before a record moves.
    Refused(ErrorKind, &'static [&'static str]),
    /// The marked records stand alone among the dead letters; all others are delivered, once, in order.
    MarkedFail(&'static str, &'static [&'static str]),
    /// Every record becomes a dead letter by itself.
    AllFail(&'static str, &'static [&'static str]),
    /// Every record comes out, once, in order, as this makes of it.
    Delivered(fn(u64) -> String),
    /// Every record is dropped, and counted.
    Dropped,
    /// The run is cut, with these words.
    Aborted(&'static [&'static str]),
    /// It comes to its end: the row says the rest itself.
    Completed,
}

/// What a run has left behind.
pub(super) struct Aftermath {
    pub(super) report: Report,
    pub(super) kept: Vec<String>,
    pub(super) beside: Vec<String>,
    pub(super) letters: Vec<serde_json::Value>,
    pub(super) reuse: Reuse,
}

impl Default for Row {
    fn default() -> Self {
        let limits = Limits {
            memory: NonZeroU64::new(8 << 20).expect("positive"),
            cpu: Duration::from_millis(20),
            wall: Duration::from_secs(20),
            ..Limits::default()
        };
        Self {
            guest: Wasm::Guest(Guest::default()),
            limits,
            reuse: &[Reuse::Batch],
            records: 100,
            batch: 25,
            stage: |stage, _| stage,
            expected: Expected::Delivered(marked),
            also: |_| {},
            slow: false,
            growth_mib: None,
        }
    }
}

impl Wasm {
    /// A guest with this `process` and nothing else unusual.
    pub(super) fn processing(process: &'static str) -> Self {
        Self::Guest(Guest::processing(process))
    }

    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Guest(guest) => guest.component().expect("sound WAT"),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// Body of `process`: does this with a batch that holds a marked record, and gives back any other.
pub(super) fn on_marked(then: &str) -> &'static str {
    // A guest's texts are static, because nearly all are literals.
    format!("(if (call $has_bang (local.get 0) (local.get 2) (local.get 3)) (then {then})) {PROCESS_ECHO}").leak()
}

/// The default limits of a row, changed.
pub(super) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Row::default().limits;
    change(&mut limits);
    limits
}

/// What the stages are given for a number: itself, marked where its guest should choke on it.
pub(super) fn marked(number: u64) -> String {
    if is_marked(number) { format!("!{number}") } else { number.to_string() }
}

fn is_marked(number: u64) -> bool {
    number % MARKED_ONE_IN == 3
}

/// Runs a row and checks what it expects, and what every row promises.
pub(super) async fn check(row: Row) {
    let Row { guest, limits, reuse, records, batch, stage, expected, also, slow, growth_mib } = row;
    let wasm = guest.into_bytes();
    let _alone = if growth_mib.is_some() { Some(ALONE.write().await) } else { None };
    let _beside = if growth_mib.is_none() && !slow { Some(ALONE.read().await) } else { None };
    for &reuse in reuse {
        let trial = Trial { wasm: &wasm, limits, reuse, records, batch, stage };
        let (came, grown) = trial.measured(growth_mib).await;
        if let Some(growth) = growth_mib {
            assert!(grown <= growth, "the process grew by {grown} MiB");
        }
        match came {
            Err(error) => refused(expected, &error),
            Ok(aftermath) => {
                harms_nobody(&aftermath, records, expected);
                as_expected(&aftermath, records, expected);
                also(&aftermath);
            }
        }
    }
}

struct Trial<'a> {
    wasm: &'a [u8],
    limits: Limits,
    reuse: Reuse,
    records: u64,
    batch: usize,
    stage: fn(StageBuilder, &Path) -> StageBuilder,
}

impl Trial<'_> {
    async fn run(&self) -> Result<Aftermath> {
        let folder = tempfile::tempdir().expect("a folder");
        let (kept, beside) = (Keeper::default(), Keeper::default());
        let (hostile, neighbour) = (kept.kept.clone(), beside.kept.clone());
        let pipeline = self.prepare(folder.path(), kept, beside).await?;
        let report = pipeline.run().await;
        let letters = tests::letters::lines(&folder.path().join("dead.db"));
        let letters = letters.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let records = |kept: &Kept| kept.records();
        Ok(Aftermath { report, kept: records(&hostile), beside: records(&neighbour), letters, reuse: self.reuse })
    }

    /// Runs, and tells by how many MiB the process grew meanwhile. Tests of other rooms run in the same process: when it grew
    /// by more than the `bound`, once more, because what this guest does it does each time.
    async fn measured(&self, bound: Option<u64>) -> (Result<Aftermath>, u64) {
        let mut attempts = 3;
        loop {
            let before = process::resident();
            process::forget_peak();
            let came = timeout(BOUND, self.run()).await.expect("every run ends");
            let grown = process::peak().saturating_sub(before) >> 20;
            attempts -= 1;
            if attempts == 0 || bound.is_none_or(|bound| grown <= bound) {
                return (came, grown);
            }
        }
    }

    async fn prepare(&self, folder: &Path, kept: Keeper, beside: Keeper) -> Result<Pipeline> {
        let hostile = folder.join("hostile.wasm");
        std::fs::write(&hostile, self.wasm).expect("a folder of our own");
        let neighbour = Guest::default().write(folder, "neighbour").expect("sound WAT");
        let batch = BatchBounds {
            records: NonZeroUsize::new(self.batch).expect("positive"),
            bytes: NonZeroUsize::new(1 << 20).expect("positive"),
            // Full batches, however little a source is let in for that has shown nothing.
            linger: Duration::from_secs(10),
        };
        let hostile =
            StageBuilder::component("guest", hostile).from(["mark"]).batch(batch).limits(self.limits).reuse(self.reuse);
        let plan = PipelineBuilder::new("hostile")
            .state_file(folder.join("dead.db"))
            .source(SourceBuilder::custom("numbers", Numbers { chunk: self.batch, ..Numbers::up_to(self.records) }))
            .stage(StageBuilder::native("mark", mark()))
            .stage((self.stage)(hostile, folder))
            .stage(StageBuilder::component("neighbour", neighbour).from(["mark"]))
            .sink(SinkBuilder::custom("kept", kept).from(["guest"]))
            .sink(SinkBuilder::custom("beside", beside).from(["neighbour"]))
            .plan()?;
        sandmill::prepare(plan).await
    }
}

fn mark() -> NativeStage {
    NativeStage::new(|key, value, out| {
        let number: u64 = std::str::from_utf8(value).expect("text").parse().expect("a number");
        out.push(key, marked(number).as_bytes());
        Verdict::Done
    })
}

/// What every row promises, whatever its guest does.
fn harms_nobody(aftermath: &Aftermath, records: u64, expected: Expected) {
    let Aftermath { report, kept, beside, letters, .. } = aftermath;
    let account = report.stats.accounting;
    assert!(account.balances(), "{account:?}");
    let neighbours: Vec<String> = (0..records).map(marked).collect();
    if let Expected::Aborted(_) = expected {
        assert_eq!(report.ending, Ending::Aborted);
        assert!(neighbours.starts_with(beside), "what the neighbour gave is no beginning: {beside:?}");
    } else {
        assert_eq!(report.ending, Ending::Completed, "{:?}", report.problem);
        assert_eq!(*beside, neighbours);
        assert_eq!((account.read, account.in_flight), (records, 0), "{account:?}");
        assert_eq!(account.delivered as usize, kept.len() + beside.len(), "{account:?}");
        assert_eq!(account.dead_lettered as usize, letters.len(), "{account:?}");
    }
    for letter in letters {
        assert_eq!((&letter["node"], &letter["source"]), (&"guest".into(), &"numbers".into()), "{letter}");
        // Records are numbered from 1, and our numbers begin with 0.
        let number = letter["record"].as_u64().expect("a number") - 1;
        assert_eq!(letter["value"], marked(number), "{letter}");
    }
}

fn as_expected(aftermath: &Aftermath, records: u64, expected: Expected) {
    let Aftermath { report, kept, letters, .. } = aftermath;
    let innocent = || (0..records).filter(|number| !is_marked(*number)).map(marked).collect::<Vec<_>>();
    match expected {
        Expected::Refused(..) => panic!("it was not refused"),
        Expected::MarkedFail(kind, words) => {
            assert_eq!(*kept, innocent());
            assert_eq!(numbers(letters), (0..records).filter(|number| is_marked(*number)).collect::<Vec<_>>());
            letters.iter().for_each(|letter| says(letter, kind, words));
        }
        Expected::AllFail(kind, words) => {
            assert_eq!(kept.len(), 0);
            assert_eq!(numbers(letters), (0..records).collect::<Vec<_>>());
            letters.iter().for_each(|letter| says(letter, kind, words));
        }
        Expected::Delivered(output) => {
            assert_eq!(*letters, [(); 0].map(|()| serde_json::Value::Null));
            assert_eq!(*kept, (0..records).map(output).collect::<Vec<_>>());
        }
        Expected::Dropped => {
            assert_eq!((kept.len(), letters.len()), (0, 0));
            assert_eq!(report.stats.accounting.dropped, records);
        }
        Expected::Aborted(words) => {
            let problem = report.problem.as_ref().expect("an aborted run says why");
            let told = format!("{}\n{}\n{}", problem.message, problem.causes.join("\n"), problem.hints.join("\n"));
            assert!(words.iter().all(|word| told.contains(word)), "{told}");
        }
        Expected::Completed => {}
    }
}

fn refused(expected: Expected, error: &Error) {
    let told = format!("{error}\n{}\n{}", error.causes().join("\n"), error.hints().join("\n"));
    let Expected::Refused(kind, words) = expected else { panic!("it was refused: {told}") };
    assert_eq!(error.kind(), kind, "{told}");
    assert!(words.iter().all(|word| told.contains(word)), "{told}");
}

fn says(letter: &serde_json::Value, kind: &str, words: &[&str]) {
    assert_eq!(letter["kind"], kind, "{letter}");
    let reason = letter["reason"].as_str().expect("text");
    assert!(words.iter().all(|word| reason.contains(word)), "{letter}");
}

/// Which numbers failed, in the order of the source: dead letters of two workers come in any.
fn numbers(letters: &[serde_json::Value]) -> Vec<u64> {
    let mut numbers: Vec<u64> = letters.iter().filter_map(|letter| letter["record"].as_u64()).map(|n| n - 1).collect();
    numbers.sort_unstable();
    numbers
}
