//! Keys that are held up: of a stage that keeps order by key, a record waits for another attempt, and whatever comes of later
//! records of its key waits behind it. Other keys pass. Nothing of it holds a worker up.
//!
//! Each such key has a line. Only who has the lease of a key's lane, or whose turn it is, adds to its line, and only who has taken
//! the head of a line in hand takes more from it, so order holds without any other lock. Bounded as the retry queue (`retry_queue`): while it is
//! full, workers take no new input. A line that is dropped drops its records: they count as in flight.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::outcome::{Part, Sorted};
use super::retries::Waiting;
use super::retry_queue::{Look, RECORDS_MAX};
use crate::record::{BatchBounds, KeyHash, Lineage, Payload, RecordKey};
use crate::time::Instant;

/// Shared by the workers of a stage.
#[derive(Debug)]
pub(crate) struct Keys {
    key: RecordKey,
    bytes_max: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By key, while it is held up. Of a line that nobody has in hand, the first is a record that waits.
    lines: HashMap<KeyHash, VecDeque<Part>>,
    /// The keys of these, by the time at which that record is due; those of one moment in the order in which they came.
    due: BTreeMap<(Instant, u64), KeyHash>,
    /// Keys of which a worker has the first records.
    in_hand: HashSet<KeyHash>,
    next: u64,
    records: usize,
    bytes: usize,
}

impl Keys {
    /// No key is held up. Full at this number of bytes.
    pub(crate) fn new(key: RecordKey, bytes_max: usize) -> Self {
        Self { key, bytes_max, state: Mutex::default(), changed: Notify::new() }
    }

    /// The key of a record.
    pub(crate) fn hash(&self, records: &Payload, index: usize) -> KeyHash {
        self.key.hash(records, index)
    }

    /// The keys that are held up. Only who has a lease on a key's lane, or whose turn it is, may rely on it that no key is added.
    pub(crate) fn held(&self) -> HashSet<KeyHash> {
        self.state().lines.keys().copied().collect()
    }

    /// Whether any such key is held up.
    pub(crate) fn hold_up(&self, is_such: impl Fn(KeyHash) -> bool) -> bool {
        self.state().lines.keys().any(|key| is_such(*key))
    }

