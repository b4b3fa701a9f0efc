//! Guests that want all the memory, tables and instances there are.

use std::num::NonZeroU64;
use std::time::Duration;

use sandmill::ErrorKind;
use sandmill::plan::Reuse::{Batch, Record};
use tests::guest::Guest;
use tests::on_bang;
use wasmparser::{Parser, Payload};

use super::harness::Expected::{AllFail, Delivered, MarkedFail, Refused};
use super::harness::{Row, Wasm, limits, marked};

table! {
    a_memory_bomb_in_one_step_names_the_limit: Row {
        guest: Wasm::processing(on_bang!("(if (i32.eq (i32.const -1) (memory.grow (i32.const 1000))) (then unreachable))")),
        expected: MarkedFail("memory-limit", &["limits.memory allows 8.0 MiB", "asked for 62.6 MiB"]),
        growth_mib: Some(128),
        ..Row::default()
    };

    a_memory_bomb_in_small_steps_names_the_limit: Row {
        guest: Wasm::processing(on_bang!("(loop $more
            (if (i32.eq (i32.const -1) (memory.grow (i32.const 1))) (then unreachable))
            (memory.fill (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 65536))
                (i32.const 255) (i32.const 65536))
            (br $more))")),
        expected: MarkedFail("memory-limit", &["limits.memory allows 8.0 MiB", "asked for 8.1 MiB"]),
        growth_mib: Some(128),
        ..Row::default()
    };

    /// 4 GiB, which is all that an address reaches, under the largest limit there is.
    a_guest_that_does_without_what_it_was_refused_is_left_in_peace: Row {
        guest: Wasm::processing(on_bang!("(drop (memory.grow (i32.const 65534)))")),
        expected: Delivered(marked),
        ..Row::default()
    };

    /// The limit that it met is named, not one that it was refused before and did without.
    memory_that_was_refused_is_not_blamed_for_fuel_that_ran_out: Row {
        guest: Wasm::processing(on_bang!("(drop (memory.grow (i32.const 65534))) (loop $l (br $l))")),
        limits: limits(|limits| {
            limits.cpu = Duration::from_secs(20);
            limits.fuel = NonZeroU64::new(100_000);
        }),
        expected: MarkedFail("fuel-limit", &["limits.fuel allows 100000"]),
        ..Row::default()
    };

    memory_that_was_refused_is_not_blamed_for_a_stack_that_ran_out: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 2) (table $t 1 funcref) (func $deep (call $deep) (call $deep))",
            ..Guest::processing(on_bang!("(drop (memory.grow (i32.const 65534)))
                (drop (table.grow $t (ref.null func) (i32.const 100000000))) (call $deep)"))
        }),
        expected: MarkedFail("trap", &["call stack exhausted"]),
        ..Row::default()
    };

    initial_memory_over_the_limit_is_refused: Row {
        guest: Wasm::Guest(Guest { declarations: "(memory (export \"memory\") 1000)", ..Guest::default() }),
        expected: Refused(ErrorKind::Config, &[
            "stage \"guest\" does not start", "limits.memory allows 8.0 MiB", "raise limits.memory of stage \"guest\"",
        ]),
        growth_mib: Some(128),
        ..Row::default()
    };

    /// Each keeps to the limit by itself.
    the_memories_of_an_instance_are_counted_together: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 50) (memory 50) (memory 50)",
            ..Guest::default()
        }),
        expected: Refused(ErrorKind::Config, &["limits.memory allows 8.0 MiB"]),
        ..Row::default()
    };

    many_memories_are_refused: Row {
        guest: Wasm::Guest(Guest { declarations: many_memories(), ..Guest::default() }),
        expected: Refused(ErrorKind::Config, &["cannot be run", "more than 4 memories, which no limit allows"]),
        ..Row::default()
    };

    /// Each of its modules has no more than it may.
    memories_of_many_modules_are_refused: Row {
        guest: Wasm::Bytes(crowd("(memory 1) (memory 1)", 2)),
        expected: Refused(ErrorKind::Config, &["cannot be run", "more than 4 memories, which no limit allows"]),
        ..Row::default()
    };

    many_tables_are_refused: Row {
        guest: Wasm::Guest(Guest { declarations: many_tables(), ..Guest::default() }),
        expected: Refused(ErrorKind::Config, &["cannot be run", "more than 8 tables, which no limit allows"]),
        ..Row::default()
    };

    /// Of bytes instead of 64 KiB: what it grows by could not be counted before it is known whether it grows.
    a_memory_with_pages_of_its_own_size_is_refused: Row {
        guest: Wasm::Bytes(crowd("(memory 1 (pagesize 1))", 1)),
        expected: Refused(ErrorKind::Config, &["custom page sizes"]),
        ..Row::default()
    };

    /// Nothing can be interrupted within it: the guest is met behind it, and not later. `cpu` is over after a tenth of it.
    one_bulk_operation_beyond_cpu_is_met_behind_it: Row {
        guest: Wasm::processing(on_bang!("(drop (memory.grow (i32.const 4000)))
            (memory.fill (i32.const 131072) (i32.const 255) (i32.const 262144000))
            (loop $l (br $l))")),
        limits: limits(|limits| {
            limits.memory = NonZeroU64::new(256 << 20).expect("positive");
            limits.cpu = Duration::from_millis(5);
        }),
        expected: MarkedFail("cpu-limit", &["limits.cpu allows 5ms", "used "]),
        also: |after| {
            let guest = &after.report.stats.stages[1];
            let each = guest.time_in_failed / u32::try_from(guest.failed_invocations).expect("a few");
            assert!(each < Duration::from_secs(1), "{each:?} for 250 MiB");
        },
        growth_mib: Some(700),
        ..Row::default()
    };

    /// Its memory may be as large as that, but what it says would be copied in one go, into memory of the host's.
    a_log_line_of_a_gigabyte_is_not_copied: Row {
        guest: Wasm::processing(on_bang!("(drop (memory.grow (i32.const 16500)))
            (call $log (i32.const 0) (i32.const 131072) (i32.const 1073741824)) unreachable")),
        limits: limits(|limits| limits.memory = NonZeroU64::new(2 << 30).expect("positive")),
        expected: MarkedFail("contract", &["too much data"]),
        growth_mib: Some(128),
        ..Row::default()
    };

    /// One value of 2 GiB, of which the guest has only the length.
    a_record_by_length_only_is_a_broken_contract: Row {
        guest: Wasm::processing(on_bang!("(call $clear) (i32.store (i32.const 68) (i32.const 8))
            (i32.store (i32.const 72) (i32.const 0x7fffffff)) (return (i32.const 64))")),
        expected: MarkedFail("contract", &["broke the stage interface"]),
        growth_mib: Some(128),
        ..Row::default()
    };

    /// Ten thousand failures of 100,000 bytes each: 1 GB, were they all copied.
    failures_that_all_point_to_one_text_do_not_multiply_it_in_the_host: Row {
        guest: Wasm::processing("(drop (memory.grow (i32.const 100))) (call $clear)
            (i32.store (i32.const 116) (i32.const 1048576)) (i32.store (i32.const 120) (i32.const 10000))
            (loop $more
                (i32.store (i32.add (i32.const 1048584) (i32.mul (local.get $i) (i32.const 16))) (i32.const 4000000))
                (i32.store (i32.add (i32.const 1048588) (i32.mul (local.get $i) (i32.const 16))) (i32.const 100000))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $more (i32.lt_u (local.get $i) (i32.const 10000)))) (i32.const 64)"),
        records: 20,
        expected: AllFail("contract", &["too much data"]),
        growth_mib: Some(128),
        ..Row::default()
    };

    /// Each record becomes a mebibyte: a hundred of them are more than is held at a time, and come out in order.
    much_output_of_small_records_is_sent_on_in_parts: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 32)",
            ..Guest::processing("(memory.copy (i32.const 200000) (local.get 0) (local.get 1)) (call $clear)
                (i32.store (i32.const 32) (i32.const 1048576))
                (call $emit (i32.const 200000) (i32.const 1048576) (i32.const 32) (i32.const 1)
                    (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)) (i32.const 64)")
        }),
        reuse: &[Record],
        batch: 100,
        expected: Delivered(|number| {
            let text = marked(number);
            text.clone() + &"\0".repeat((1 << 20) - text.len())
        }),
        ..Row::default()
    };

    /// Straight code has no place of its own where a tick is looked at, and so much of it takes seconds.
    filling_memory_without_a_loop_is_stopped: Row {
        guest: straight("(memory.fill (i32.const 1048576) (i32.const 1) (i32.const 6291456))"),
        expected: MarkedFail("cpu-limit", &["limits.cpu allows 20ms"]),
        ..Row::default()
    };

    copying_memory_without_a_loop_is_stopped: Row {
        guest: straight("(memory.copy (i32.const 1048576) (i32.const 4194304) (i32.const 3145728))"),
        expected: MarkedFail("cpu-limit", &["limits.cpu allows 20ms"]),
        ..Row::default()
    };

    filling_a_table_without_a_loop_is_stopped: Row {
        guest: straight("(table.fill (i32.const 0) (ref.func $straight) (i32.const 10000))"),
        // Of a batch it is the sum: what one marked record takes must be more than that of a hundred.
        limits: limits(|limits| limits.cpu = Duration::from_micros(100)),
        expected: MarkedFail("cpu-limit", &["limits.cpu allows 100us"]),
        ..Row::default()
    };

    copying_a_table_without_a_loop_is_stopped: Row {
        guest: straight("(table.copy (i32.const 0) (i32.const 1) (i32.const 9999))"),
        // Of a batch it is the sum: what one marked record takes must be more than that of a hundred.
        limits: limits(|limits| limits.cpu = Duration::from_micros(100)),
        expected: MarkedFail("cpu-limit", &["limits.cpu allows 100us"]),
        ..Row::default()
    };

    a_table_bomb_names_the_limit: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 2) (table $t 1 funcref)",
            ..Guest::processing(on_bang!("(if (i32.eq (i32.const -1)
                (table.grow $t (ref.null func) (i32.const 100000000))) (then unreachable))"))
        }),
        expected: MarkedFail("table-limit", &["asked for tables of 10000000", "limits.table allows 20000"]),
        growth_mib: Some(128),
        ..Row::default()
    };

    an_initial_table_over_the_limit_is_refused: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 2) (table $t 10000000 funcref)",
            ..Guest::default()
        }),
        expected: Refused(ErrorKind::Config, &["table"]),
        growth_mib: Some(128),
        ..Row::default()
    };

    thousands_of_instances_are_refused: Row {
        guest: Wasm::Bytes(crowd("(memory 1)", 5_000)),
        expected: Refused(ErrorKind::Config, &["instances"]),
        growth_mib: Some(256),
        ..Row::default()
    };

    /// The largest limit that there is, and a guest that touches all of it.
    a_memory_as_large_as_its_limit_is_given_back: Row {
        guest: Wasm::processing("(if (i32.eq (i32.const -1) (memory.grow (i32.const 1000))) (then unreachable))
            (memory.fill (i32.const 131072) (i32.const 255) (i32.const 65536000))
            (call $echo (local.get 0) (local.get 1) (local.get 2) (local.get 3)
                (local.get 4) (local.get 5) (local.get 6) (local.get 7))"),
        limits: limits(|limits| {
            limits.memory = NonZeroU64::new(64 << 20).expect("positive");
            limits.cpu = Duration::from_secs(1);
        }),
        reuse: &[Batch],
        expected: Delivered(marked),
        growth_mib: Some(256),
        ..Row::default()
    };
}

