//! Guests that make too much of little: outputs, work, code; and those that only ever fail.

use std::num::NonZeroU64;
use std::time::Duration;

use sandmill::ErrorKind::Config;
use sandmill::plan::Reuse::{Batch, Record, Worker};
use sandmill::plan::{Breaker, Limits};
use tests::guest::Guest;
use tests::on_bang;

use super::harness::Expected::{Aborted, AllFail, MarkedFail, Refused};
use super::harness::{Row, Wasm, limits};

table! {
    an_endless_loop_runs_out_of_fuel: Row {
        guest: Wasm::processing(on_bang!("(loop $l (br $l))")),
        limits: fueled(),
        reuse: &[Record, Batch, Worker],
        expected: MarkedFail("fuel-limit", &["limits.fuel allows 100000", "used up "]),
        ..Row::default()
    };

    /// What cannot be interrupted in between costs its size.
    filling_memory_runs_out_of_fuel: Row {
        guest: Wasm::processing(on_bang!("(loop $l (memory.fill (i32.const 65536) (i32.const 1) (i32.const 65536)) (br $l))")),
        limits: fueled(),
        expected: MarkedFail("fuel-limit", &["limits.fuel allows 100000"]),
        ..Row::default()
    };

    /// Seven MiB of zeros out of a single record.
    an_output_bomb_in_bytes_names_the_limit: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 120)",
            ..Guest::processing(on_bang!("(call $clear) (i32.store (i32.const 2048) (i32.const 7340032))
                (call $emit (i32.const 131072) (i32.const 7340032) (i32.const 2048) (i32.const 1)
                    (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0))
                (i32.store (i32.const 100) (i32.const 2060)) (i32.store (i32.const 104) (i32.const 1))
                (return (i32.const 64))"))
        }),
        limits: output(1 << 20),
        reuse: &[Record, Batch, Worker],
        expected: MarkedFail("output-limit", &["made 7.0 MiB of output from one record", "limits.output allows 1.0 MiB"]),
        growth_mib: Some(128),
        ..Row::default()
    };

    /// A million records without a byte in them; the same zeros are their ends and their origins.
    an_output_bomb_in_records_names_the_limit: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 120)",
            ..Guest::processing(on_bang!("(call $clear)
                (call $emit (i32.const 0) (i32.const 0) (i32.const 131072) (i32.const 1000000)
                    (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0))
                (i32.store (i32.const 100) (i32.const 131072)) (i32.store (i32.const 104) (i32.const 1000000))
                (return (i32.const 64))"))
        }),
        limits: limits(|limits| {
            limits.output_records = NonZeroU64::new(1_000).expect("positive");
            limits.memory = NonZeroU64::new(16 << 20).expect("positive");
            limits.cpu = Duration::from_secs(5);
        }),
        expected: MarkedFail("output-records-limit", &["made 1000000 outputs", "limits.output_records allows 1000"]),
        growth_mib: Some(128),
        ..Row::default()
    };

    an_output_bomb_at_the_end_names_the_limit: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 120)",
            flush: "(call $clear) (i32.store (i32.const 2048) (i32.const 7000000))
                (call $emit (i32.const 131072) (i32.const 7000000) (i32.const 2048) (i32.const 1)
                    (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)) (i32.const 64)",
            ..Guest::default()
        }),
        limits: output(1_000),
        records: 20,
        expected: AllFail("output-limit", &["limits.output allows 1000 B"]),
        growth_mib: Some(128),
        ..Row::default()
    };

    /// Is read no further than it may be.
    a_component_of_a_hundred_megabytes_is_refused: Row {
        guest: Wasm::Bytes(padded(100_000_000)),
        expected: Refused(Config, &["stage \"guest\": component ", "is 95.4 MiB large; limits.component allows 64.0 MiB"]),
        growth_mib: Some(64),
        ..Row::default()
    };

    /// Seconds of work for the compiler in 50 kB.
    a_component_that_takes_long_to_compile_is_refused: Row {
        guest: Wasm::Guest(Guest { declarations: long_to_compile(), ..Guest::default() }),
        limits: limits(|limits| limits.compile = Duration::from_millis(50)),
        expected: Refused(Config, &["takes longer to compile than limits.compile, which is 50ms"]),
        ..Row::default()
    };

    a_stage_that_only_traps_ends_the_run: Row {
        guest: Wasm::processing("unreachable"),
        reuse: &[Record, Batch, Worker],
        records: 1_000,
        expected: Aborted(&["stage \"guest\" only fails: 100 records in a row ended their instances", "unreachable"]),
        ..Row::default()
    };

    /// Every hundredth record would do as a bait: it is the row of failures that counts, not their share.
    a_stage_that_only_refuses_ends_the_run: Row {
        guest: Wasm::processing("(i32.store8 (i32.const 64) (i32.const 1)) (i64.store (i32.const 8) (i64.const 0x6f6e6f6e6f))
            (i32.store (i32.const 68) (i32.const 8)) (i32.store (i32.const 72) (i32.const 5)) (i32.const 64)"),
        stage: |stage, _| stage.breaker(Breaker { crashes: None, failures: NonZeroU64::new(200), ..Breaker::OFF }),
        records: 1_000,
        expected: Aborted(&["stage \"guest\" only fails: 200 records in a row", "onono"]),
        ..Row::default()
    };
}

/// Fuel for a few records, and time for many.
fn fueled() -> Limits {
    limits(|limits| {
        limits.cpu = Duration::from_secs(20);
        limits.fuel = NonZeroU64::new(100_000);
    })
}

/// Much output takes its time to be copied, too.
fn output(bytes: u64) -> Limits {
    limits(|limits| {
        limits.cpu = Duration::from_secs(5);
        limits.output = NonZeroU64::new(bytes).expect("positive");
    })
}

/// A sound guest with so many bytes more, in a section that nobody reads.
fn padded(bytes: u32) -> Vec<u8> {
    let mut component = Guest::default().component().expect("sound WAT");
    component.push(0);
    // The section's size in LEB128, five bytes long; its name, of which the length is 0, is the first of its bytes.
    component.extend((0..5).map(|place| (bytes >> (7 * place) & 0x7f) as u8 | if place < 4 { 0x80 } else { 0 }));
    component.resize(component.len() + bytes as usize, 0);
    component
}

fn long_to_compile() -> &'static str {
    let fill = "(table.fill (i32.const 0) (ref.func $long) (i32.const 1))".repeat(5_000);
    format!("(memory (export \"memory\") 2) (table 1 funcref) (elem declare func $long) (func $long {fill})").leak()
}
