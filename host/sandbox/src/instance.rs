//! A stage in the sandbox: a program whose instances are stores of their own.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use wasmtime::{Store, UpdateDeadline};

use super::bindings::stage::sandmill::stage::types::{self as wit, BatchParam, ColumnParam};
use super::bindings::stage::{Stage, StagePre};
use super::component::Component;
use super::contract::{self, Expected};
use super::deadline::{Meter, Metered};
use super::failure;
use super::log::GuestOutput;
use super::output::OutputBounds;
use super::reach::Provisions;
use super::store::{HostState, InstanceSettings};
use super::warm::Opening;
use sandmill_engine::error::Result as SandmillResult;
use sandmill_engine::plan::{Grants, Limits, Reuse, StagePlan, Warm};
use sandmill_engine::program::Warmth;
use sandmill_engine::program::{Budget, GuestFailure, Instance, Outcome, Program, WorkerId};
use sandmill_engine::record::{Column, Payload};
use sandmill_engine::time::{Elapsed, Instant, timeout_at};

/// The budget of making an instance and its `open` together. An interpreter needs a second to start and a stage may
/// load a dictionary; beyond ten, something is wrong.
pub(super) const OPEN_BUDGET: Budget =
    Budget { cpu: Duration::from_secs(10), wall: Duration::from_secs(30), fuel: None, records: 0 };

/// An `open` that takes less is called for each instance. The first call of any takes some 100 µs, on a loaded machine
/// more: pages of code that nobody has touched before. What `check` says must not depend on that.
const WARM_WORTH: Duration = Duration::from_millis(1);

/// What a guest may hand over in one call, when its limits allow as much. Whatever comes in a call of the host's is
/// copied before anybody can look at a clock. The engine's own default.
const HANDED_OVER_MAX: u64 = 128 << 20;
/// Bytes beside outputs of the largest size: where they end, why others failed.
const BESIDE_OUTPUTS: u64 = 1 << 20;

/// A stage's linked component, with what its instances are given.
pub(crate) struct Sandboxed {
    linked: StagePre<HostState>,
    /// The same with the image of an opened instance, from when there is one: instances are then open as soon as they
    /// are made.
    image: OnceLock<StagePre<HostState>>,
    warmth: Mutex<Warmth>,
    settings: Arc<InstanceSettings>,
    config: String,
    ports: usize,
}

/// What is tried out before anything runs.
#[derive(Debug)]
pub(super) struct Rehearsal {
    component: Component,
    worker: WorkerId,
    warm: Warm,
    reuse: Reuse,
    grants: Grants,
    deterministic: bool,
}

impl Rehearsal {
    /// Of the stage of `plan`, which was made of `component`.
    pub(super) fn of(component: &Component, plan: &StagePlan) -> Self {
        Self {
            component: component.clone(),
            worker: WorkerId { stage: Arc::clone(&plan.name), worker: 0 },
            warm: plan.warm,
            reuse: plan.reuse,
            grants: plan.grants.clone(),
            deterministic: plan.deterministic,
        }
    }
}

impl Sandboxed {
    /// Links `component` as the stage of `plan`, with what it was granted.
    ///
    /// # Errors
    /// When it is not a stage, or imports what it was not granted.
    pub(crate) fn new(
        component: &Component,
        plan: &StagePlan,
        granted: Provisions,
        guest_output: &GuestOutput,
    ) -> SandmillResult<Self> {
        Ok(Self {
            linked: component.stage(&plan.grants, plan.deterministic)?,
            image: OnceLock::new(),
            warmth: Mutex::new(Warmth::Unneeded),
            settings: InstanceSettings::new(component, plan.limits, granted, guest_output),
            config: plan.config.clone(),
            ports: plan.ports.len().max(1),
        })
    }

    /// Opens one instance of `component`, of which it was made, so that what is wrong with its `open` costs no record.
    /// Then sees to it that the others are open as soon as they are made, where the plan wants that and the cache has
    /// an image. Whether one is still to be made.
    ///
    /// # Errors
    /// When the instance cannot be made, or does not open.
    pub(super) async fn rehearse(&self, rehearsal: &Rehearsal) -> Result<bool, GuestFailure> {
        let Rehearsal { component, worker, warm, reuse, grants, deterministic } = rehearsal;
        let took = self.try_out(worker).await?;
        let wanted = match warm {
            Warm::Auto => *reuse != Reuse::Worker && took >= WARM_WORTH,
            Warm::Always | Warm::Preferred => true,
            Warm::Never => false,
        };
        if !wanted {
            return Ok(false);
        }
        let opening = Opening { component, config: &self.config, settings: &self.settings, worker };
        let linked = match opening.find().await {
            Ok(None) => Err(Warmth::Pending),
            Ok(Some(image)) => {
                let linked = image.stage(grants, *deterministic);
                linked.map_err(|error| Warmth::Cold(error.to_string()))
            }
            Err(cold) => Err(Warmth::Cold(cold.into_words())),
        };
        let warmth = self.be(match linked {
            Ok(linked) => {
                self.begin_with(linked);
                Warmth::Warm
            }
            Err(why) => why,
        });
        Ok(warmth == Warmth::Pending)
    }

