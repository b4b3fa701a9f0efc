//! What every SDK must do: one stage in each language (`guest-sdk/<language>/hello`), one list of cases
//! (`tests/conformance/cases.toml`). The page `docs/languages.md` holds the outcome.
//!
//! A language whose toolchain is not on this machine is left out, and named. With `SANDMILL_ALL_LANGUAGES` that is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandmill::build::{self, BuildOptions, Presence};
use sandmill::plan::{Limits, Retry};
use sandmill::record::{BatchBounds, Payload};
use sandmill::report::{Ending, Event, LogLevel, Report};
use sandmill::{Pipeline, PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
use serde::Deserialize;
use tests::edges::Given;
use tests::letters;
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(300);
const PAGE: &str = "docs/languages.md";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    case: Vec<Case>,
}

/// What goes in, and what must become of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    input: Vec<String>,
    /// One long record, in place of `input`.
    repeat: Option<Repeat>,
    /// The numbers up to this, in place of `input`.
    numbers: Option<u64>,
    /// Default: the prefix `p:`.
    config: Option<String>,
    /// What reaches the first output, all of it, in order.
    output: Option<Vec<String>>,
    output_count: Option<usize>,
    output_bytes: Option<usize>,
    /// A limit that is named in the dead letter will do, too.
    #[serde(default)]
    or_limit: bool,
    /// What reaches the second output.
    #[serde(default)]
    second: Vec<String>,
    keys: Option<Vec<String>>,
    /// All that fails.
    #[serde(default)]
    failed: Vec<Failed>,
    /// Texts that the log must hold.
    #[serde(default)]
    logs: Vec<String>,
    levels: Option<Vec<String>>,
    /// What the error must say, when the stage does not open.
    refused: Option<String>,
    /// No failure may be one that ended its instance.
    #[serde(default)]
    no_traps: bool,
    /// Languages for which the case means something else.
    #[serde(default)]
    except: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Repeat {
    text: String,
    times: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failed {
    record: String,
    says: Option<String>,
    says_one_of: Option<Vec<String>>,
    attempts: Option<u64>,
}

/// What a run of a case came to.
struct Outcome {
    report: Report,
    /// Key and value.
    first: Vec<(String, String)>,
    second: Vec<(String, String)>,
    letters: Vec<serde_json::Value>,
    logs: Vec<(LogLevel, String)>,
}

type Seen = Arc<Mutex<Vec<(String, String)>>>;

impl Case {
    fn records(&self) -> Vec<Vec<u8>> {
        match (&self.repeat, self.numbers) {
            (Some(Repeat { text, times }), _) => vec![text.repeat(*times).into_bytes()],
            (None, Some(count)) => (0..count).map(|number| number.to_string().into_bytes()).collect(),
            (None, None) => self.input.iter().map(|text| text.clone().into_bytes()).collect(),
        }
    }

    /// Why the language does not pass, if it does not.
    async fn run(&self, component: &Path) -> Result<(), String> {
        match (self.outcome(component).await, &self.refused) {
            (Err(said), Some(expected)) if said.contains(expected) => Ok(()),
            (Err(said), _) => Err(format!("the stage was refused: {said}")),
            (Ok(_), Some(expected)) => Err(format!("it was not refused for \"{expected}\"")),
            (Ok(outcome), None) => self.judge(&outcome),
        }
    }

    async fn outcome(&self, component: &Path) -> Result<Outcome, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("state.db");
        let (first, second) = (Seen::default(), Seen::default());
        let records = Payload::of_values(self.records().iter().map(Vec::as_slice).collect());
        let batch = BatchBounds {
            records: NonZeroUsize::new(4_096).expect("positive"),
            bytes: NonZeroUsize::new(1 << 20).expect("positive"),
            linger: Duration::ZERO,
        };
        let keep = |seen: &Seen| {
            let seen = Arc::clone(seen);
            move |key: Option<&[u8]>, value: &[u8]| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                seen.lock().expect("whole").push((key.map(text).unwrap_or_default(), text(value)));
            }
        };
        // Programs that compile within themselves count the time that passes, on a machine with other work.
        let compile = Duration::from_secs(3_600);
        let limits = Limits { cpu: Duration::from_secs(2), memory: MEMORY, compile, ..Limits::default() };
        let retry = Retry { times: 2, backoff: Duration::from_millis(1), ..Retry::default() };
        let stage = StageBuilder::component("hello", component)
            .workers(NonZeroUsize::MIN)
            .batch(batch)
            .limits(limits)
            .retry(retry)
            .config(self.config.clone().unwrap_or_else(|| "{\"prefix\":\"p:\"}".to_owned()))
            .ports(["first", "second"]);
        let plan = PipelineBuilder::new("conformance")
            .state_file(&state)
            .source(SourceBuilder::custom("given", Given::new(records, 4_096)))
            .stage(stage)
            .sink(SinkBuilder::for_each("first", keep(&first)).from(["hello.first"]))
            .sink(SinkBuilder::for_each("second", keep(&second)).from(["hello.second"]))
            .plan()
            .expect("a sound plan");
        let pipeline = Pipeline::prepare(plan).await.map_err(|error| said(&error))?;
        let mut running = pipeline.start();
        let mut events = running.events().expect("nobody has taken them");
        let report = timeout(BOUND, running.wait()).await.expect("every run ends");
        let mut logs = Vec::new();
        while let Some(event) = events.next().await {
            if let Event::Log { level, message, .. } = event {
                logs.push((level, message));
            }
        }
        if report.ending == Ending::Aborted {
            return Err(format!("{:?}", report.problem));
        }
        let letters = letters::lines(&state).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let taken = |seen: &Seen| seen.lock().expect("whole").clone();
        Ok(Outcome { report, first: taken(&first), second: taken(&second), letters, logs })
    }

    fn judge(&self, outcome: &Outcome) -> Result<(), String> {
        let Outcome { report, first, second, letters, logs } = outcome;
        if !report.stats.accounting.balances() {
            return Err(format!("the account does not balance: {:?}", report.stats.accounting));
        }
        self.judge_outputs(first, second, letters)?;
        self.judge_failures(letters)?;
        for text in &self.logs {
            if !logs.iter().any(|(_, line)| line.contains(text)) {
                return Err(format!("the log does not hold {text:?}: {logs:?}"));
            }
        }
        let levels: Vec<String> = logs.iter().map(|(level, _)| format!("{level:?}").to_lowercase()).collect();
        match &self.levels {
            Some(expected) if *expected != levels => Err(format!("the levels of the log are {levels:?}")),
            _ => Ok(()),
        }
    }

    fn judge_outputs(
        &self,
        first: &[(String, String)],
        second: &[(String, String)],
        letters: &[serde_json::Value],
    ) -> Result<(), String> {
        let values = |seen: &[(String, String)]| seen.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>();
        let limited =
            self.or_limit && letters.len() == 1 && LIMITS.iter().any(|limit| reason(&letters[0]).contains(limit));
        if limited {
            return Ok(());
        }
        let numbers = self.numbers.map(|count| (0..count).map(|number| format!("p:{number}")).collect::<Vec<_>>());
        for expected in [&self.output, &numbers].into_iter().flatten() {
            if *expected != values(first) {
                return Err(format!("outputs are {}", shortened(&values(first))));
            }
        }
        if self.second != values(second) {
            return Err(format!("outputs of the second port are {}", shortened(&values(second))));
        }
        if self.output_count.is_some_and(|count| count != first.len()) {
            return Err(format!(
                "there are {} outputs: {}",
                first.len(),
                shortened(&letters.iter().map(reason).collect::<Vec<_>>())
            ));
        }
        let bytes: usize = first.iter().map(|(_, value)| value.len()).sum();
        if self.output_bytes.is_some_and(|expected| expected != bytes) {
            return Err(format!(
                "outputs are {bytes} bytes: {}",
                shortened(&letters.iter().map(reason).collect::<Vec<_>>())
            ));
        }
        let keys: Vec<&String> = first.iter().map(|(key, _)| key).collect();
        match &self.keys {
            Some(expected) if !expected.iter().eq(keys.iter().copied()) => Err(format!("the keys are {keys:?}")),
            _ => Ok(()),
        }
    }

    fn judge_failures(&self, letters: &[serde_json::Value]) -> Result<(), String> {
        let checks_failures = !self.or_limit && (self.output.is_some() || !self.failed.is_empty());
        if checks_failures && letters.len() != self.failed.len() {
            let all: Vec<String> = letters.iter().map(reason).collect();
            return Err(format!("{} records failed: {}", letters.len(), shortened(&all)));
        }
        for expected in &self.failed {
            let of = |letter: &&serde_json::Value| letter["value"].as_str() == Some(expected.record.as_str());
            let Some(letter) = letters.iter().find(of) else {
                return Err(format!("{:?} did not fail", expected.record));
            };
            expected.judge(letter)?;
        }
        let trapped =
            |letter: &&serde_json::Value| ["trap", "contract"].contains(&letter["kind"].as_str().unwrap_or("?"));
        match letters.iter().find(trapped) {
            Some(letter) if self.no_traps => Err(format!("it trapped: {}", reason(letter))),
            _ => Ok(()),
        }
    }
}

