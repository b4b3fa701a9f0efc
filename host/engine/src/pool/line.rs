//! The time of a call, learned as a line: a part for the call itself, and a part for each record.
//!
//! A line through recent calls, the newest weighing most. Its slope can be told from its height only where the calls
//! were of different sizes; where they were not, the next batch is made of another size. What is asked of the line is
//! how many records may be in a batch: the part of the time that grows with the records counts, because cutting a batch
//! does not shorten the rest. Where that part is uncertain, it is taken to be small: a mistake shows in the next call.

use std::time::Duration;

/// The factor by which each new call fades the weight of earlier ones: the last sixteen or so count.
const FADE: f64 = 15.0 / 16.0;
/// The variance of the sizes, in squares of their mean, from which on the slope of the line can be read.
const SPREAD_MIN: f64 = 0.03;
/// Number of standard errors subtracted from the cost of a record before a batch is cut for it.
const ERRORS: f64 = 2.0;
/// How many times longer than expected a call may take before it is doubted.
const DOUBT: f64 = 4.0;
/// A shorter call is not doubted, nanoseconds: the machine makes one of a few microseconds many times longer whenever
/// it likes, and no batch is cut for it.
const SHORT: f64 = 20e6;
/// Batches grow by no more than this in one step, where only the line says that they may.
const GROWTH: f64 = 8.0;

/// The times of calls of one stage. Nothing is known of a new one.
#[derive(Debug, Default)]
pub(super) struct Line {
    calls: Calls,
    /// A call that took far longer than expected: an accident, or all that follow are like it.
    doubted: Option<Call>,
    /// Records of the last call.
    last: f64,
}

/// One call: its records, and the nanoseconds that it took.
#[derive(Clone, Copy, Debug)]
struct Call {
    records: f64,
    nanos: f64,
}

/// Sums over calls, of which the weight fades.
#[derive(Debug, Default)]
struct Calls {
    weight: f64,
    records: f64,
    nanos: f64,
    records_squared: f64,
    nanos_squared: f64,
    product: f64,
}

/// The time of a call, in its parts. Nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Parts {
    call: f64,
    record: f64,
    /// The standard error of `record`.
    error: f64,
}

impl Line {
    /// Learns from a call that succeeded.
    pub(super) fn learn(&mut self, took: Duration, records: usize) {
        let call = Call { records: records.max(1) as f64, nanos: (took.as_nanos() as f64).max(1.0) };
        self.last = call.records;
        let expected = self.expected(call.records);
        let is_doubted = expected.is_some_and(|expected| call.nanos > SHORT.max(DOUBT * expected));
        match (is_doubted, self.doubted.take()) {
            (true, None) => {
                self.doubted = Some(call);
                return;
            }
            (true, Some(doubted)) => {
                // It was not an accident: what was known before is no longer valid.
                self.calls = Calls::default();
                self.calls.add(doubted);
            }
            (false, _) => {}
        }
        self.calls.add(call);
    }

    /// How many records a batch may have for the part of its time that grows with them to be about `meant`. `None`:
    /// nothing is known.
    pub(super) fn batch(&self, meant: Duration) -> Option<usize> {
        let mean = self.calls.mean()?;
        let meant = meant.as_nanos() as f64;
        // Were all of the time the records'.
        let least = mean.records * meant / mean.nanos;
        let records = match (self.doubted, self.calls.parts()) {
            (Some(doubted), _) => doubted.records / 2.0,
            (None, None) if mean.nanos <= meant => least.max(mean.records * 2.0),
            (None, None) => least.min(mean.records / 2.0),
            (None, Some(parts)) => {
                let record = parts.record - ERRORS * parts.error;
                let most = if record > 0.0 { meant / record } else { f64::INFINITY };
                least.max(most.min(GROWTH * mean.records.max(self.last)))
            }
        };
        // A number that is too large becomes the largest one.
        Some((records as usize).max(1))
    }

    /// The time of a call with one record. Zero: nothing is known.
    pub(super) fn one_record(&self) -> Duration {
        let Some(mean) = self.calls.mean() else { return Duration::ZERO };
        nanos(self.calls.parts().map_or(mean.nanos / mean.records, |parts| parts.call + parts.record))
    }

    /// What a call with this many records takes, or more. Zero: nothing is known.
    pub(super) fn at_most(&self, records: usize) -> Duration {
        nanos(self.expected(records as f64).unwrap_or(0.0))
    }

    /// The same; where the parts cannot be told apart, whichever of them makes it longer.
    fn expected(&self, records: f64) -> Option<f64> {
        let mean = self.calls.mean()?;
        Some(match self.calls.parts() {
            Some(parts) => parts.call + parts.record * records,
            None => mean.nanos * (records / mean.records).max(1.0),
        })
    }
}

impl Calls {
    fn add(&mut self, call: Call) {
        let Call { records, nanos } = call;
        self.weight = self.weight * FADE + 1.0;
        self.records = self.records * FADE + records;
        self.nanos = self.nanos * FADE + nanos;
        self.records_squared = self.records_squared * FADE + records * records;
        self.nanos_squared = self.nanos_squared * FADE + nanos * nanos;
        self.product = self.product * FADE + records * nanos;
    }

    fn mean(&self) -> Option<Call> {
        let of = |sum| sum / self.weight;
        (self.weight > 0.0).then(|| Call { records: of(self.records), nanos: of(self.nanos) })
    }