    /// Lets instances that are made from now on begin with an image.
    pub(super) fn begin_with(&self, image: StagePre<HostState>) {
        // One that is there already is the same.
        drop(self.image.set(image));
    }

    /// How instances begin from now on; reported to whoever asks.
    pub(super) fn be(&self, warmth: Warmth) -> Warmth {
        self.warmth.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&warmth);
        warmth
    }

    pub(super) fn settings(&self) -> &InstanceSettings {
        &self.settings
    }

    pub(super) fn config(&self) -> &str {
        &self.config
    }

    /// Opens an instance that nobody else needs. How much time its `open` took inside the guest.
    async fn try_out(&self, worker: &WorkerId) -> Result<Duration, GuestFailure> {
        let begun = Instant::now();
        let mut instance = self.make(&self.linked, worker).await?;
        let made = instance.time_in_guest();
        self.open(&mut instance, begun).await?;
        Ok(instance.time_in_guest().saturating_sub(made))
    }

    /// An instance as its component begins.
    async fn make(&self, linked: &StagePre<HostState>, worker: &WorkerId) -> Result<SandboxedInstance, GuestFailure> {
        let limits = &self.settings.limits;
        let mut store = metered_store(linked.engine(), HostState::new(&self.settings, worker), limits);
        let stage = call(&mut store, OPEN_BUDGET, async |store| linked.instantiate_async(store).await)
            .await
            .map_err(|failure| failure::in_making(failure, limits))?;
        let output = OutputBounds { bytes: limits.output.get(), records: limits.output_records.get() };
        Ok(SandboxedInstance { store, stage, ports: self.ports, output })
    }

    /// Opens an instance whose making has `begun` then.
    async fn open(&self, instance: &mut SandboxedInstance, begun: Instant) -> Result<(), GuestFailure> {
        let transform = instance.stage.sandmill_stage_transform();
        let rest = rest_of_open(&instance.store, begun);
        call(&mut instance.store, rest, async |store| transform.call_open(store, &self.config).await)
            .await
            .map_err(|failure| failure::in_opening(failure, OPEN_BUDGET))?
            .map_err(|refusal| GuestFailure::Returned(self.settings.guest_output.legible(&refusal)))
    }
}

impl fmt::Debug for Sandboxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandboxed").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[async_trait]
impl Program for Sandboxed {
    async fn instantiate(&self, worker: &WorkerId) -> Result<Box<dyn Instance>, GuestFailure> {
        if let Some(image) = self.image.get() {
            return Ok(Box::new(self.make(image, worker).await?));
        }
        let begun = Instant::now();
        let mut instance = self.make(&self.linked, worker).await?;
        self.open(&mut instance, begun).await?;
        Ok(Box::new(instance))
    }

    fn warmth(&self) -> Warmth {
        self.warmth.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn log_bytes_cut(&self) -> u64 {
        self.settings.guest_output.bytes_cut()
    }
}

/// The rest for `open` of the budget that making its instance has begun with.
pub(super) fn rest_of_open(store: &Store<HostState>, begun: Instant) -> Budget {
    rest(OPEN_BUDGET, store.data().meter.used(), begun.elapsed())
}

fn rest(budget: Budget, cpu: Duration, wall: Duration) -> Budget {
    Budget { cpu: budget.cpu.saturating_sub(cpu), wall: budget.wall.saturating_sub(wall), ..budget }
}

/// One store with its instance. Dropped by its worker after any failure, and never called again.
struct SandboxedInstance {
    store: Store<HostState>,
    stage: Stage,
    ports: usize,
    output: OutputBounds,
}

impl SandboxedInstance {
    fn outcome(&self, returned: Result<wit::Outcome, String>, records: usize) -> Result<Outcome, GuestFailure> {
        let log = &self.store.data().log;
        let outcome = returned.map_err(|message: String| GuestFailure::Returned(log.legible(&message)))?;
        contract::check(outcome, Expected { records, ports: self.ports }, &|text| log.legible(text))
    }
}

#[async_trait]
impl Instance for SandboxedInstance {
    async fn process(&mut self, records: &Payload, budget: Budget) -> Result<Outcome, GuestFailure> {
        let transform = self.stage.sandmill_stage_transform();
        let input = BatchParam { values: column(records.values()), keys: column(records.keys()) };
        let returned = call(&mut self.store, budget, async |store| transform.call_process(store, input).await).await?;
        let outcome = self.outcome(returned, records.len())?;
        self.output.check(&outcome)?;
        Ok(outcome)
    }