/// A guest that does this three thousand times in a row with a marked record.
fn straight(code: &str) -> Wasm {
    let declarations = format!(
        "(memory (export \"memory\") 120) (table 10000 funcref) (elem declare func $straight) (func $straight {})",
        code.repeat(3_000)
    );
    Wasm::Guest(Guest { declarations: declarations.leak(), ..Guest::processing(on_bang!("(call $straight)")) })
}

fn many_memories() -> &'static str {
    format!("(memory (export \"memory\") 2) {}", "(memory 0) ".repeat(9)).leak()
}

fn many_tables() -> &'static str {
    format!("(memory (export \"memory\") 2) {}", "(table 0 funcref) ".repeat(50)).leak()
}

/// A sound guest with so many instances of a module beside its own.
fn crowd(module: &str, instances: usize) -> Vec<u8> {
    let mut component = Guest::default().component().expect("sound WAT");
    // Ours is appended behind the components that the encoder made inside, and is instantiated by its number: as many
    // placeholders stand before it, of ten bytes each, and are left away.
    let before = components_inside(&component);
    let crowd = format!(
        "(component {} (component (core module {module}) {}) (instance (instantiate {before})))",
        "(component) ".repeat(before),
        "(core instance (instantiate 0)) ".repeat(instances)
    );
    let crowd = wat::parse_str(crowd).expect("sound WAT");
    component.extend_from_slice(&crowd[8 + 10 * before..]);
    component
}

fn components_inside(component: &[u8]) -> usize {
    let is_component = |payload: &Payload<'_>| matches!(payload, Payload::ComponentSection { .. });
    let payloads = Parser::new(0).parse_all(component).map(|payload| payload.expect("a sound component"));
    payloads.filter(is_component).count()
}
