//! A run of a case.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandmill::plan::{Limits, Plan, Retry, Warm};
use sandmill::record::{BatchBounds, Payload};
use sandmill::report::{Ending, Event, LogLevel, Report};
use sandmill::{PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
use tests::edges::Given;
use tests::letters;
use tokio::time::timeout;

use super::case::{Case, Form};
use super::said;

const BOUND: Duration = Duration::from_secs(300);
const MEMORY_MIB: u64 = 256;
/// Of a record: interpreters need more than the default.
const CPU: Duration = Duration::from_millis(500);
const BATCH_RECORDS: usize = 4_096;

/// Key and value of each output.
pub(super) type Outputs = Vec<(Vec<u8>, Vec<u8>)>;
type Seen = Arc<Mutex<Outputs>>;

/// What a run of a case came to.
pub(super) struct Outcome {
    pub(super) report: Report,
    pub(super) first: Outputs,
    pub(super) second: Outputs,
    pub(super) letters: Vec<serde_json::Value>,
    pub(super) logs: Vec<(LogLevel, String)>,
}

/// Why a run has no outcome.
pub(super) enum Ended {
    /// The stage did not open.
    Refused(String),
    /// The run was cut short.
    Aborted(String),
}

impl Case {
    /// Why the language does not pass, if it does not.
    pub(super) async fn run(&self, component: &Path) -> Result<(), String> {
        let outcome = match (self.outcome(component).await, &self.refused, &self.aborted) {
            (Err(Ended::Refused(said)), Some(expected), _) if said.contains(expected) => return Ok(()),
            (Err(Ended::Aborted(said)), _, Some(expected)) if said.contains(expected) => return Ok(()),
            (Err(Ended::Refused(said)), ..) if self.or_refused.as_ref().is_some_and(|text| said.contains(text)) => {
                return Ok(());
            }
            (Err(Ended::Refused(said)), ..) => return Err(format!("the stage was refused: {said}")),
            (Err(Ended::Aborted(said)), ..) => return Err(format!("the run ended: {said}")),
            (Ok(_), Some(expected), _) => return Err(format!("it was not refused for \"{expected}\"")),
            (Ok(outcome), _, Some(expected)) => {
                return Err(format!("it did not end for \"{expected}\": {:?}", outcome.report.ending));
            }
            (Ok(outcome), None, None) => outcome,
        };
        self.judge(&outcome)?;
        if self.twice {
            let again = self.outcome(component).await.map_err(|_| "the second run did not end well")?;
            if outcome.told() != again.told() {
                return Err(format!("two runs differ: {:?} and {:?}", outcome.told(), again.told()));
            }
        }
        Ok(())
    }

    pub(super) async fn outcome(&self, component: &Path) -> Result<Outcome, Ended> {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("state.db");
        let (first, second) = (Seen::default(), Seen::default());
        let plan = self.plan(component, &state, [&first, &second]);
        let pipeline = sandmill::prepare(plan).await.map_err(|error| Ended::Refused(said(&error)))?;
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
            return Err(Ended::Aborted(format!("{:?}", report.problem)));
        }
        let letters = letters::lines(&state).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let taken = |seen: &Seen| std::mem::take(&mut *seen.lock().expect("whole"));
        Ok(Outcome { report, first: taken(&first), second: taken(&second), letters, logs })
    }

    fn plan(&self, component: &Path, state: &Path, [first, second]: [&Seen; 2]) -> Plan {
        let mut records = Payload::default();
        for (key, value) in self.records() {
            records.push((!key.is_empty()).then_some(&key), &value);
        }
        let count = self.batch.unwrap_or(BATCH_RECORDS);
        let keep = |seen: &Seen| {
            let seen = Arc::clone(seen);
            move |key: Option<&[u8]>, value: &[u8]| {
                seen.lock().expect("whole").push((key.unwrap_or_default().to_vec(), value.to_vec()));
            }
        };
        PipelineBuilder::new("conformance")
            .state_file(state)
            .source(SourceBuilder::custom("given", Given::new(records, count)))
            .stage(self.stage(component, count))
            .sink(SinkBuilder::for_each("first", keep(first)).from(["hello.first"]))
            .sink(SinkBuilder::for_each("second", keep(second)).from(["hello.second"]))
            .plan()
            .expect("a sound plan")
    }

    fn stage(&self, component: &Path, records: usize) -> StageBuilder {
        let batch = BatchBounds {
            records: NonZeroUsize::new(records).expect("positive"),
            bytes: NonZeroUsize::new(1 << 20).expect("positive"),
            linger: Duration::ZERO,
        };
        let memory = NonZeroU64::new(self.memory_mib.unwrap_or(MEMORY_MIB) << 20).expect("positive");
        let cpu = self.cpu_ms.map_or(CPU, Duration::from_millis);
        // Compilation in another process counts the time that passes, on a machine with other work.
        let compile = Duration::from_secs(3_600);
        let limits = Limits { cpu, memory, compile, ..Limits::default() };
        let retry = Retry { times: 2, backoff: Duration::from_millis(1), ..Retry::default() };
        let stage = StageBuilder::component("hello", component);
        let stage = if self.wants_image() { stage } else { stage.warm(Warm::Never) };
        stage
            .workers(NonZeroUsize::MIN)
            .batch(batch)
            .reuse(self.reuse())
            .limits(limits)
            .retry(retry)
            .config(self.config())
            .ports(["first", "second"])
    }
}

impl Case {
    /// An image takes an interpreter seconds, for each configuration: one has to do.
    fn wants_image(&self) -> bool {
        self.stage == Form::Hello && self.config.is_none()
    }
}

impl Outcome {
    /// What must be the same in another run.
    fn told(&self) -> (&Outputs, &Outputs, Vec<String>) {
        (&self.first, &self.second, self.letters.iter().map(super::judge::reason).collect())
    }
}
