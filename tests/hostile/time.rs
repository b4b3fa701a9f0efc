//! Guests that do not come back, or too late.

use std::time::Duration;

use sandmill::plan::Reuse::{Batch, Record, Worker};
use tests::guest::Guest;
use tests::on_bang;

use super::harness::Expected::{Aborted, AllFail, Delivered, MarkedFail};
use super::harness::{Row, Wasm, limits, marked};

table! {
    a_well_behaved_guest_is_the_control: Row {
        reuse: &[Record, Batch, Worker],
        expected: Delivered(marked),
        also: |after| assert_eq!(after.report.stats.stages[1].failed_invocations, 0),
        ..Row::default()
    };

    an_endless_loop_is_stopped_and_costs_only_the_guilty_record: Row {
        guest: Wasm::processing(on_bang!("(loop $l (br $l))")),
        reuse: &[Record, Batch, Worker],
        expected: MarkedFail("cpu-limit", &["limits.cpu allows 20ms", "used "]),
        ..Row::default()
    };

    /// A tree of calls, 2^60 of them, without any way back in the code.
    endless_work_without_a_loop_is_stopped_too: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 2)
                (func $tree (param $depth i32) (if (local.get $depth) (then
                    (call $tree (i32.sub (local.get $depth) (i32.const 1)))
                    (call $tree (i32.sub (local.get $depth) (i32.const 1))))))",
            ..Guest::processing(on_bang!("(call $tree (i32.const 60))"))
        }),
        expected: MarkedFail("cpu-limit", &["limits.cpu allows 20ms"]),
        ..Row::default()
    };

    /// Nothing but host calls: the host's work is charged to the guest that asks for it.
    a_storm_of_host_calls_is_stopped: Row {
        guest: Wasm::processing(on_bang!("(loop $l (call $log (i32.const 0) (i32.const 1024) (i32.const 1)) (br $l))")),
        expected: MarkedFail("cpu-limit", &["limits.cpu allows 20ms"]),
        ..Row::default()
    };

    a_guest_that_is_not_back_at_its_wall_limit_is_cut_off: Row {
        guest: Wasm::processing(on_bang!("(loop $l (br $l))")),
        limits: limits(|limits| (limits.cpu, limits.wall) = (Duration::from_secs(20), Duration::from_millis(100))),
        batch: 5,
        expected: MarkedFail("wall-limit", &["limits.wall allows 100ms", "took "]),
        ..Row::default()
    };

    /// Its outcome is sound, and comes before the first tick of the engine.
    a_cpu_limit_shorter_than_a_tick_bites_all_the_same: Row {
        guest: Wasm::processing(BUSY),
        limits: limits(|limits| limits.cpu = Duration::from_micros(1)),
        records: 20,
        expected: AllFail("cpu-limit", &["limits.cpu allows 1us"]),
        ..Row::default()
    };

    endless_recursion_is_a_trap: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 2) (func $deep (param i32) (result i32)
                (i32.add (i32.const 1) (call $deep (local.get 0))))",
            ..Guest::processing(on_bang!("(drop (call $deep (i32.const 0)))"))
        }),
        expected: MarkedFail("trap", &["call stack exhausted"]),
        ..Row::default()
    };

    /// Frames of 16 KiB, so that one step over the end of the stack is a large one.
    recursion_in_huge_frames_is_a_trap: Row {
        guest: Wasm::Guest(Guest {
            declarations: huge_frames(),
            ..Guest::processing(on_bang!("(drop (call $deep (i64.const 0)))"))
        }),
        expected: MarkedFail("trap", &["call stack exhausted"]),
        ..Row::default()
    };

    /// Calls the host at every depth, and so with the guest's stack all but used up.
    recursion_through_the_host_does_not_reach_the_end_of_its_stack: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 2) (func $deep (param i32) (result i32)
                (call $log (i32.const 0) (i32.const 1024) (i32.const 100))
                (i32.add (i32.const 1) (call $deep (local.get 0))))",
            ..Guest::processing(on_bang!("(drop (call $deep (i32.const 0)))"))
        }),
        limits: limits(|limits| limits.cpu = Duration::from_secs(2)),
        expected: MarkedFail("trap", &["call stack exhausted"]),
        ..Row::default()
    };

    a_flush_that_never_ends_costs_the_records_of_its_instance_only: Row {
        guest: Wasm::Guest(Guest { flush: "(loop $l (br $l)) unreachable", ..Guest::default() }),
        records: 20,
        expected: AllFail("cpu-limit", &["limits.cpu allows 20ms"]),
        ..Row::default()
    };

    /// What it held cannot be had any more, and passing over that would lose records in silence.
    a_last_flush_that_never_ends_aborts_the_run: Row {
        guest: Wasm::Guest(Guest { flush: "(loop $l (br $l)) unreachable", ..Guest::default() }),
        reuse: &[Worker],
        expected: Aborted(&["an instance of stage \"guest\" failed, and what it held is lost", "limits.cpu allows 20ms"]),
        ..Row::default()
    };

    /// The component model lets a guest clean up after its result was read: a call like any other.
    cleaning_up_without_end_is_stopped: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 2)
                (func (export \"cabi_post_sandmill:stage/transform@0.1.0#process\") (param i32) (loop $l (br $l)))",
            ..Guest::default()
        }),
        records: 20,
        expected: AllFail("cpu-limit", &["limits.cpu allows 20ms"]),
        ..Row::default()
    };
}

const BUSY: &str = "(local.set $i (i32.const 100000))
    (loop $more (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i)))
    (call $echo (local.get 0) (local.get 1) (local.get 2) (local.get 3)
        (local.get 4) (local.get 5) (local.get 6) (local.get 7))";

/// A function that calls itself while it keeps two thousand words in its hands.
fn huge_frames() -> &'static str {
    let words = 0..2_000;
    let load = |word| format!("(local.set {} (i64.load (i32.const {})))", word + 1, word * 8);
    let add = |word| format!("(i64.add (local.get {}))", word + 1);
    let loads: String = words.clone().map(load).collect();
    let adds: String = words.map(add).collect();
    let deep = format!(
        "(memory (export \"memory\") 2) (func $deep (param i64) (result i64) (local{}) {loads}
            (call $deep (local.get 0)) {adds})",
        " i64".repeat(2_000)
    );
    deep.leak()
}
