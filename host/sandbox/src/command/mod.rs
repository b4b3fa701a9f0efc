//! A stage that is a command: a program that reads lines, writes lines and ends.
//!
//! Each run has a fresh instance. A run of one record is exact by nature. A run of a batch is exact as long as the
//! command writes the outputs of a record before it reads the next one (`tape`); when it is in doubt whether it does,
//! the records are run one by one, and from then on all records of the stage.

mod framing;
mod inline;
mod preview1;
mod run;
mod streams;
mod tape;

pub(super) use preview1::{Given, PROGRAM, component, is_command, link};

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, Instance as Linked, InstancePre};

use self::framing::frame;
use self::run::{Exit, Ran};
use self::streams::{TapeInput, TapeOutput};
use self::tape::{Doubt, Output, Tape};
use super::component::Component;
use super::failure;
use super::instance::{OPEN_BUDGET, call, metered_store};
use super::log::GuestOutput;
use super::output::OutputBounds;
use super::reach::Provisions;
use super::store::{HostState, InstanceSettings};
use sandmill_engine::error::{Error, Result as SandmillResult};
use sandmill_engine::plan::{CommandPlan, Each, Reuse, StagePlan, Warm};
use sandmill_engine::program::{Budget, Failure, GuestFailure, Instance, Outcome, Program, WorkerId};
use sandmill_engine::record::Payload;

/// The budget of a run until it reads for the first time: a tenth of it is what CPython needs.
const START_BUDGET: Budget = Budget { cpu: Duration::from_secs(5), ..OPEN_BUDGET };

/// A command, linked, with what its runs are given.
#[derive(Clone)]
pub(super) struct Command(Arc<Shared>);

struct Shared {
    linked: InstancePre<HostState>,
    run: ComponentExportIndex,
    settings: Arc<InstanceSettings>,
    plan: CommandPlan,
    /// Its name and its arguments.
    arguments: Vec<String>,
    /// The same, each with a NUL after it.
    argument_bytes: Arc<[u8]>,
    habit: AtomicHabit,
}

/// The knowledge about how a command writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Nothing.
    Unknown,
    /// It has been seen to write the outputs of a record before it reads the next one.
    Prompt,
    /// It is run for each record: it was asked to, or it does not.
    ByRecord,
}

#[derive(Debug)]
struct AtomicHabit(AtomicU8);

impl AtomicHabit {
    fn get(&self) -> Habit {
        match self.0.load(Relaxed) {
            0 => Habit::Unknown,
            1 => Habit::Prompt,
            _ => Habit::ByRecord,
        }
    }

    /// Learns. What is known never becomes less, whichever worker was first. Whether it is new.
    fn learn(&self, habit: Habit) -> bool {
        self.0.fetch_max(habit as u8, Relaxed) < habit as u8
    }
}

impl Command {
    /// Links `component` as the stage of `plan`, with what it was granted.
    ///
    /// # Errors
    /// When it is not a command, imports what it was not granted, or the plan asks for what no command has.
    pub(super) fn new(
        component: &Component,
        plan: &StagePlan,
        granted: Provisions,
        guest_output: &GuestOutput,
    ) -> SandmillResult<Self> {
        refuse(plan)?;
        let (linked, run) = component.command(&plan.grants, plan.deterministic)?;
        let name = component.inspection().path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let command = plan.command.clone().unwrap_or_default();
        let arguments: Vec<String> = std::iter::once(name).chain(command.args.iter().cloned()).collect();
        let habit = if command.each == Each::Record { Habit::ByRecord } else { Habit::Unknown };
        Ok(Self(Arc::new(Shared {
            linked,
            run,
            settings: InstanceSettings::new(component, plan.limits, granted, guest_output),
            plan: command,
            argument_bytes: arguments.iter().flat_map(|argument| [argument.as_bytes(), b"\0"].concat()).collect(),
            arguments,
            habit: AtomicHabit(AtomicU8::new(habit as u8)),
        })))
    }

