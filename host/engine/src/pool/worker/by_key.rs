//! How a worker keeps order by key: what it does with a batch, under its lease or at its turn, and with records whose keys are
//! held up.

use std::collections::HashSet;
use std::mem;

use super::work::InWork;
use super::{SEND_ON_BYTES, Worker};
use crate::error::Result;
use crate::flow::Stopwatch;
use crate::pool::gathered::Gathered;
use crate::pool::keys::Keys;
use crate::pool::lanes::{LaneInstances, Resident};
use crate::pool::load::Load;
use crate::pool::order::Turn;
use crate::pool::outcome::{Part, Sorted};
use crate::pool::pending::Pending;
use crate::pool::retries::Waiting;
use crate::pool::retry_queue::Look;
use crate::queue::Lease;
use crate::record::{BatchBounds, KeyHash, Payload};
use crate::report::Activity;

impl Worker {
    /// Takes records that wait and are due, and looks at the others. Where retries need a lease, those of one lane, with a
    /// lease on it.
    pub(super) fn look(&self, bounds: &BatchBounds) -> (Look, Lease) {
        let Some(keys) = &self.stage.keys else { return (self.stage.retry_queue.look(bounds), Lease::default()) };
        if !self.stage.retries_need_lease {
            return (keys.look(bounds, |_| true), Lease::default());
        }
        let mut lease: Option<Lease> = None;
        let look = keys.look(bounds, |key| match &lease {
            Some(lease) => lease.covers(key),
            None => {
                lease = self.input.lease(self.input.lane(key));
                lease.is_some()
            }
        });
        (look, lease.unwrap_or_default())
    }

    /// Works on a batch under its lease; where state is kept by key, with the instance of the lane.
    pub(super) async fn work_on_lanes(&mut self, load: Load, lease: Lease, watch: &mut Stopwatch) -> Result<()> {
        self.take_instance(&lease);
        self.work_by_key(load, watch).await?;
        self.leave(lease, watch).await
    }

    /// Tries records again: where they need it under the lease of their lane, and where it has an instance with that.
    pub(super) async fn try_again_on_lane(
        &mut self,
        waiting: Vec<Waiting>,
        lease: Lease,
        watch: &mut Stopwatch,
    ) -> Result<()> {
        self.take_instance(&lease);
        self.try_again_by_key(waiting, watch).await?;
        self.leave(lease, watch).await
    }

    /// Leaves the lanes to others. Before, it tries again what has become due on them: nobody else could, and new input
    /// would come before it each time.
    async fn leave(&mut self, lease: Lease, watch: &mut Stopwatch) -> Result<()> {
        if !self.stage.retries_need_lease {
            return Ok(());
        }
        loop {
            let bounds = self.stage.pace.batch(&self.stage.bounds);
            let Some(keys) = &self.stage.keys else { break };
            let due = keys.look(&bounds, |key| lease.covers(key)).due;
            if due.is_empty() {
                break;
            }
            self.try_again_by_key(due, watch).await?;
        }
        if let (Some(lanes), Some(lane)) = (&self.stage.lanes, lease.lane()) {
            lanes.put(lane, Resident { instance: self.instance.take(), kept: mem::take(&mut self.kept) });
        }
        self.release(lease);
        Ok(())
    }

    /// Ends the instances of all lanes, but for those that somebody else has a lease on, or has left a record on that waits:
    /// these come back, and end them.
    pub(super) async fn end_lanes(&mut self, watch: &mut Stopwatch) -> Result<()> {
        let lanes = self.stage.lanes.as_ref().map_or(0, LaneInstances::len);
        for lane in 0..lanes {
            let Some(lease) = self.input.lease(lane) else { continue };
            let is_of_lane = |key| self.input.lane(key) == lane;
            if !self.stage.keys.as_ref().is_some_and(|keys| keys.hold_up(is_of_lane)) {
                self.take_instance(&lease);
                self.end_instance(watch).await?;
            }
            self.release(lease);
        }
        Ok(())
    }

    /// Frees a lane, and tells those who wait for it.
    fn release(&self, lease: Lease) {
        drop(lease);
        if let Some(keys) = &self.stage.keys {
            keys.release();
        }
    }

    fn take_instance(&mut self, lease: &Lease) {
        if let (Some(lanes), Some(lane)) = (&self.stage.lanes, lease.lane()) {
            Resident { instance: self.instance, kept: self.kept } = lanes.take(lane);
        }
    }

    /// Gives every record of a batch its outcome, or lets it wait, and sends on what comes out; a record whose key is held
    /// up waits behind those of its key. Whoever calls it holds the lease of all keys in the batch.
    async fn work_by_key(&mut self, load: Load, watch: &mut Stopwatch) -> Result<()> {
        let Some(keys) = self.stage.keys.as_ref() else { return Ok(()) };
        let mut load = keep_behind(load, keys);
        let mut batch = InWork::of(&load);
        while batch.done < load.len() {
            let mut gathered = self.gather_in_a_slot(&mut batch, &load, watch).await?;
            let flushed = mem::take(&mut gathered.flushed);
            let (sorted, kept) = if gathered.waits() {
                let hashes = self.hashes(load.records());
                let is_held = |position: usize| hashes.get(position).is_some_and(|key| batch.pending.holds(*key));
                part(self.cut(gathered, &mut load, is_held), &hashes)
            } else {
                (self.sort(gathered, &mut load), Vec::new())
            };
            watch.lap(&self.stage.counters.busy);
            self.send_on(sorted, flushed, None).await?;
            self.let_go();
            watch.lap(&self.stage.counters.blocked);
            // Not before: another worker could try a record, and send it on, before what comes before it is sent.
            self.park(kept);
        }
        Ok(())
    }

