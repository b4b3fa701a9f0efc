//! Wall time, processor time and peak memory of this process, and a thread's own time.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Both clocks, running.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    wall: Timespec,
    cpu: Timespec,
}

/// What it showed.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// Time that passed.
    pub wall: Duration,
    /// Time of all threads of the process, on processors.
    pub cpu: Duration,
}

impl Stopwatch {
    /// Starts both clocks.
    #[must_use]
    pub fn start() -> Self {
        Self { wall: clock_gettime(ClockId::Monotonic), cpu: clock_gettime(ClockId::ProcessCPUTime) }
    }

    /// Reads the clock on the wall.
    #[must_use]
    pub fn wall(self) -> Duration {
        between(self.wall, clock_gettime(ClockId::Monotonic))
    }

    /// Reads both clocks.
    #[must_use]
    pub fn stop(self) -> Took {
        let now = Self::start();
        Took { wall: between(self.wall, now.wall), cpu: between(self.cpu, now.cpu) }
    }
}

/// Time that this thread has had on processors. What else the machine does is not in it.
#[must_use]
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    between(Timespec { tv_sec: 0, tv_nsec: 0 }, time)
}

/// Most memory that this process has had so far, bytes; 0 where the system does not say.
#[must_use]
pub fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

fn between(from: Timespec, to: Timespec) -> Duration {
    let nanos = |time: Timespec| i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    Duration::from_nanos(u64::try_from(nanos(to) - nanos(from)).unwrap_or(0))
}
