//! A source in the sandbox: a component that makes records.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use wasmtime::Store;

use super::bindings::source::{RecordSource, RecordSourcePre};
use super::component::Component;
use super::contract;
use super::failure::{in_making, in_opening};
use super::instance::{OPEN_BUDGET, call, metered_store, rest_of_open};
use super::output::OutputBounds;
use super::store::{HostState, InstanceSettings};
use sandmill_engine::edge::{Chunk, Cursor, Settlement, Source};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::plan::ComponentSource;
use sandmill_engine::program::{GuestFailure, Outcome, WorkerId};
use sandmill_engine::record::BatchBounds;
use sandmill_engine::time::Instant;

/// Longest cursor that a guest may give, bytes: it is kept with every checkpoint.
const CURSOR_BYTES_MAX: usize = 64 << 10;

/// Pulls that may give nothing one after the other: beyond, the source does not work, it spins.
const EMPTY_PULLS_MAX: u32 = 1_000;

/// A component source: one instance at a time. After a trap, a limit or a broken contract there is another, which
/// begins at the place that was named last.
pub(super) struct SandboxedSource {
    name: Arc<str>,
    opener: Opener,
    /// `None` after a failure that has cost it.
    instance: Option<SourceInstance>,
    /// Where the next instance begins.
    place: Place,
    given: u64,
    done: bool,
}

/// Makes instances, and opens them.
struct Opener {
    linked: RecordSourcePre<HostState>,
    settings: Arc<InstanceSettings>,
    config: String,
    worker: WorkerId,
}

struct SourceInstance {
    store: Store<HostState>,
    source: RecordSource,
}

/// Where a source stands.
enum Place {
    Beginning,
    Behind(Cursor),
    /// It has returned records without a cursor: nothing could continue there.
    Unnamed,
}

impl Opener {
    /// # Errors
    /// When the instance traps, exceeds a limit, or refuses its configuration.
    async fn open(&self, cursor: Option<&Cursor>) -> Result<SourceInstance, GuestFailure> {
        let limits = &self.settings.limits;
        let mut store = metered_store(self.linked.engine(), HostState::new(&self.settings, &self.worker), limits);
        let begun = Instant::now();
        let linked = &self.linked;
        let source = call(&mut store, OPEN_BUDGET, async |store| linked.instantiate_async(store).await)
            .await
            .map_err(|failure| in_making(failure, limits))?;
        let exports = source.sandmill_stage_source();
        let rest = rest_of_open(&store, begun);
        call(&mut store, rest, async |store| {
            exports.call_open(store, &self.config, cursor.map(|cursor| cursor.0.as_str())).await
        })
        .await
        .and_then(|opened| {
            opened.map_err(|refusal| GuestFailure::Returned(self.settings.guest_output.legible(&refusal)))
        })
        .map_err(|failure| in_opening(failure, OPEN_BUDGET))?;
        Ok(SourceInstance { store, source })
    }
}

impl SandboxedSource {
    /// Makes and opens the instance, on these settings; if an earlier run was
    /// interrupted, at the `cursor` that it had come to.
    ///
    /// # Errors
    /// When the component is not a source, traps, exceeds a limit, or refuses its configuration.
    pub(super) async fn open(
        component: &Component,
        name: &Arc<str>,
        plan: &ComponentSource,
        settings: Arc<InstanceSettings>,
        cursor: Option<&Cursor>,
    ) -> Result<Self> {
        let linked = component.source(&plan.grants).map_err(|error| error.within(format!("source \"{name}\"")))?;
        let worker = WorkerId { stage: Arc::clone(name), worker: 0 };
        let opener = Opener { linked, settings, config: plan.config.clone(), worker };
        let opened = opener.open(cursor).await;
        let instance =
            opened.map_err(|failure| Error::config(format!("source \"{name}\" does not open")).caused_by(failure))?;
        let place = cursor.map_or(Place::Beginning, |cursor| Place::Behind(cursor.clone()));
        Ok(Self { name: Arc::clone(name), opener, instance: Some(instance), place, given: 0, done: false })
    }

