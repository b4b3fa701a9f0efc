//! How long records take: a histogram with fixed buckets.
//!
//! The buckets are linear within each power of two: 16 of them, so a bucket is at most 1/16 as wide as its smallest value
//! is large. 976 buckets of 8 bytes cover all times from 1 ns to 584 years, so nothing is out of range and memory is
//! fixed. To record is one addition for a batch (two for a new longest time), whatever its number of records.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

use crate::time::seconds;

/// Buckets for each power of two: the bound of the error is one of this many.
const STEPS: u64 = 1 << STEPS_LOG;
const STEPS_LOG: u32 = 4;
/// Values below [`STEPS`] have a bucket each, and each power of two from there on to 2^63 has as many.
const BUCKETS: usize = (STEPS as usize) * (u64::BITS - STEPS_LOG + 1) as usize;

/// How long records took from being read until they were settled: delivered, dropped or dead-lettered. Time in which the
/// process was stopped does not count. A record is counted as in the account: a copy, and an output beyond the first of
/// its input, is a record of its own, which was read when its input was. What a stage makes in `flush` was read then.
///
/// The percentiles are never less than the true ones, and at most 1/16 more; `max` is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// The number of records that were settled.
    #[serde(skip)]
    pub records: u64,
    /// Half of the records took no longer.
    #[serde(serialize_with = "seconds")]
    pub p50: Duration,
    /// 90 % of the records took no longer.
    #[serde(serialize_with = "seconds")]
    pub p90: Duration,
    /// 99 % of the records took no longer.
    #[serde(serialize_with = "seconds")]
    pub p99: Duration,
    /// The longest time.
    #[serde(serialize_with = "seconds")]
    pub max: Duration,
}

/// Counts times, from many threads at once.
#[derive(Debug)]
pub(super) struct Histogram {
    buckets: Box<[AtomicU64]>,
    longest: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(), longest: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// Counts that each of `records` records took this long.
    pub(super) fn add(&self, took: Duration, records: usize) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // Before the count: who sees a record has seen how long it took.
        if nanos > self.longest.load(Relaxed) {
            self.longest.fetch_max(nanos, Relaxed);
        }
        if let Some(bucket) = self.buckets.get(bucket(nanos)) {
            bucket.fetch_add(records as u64, Relaxed);
        }
    }

    /// The times so far; `None` when no record was counted.
    pub(super) fn latency(&self) -> Option<Latency> {
        // Once: the percentiles are of the same records.
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
        let (records, longest) = (counts.iter().sum(), self.longest.load(Relaxed));
        let within = |percent: u64| Duration::from_nanos(within(&counts, rank(records, percent)).min(longest));
        (records > 0).then(|| Latency {
            records,
            p50: within(50),
            p90: within(90),
            p99: within(99),
            max: Duration::from_nanos(longest),
        })
    }
}

/// How many records are at least this share of all.
fn rank(records: u64, percent: u64) -> u64 {
    let rank = (u128::from(records) * u128::from(percent)).div_ceil(100);
    u64::try_from(rank).unwrap_or(records)
}

/// A time within which this many records were settled: the largest value of the bucket that the last of them is in.
fn within(counts: &[u64], rank: u64) -> u64 {
    let mut seen = 0;
    let reaches = |count: &u64| {
        seen += count;
        seen >= rank
    };
    largest(counts.iter().position(reaches).unwrap_or(BUCKETS))
}

/// The bucket of a value.
fn bucket(value: u64) -> usize {
    // The power of two below which the buckets are one value wide is the first that is divided.
    let power = (value | STEPS).ilog2() - STEPS_LOG;
    let index = u64::from(power) * STEPS + (value >> power);
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// The largest value of a bucket.
fn largest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let power = (bucket / STEPS).saturating_sub(1);
    let first = u128::from(bucket - power * STEPS) << power;
    u64::try_from(first + (1 << power) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_value_has_a_bucket_and_the_bound_of_the_error_holds_at_all_edges() {
        let edges = (0..u64::BITS).map(|power| 1_u64 << power).flat_map(|edge| [edge - 1, edge, edge + 1]);
        for value in edges.chain([u64::MAX]) {
            let bucket = bucket(value);
            assert!(bucket < BUCKETS, "{value}");
            assert!(value <= largest(bucket) && largest(bucket) - value <= value / STEPS, "{value}");
            assert!(bucket == 0 || largest(bucket - 1) < value, "{value}: the bucket before ends before it");
        }
    }

    #[test]
    fn without_a_record_there_is_no_latency() {
        assert_eq!(Histogram::default().latency(), None);
        let histogram = Histogram::default();
        histogram.add(Duration::MAX, 3);
        let longest = Duration::from_nanos(u64::MAX);
        assert_eq!(
            histogram.latency(),
            Some(Latency { records: 3, p50: longest, p90: longest, p99: longest, max: longest })
        );
    }

    /// Times of all sizes, each of a batch of records.
    fn batches() -> impl Strategy<Value = Vec<(u64, usize)>> {
        let nanos = (0_u32..64, any::<u64>()).prop_map(|(power, value)| value >> power);
        prop::collection::vec((nanos, 1_usize..50), 1..200)
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_sorted_times_or_at_most_a_sixteenth_more(batches in batches()) {
            let histogram = Histogram::default();
            let mut sorted = Vec::new();
            for (nanos, records) in batches {
                histogram.add(Duration::from_nanos(nanos), records);
                sorted.extend(std::iter::repeat_n(nanos, records));
            }
            sorted.sort_unstable();
            let latency = histogram.latency().expect("there are records");
            prop_assert_eq!(latency.records, sorted.len() as u64);
            prop_assert_eq!(latency.max, Duration::from_nanos(sorted[sorted.len() - 1]));
            for (percent, found) in [(50, latency.p50), (90, latency.p90), (99, latency.p99)] {
                let exact = sorted[(sorted.len() * percent).div_ceil(100) - 1];
                let found = u64::try_from(found.as_nanos()).expect("it is a u64 of nanoseconds");
                prop_assert!(exact <= found && found - exact <= exact / STEPS, "{}: {} of {}", percent, found, exact);
            }
        }
    }
}
