//! The limits of a stage. Every limit has a default, so that a stage without a word in the pipeline file is bounded
//! too.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use super::bounds;
use crate::program::Budget;

/// The limits of a stage.
///
/// `cpu`, `wall` and `fuel` are per record, and the budget of an invocation is their sum over its records; `output` and
/// `output_records` hold for each record by itself; the rest is for an instance, an invocation, or the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance, bytes: what it begins with and what it grows to, all its memories together.
    pub memory: NonZeroU64,
    /// Elements of all tables of one instance, initial and grown, together.
    pub table: NonZeroU64,
    /// Core instances that one instance of the component consists of.
    pub instances: NonZeroUsize,
    /// Processor time inside the guest, per record; half as much again for each full MiB of it ([`Self::cpu_of`]).
    pub cpu: Duration,
    /// Elapsed time of an invocation, host calls and waits included, per record.
    pub wall: Duration,
    /// Units of fuel, about one for an instruction, per record: the limit that trips at the same place in every run.
    /// `None`: not counted, which is faster.
    pub fuel: Option<NonZeroU64>,
    /// Bytes of the outputs of one record, keys included.
    pub output: NonZeroU64,
    /// Outputs of one record.
    pub output_records: NonZeroU64,
    /// Bytes of log lines of one invocation. What exceeds it is discarded and counted, and fails nothing.
    pub log: u64,
    /// Size of the component's file, bytes.
    pub component: NonZeroU64,
    /// Processor time to compile it; in programs that compile within themselves, the time that passes. Code that is in
    /// the cache is not compiled.
    pub compile: Duration,
    /// Bytes of one HTTP response, its head not counted.
    pub response: NonZeroU64,
    /// Time of one HTTP exchange, from looking up the name to the last byte.
    pub exchange: Duration,
}

impl Default for Limits {
    /// Room for any honest transform of one record, and an end to any other. The numbers are arbitrary within that.
    fn default() -> Self {
        let nonzero = |number| NonZeroU64::new(number).expect("a default is not zero");
        Self {
            memory: nonzero(64 << 20),
            // A Rust guest has hundreds of elements, an interpreter some ten thousand.
            table: nonzero(20_000),
            // QuickJS comes as 3 core instances, CPython as 38.
            instances: NonZeroUsize::new(64).expect("64 is not zero"),
            cpu: Duration::from_millis(100),
            wall: Duration::from_secs(30),
            fuel: None,
            output: nonzero(16 << 20),
            output_records: nonzero(1_000_000),
            log: 64 << 10,
            // CPython with its library is 19 MB.
            component: nonzero(64 << 20),
            // It takes 8 s on two cores to compile it.
            compile: Duration::from_secs(60),
            response: nonzero(16 << 20),
            exchange: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// The time inside the guest that a record of this many bytes, its key included, may take.
    #[must_use]
    pub fn cpu_of(&self, bytes: usize) -> Duration {
        let more = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
        self.cpu.saturating_add((self.cpu / 2).saturating_mul(more))
    }

    /// The sum of the limits of `records` records of `bytes` together.
    pub fn budget(&self, records: usize, bytes: usize) -> Budget {
        let records = records.max(1);
        let times = u32::try_from(records).unwrap_or(u32::MAX);
        Budget {
            cpu: self.cpu.saturating_mul(times - 1).saturating_add(self.cpu_of(bytes)),
            wall: self.wall.saturating_mul(times),
            fuel: self.fuel.map(|fuel| fuel.get().saturating_mul(u64::from(times))),
            records,
        }
    }

    /// The first number that is out of its bounds, as text; for numbers that come from code.
    pub(super) fn excess(&self) -> Option<String> {
        let sizes = [
            ("memory", self.memory.get(), bounds::MEMORY_MIN, bounds::MEMORY_MAX, "bytes"),
            ("table", self.table.get(), 1, bounds::TABLE_MAX, "elements"),
            ("instances", self.instances.get() as u64, 1, bounds::INSTANCES_MAX as u64, "core instances"),
            ("component", self.component.get(), 1, bounds::COMPONENT_BYTES_MAX, "bytes"),
        ];
        let times = [("cpu", self.cpu), ("wall", self.wall), ("compile", self.compile), ("exchange", self.exchange)];
        let size = sizes.into_iter().find(|(_, size, least, most, _)| !(least..=most).contains(&size));
        let size =
            size.map(|(what, _, least, most, unit)| format!("its {what} limit must be from {least} to {most} {unit}"));
        let time = || times.into_iter().find(|(_, time)| time.is_zero() || *time > bounds::TIME_MAX);
        size.or_else(|| {
            time().map(|(what, _)| format!("its {what} limit must be above zero and at most {:?}", bounds::TIME_MAX))
        })
    }
}
