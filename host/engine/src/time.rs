//! Time in which this process ran: every deadline, pause and stopwatch counts it.
//!
//! A process that is stopped (Ctrl-Z, `docker pause`, a debugger) finds when it continues that the clock has moved by
//! seconds or hours in which it could do nothing. No record, request or node may fail for that time, and no rate may
//! count it. So a thread takes the pulse of the process, and everybody who asks for the time shows that the process
//! runs; when all of them were silent for `SILENCE` (100 ms), the process did not run, and the time is subtracted. Whoever
//! asks first notices, so no deadline fires before the pause is known. A pause shorter than that is counted as time
//! that passed. (While a machine is suspended, the clock of Linux stands still by itself.)
//!
//! The names are those of `tokio::time`, which is the clock underneath: tests that pause that clock pause this one.

use std::future::Future;
use std::ops::{Add, Sub};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use serde::Serializer;
use tokio::time as clock;

use crate::error::{Error, Result};

/// How often the pulse is taken.
const PULSE: Duration = Duration::from_millis(10);
/// When nobody was heard for so long, the process did not run. Ten missed pulses: a busy machine misses one or two.
const SILENCE: Duration = Duration::from_millis(100);
/// What was heard is noted when it is newer than the last note by this much, so that threads that ask often do not
/// write to one place all the time.
const NEWS: Duration = Duration::from_millis(5);
/// Later than anybody waits, and within what every clock can tell: 30 years.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

static PRESENCE: Presence = Presence::new();
static PULSE_OF_ALL: Mutex<Weak<Pulse>> = Mutex::new(Weak::new());

/// When the process was heard of, and how much time it has missed. Times are since its beginning.
#[derive(Debug)]
struct Presence {
    heard: AtomicU64,
    missed: AtomicU64,
    /// Whether somebody takes the pulse: without that, silence proves nothing. Held while a gap is added.
    watched: Mutex<bool>,
}

impl Presence {
    const fn new() -> Self {
        Self { heard: AtomicU64::new(0), missed: AtomicU64::new(0), watched: Mutex::new(false) }
    }

    /// Somebody takes the pulse from `now` on, or nobody does.
    fn watch(&self, is_watched: bool, now: Duration) {
        let mut watched = self.watched();
        self.heard.fetch_max(nanos(now), Ordering::AcqRel);
        *watched = is_watched;
    }

    /// What the process has missed until `now`, when it runs, because it asks.
    fn missed(&self, now: Duration) -> Duration {
        let now = nanos(now);
        // This order: who sees when the process was heard of after a gap also sees that the gap was added.
        let silent = now.saturating_sub(self.heard.load(Ordering::Acquire));
        if silent >= nanos(SILENCE) {
            self.add_gap(now);
        } else if silent >= nanos(NEWS) {
            self.heard.fetch_max(now, Ordering::AcqRel);
        }
        self.noticed()
    }

    /// What the process has missed as far as anybody has noticed.
    fn noticed(&self) -> Duration {
        Duration::from_nanos(self.missed.load(Ordering::Acquire))
    }

    fn add_gap(&self, now: u64) {
        let watched = self.watched();
        let silent = now.saturating_sub(self.heard.load(Ordering::Acquire));
        if *watched && silent >= nanos(SILENCE) {
            self.missed.fetch_add(silent, Ordering::AcqRel);
        }
        self.heard.fetch_max(now, Ordering::AcqRel);
    }

    fn watched(&self) -> MutexGuard<'_, bool> {
        // Nothing panics while the lock is held.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a thread that takes the pulse. One for the process, as long as anybody holds it.
#[derive(Debug)]
pub struct Pulse(());

impl Pulse {
    /// The pulse of the process; somebody may take it already.
    ///
    /// # Errors
    /// When the process cannot start threads.
    pub fn take() -> Result<Arc<Self>> {
        let mut of_all = PULSE_OF_ALL.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pulse) = of_all.upgrade() {
            return Ok(pulse);
        }
        let pulse = Arc::new(Self(()));
        let weak = Arc::downgrade(&pulse);
        let started = thread::Builder::new().name("sandmill-pulse".to_owned()).spawn({
            let weak = weak.clone();
            move || watch(&weak)
        });
        started.map_err(|error| Error::config("the process cannot start threads").caused_by(error))?;
        // Unit tests pause the clock underneath, which knows nothing of a busy machine that holds all of them up.
        PRESENCE.watch(!cfg!(test), since_beginning());
        *of_all = weak;
        Ok(pulse)
    }
}

fn watch(pulse: &Weak<Pulse>) {
    while pulse.strong_count() > 0 {
        PRESENCE.missed(since_beginning());
        thread::park_timeout(PULSE);
    }
    // Another thread may have taken over.
    let of_all = PULSE_OF_ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if of_all.strong_count() == 0 {
        PRESENCE.watch(false, since_beginning());
    }
}