impl Failed {
    fn judge(&self, letter: &serde_json::Value) -> Result<(), String> {
        let all = letter.to_string();
        let says = self.says.iter().all(|text| reason(letter).contains(text.as_str()));
        let says_one =
            self.says_one_of.as_ref().is_none_or(|texts| texts.iter().any(|text| all.contains(text.as_str())));
        if !says || !says_one {
            return Err(format!("{:?} failed with {all}", self.record));
        }
        match self.attempts {
            Some(expected) if letter["attempts"].as_u64() != Some(expected) => {
                Err(format!("{:?} had {} attempts", self.record, letter["attempts"]))
            }
            _ => Ok(()),
        }
    }
}

/// Words of the limits, as dead letters name them.
const LIMITS: [&str; 4] = ["memory", "cpu", "wall", "output"];
const MEMORY: NonZeroU64 = NonZeroU64::new(256 << 20).expect("positive");

fn reason(letter: &serde_json::Value) -> String {
    letter["reason"].as_str().unwrap_or_default().to_owned()
}

fn said(error: &sandmill::Error) -> String {
    format!("{error}: {}", error.causes().join(": "))
}

fn shortened(texts: &[String]) -> String {
    let text = format!("{} of {texts:?}", texts.len());
    text.chars().take(400).collect()
}

