//! Entry points for the fuzzer and tests, to call what a run calls: the check of what a guest might return, without a guest; and a stage with
//! batches that no run would give it.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::bindings::stage::sandmill::stage::types as wit;
use super::component::Component;
use super::contract::{self, Expected};
use super::egress::EgressBounds;
use super::engine::{Engine, Sizing};
use super::instance::{OPEN_BUDGET, Sandboxed};
use super::log::{self, GuestOutput};
use super::reach::Provisions;
use sandmill_engine::StageBuilder;
use sandmill_engine::plan::bounds::TIME_MAX;
use sandmill_engine::plan::{Limits, StagePlan};
use sandmill_engine::program::{GuestFailure, Outcome, Program, WorkerId};
use sandmill_engine::record::Payload;
use sandmill_engine::redact::Redactor;
use sandmill_engine::report::{Audience, event_channel};

/// An outcome as a guest returns it, unchecked. Columns are their data and their ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Returned {
    /// The values of the outputs.
    pub values: (Vec<u8>, Vec<u32>),
    /// The keys of the outputs.
    pub keys: (Vec<u8>, Vec<u32>),
    /// The input record of each output.
    pub origins: Vec<u32>,
    /// The port of each output.
    pub ports: Vec<u16>,
    /// The failed input records, each with its message.
    pub failures: Vec<(u32, String)>,
}

/// Checks an outcome of a call that was given `records` records, of a stage with `ports` outputs.
///
/// # Errors
/// [`GuestFailure::Contract`] when it breaks the stage interface.
pub fn check_outcome(returned: Returned, records: usize, ports: usize) -> Result<Outcome, GuestFailure> {
    let column = |(data, ends)| wit::ColumnResult { data, ends };
    let failure = |(index, message)| wit::Failure { index, retryable: false, message };
    let outcome = wit::Outcome {
        emitted: wit::BatchResult { values: column(returned.values), keys: column(returned.keys) },
        origins: returned.origins,
        ports: returned.ports,
        failures: returned.failures.into_iter().map(failure).collect(),
    };
    contract::check(outcome, Expected { records, ports }, &legible)
}

/// Checks the columns of a chunk, as a source returns them.
///
/// # Errors
/// What is wrong with them.
pub fn check_columns(values: (Vec<u8>, Vec<u32>), keys: (Vec<u8>, Vec<u32>)) -> Result<Payload, String> {
    contract::payload(values, keys)
}

/// A guest's text as it is kept: bounded, and without control characters.
pub fn legible(text: &str) -> String {
    log::shown(text, 0)
}

/// Gives one instance of the stage at `component` these batches, and then its end. What became of each.
///
/// # Errors
/// When it is not a stage, or a call fails; as text.
pub async fn call_stage(component: &Path, config: &str, batches: &[Payload]) -> Result<Vec<Outcome>, String> {
    let stage = StageBuilder::component("stage", component).config(config);
    let plan = stage.into_plan();
    // Compilation in this process counts the time that passes, on a machine with other work.
    let limits = Limits { memory: MEMORY, compile: TIME_MAX, ..Limits::default() };
    let plan = StagePlan { limits, ..plan };
    let program = program(component, &plan).map_err(|error| format!("{error}: {}", error.causes().join(": ")))?;
    let called = async {
        let mut instance = program.instantiate(&WorkerId { stage: plan.name, worker: 0 }).await?;
        let mut outcomes = Vec::with_capacity(batches.len() + 1);
        for batch in batches {
            outcomes.push(instance.process(batch, OPEN_BUDGET).await?);
        }
        outcomes.push(instance.flush(OPEN_BUDGET).await?);
        Ok(outcomes)
    };
    called.await.map_err(|failure: GuestFailure| failure.to_string())
}

/// What an interpreter needs, and as much again.
const MEMORY: NonZeroU64 = NonZeroU64::new(256 << 20).expect("not zero");

fn program(component: &Path, plan: &StagePlan) -> sandmill_engine::error::Result<Sandboxed> {
    let sizing = Sizing { instances: 1, memory_bytes_max: plan.limits.memory.get(), fuel: false, deterministic: false };
    let component = Component::load(&Engine::new(sizing)?, component, &plan.limits, &plan.grants)?;
    let guest_output =
        GuestOutput::new(&Audience { events: event_channel().0, redactor: Arc::new(Redactor::new(&[])) });
    let bounds = EgressBounds {
        response_bytes: plan.limits.response.get(),
        exchange: plan.limits.exchange,
        connections: EgressBounds::CONNECTIONS_MIN,
    };
    let granted = Provisions::read("the stage", &plan.grants, bounds, &Handle::current())?;
    Sandboxed::new(&component, plan, granted, &guest_output)
}