    /// Makes an instance that nobody needs, so that what is wrong with it costs no record. It is not run: what a
    /// command does without input is its own affair.
    ///
    /// # Errors
    /// When the instance cannot be made.
    pub(super) async fn rehearse(&self, stage: &Arc<str>) -> Result<(), GuestFailure> {
        let worker = WorkerId { stage: Arc::clone(stage), worker: 0 };
        self.make(&worker).await.map(drop)
    }

    /// An instance as its component begins.
    async fn make(&self, worker: &WorkerId) -> Result<Made, GuestFailure> {
        let Shared { linked, settings, arguments, argument_bytes, .. } = &*self.0;
        let limits = &settings.limits;
        let tape = Tape::new(OutputBounds { bytes: limits.output.get(), records: limits.output_records.get() });
        let mut state = HostState::with_streams(settings, worker, |builder| {
            builder.args(arguments).stdin(TapeInput(tape.clone())).stdout(TapeOutput(tape.clone()));
        });
        state.given = Some(Given { tape: tape.clone(), arguments: Arc::clone(argument_bytes) });
        let mut store = metered_store(linked.engine(), state, limits);
        let instance = call(&mut store, OPEN_BUDGET, async |store| linked.instantiate_async(store).await)
            .await
            .map_err(|failure| failure::in_making(failure, limits))?;
        Ok(Made { store, instance, tape })
    }

    /// Runs each record by itself, after the batch: what it logs has been said. Their outcome together, unless it has more than this many bytes.
    async fn one_by_one(
        &self,
        records: &Payload,
        worker: &WorkerId,
        most: usize,
    ) -> Result<Option<(Outcome, Duration)>, GuestFailure> {
        let limits = &self.0.settings.limits;
        let budget = Budget { cpu: limits.cpu, wall: limits.wall, fuel: limits.fuel.map(Into::into), records: 1 };
        let (mut all, mut origins, mut took) = (Outcome::default(), Vec::new(), Duration::ZERO);
        for (index, position) in (0_u32..).zip(0..records.len()) {
            let record = records.slice(position..position + 1);
            let mut made = self.make(worker).await?;
            made.store.data().log.hold();
            let (outcome, _) = self.run(&mut made, &record, budget).await?;
            made.store.data().log.let_go(false);
            took += made.store.data().meter.used();
            origins.resize(origins.len() + outcome.emitted.len(), index);
            all.emitted.append(&outcome.emitted);
            if all.emitted.bytes() > most {
                return Ok(None);
            }
            all.failures.extend(outcome.failures.into_iter().map(|failure| Failure { index, ..failure }));
        }
        all.origins = Some(origins);
        Ok(Some((all, took)))
    }

    /// One run, for all of `records`. What came of them, and whether that is in doubt.
    async fn run(
        &self,
        made: &mut Made,
        records: &Payload,
        budget: Budget,
    ) -> Result<(Outcome, Option<Doubt>), GuestFailure> {
        let framing = self.0.plan.framing;
        let mut framed = frame(records, framing);
        if framed.len() == 0 {
            return Ok((framed.outcome(&Output::default(), records, framing), None));
        }
        let input = std::mem::take(&mut framed.input);
        let given = input.ends.len();
        let Ran { exit, output } = made.run(self.0.run, input, budget).await?;
        match exit {
            Exit::Good => Ok((framed.outcome(&output, records, framing), output.doubt)),
            Exit::Bad(why) if given == 1 => Ok((framed.failed(why), None)),
            // Which record it was is found out by splitting the batch.
            Exit::Bad(why) => Err(GuestFailure::Returned(why)),
        }
    }

    /// From now on, each record is run by itself. Said once.
    fn give_up_batches(&self, doubt: Doubt, worker: &WorkerId) {
        if self.0.habit.learn(Habit::ByRecord) {
            let message = format!(
                "from now on it runs once for each record, because its outputs cannot be assigned to records: {}. It would be faster if it {}",
                doubt.words(),
                doubt.remedy()
            );
            self.0.settings.guest_output.warn(worker, &message);
        }
    }
}

