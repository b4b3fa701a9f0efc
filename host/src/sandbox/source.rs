//! A source in the sandbox: a component that makes records.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;
use wasmtime::Store;

use super::bindings::source::RecordSource;
use super::component::Component;
use super::contract;
use super::failure::{in_making, in_opening};
use super::instance::{OPEN_BUDGET, call, metered_store, rest_of_open};
use super::log::Voice;
use super::output::OutputBounds;
use super::reach::Provisions;
use super::store::{HostState, Terms};
use crate::edge::{Chunk, Source};
use crate::error::{Error, Result};
use crate::plan::ComponentSource;
use crate::pool::{GuestFailure, Outcome, WorkerId, whole_budget};
use crate::record::{BatchBounds, Places};

/// Pulls that may give nothing one after the other: beyond, the source does not work, it spins.
const EMPTY_PULLS_MAX: u32 = 1_000;

/// One instance of a component source.
pub struct SandboxedSource {
    name: Arc<str>,
    store: Store<HostState>,
    source: RecordSource,
    terms: Arc<Terms>,
    given: u64,
    done: bool,
}

impl SandboxedSource {
    /// Makes and opens the instance, with what it was granted and where its words go.
    ///
    /// # Errors
    /// When the component is no source, traps, exceeds a limit, or refuses its configuration.
    pub async fn open(
        component: &Component,
        name: &Arc<str>,
        plan: &ComponentSource,
        given: (Provisions, Voice),
    ) -> Result<Self> {
        let linked = component.source(&plan.grants).map_err(|error| error.within(format!("source \"{name}\"")))?;
        let worker = WorkerId { stage: Arc::clone(name), worker: 0 };
        let terms = Terms::new(component, plan.limits, given);
        let mut store = metered_store(component.engine(), HostState::new(&terms, &worker), &plan.limits);
        let failed =
            |failure: GuestFailure| Error::config(format!("source \"{name}\" does not open")).caused_by(failure);
        let begun = Instant::now();
        let source = call(&mut store, OPEN_BUDGET, async |store| linked.instantiate_async(store).await)
            .await
            .map_err(|failure| failed(in_making(failure, &plan.limits)))?;
        let exports = source.sandmill_stage_source();
        let rest = rest_of_open(&store, begun);
        call(&mut store, rest, async |store| exports.call_open(store, &plan.config, None).await)
            .await
            .and_then(|opened| opened.map_err(|refusal| GuestFailure::Returned(terms.voice.legible(&refusal))))
            .map_err(|failure| failed(in_opening(failure)))?;
        Ok(Self { name: Arc::clone(name), store, source, terms, given: 0, done: false })
    }

    async fn pull_once(&mut self, max: u32) -> Result<Chunk, GuestFailure> {
        let exports = self.source.sandmill_stage_source();
        let limits = &self.terms.limits;
        // Nobody knows before how many records there will be, so time and fuel are those of one, for all of a pull.
        let budget = whole_budget(limits, 1);
        let max = max.min(u32::try_from(limits.output_records.get()).unwrap_or(u32::MAX));
        let chunk = call(&mut self.store, budget, async |store| exports.call_pull(store, max).await)
            .await?
            .map_err(|message| GuestFailure::Returned(self.store.data().log.legible(&message)))?;
        self.done = chunk.done;
        let (values, keys) = (chunk.records.values, chunk.records.keys);
        let records =
            contract::payload((values.data, values.ends), (keys.data, keys.ends)).map_err(GuestFailure::Contract)?;
        if records.len() > max as usize {
            let what = format!("pull gave {} records, but was asked for at most {max}", records.len());
            return Err(GuestFailure::Contract(what));
        }
        let output = OutputBounds { bytes: limits.output.get(), records: limits.output_records.get() };
        let made = Outcome { emitted: records, ..Outcome::default() };
        output.check(&made)?;
        let records = made.emitted;
        self.given += records.len() as u64;
        Ok(Chunk { records, places: Places::default(), bad: Vec::new(), position: self.given })
    }
}

impl fmt::Debug for SandboxedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxedSource").field("name", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for SandboxedSource {
    fn log_bytes_cut(&self) -> u64 {
        self.terms.voice.bytes_cut()
    }

    async fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>> {
        let max = u32::try_from(bounds.records.get()).unwrap_or(u32::MAX);
        for _ in 0..EMPTY_PULLS_MAX {
            if self.done {
                return Ok(None);
            }
            let chunk = self.pull_once(max).await.map_err(|failure| {
                Error::guest(format!("source \"{}\" failed after record {}", self.name, self.given)).caused_by(failure)
            })?;
            if !chunk.records.is_empty() {
                return Ok(Some(chunk));
            }
        }
        Err(Error::guest(format!("source \"{}\" gave nothing in {EMPTY_PULLS_MAX} pulls", self.name))
            .hint("a source that has come to its end says so with `done`"))
    }
}
