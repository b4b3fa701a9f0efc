//! What the kernel says of the process that the tests run in.

use std::fs;

/// The most memory that was resident since [`forget_peak`], bytes.
pub(super) fn peak() -> u64 {
    field("VmHWM:")
}

/// The memory that is resident now, bytes.
pub(super) fn resident() -> u64 {
    field("VmRSS:")
}

/// Begins to measure the peak anew.
pub(super) fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").expect("the kernel forgets the peak of our own process");
}

/// How many threads of this name there are.
pub(super) fn threads(name: &str) -> usize {
    let threads = fs::read_dir("/proc/self/task").expect("a Linux machine").flatten();
    let names = threads.filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
    names.filter(|found| found.trim_end() == name).count()
}

fn field(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a Linux machine");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of the status");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes << 10
}