/// Nothing of the batch is used: the worker splits it, and gives one record at a time from now on.
fn undivided(doubt: Doubt) -> GuestFailure {
    GuestFailure::Returned(format!("the outputs of a batch cannot be assigned to its records: {}", doubt.words()))
}

/// What no command has.
fn refuse(plan: &StagePlan) -> SandmillResult<()> {
    let refused = |what: &str, hint: &str| Err(Error::config(format!("it is a command, {what}")).hint(hint));
    if plan.reuse == Reuse::Worker {
        return refused(
            "which ends with its input: reuse = \"worker\" has no meaning",
            "leave out \"reuse\": command = { each = \"record\" } or \"batch\" says how much one run is given",
        );
    }
    if plan.config != "{}" {
        return refused("which takes no \"config\"", "give it arguments: command = { args = [\"…\"] }");
    }
    if plan.warm == Warm::Always {
        return refused("which is not opened: \"warm\" has no meaning", "leave out \"warm\"");
    }
    if plan.ports.len() > 1 {
        return refused("which has one output", "leave out \"ports\"");
    }
    Ok(())
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("plan", &self.0.plan)
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Program for Command {
    async fn instantiate(&self, worker: &WorkerId) -> Result<Box<dyn Instance>, GuestFailure> {
        let made = self.make(worker).await?;
        Ok(Box::new(Running { command: self.clone(), worker: worker.clone(), made, beside: Duration::ZERO }))
    }

    fn takes_one(&self) -> bool {
        self.0.habit.get() == Habit::ByRecord
    }

    fn log_bytes_cut(&self) -> u64 {
        self.0.settings.guest_output.bytes_cut()
    }
}

/// An instance that has not run.
struct Made {
    store: Store<HostState>,
    instance: Linked,
    tape: Tape,
}

/// An instance that is run once, and then dropped by its worker.
struct Running {
    command: Command,
    worker: WorkerId,
    made: Made,
    /// Time inside other instances, which were run to learn the command's habit.
    beside: Duration,
}

impl Running {
    /// Learns whether a command that drops records, as far as can be seen, does that or writes later.
    async fn learn(&mut self, outcome: &Outcome, records: &Payload) -> Result<Outcome, GuestFailure> {
        let most = outcome.emitted.bytes();
        let Some((exact, took)) = self.command.one_by_one(records, &self.worker, most).await? else {
            self.command.give_up_batches(Doubt::Behind, &self.worker);
            return Err(undivided(Doubt::Behind));
        };
        self.beside += took;
        let is_same = (&exact.emitted, &exact.origins) == (&outcome.emitted, &outcome.origins);
        match is_same && exact.failures.len() == outcome.failures.len() {
            true => drop(self.command.0.habit.learn(Habit::Prompt)),
            false => self.command.give_up_batches(Doubt::Behind, &self.worker),
        }
        Ok(exact)
    }
}

#[async_trait]
impl Instance for Running {
    async fn process(&mut self, records: &Payload, budget: Budget) -> Result<Outcome, GuestFailure> {
        let (outcome, doubt) = self.command.run(&mut self.made, records, budget).await?;
        match (doubt, self.command.0.habit.get()) {
            (None, _) | (Some(Doubt::Behind), Habit::Prompt) => Ok(outcome),
            (Some(Doubt::Behind), Habit::Unknown) => self.learn(&outcome, records).await,
            (Some(doubt), _) => {
                self.command.give_up_batches(doubt, &self.worker);
                Err(undivided(doubt))
            }
        }
    }

    async fn flush(&mut self, _budget: Budget) -> Result<Outcome, GuestFailure> {
        Ok(Outcome::default())
    }

    fn time_in_guest(&self) -> Duration {
        self.made.store.data().meter.used() + self.beside
    }

    fn hold_words(&mut self) {
        self.made.store.data().log.hold();
    }

    fn let_words_go(&mut self, told: bool) {
        self.made.store.data().log.let_go(told);
    }

    fn last_words(&self) -> Vec<String> {
        self.made.store.data().log.tail()
    }

    fn memory_bytes(&self) -> u64 {
        self.made.store.data().memory.used()
    }
}
