//! Sample reports for tests.

use std::time::Duration;

use crate::edge::{Delivery, Extent};
use crate::program::Warmth;
use crate::record::{Accounting, Latency};
use crate::report::{Bottleneck, Ending, Promise, QueueStats, Report, SinkStats, SourceStats, StageStats, Stats};

/// A million lines of a web server's log: parsed, filtered, masked, stored.
pub(crate) fn report(ending: Ending) -> Report {
    Report {
        pipeline: "access-log".into(),
        ending,
        problem: None,
        stats: stats(),
        promises: vec![Promise { source: "log".into(), sink: "visits".into(), delivery: Delivery::ExactlyOnce }],
        warnings: Vec::new(),
        bottleneck: Some(Bottleneck { node: "mask".into(), busy_share: 0.97 }),
        dead_letters: None,
        checkpoints: None,
        resumable: None,
        events_lost: 0,
    }
}

fn stats() -> Stats {
    Stats {
        elapsed: Duration::from_millis(1_240),
        stopped: Duration::ZERO,
        accounting: Accounting { read: 1_000_000, delivered: 913_000, dropped: 87_000, ..Accounting::default() },
        latency: Some(Latency {
            records: 1_000_000,
            p50: Duration::from_micros(12_040),
            p90: Duration::from_micros(31_500),
            p99: Duration::from_micros(80_100),
            max: Duration::from_millis(1_204),
        }),
        sources: vec![SourceStats {
            name: "log".into(),
            read: 1_000_000,
            bad: 0,
            position: 218_000_000,
            extent: Extent::Bytes(218_000_000),
            retries: 0,
            log_bytes_cut: 0,
            busy: Duration::from_millis(310),
            blocked_on_output: Duration::from_millis(880),
        }],
        stages: vec![
            stage("parse", 1_000_000, 1_000_000, 0),
            stage("filter", 1_000_000, 913_000, 87_000),
            StageStats { workers: 2, ..stage("mask", 913_000, 913_000, 0) },
        ],
        sinks: vec![SinkStats {
            name: "visits".into(),
            writers: 1,
            allows_several_writers: false,
            delivered: 913_000,
            held: 0,
            rejected: 0,
            retries: 0,
            busy: Duration::from_millis(420),
            waiting_for_input: Duration::from_micros(818_900),
            queue: QueueStats { depth: 0, high_water: 4_096, capacity: 8_192 },
        }],
    }
}

/// One stage with a single worker.
pub(crate) fn stage(name: &str, records_in: u64, records_out: u64, dropped: u64) -> StageStats {
    StageStats {
        name: name.into(),
        workers: 1,
        pool: None,
        warmth: Warmth::Unneeded,
        records_in,
        records_out,
        dropped,
        failed: 0,
        retries: 0,
        recovered: 0,
        invocations: records_in.div_ceil(1_024),
        instances: records_in.div_ceil(1_024),
        failed_invocations: 0,
        time_in_failed: Duration::ZERO,
        log_bytes_cut: 0,
        time_in_guest: Duration::from_micros(951_300),
        busy: Duration::from_micros(1_010_000),
        waiting_for_input: Duration::from_micros(12_400),
        blocked_on_output: Duration::from_micros(217),
        queue: QueueStats { depth: 0, high_water: 8_192, capacity: 8_192 },
        tasks: Vec::new(),
    }
}