    /// Gives every record of a whole batch its outcome beside workers that may have records of the same keys. What comes out
    /// is sent on at its turn, but for what is of keys that are held up.
    pub(super) async fn work_beside(
        &mut self,
        mut load: Load,
        turn: Turn,
        lease: Lease,
        watch: &mut Stopwatch,
    ) -> Result<()> {
        let mut batch = InWork::of(&load);
        while batch.done < load.len() {
            let mut gathered = self.gather_in_a_slot(&mut batch, &load, watch).await?;
            let flushed = mem::take(&mut gathered.flushed);
            watch.lap(&self.stage.counters.busy);
            self.does(Activity::WaitingForTurn);
            turn.wait().await;
            watch.lap(&self.stage.counters.blocked);
            let (sorted, kept) = self.put_behind(gathered, &mut load, &batch.pending);
            self.send_on(sorted, flushed, None).await?;
            self.let_go();
            watch.lap(&self.stage.counters.blocked);
            self.park(kept);
        }
        // Only then may batches be taken that were dealt, and wait for no turn.
        drop((turn, lease));
        Ok(())
    }

    /// At its turn: puts what came of records whose keys are held up behind what holds them up. Returns what can be sent on,
    /// and what holds up its key from then on.
    fn put_behind(&mut self, gathered: Gathered, load: &mut Load, pending: &Pending) -> (Sorted, Vec<(KeyHash, Part)>) {
        let held = self.stage.keys.as_ref().map(Keys::held).unwrap_or_default();
        if !gathered.waits() && held.is_empty() {
            return (self.sort(gathered, load), Vec::new());
        }
        let hashes = self.hashes(load.records());
        let is_held = |key: &KeyHash| pending.holds(*key) || held.contains(key);
        let parts = self.cut(gathered, load, |position| hashes.get(position).is_some_and(is_held));
        let parts = match &self.stage.keys {
            Some(keys) => keys.put_behind(parts, &hashes),
            None => parts,
        };
        part(parts, &hashes)
    }

    /// Tries records whose keys are held up. What passes lets what is behind it go, too.
    async fn try_again_by_key(&mut self, waiting: Vec<Waiting>, watch: &mut Stopwatch) -> Result<()> {
        let mut load = Load::again(waiting);
        let hashes = self.hashes(load.records());
        let mut in_hand: HashSet<KeyHash> = hashes.iter().copied().collect();
        let slot = self.stage.slots.take().await;
        watch.lap(&self.stage.counters.waiting);
        let mut gathered = self.gather(&load, &mut load.pending(), 0, SEND_ON_BYTES).await?;
        drop(slot);
        let (tried, mut flushed) = (gathered.through(), mem::take(&mut gathered.flushed));
        let mut parts = self.cut(gathered, &mut load, |_| true);
        parts.extend((tried..).zip(load.rest(tried).into_iter().map(Part::Waiting)));
        let (mut sorted, mut kept) = part(parts, &hashes);
        watch.lap(&self.stage.counters.busy);
        while !in_hand.is_empty() {
            self.send_on(sorted, mem::take(&mut flushed), None).await?;
            self.let_go();
            watch.lap(&self.stage.counters.blocked);
            let Some(keys) = &self.stage.keys else { break };
            sorted = keys.put_back(mem::take(&mut kept), &mut in_hand);
        }
        Ok(())
    }

    fn hashes(&self, records: &Payload) -> Vec<KeyHash> {
        (0..records.len()).map(|index| self.stage.key(records, index)).collect()
    }

    fn park(&self, kept: Vec<(KeyHash, Part)>) {
        if let Some(keys) = &self.stage.keys {
            keys.put(kept);
        }
    }
}

/// Puts the records whose keys are held up behind those that hold them up; returns the others.
fn keep_behind(load: Load, keys: &Keys) -> Load {
    let held = keys.held();
    if held.is_empty() {
        return load;
    }
    let hashes: Vec<KeyHash> = (0..load.len()).map(|index| keys.hash(load.records(), index)).collect();
    let is_held = |position: usize| hashes.get(position).is_some_and(|key| held.contains(key));
    if !(0..load.len()).any(is_held) {
        return load;
    }
    let (free, behind) = load.part(is_held);
    let key = |position: usize| hashes.get(position).copied().unwrap_or_default();
    keys.put(behind.into_iter().map(|(position, record)| (key(position), Part::Waiting(record))).collect());
    free
}

/// Parts what can be sent on from what waits, and from what is behind a record of its key that waits.
fn part(parts: Vec<(usize, Part)>, hashes: &[KeyHash]) -> (Sorted, Vec<(KeyHash, Part)>) {
    let (mut sorted, mut kept, mut held) = (Sorted::default(), Vec::new(), HashSet::new());
    for (position, part) in parts {
        // Of several records that are one part, no key is held up.
        let key = hashes.get(position).copied().unwrap_or_default();
        match part {
            Part::Done(done) if !held.contains(&key) => sorted.append(done),
            Part::Done(_) | Part::Waiting(_) => {
                held.insert(key);
                kept.push((key, part));
            }
        }
    }
    (sorted, kept)
}