    /// Puts records, and what came of records, at the ends of the lines of their keys. A line begins with a record.
    pub(crate) fn put(&self, parts: Vec<(KeyHash, Part)>) {
        if parts.is_empty() {
            return;
        }
        let mut state = self.state();
        for (key, part) in parts {
            state.rest(&part);
            let line = state.lines.entry(key).or_default();
            let is_new = line.is_empty();
            line.push_back(part);
            // The line of a key that somebody has in hand may be empty; it is scheduled when that worker puts back what it has.
            if is_new && !state.in_hand.contains(&key) {
                state.schedule(key);
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Puts of these parts, which begin at certain positions, those whose keys are held up at the ends of their lines; returns the
    /// others. Only for whose turn it is.
    pub(crate) fn put_behind(&self, parts: Vec<(usize, Part)>, keys: &[KeyHash]) -> Vec<(usize, Part)> {
        let mut state = self.state();
        let mut free = Vec::with_capacity(parts.len());
        for (position, part) in parts {
            let key = keys.get(position).copied().unwrap_or_default();
            if state.lines.contains_key(&key) {
                state.rest(&part);
                state.lines.entry(key).or_default().push_back(part);
            } else {
                free.push((position, part));
            }
        }
        drop(state);
        self.changed.notify_waiters();
        free
    }

    /// Takes records that are due, at most as much as `bounds` allow, and looks at the rest. The keys of these are in hand
    /// until they are [put back](Self::put_back). A record that is tried again comes alone of its key; of those that waited
    /// behind one, as many as there are. Only keys that `may` be taken are; whoever keeps the others says so when they may be.
    pub(crate) fn look(&self, bounds: &BatchBounds, mut may: impl FnMut(KeyHash) -> bool) -> Look {
        let now = Instant::now();
        let mut state = self.state();
        let (mut due, mut bytes, mut is_kept) = (Vec::new(), 0, false);
        let keys: Vec<_> = state.due.range(..=(now, u64::MAX)).map(|(at, key)| (*at, *key)).collect();
        for (at, key) in keys {
            if !may(key) {
                is_kept = true;
                continue;
            }
            let fits = |due: &[Waiting], bytes: usize, next: &Waiting| {
                due.is_empty()
                    || (due.len() < bounds.records.get() && bytes + next.record.bytes() <= bounds.bytes.get())
            };
            let taken = due.len();
            while let Some(next) = state.next_of(key, due.len() > taken, |next| fits(&due, bytes, next)) {
                bytes += next.record.bytes();
                let is_retry = next.is_retry();
                due.push(next);
                if is_retry {
                    break;
                }
            }
            if due.len() == taken {
                break;
            }
            state.due.remove(&at);
            state.in_hand.insert(key);
        }
        let next = state.due.range((now, u64::MAX)..).next().map(|((due, _), _)| *due);
        let is_full = state.records >= RECORDS_MAX || state.bytes >= self.bytes_max;
        drop(state);
        if !due.is_empty() {
            self.changed.notify_waiters();
        }
        Look { due, next, is_full, is_kept }
    }

    /// Puts back what still waits of keys in hand, to the fronts of their lines, and returns what can be sent on now. A key
    /// of which something is sent on stays in hand, to be put back once more when that has been sent; the others leave it.
    pub(crate) fn put_back(&self, kept: Vec<(KeyHash, Part)>, in_hand: &mut HashSet<KeyHash>) -> Sorted {
        let mut leading = Sorted::default();
        let mut state = self.state();
        for (key, part) in kept.into_iter().rev() {
            state.rest(&part);
            state.lines.entry(key).or_default().push_front(part);
        }
        in_hand.retain(|key| {
            let mut leads = false;
            while let Some(done) = state.next_done(*key) {
                leading.append(done);
                leads = true;
            }
            if !leads {
                state.let_go(*key);
            }
            leads
        });
        drop(state);
        self.changed.notify_waiters();
        leading
    }

    /// Keys that might not be taken may be now.
    pub(crate) fn release(&self) {
        self.changed.notify_waiters();
    }

    /// Ready when somebody has put something in or taken something out since this call.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is put in rests: it waits by the user's wish.
    fn rest(&mut self, part: &Part) {
        part.claims().for_each(|claims| {
            claims.excuse();
            claims.rest();
        });
        self.records += 1;
        self.bytes += part.bytes();
    }

    /// What is taken out is worked on.
    fn wake(&mut self, part: &Part) {
        part.claims().for_each(Lineage::wake);
        self.records -= 1;
        self.bytes -= part.bytes();
    }

    fn schedule(&mut self, key: KeyHash) {
        if let Some(Part::Waiting(first)) = self.lines.get(&key).and_then(VecDeque::front) {
            self.due.insert((first.due, self.next), key);
            self.next += 1;
        }
    }

    /// The next record of a key that may be taken; behind another one, only if it has not been tried.
    fn next_of(&mut self, key: KeyHash, is_behind: bool, fits: impl Fn(&Waiting) -> bool) -> Option<Waiting> {
        let line = self.lines.get_mut(&key)?;
        let Some(Part::Waiting(first)) = line.front() else { return None };
        if (is_behind && first.is_retry()) || !fits(first) {
            return None;
        }
        let part = line.pop_front()?;
        self.wake(&part);
        match part {
            Part::Waiting(record) => Some(record),
            Part::Done(_) => None,
        }
    }

    /// What came of the next record of a key, if it has its outcome.
    fn next_done(&mut self, key: KeyHash) -> Option<Sorted> {
        let line = self.lines.get_mut(&key)?;
        let Some(Part::Done(_)) = line.front() else { return None };
        let part = line.pop_front()?;
        self.wake(&part);
        match part {
            Part::Done(done) => Some(done),
            Part::Waiting(_) => None,
        }
    }

    /// A key is in hand no more: its next record waits, or it is free.
    fn let_go(&mut self, key: KeyHash) {
        self.in_hand.remove(&key);
        match self.lines.get(&key).is_some_and(|line| !line.is_empty()) {
            true => self.schedule(key),
            false => drop(self.lines.remove(&key)),
        }
    }
}