    /// One pull of the instance, or of a new one. An instance that returned is kept, whatever it says.
    async fn pull_once(&mut self, max: u32) -> Result<Chunk, GuestFailure> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => {
                let cursor = if let Place::Behind(cursor) = &self.place { Some(cursor) } else { None };
                self.opener.open(cursor).await?
            }
        };
        let pulled = instance.pull(&self.opener.settings, max).await;
        if matches!(pulled, Ok(_) | Err(GuestFailure::Returned(_))) {
            self.instance = Some(instance);
        }
        let (mut chunk, done) = pulled?;
        self.done = done;
        self.given += chunk.records.len() as u64;
        chunk.position = self.given;
        match &chunk.cursor {
            Some(cursor) => self.place = Place::Behind(cursor.clone()),
            None if chunk.records.is_empty() => {}
            None => self.place = Place::Unnamed,
        }
        Ok(chunk)
    }

    /// Another attempt can be made with the instance that is there, or with one that can be opened at the right place.
    fn can_go_on(&self) -> bool {
        self.instance.is_some() || !matches!(self.place, Place::Unnamed)
    }
}

impl SourceInstance {
    /// A chunk, and whether it is the last.
    async fn pull(&mut self, settings: &InstanceSettings, max: u32) -> Result<(Chunk, bool), GuestFailure> {
        let exports = self.source.sandmill_stage_source();
        let limits = &settings.limits;
        // Nobody knows before how many records there will be, so time and fuel are those of one, for all of a pull.
        let budget = limits.budget(1, 0);
        let most = u32::try_from(limits.output_records.get()).unwrap_or(u32::MAX);
        let max = max.min(most);
        let chunk = call(&mut self.store, budget, async |store| exports.call_pull(store, max).await)
            .await?
            .map_err(|message| GuestFailure::Returned(self.store.data().log.legible(&message)))?;
        let (values, keys) = (chunk.records.values, chunk.records.keys);
        let records =
            contract::payload((values.data, values.ends), (keys.data, keys.ends)).map_err(GuestFailure::Contract)?;
        // A slow pipeline asks for few records at a time. A source that gives whole pages is let in all the same.
        if records.len() > most as usize {
            let what = format!("pull returned {} records, but was asked for at most {max}", records.len());
            return Err(GuestFailure::Contract(what));
        }
        if chunk.cursor.len() > CURSOR_BYTES_MAX {
            let what =
                format!("pull returned a cursor of {} bytes; {CURSOR_BYTES_MAX} are allowed", chunk.cursor.len());
            return Err(GuestFailure::Contract(what));
        }
        let output = OutputBounds { bytes: limits.output.get(), records: limits.output_records.get() };
        let made = Outcome { emitted: records, ..Outcome::default() };
        output.check(&made)?;
        let records = made.emitted;
        // A source that has no place to name can only begin at the beginning.
        let cursor = (!chunk.cursor.is_empty()).then_some(Cursor(chunk.cursor));
        Ok((Chunk { records, cursor, ..Chunk::default() }, chunk.done))
    }
}

impl fmt::Debug for SandboxedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxedSource").field("name", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for SandboxedSource {
    /// It says so itself, chunk by chunk.
    fn settlement(&self) -> Settlement {
        Settlement::Cursor
    }

    fn log_bytes_cut(&self) -> u64 {
        self.opener.settings.guest_output.bytes_cut()
    }

    async fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>> {
        let max = u32::try_from(bounds.records.get()).unwrap_or(u32::MAX);
        for _ in 0..EMPTY_PULLS_MAX {
            if self.done {
                return Ok(None);
            }
            let chunk = self.pull_once(max).await.map_err(|failure| {
                Error::guest(format!("it failed after record {}", self.given))
                    .caused_by(failure)
                    .retryable(self.can_go_on())
            })?;
            if !chunk.records.is_empty() {
                return Ok(Some(chunk));
            }
        }
        Err(Error::guest(format!("it returned nothing in {EMPTY_PULLS_MAX} pulls"))
            .hint("a source that has ended must set `done`"))
    }
}