#[expect(clippy::disallowed_types, reason = "whether the process ran is a matter of real time, in tests too")]
fn since_beginning() -> Duration {
    static BEGINNING: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    BEGINNING.elapsed()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Time in which the process could not run, since it began.
pub fn missed() -> Duration {
    PRESENCE.missed(since_beginning())
}

/// A moment of the time in which the process ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(clock::Instant);

impl Instant {
    /// This moment.
    pub fn now() -> Self {
        // What was missed before it and nobody has noticed yet shows afterwards: the clock is asked twice, not thrice.
        let mut before = PRESENCE.noticed();
        loop {
            let now = clock::Instant::now();
            match missed() {
                // The process was not stopped in between.
                after if after == before => return Self(now.checked_sub(after).unwrap_or(now)),
                after => before = after,
            }
        }
    }

    /// How long ago it was; 0 when it is still to come.
    pub fn elapsed(self) -> Duration {
        Self::now() - self
    }

    /// When it comes on the clock underneath, if the process runs until then.
    pub fn on_clock(self) -> clock::Instant {
        self.after(missed())
    }

    fn after(self, missed: Duration) -> clock::Instant {
        self.0.checked_add(missed).unwrap_or(self.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Later by `time`, or by 30 years when that is less.
    fn add(self, time: Duration) -> Self {
        Self(self.0 + time.min(FAR))
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// The time between; 0 when `earlier` is later.
    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }
}

/// The time is up.
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed;

/// Waits while the process runs for `time`.
pub async fn sleep(time: Duration) {
    sleep_until(Instant::now() + time).await;
}

/// Waits for a moment.
pub async fn sleep_until(until: Instant) {
    // It never ends by itself.
    drop(timeout_at(until, std::future::pending::<()>()).await);
}

/// What `future` comes to, while the process runs for at most `time`.
///
/// # Errors
/// When the time is up.
pub async fn timeout<F: Future>(time: Duration, future: F) -> Result<F::Output, Elapsed> {
    timeout_at(Instant::now() + time, future).await
}

/// What `future` comes to before the moment `until`.
///
/// # Errors
/// When the time is up.
pub async fn timeout_at<F: Future>(until: Instant, future: F) -> Result<F::Output, Elapsed> {
    // A deadline that comes too early for what nobody has noticed yet is looked at once more.
    within(until, PRESENCE.noticed(), future, missed).await
}

async fn within<F: Future>(
    until: Instant,
    mut known: Duration,
    future: F,
    missed: impl Fn() -> Duration,
) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    loop {
        match clock::timeout_at(until.after(known), &mut future).await {
            Ok(output) => return Ok(output),
            Err(_elapsed) => match missed() {
                more if more > known => known = more,
                _ => return Err(Elapsed),
            },
        }
    }
}

/// Serialises a time as seconds with a fraction.
pub fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    fn watched() -> Presence {
        let presence = Presence::new();
        presence.watch(true, Duration::ZERO);
        presence
    }

    #[test]
    fn time_in_which_nobody_was_heard_is_missed_once_whoever_notices_it() {
        let presence = watched();
        let until = |millis: u32| presence.missed(MILLI * millis).as_millis();
        assert_eq!([10, 20, 119].map(until), [0, 0, 0], "late, but not stopped");
        assert_eq!([36_119, 36_120, 36_130].map(until), [36_000; 3], "all who ask after the pause hear of it");
        assert_eq!([36_100, 110, 36_229].map(until), [36_000; 3], "a thread that had read the clock before it");
        assert_eq!(until(37_229), 37_000, "another pause");
    }

    #[test]
    fn silence_is_no_pause_when_nobody_takes_the_pulse() {
        let presence = Presence::new();
        assert_eq!(presence.missed(MILLI * 5_000), Duration::ZERO);
        presence.watch(true, MILLI * 90_000);
        assert_eq!(presence.missed(MILLI * 90_010), Duration::ZERO);
        presence.watch(false, MILLI * 90_020);
        assert_eq!(presence.missed(MILLI * 99_000), Duration::ZERO);
    }

    proptest! {
        /// Of steps of any length, those of at least `SILENCE` (100 ms) are missed and the others are not.
        #[test]
        fn exactly_the_long_gaps_are_missed(steps in prop::collection::vec(0_u32..1_000, 1..50)) {
            let presence = watched();
            let (mut now, mut expected) = (0, 0);
            for step in steps {
                // Small steps are noted only now and then.
                let before = now - now % 10;
                now += step * 10;
                expected += if now - before >= 100 { now - before } else { 0 };
                prop_assert_eq!(presence.missed(MILLI * now).as_millis(), u128::from(expected));
            }
        }
    }

    /// Without a second look at what was missed it would fire at once when the process continues.
    #[tokio::test(start_paused = true)]
    async fn a_deadline_lets_a_pause_pass() {
        let begun = clock::Instant::now();
        // At the first look the process was stopped for 36 s, and then for 1 s more.
        let paused = Cell::new(Duration::from_secs(36));
        let missed = || paused.replace(Duration::from_secs(37));
        let until = Instant::now() + Duration::from_secs(2);
        assert_eq!(within(until, Duration::ZERO, std::future::pending::<()>(), missed).await, Err(Elapsed));
        assert!(begun.elapsed() >= Duration::from_secs(39), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_pause_it_is_the_clock_underneath() {
        let begun = clock::Instant::now();
        let until = Instant::now() + Duration::from_secs(2);
        assert_eq!(within(until, Duration::ZERO, std::future::pending::<()>(), || Duration::ZERO).await, Err(Elapsed));
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert_eq!(
            within(until, Duration::ZERO, async { 7 }, || Duration::ZERO).await,
            Ok(7),
            "what is ready is taken in any case"
        );
        assert_eq!(timeout(Duration::MAX, async { 7 }).await, Ok(7), "however long it may take");
    }
}
