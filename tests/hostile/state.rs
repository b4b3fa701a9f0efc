//! Guests that keep, hide or lose state.

use std::num::NonZeroU64;
use std::time::Duration;

use sandmill::plan::Reuse::{Batch, Record, Worker};
use tests::guest::{Guest, PROCESS_TRAP_ON_BANG};

use super::harness::Expected::{Aborted, Completed, Delivered, MarkedFail};
use super::harness::{Row, Wasm, limits, marked};

table! {
    a_trap_costs_only_the_guilty_record: Row {
        guest: Wasm::processing(PROCESS_TRAP_ON_BANG),
        reuse: &[Record, Batch, Worker],
        records: 1_000,
        batch: 100,
        expected: MarkedFail("trap", &["unreachable"]),
        also: |after| {
            let failed = after.report.stats.stages[1].failed_invocations;
            // Batches of 100: at most 2 log2(128) more attempts for each of the twenty guilty records.
            assert!(failed <= 20 * 14, "{:?}: {failed} attempts failed", after.reuse);
        },
        ..Row::default()
    };

    a_pristine_instance_bears_no_trace_of_the_one_before: Row {
        guest: probe(),
        reuse: &[Record, Batch],
        expected: Delivered(marked),
        ..Row::default()
    };

    /// The same probe, where it should find something: it can.
    a_long_lived_instance_does_bear_traces: Row {
        guest: probe(),
        reuse: &[Worker],
        expected: Completed,
        also: |after| assert!(after.letters.iter().any(|letter| letter["kind"] == "trap"), "{:?}", after.letters),
        ..Row::default()
    };

    /// Leaves nothing but ones behind, and looks for a single one in all the memory that it can get.
    memory_is_given_out_blank: Row {
        guest: Wasm::processing("(if (i32.eq (i32.const -1) (memory.grow (i32.const 98))) (then unreachable))
            (local.set $i (i32.const 65536))
            (loop $more
                (if (i64.ne (i64.load (local.get $i)) (i64.const 0)) (then unreachable))
                (local.set $i (i32.add (local.get $i) (i32.const 8)))
                (br_if $more (i32.lt_u (local.get $i) (i32.const 6553600))))
            (memory.fill (i32.const 65536) (i32.const 255) (i32.const 6488064))
            (call $echo (local.get 0) (local.get 1) (local.get 2) (local.get 3)
                (local.get 4) (local.get 5) (local.get 6) (local.get 7))"),
        limits: limits(|limits| {
            limits.cpu = Duration::from_secs(1);
            limits.memory = NonZeroU64::new(7 << 20).expect("positive");
        }),
        reuse: &[Record, Batch],
        expected: Delivered(marked),
        ..Row::default()
    };

    /// A worker whose very first batch held the marked record had held nothing; the later ones must be noticed.
    state_that_is_lost_ends_the_run_and_is_never_passed_over: Row {
        guest: Wasm::processing(HOLDING),
        reuse: &[Worker],
        records: 1_000,
        batch: 100,
        expected: Aborted(&["what it held from"]),
        ..Row::default()
    };

    /// Would pass over the records before the guilty one, were they counted only when their batch is through.
    state_that_is_lost_while_a_first_batch_is_split_is_noticed_too: Row {
        guest: Wasm::processing(HOLDING),
        reuse: &[Worker],
        records: 50,
        batch: 50,
        expected: Aborted(&["what it held from 3 records is lost"]),
        ..Row::default()
    };

    /// Was left in the middle of a call, and would notice a second one.
    an_instance_that_was_cut_off_in_a_call_is_never_called_again: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 2) (global $inside (mut i32) (i32.const 0))",
            flush: "(if (global.get $inside) (then unreachable)) (call $clear) (i32.const 64)",
            ..Guest::processing("(if (global.get $inside) (then unreachable))
                (global.set $inside (i32.const 1))
                (if (call $has_bang (local.get 0) (local.get 2) (local.get 3)) (then (loop $l (br $l))))
                (global.set $inside (i32.const 0))
                (call $echo (local.get 0) (local.get 1) (local.get 2) (local.get 3)
                    (local.get 4) (local.get 5) (local.get 6) (local.get 7))")
        }),
        limits: limits(|limits| (limits.cpu, limits.wall) = (Duration::from_secs(20), Duration::from_millis(200))),
        reuse: &[Record, Batch, Worker],
        batch: 5,
        expected: MarkedFail("wall-limit", &["limits.wall allows 200ms"]),
        ..Row::default()
    };

    /// Counts its calls, and traps at the second.
    an_instance_that_failed_is_never_called_again: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 2) (global $failed (mut i32) (i32.const 0))",
            flush: "(if (global.get $failed) (then (loop $l (br $l)))) (call $clear) (i32.const 64)",
            ..Guest::processing("(if (call $has_bang (local.get 0) (local.get 2) (local.get 3))
                (then (global.set $failed (i32.const 1)) unreachable))
                (if (global.get $failed) (then (loop $l (br $l))))
                (call $echo (local.get 0) (local.get 1) (local.get 2) (local.get 3)
                    (local.get 4) (local.get 5) (local.get 6) (local.get 7))")
        }),
        reuse: &[Record, Batch, Worker],
        expected: MarkedFail("trap", &["unreachable"]),
        ..Row::default()
    };
}

/// Emits nothing, so it may hold everything; traps on a marked record.
const HOLDING: &str = "(if (call $has_bang (local.get 0) (local.get 2) (local.get 3)) (then unreachable))
    (call $clear) (i32.const 64)";

/// Hides something in every place that it has, after it has looked whether anything is there; traps when it finds it.
fn probe() -> Wasm {
    Wasm::Guest(Guest {
        declarations: "(memory (export \"memory\") 2) (memory $other 1) (table $t 2 20 funcref)
            (global $calls (mut i32) (i32.const 0)) (elem declare func $clear)
            (data $text \"text\") (elem $functions func $clear)
            (func $look
                (if (global.get $calls) (then unreachable))
                (if (i32.load (i32.const 100000)) (then unreachable))
                (if (i32.load $other (i32.const 60000)) (then unreachable))
                (if (i32.ne (memory.size) (i32.const 2)) (then unreachable))
                (if (i32.ne (memory.size $other) (i32.const 1)) (then unreachable))
                (if (i32.ne (table.size $t) (i32.const 2)) (then unreachable))
                (if (i32.eqz (ref.is_null (table.get $t (i32.const 1)))) (then unreachable))
                (memory.init $text (i32.const 50000) (i32.const 0) (i32.const 4))
                (table.init $t $functions (i32.const 0) (i32.const 0) (i32.const 1)))
            (func $hide
                (global.set $calls (i32.const 1))
                (i32.store (i32.const 100000) (i32.const 0x5ec2e7))
                (i32.store $other (i32.const 60000) (i32.const 0x5ec2e7))
                (drop (memory.grow (i32.const 1))) (drop (memory.grow $other (i32.const 1)))
                (table.set $t (i32.const 1) (ref.func $clear))
                (drop (table.grow $t (ref.func $clear) (i32.const 10)))
                (data.drop $text) (elem.drop $functions))",
        ..Guest::processing(
            "(call $look) (call $hide)
            (call $echo (local.get 0) (local.get 1) (local.get 2) (local.get 3)
                (local.get 4) (local.get 5) (local.get 6) (local.get 7))",
        )
    })
}