/// The SDKs, each with the language's name and the folder of its subject.
const SUBJECTS: &[(&str, &str)] = &[
    ("rust", "rust/hello"),
    ("python", "python/hello"),
    ("javascript", "javascript/hello"),
    ("typescript", "javascript/hello-ts"),
    ("go", "go/hello"),
    ("c", "c/hello"),
    ("cpp", "cpp/hello"),
    ("zig", "zig/hello"),
    ("assemblyscript", "assemblyscript/hello"),
    ("ruby", "ruby/hello"),
];

fn sdk() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk")
}

/// Languages whose toolchain is not on this machine.
pub(crate) fn left_out() -> BTreeSet<&'static str> {
    let tools = build::tools().expect("a sound environment");
    let missing = tools.iter().filter(|tool| tool.presence == Presence::Missing).map(|tool| tool.language);
    let all = std::env::var_os("SANDMILL_ALL_LANGUAGES").is_some();
    let missing: BTreeSet<&str> = missing.collect();
    assert!(!all || missing.is_empty(), "no toolchain for {missing:?}: sandmill toolchain install --all");
    missing
}

/// Every row of the table, in every language of this machine.
#[tokio::test]
async fn every_language_gives_every_record_its_fate() {
    let suite: Suite = toml::from_str(include_str!("conformance/cases.toml")).expect("cases");
    let missing = left_out();
    let mut wrong = Vec::new();
    for (language, folder) in SUBJECTS {
        if missing.contains(language) || !sdk().join(folder).exists() {
            eprintln!("left out: {language}, whose toolchain is not on this machine");
            continue;
        }
        let built =
            build::build(&sdk().join(folder), &BuildOptions { offline: true, ..BuildOptions::default() }, &mut |_| {});
        let component = built.unwrap_or_else(|error| panic!("{language}: {}", said(&error))).component;
        for case in suite.case.iter().filter(|case| !case.except.contains_key(*language)) {
            if let Err(why) = case.run(&component).await {
                wrong.push(format!("{language}: {}: {why}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    let page = std::fs::read_to_string(sdk().join("..").join(PAGE)).expect("the page");
    for case in &suite.case {
        let row = row(case);
        assert!(page.contains(&row), "{PAGE} does not hold\n{row}");
    }
}

/// A line of the page: the case, and the languages where it means something else.
fn row(case: &Case) -> String {
    let except: Vec<String> = case.except.iter().map(|(language, why)| format!("{language}: {why}")).collect();
    let except = if except.is_empty() { "all".to_owned() } else { format!("all but {}", except.join("; ")) };
    format!("| {} | {except} |", case.name)
}