    /// The line of least squares, neither part of it negative; `None` when the calls were too much alike.
    fn parts(&self) -> Option<Parts> {
        let mean = self.mean()?;
        let spread = self.records_squared / self.weight - mean.records * mean.records;
        if spread < SPREAD_MIN * mean.records * mean.records {
            return None;
        }
        let together = self.product / self.weight - mean.records * mean.nanos;
        let slope = together / spread;
        let scatter = self.nanos_squared / self.weight - mean.nanos * mean.nanos - slope * together;
        let error = (scatter.max(0.0) / (spread * (self.weight - 1.0).max(1.0))).sqrt();
        let record = slope.clamp(0.0, mean.nanos / mean.records);
        Some(Parts { call: mean.nanos - record * mean.records, record, error })
    }
}

fn nanos(nanos: f64) -> Duration {
    // A number that is too large becomes the largest one.
    Duration::from_nanos(nanos as u64)
}

#[cfg(test)]
mod tests {
    use std::iter;

    use proptest::prelude::*;

    use super::*;

    const MEANT: Duration = Duration::from_millis(50);

    /// A stage: nanoseconds of a call, and of a record.
    #[derive(Clone, Copy, Debug)]
    struct Costs {
        call: f64,
        record: f64,
    }

    /// Calls with batches of these sizes, at most 4,096 records each. The time of each is stretched or shrunk by up to
    /// `noise`.
    fn sizes(line: &mut Line, costs: Costs, calls: usize, noise: impl FnMut() -> f64) -> Vec<usize> {
        let noise = iter::repeat_with(noise).take(calls);
        let call = |noise: f64| {
            let records = line.batch(MEANT).unwrap_or(64).min(4096);
            line.learn(nanos((costs.call + costs.record * records as f64) * noise), records);
            records
        };
        noise.map(call).collect()
    }

    /// Numbers around 1 that are the same for the same seed.
    fn noise(seed: u64, most: f64) -> impl FnMut() -> f64 {
        let mut random = fastrand::Rng::with_seed(seed);
        move || 1.0 + most * (random.f64() * 2.0 - 1.0)
    }

    fn mean(sizes: &[usize]) -> f64 {
        sizes.iter().sum::<usize>() as f64 / sizes.len() as f64
    }

    /// A batch of ten records whose call of a microsecond takes ten now and then stays one of ten.
    #[test]
    fn short_calls_are_never_cut_however_uneven_they_are() {
        let mut line = Line::default();
        for call in 0..100 {
            line.learn(Duration::from_micros(if call % 3 == 0 { 100 } else { 1 }), 10);
            assert!(line.batch(MEANT).is_some_and(|records| records >= 10), "{line:?}");
        }
    }

    proptest! {
        /// Divided by its records, a call of 45 ms left batches of two.
        #[test]
        fn what_cutting_does_not_shorten_is_not_cut(call in 0.0..2e9, record in 10.0..10e3, seed: u64) {
            let sizes = sizes(&mut Line::default(), Costs { call, record }, 300, noise(seed, 0.2));
            prop_assert!(mean(&sizes[200..]) > 2048.0, "{:?}", &sizes[200..]);
        }

        /// What grows with the records is kept to the aim, whatever the call itself costs.
        #[test]
        fn records_that_take_long_come_in_batches_of_the_meant_time(
            record in 100e3..20e6,
            call in 0.0..200e6,
            seed: u64,
        ) {
            let sizes = sizes(&mut Line::default(), Costs { call, record }, 300, noise(seed, 0.1));
            let part = mean(&sizes[200..]) * record / 1e6;
            prop_assert!((25.0..150.0).contains(&part), "{part} ms: {:?}", &sizes[200..]);
        }

        /// And at once, not after sixteen more batches of seconds.
        #[test]
        fn records_that_become_slow_are_cut_within_two_batches(call in 0.0..100e6, slow in 1e6..20e6, seed: u64) {
            let (mut line, mut noise) = (Line::default(), noise(seed, 0.1));
            sizes(&mut line, Costs { call, record: 1e3 }, 100, &mut noise);
            let slowed = sizes(&mut line, Costs { call, record: slow }, 20, &mut noise);
            prop_assert!(mean(&slowed[3..]) * slow < 250e6, "{slowed:?}");
        }

        /// A machine that stops for half a second now and then is not taken for the stage.
        #[test]
        fn an_accident_does_not_cut_the_batches_after_it(seed: u64) {
            let (mut noise, mut calls) = (noise(seed, 0.1), 0);
            let stopped = move || {
                calls += 1;
                if calls % 40 == 20 { noise() * 12.0 } else { noise() }
            };
            let sizes = sizes(&mut Line::default(), Costs { call: 45e6, record: 1e3 }, 300, stopped);
            prop_assert!(mean(&sizes[20..]) > 3600.0, "{sizes:?}");
        }

        #[test]
        fn what_is_expected_is_no_less_than_what_was_seen(
            calls in prop::collection::vec((1_usize..5_000, 0_u64..1_000_000_000), 1..50),
        ) {
            let mut line = Line::default();
            for (records, nanos) in calls {
                line.learn(Duration::from_nanos(nanos), records);
                prop_assert!(line.batch(MEANT).is_some_and(|records| records > 0));
                prop_assert!(line.at_most(5_000) >= line.at_most(1));
                prop_assert!(line.one_record() <= line.at_most(1) + Duration::from_nanos(1));
            }
        }
    }
}
