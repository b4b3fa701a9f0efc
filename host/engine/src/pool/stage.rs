//! State that all workers of a stage share.

use std::sync::Arc;

use tokio::sync::futures::Notified;

use super::breaker::Breaker;
use super::keys::Keys;
use super::lanes::LaneInstances;
use super::order::Turnstile;
use super::pace::Pace;
use super::retries::Retries;
use super::retry_queue::RetryQueue;
use super::slots::Slots;
use super::worker::Slices;
use crate::flow::{FailurePolicy, StageCounters};
use crate::plan::{Limits, Order, Recycle, Reuse, StagePlan, Workers};
use crate::program::Program;
use crate::record::{BatchBounds, KeyHash, Ledger, Payload};
use crate::report::ActivityCell;

/// The state that all workers of a stage share.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: Arc<str>,
    pub(crate) program: Arc<dyn Program>,
    pub(crate) workers: Workers,
    pub(crate) bounds: BatchBounds,
    pub(crate) limits: Limits,
    pub(crate) reuse: Reuse,
    pub(crate) recycle: Recycle,
    pub(crate) breaker: Breaker,
    pub(crate) counters: Arc<StageCounters>,
    pub(crate) failures: FailurePolicy,
    pub(crate) ledger: Arc<Ledger>,
    /// The turnstile of a stage that keeps order; with order by key, for batches that are not dealt over lanes.
    pub(crate) turnstile: Option<Turnstile>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) retries: Retries,
    pub(super) slices: Slices,
    /// The retry queue of a stage that keeps no order: its records wait there for their next attempt.
    pub(crate) retry_queue: RetryQueue,
    /// Of a stage that keeps order by key: where they wait, and what is behind them.
    pub(crate) keys: Option<Keys>,
    /// Of a stage that keeps state by key.
    pub(super) lanes: Option<LaneInstances>,
    /// Whether a record is tried again only under a lease on its lane: what the lane keeps apart is more than its key.
    pub(super) retries_need_lease: bool,
    pub(crate) slots: Arc<Slots>,
    /// What each task is doing.
    pub(crate) activities: Arc<[ActivityCell]>,
}

impl Stage {
    pub(crate) fn new(
        plan: &StagePlan,
        program: Arc<dyn Program>,
        failures: FailurePolicy,
        ledger: &Arc<Ledger>,
    ) -> Self {
        let retries = Retries::new(plan.retry, &plan.name, &failures.redactor);
        let mut stage = Self {
            name: Arc::clone(&plan.name),
            program,
            workers: plan.workers,
            bounds: plan.batch,
            limits: plan.limits,
            reuse: plan.reuse,
            recycle: plan.recycle,
            breaker: Breaker::new(plan.breaker),
            counters: Arc::default(),
            failures,
            ledger: Arc::clone(ledger),
            turnstile: (plan.order == Order::Input || plan.may_work_beside()).then(Turnstile::default),
            pace: Arc::default(),
            retries,
            slices: Slices::default(),
            retry_queue: RetryQueue::new(plan.queue.bytes.get()),
            lanes: (plan.keeps_state_by_key() && plan.workers.may_be_several())
                .then(|| LaneInstances::new(plan.workers.max)),
            retries_need_lease: (plan.keeps_state_by_key() || plan.is_partitioned()) && plan.workers.may_be_several(),
            keys: (plan.order == Order::Key).then(|| Keys::new(plan.key.clone(), plan.queue.bytes.get())),
            slots: Arc::new(Slots::new(plan.workers)),
            activities: Arc::default(),
        };
        stage.activities = std::iter::repeat_with(ActivityCell::default).take(stage.tasks()).collect();
        stage
    }

    /// The key of a record, where order is kept by key.
    pub(super) fn key(&self, records: &Payload, index: usize) -> KeyHash {
        self.keys.as_ref().map_or_else(KeyHash::default, |keys| keys.hash(records, index))
    }

    /// Ready when the records that wait have changed since this call.
    pub(super) fn changed(&self) -> Notified<'_> {
        match &self.keys {
            Some(keys) => keys.changed(),
            None => self.retry_queue.changed(),
        }
    }

    /// How many tasks its workers need, as many as there may ever be: where order is kept, a spare one for each. But instances that live on live in
    /// their task, and there is one for each worker.
    pub(crate) fn tasks(&self) -> usize {
        let workers = self.workers.max.get();
        // By key, batches that take long are dealt over lanes, and wait for no turn.
        let may_wait = self.turnstile.is_some() && self.keys.is_none() && workers > 1 && self.reuse != Reuse::Worker;
        if may_wait { workers * 2 } else { workers }
    }
}