    async fn flush(&mut self, budget: Budget) -> Result<Outcome, GuestFailure> {
        let transform = self.stage.sandmill_stage_transform();
        let returned = call(&mut self.store, budget, async |store| transform.call_flush(store).await).await?;
        let outcome = self.outcome(returned, 0)?;
        self.output.times(budget.records).check_sum(&outcome)?;
        Ok(outcome)
    }

    fn time_in_guest(&self) -> Duration {
        self.store.data().meter.used()
    }

    fn hold_words(&mut self) {
        self.store.data().log.hold();
    }

    fn let_words_go(&mut self, told: bool) {
        self.store.data().log.let_go(told);
    }

    fn last_words(&self) -> Vec<String> {
        self.store.data().log.tail()
    }

    fn memory_bytes(&self) -> u64 {
        self.store.data().memory.used()
    }
}

fn column(column: &Column) -> ColumnParam<'_> {
    ColumnParam { data: column.data(), ends: column.ends() }
}

/// A store that is stopped when its meter runs out, and that yields to other guests at each tick.
pub(super) fn metered_store(engine: &wasmtime::Engine, state: HostState, limits: &Limits) -> Store<HostState> {
    let meter = Arc::clone(&state.meter);
    let mut store = Store::new(engine, state);
    store.set_hostcall_fuel(usize::try_from(handed_over(limits)).unwrap_or(usize::MAX));
    store.limiter(|state| &mut state.memory);
    store.epoch_deadline_callback(move |_| {
        Ok(if meter.is_used_up() { UpdateDeadline::Interrupt } else { UpdateDeadline::Yield(1) })
    });
    store
}

/// Bound of what one call may make the host allocate: lists of a hostile guest may all point to the same bytes, so its
/// own memory limit alone does not bound their copies. An outcome that is larger fails like any other, and its batch is
/// split.
fn handed_over(limits: &Limits) -> u64 {
    let outputs = limits.output.get().saturating_add(BESIDE_OUTPUTS);
    limits.memory.get().min(outputs.max(HANDED_OVER_MAX))
}

/// Calls into the guest within `budget`.
pub(super) async fn call<R>(
    store: &mut Store<HostState>,
    budget: Budget,
    guest: impl AsyncFnOnce(&mut Store<HostState>) -> wasmtime::Result<R>,
) -> Result<R, GuestFailure> {
    let meter = begin_call(store, budget);
    let begun = Instant::now();
    let returned = {
        let running = pin!(guest(store));
        timeout_at(begun + budget.wall, Metered::new(meter, running)).await
    };
    end_call(store, returned, budget, begun)
}

/// Begins a call. Its meter.
pub(super) fn begin_call(store: &mut Store<HostState>, budget: Budget) -> Arc<Meter> {
    store.data_mut().begin_call();
    store.set_epoch_deadline(1);
    if store.data().counts_fuel() {
        // Some stage of this engine counts fuel, so all stores burn it: those without a limit never run out.
        store.set_fuel(budget.fuel.unwrap_or(u64::MAX)).expect("the engine counts fuel");
    }
    let meter: Arc<Meter> = Arc::clone(&store.data().meter);
    meter.arm(budget.cpu);
    meter
}

/// Ends a call that has `begun` then, and has returned or has been interrupted for its time.
pub(super) fn end_call<R>(
    store: &Store<HostState>,
    returned: Result<wasmtime::Result<R>, Elapsed>,
    budget: Budget,
    begun: Instant,
) -> Result<R, GuestFailure> {
    let state = store.data();
    state.log.end_call();
    match returned {
        // A call may use up its budget between two ticks and still come back: the limit holds all the same.
        Ok(Ok(_)) if state.meter.call_used() > budget.cpu => Err(failure::too_busy(state, budget)),
        Ok(returned) => returned.map_err(|error| failure::diagnose(&error, state, budget)),
        Err(Elapsed { .. }) => Err(failure::too_slow(begun.elapsed(), budget)),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    /// A start function could take ten seconds, and `open` ten more, were each given the whole.
    #[test]
    fn open_has_what_making_the_instance_left_of_one_budget() {
        let seconds = Duration::from_secs;
        let left = rest(OPEN_BUDGET, seconds(9), seconds(29));
        assert_eq!((left.cpu, left.wall), (seconds(1), seconds(1)));
        let left = rest(OPEN_BUDGET, seconds(11), seconds(31));
        assert_eq!((left.cpu, left.wall), (seconds(0), seconds(0)));
    }

    #[test]
    fn what_a_guest_hands_over_in_a_call_is_bounded_below_a_large_memory_and_has_room_for_an_output() {
        let limits = |memory: u64, output: u64| Limits {
            memory: NonZeroU64::new(memory << 20).unwrap(),
            output: NonZeroU64::new(output << 20).unwrap(),
            ..Limits::default()
        };
        for (memory, output, most) in [(64, 16, 64), (4096, 16, 128), (4096, 300, 301), (200, 300, 200)] {
            assert_eq!(handed_over(&limits(memory, output)), most << 20, "{memory} {output}");
        }
    }
}
