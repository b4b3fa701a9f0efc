//! The engines of a host: those that its pipelines share, and those that a pipeline has for itself.
//!
//! An engine reserves address space for a number of instances when it starts, and none beyond that. So whoever shares one takes
//! room for all instances that its plan may have at a time, and keeps it as long as its components are loaded.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::engine::SPARE_INSTANCES;
use super::{Engine, Sizing};
use sandmill_engine::error::Result;
use sandmill_engine::plan::bounds::MEMORY_MAX;
use sandmill_engine::plan::{Limits, StagePlan};

/// Code of one kind is slower than of another, so each kind has an engine of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct EngineKind {
    pub(super) fuel: bool,
    pub(super) deterministic: bool,
}

/// Engines that pipelines share.
#[derive(Debug)]
pub(super) struct Engines {
    /// Room for instances in each.
    instances: NonZeroU32,
    /// `None`: this machine does not reserve as much, so each pipeline has engines of its own.
    engines: Mutex<HashMap<EngineKind, Option<Pool>>>,
}

/// An engine with the room that nobody has taken.
#[derive(Debug)]
struct Pool {
    engine: Engine,
    room: Arc<Semaphore>,
}

/// Room for instances in a shared engine. Dropped, it is free again.
#[derive(Debug)]
pub(super) struct Room(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl EngineKind {
    pub(super) fn of_stage(plan: &StagePlan) -> Self {
        Self { fuel: plan.limits.fuel.is_some(), deterministic: plan.deterministic }
    }

    pub(super) fn of_source(limits: &Limits) -> Self {
        Self { fuel: limits.fuel.is_some(), deterministic: false }
    }
}

impl Engines {
    /// Engines with room for this many instances each. They start when they are asked for.
    pub(super) fn new(instances: NonZeroU32) -> Self {
        Self { instances, engines: Mutex::default() }
    }

    /// The shared engine for code of this kind, with room in it for these instances. `None` where there is no room.
    ///
    /// # Errors
    /// When this machine cannot run compiled Wasm at all.
    pub(super) fn engine(&self, sizing: Sizing) -> Result<Option<Engine>> {
        let kind = EngineKind { fuel: sizing.fuel, deterministic: sizing.deterministic };
        // Nothing panics while the lock is held but what starts an engine, and then there is none.
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = match engines.entry(kind) {
            Entry::Occupied(started) => started.into_mut(),
            Entry::Vacant(place) => place.insert(self.start(sizing)?),
        };
        let Some(pool) = pool else { return Ok(None) };
        let wanted = sizing.instances.saturating_add(SPARE_INSTANCES);
        let room = Arc::clone(&pool.room).try_acquire_many_owned(wanted).ok();
        Ok(room.map(|room| pool.engine.clone().keeping(Room(room))))
    }

    fn start(&self, sizing: Sizing) -> Result<Option<Pool>> {
        let instances = self.instances.get();
        let engine = Engine::new(Sizing { instances, memory_bytes_max: MEMORY_MAX, ..sizing })?;
        // Without pools, memories are as large as the plan's limits, which differ from plan to plan.
        let room = usize::try_from(instances).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Ok(engine.has_pools().then(|| Pool { engine, room: Arc::new(Semaphore::new(room)) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizing(instances: u32, fuel: bool) -> Sizing {
        Sizing { instances, memory_bytes_max: 1 << 20, fuel, deterministic: false }
    }

    /// Engines with room for these instances, and for the spare ones of two pipelines.
    fn engines(instances: u32) -> Engines {
        Engines::new(NonZeroU32::new(instances + 2 * SPARE_INSTANCES).expect("positive"))
    }

    #[test]
    fn pipelines_share_one_engine_for_each_kind_of_code() {
        let engines = engines(8);
        let engine = |sizing| engines.engine(sizing).expect("started").expect("room");
        let (one, other, fuelled) = (engine(sizing(3, false)), engine(sizing(5, false)), engine(sizing(8, true)));
        assert!(one.is(&other) && !one.is(&fuelled));
    }

    #[test]
    fn room_that_a_pipeline_has_taken_is_free_when_its_last_component_is_gone() {
        let engines = engines(8);
        let find = |instances| engines.engine(sizing(instances, false)).expect("started");
        let first = find(6).expect("room");
        assert!(find(3).is_none(), "two are left");
        let component = first.clone();
        drop(first);
        assert!(find(3).is_none(), "a component is still loaded");
        drop(component);
        let all = find(8 + SPARE_INSTANCES).expect("all of it");
        assert!(find(1).is_none());
        drop(all);
        assert!(find(9 + SPARE_INSTANCES).is_none(), "more than there ever is");
    }
}
