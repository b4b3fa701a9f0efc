//! Guests with too much to say, or nothing that could be read.

use std::num::NonZeroU64;
use std::time::Duration;

use sandmill::ErrorKind;
use sandmill::plan::Reuse;
use tests::guest::Guest;
use tests::on_bang;

use super::harness::Expected::{Delivered, MarkedFail, Refused};
use super::harness::{Row, Wasm, limits, marked};

/// A guest that does this with a marked record, and has these bytes at 1024.
macro_rules! talker {
    ($bytes:literal, $talk:literal) => {
        Wasm::Guest(Guest {
            declarations: concat!("(memory (export \"memory\") 2) (data (i32.const 1024) \"", $bytes, "\")"),
            ..Guest::processing(on_bang!($talk))
        })
    };
}

macro_rules! import_write {
    () => {
        "(import \"sandmill:stage/host@0.1.0\" \"write\" (func $write (param i32 i32 i32)))"
    };
}

/// The same, for one that imports `write`.
macro_rules! writer {
    ($bytes:literal, $talk:literal) => {
        Wasm::Guest(Guest {
            declarations: concat!(
                import_write!(),
                "(memory (export \"memory\") 2) (data (i32.const 1024) \"",
                $bytes,
                "\")"
            ),
            ..Guest::processing(on_bang!($talk))
        })
    };
}

table! {
    a_log_flood_is_bounded_and_counted: Row {
        guest: talker!("flood", "(local.set $i (i32.const 10000))
            (loop $more (call $log (i32.const 1) (i32.const 1024) (i32.const 1000))
                (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i)))"),
        limits: limits(|limits| limits.cpu = Duration::from_secs(10)),
        expected: Delivered(marked),
        // Two invocations that write 10,000 lines of 1,000 bytes and an end each, and may write 64 KiB.
        also: |after| assert_eq!(after.report.stats.stages[1].log_bytes_cut, 2 * (10_010_000 - (64 << 10))),
        ..Row::default()
    };

    /// A line without anything in it would be free, and there would be no end of them.
    a_flood_of_empty_lines_is_bounded_and_counted: Row {
        guest: talker!("", "(local.set $i (i32.const 100000))
            (loop $more (call $log (i32.const 1) (i32.const 1024) (i32.const 0))
                (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i)))"),
        limits: limits(|limits| limits.cpu = Duration::from_secs(10)),
        expected: Delivered(marked),
        also: |after| assert_eq!(after.report.stats.stages[1].log_bytes_cut, 2 * (100_000 - (64 << 10))),
        ..Row::default()
    };

    a_line_of_a_hundred_megabytes_is_cut: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 1600)",
            ..Guest::processing(on_bang!("(call $log (i32.const 1) (i32.const 1024) (i32.const 100000000))"))
        }),
        limits: limits(|limits| {
            limits.cpu = Duration::from_secs(10);
            limits.memory = NonZeroU64::new(256 << 20).expect("positive");
        }),
        expected: Delivered(marked),
        // The line is copied once, by each of two workers at a time.
        growth_mib: Some(384),
        ..Row::default()
    };

    a_line_past_the_memory_costs_only_the_guilty_record: Row {
        guest: talker!("", "(call $log (i32.const 1) (i32.const 1024) (i32.const 0x7fffffff))"),
        expected: MarkedFail("contract", &["out of bounds"]),
        ..Row::default()
    };

    a_line_in_invalid_utf8_costs_only_the_guilty_record: Row {
        guest: talker!("\\ff\\fe", "(call $log (i32.const 1) (i32.const 1024) (i32.const 2))"),
        expected: MarkedFail("contract", &["utf-8"]),
        ..Row::default()
    };

    a_line_of_an_unknown_level_costs_only_the_guilty_record: Row {
        guest: talker!("hello", "(call $log (i32.const 99) (i32.const 1024) (i32.const 5))"),
        expected: MarkedFail("contract", &[]),
        ..Row::default()
    };

    /// What a language prints comes in pieces that end anywhere, also in the middle of a character.
    fragments_are_joined_to_legible_lines_of_their_level: Row {
        guest: writer!("caf\\c3\\a9\\ff\\1b\\0alast", "(call $write (i32.const 3) (i32.const 1024) (i32.const 4))
            (call $write (i32.const 1) (i32.const 1032) (i32.const 4))
            (call $write (i32.const 3) (i32.const 1028) (i32.const 4)) unreachable"),
        expected: MarkedFail("trap", &[]),
        also: |after| after.letters.iter().for_each(|letter| {
            assert_eq!(letter["log"], serde_json::json!(["caf\u{e9}\u{fffd}\u{fffd}", "last"]));
        }),
        ..Row::default()
    };

    a_flood_of_fragments_is_bounded_and_counted: Row {
        guest: writer!("flood\\0a", "(local.set $i (i32.const 100000))
            (loop $more (call $write (i32.const 1) (i32.const 1024) (i32.const 6))
                (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i)))"),
        limits: limits(|limits| limits.cpu = Duration::from_secs(10)),
        expected: Delivered(marked),
        also: |after| assert_eq!(after.report.stats.stages[1].log_bytes_cut, 2 * (600_000 - (64 << 10))),
        ..Row::default()
    };

    fragments_without_an_end_are_kept_to_a_bound: Row {
        guest: Wasm::Guest(Guest {
            declarations: concat!(import_write!(), "(memory (export \"memory\") 1600)"),
            ..Guest::processing(on_bang!("(call $write (i32.const 2) (i32.const 1024) (i32.const 100000000))"))
        }),
        limits: limits(|limits| {
            limits.cpu = Duration::from_secs(10);
            limits.memory = NonZeroU64::new(256 << 20).expect("positive");
        }),
        expected: Delivered(marked),
        also: |after| assert_eq!(after.report.stats.stages[1].log_bytes_cut, 2 * (100_000_001 - (64 << 10))),
        growth_mib: Some(384),
        ..Row::default()
    };

    a_fragment_past_the_memory_costs_only_the_guilty_record: Row {
        guest: writer!("", "(call $write (i32.const 1) (i32.const 1024) (i32.const 0x7fffffff))"),
        expected: MarkedFail("contract", &["out of bounds"]),
        ..Row::default()
    };

    /// Clears the screen, if it were shown as it is.
    a_panic_cannot_steer_a_terminal: Row {
        guest: talker!(
            "\\1b[2Jgone",
            "(call $panicked (i32.const 1024) (i32.const 8) (i32.const 1024) (i32.const 4)) unreachable"
        ),
        expected: MarkedFail("trap", &["panicked: \u{fffd}[2Jgone at \u{fffd}[2J"]),
        ..Row::default()
    };

    a_panic_of_a_mebibyte_is_cut: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 40)",
            ..Guest::processing(on_bang!("(memory.fill (i32.const 1048576) (i32.const 97) (i32.const 1048576))
                (call $panicked (i32.const 1048576) (i32.const 1048576) (i32.const 0) (i32.const 0)) unreachable"))
        }),
        limits: limits(|limits| limits.cpu = Duration::from_secs(1)),
        expected: MarkedFail("trap", &["panicked: aaaa", "aaa… (1040384 bytes left out) at "]),
        ..Row::default()
    };

    /// A panic in the code that tells of a panic, and again: the first one is told, and ends the instance.
    panicking_while_panicking_is_one_trap: Row {
        guest: talker!("onono", "(local.set $i (i32.const 1000))
            (loop $more (call $panicked (i32.const 1024) (i32.const 5) (i32.const 1024) (i32.const 1))
                (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i)))
            unreachable"),
        limits: limits(|limits| limits.cpu = Duration::from_secs(1)),
        expected: MarkedFail("trap", &["panicked: onono at o"]),
        ..Row::default()
    };

    /// JavaScript cannot trap: the exception would become an error of the whole batch, or an outcome like any other.
    a_panic_ends_an_instance_that_would_return: Row {
        guest: talker!("onono", "(call $panicked (i32.const 1024) (i32.const 5) (i32.const 1024) (i32.const 1))"),
        reuse: &[Reuse::Batch, Reuse::Worker],
        expected: MarkedFail("trap", &["panicked: onono at o"]),
        ..Row::default()
    };

    nothing_of_a_guest_runs_after_its_panic: Row {
        guest: talker!(
            "onono",
            "(call $panicked (i32.const 1024) (i32.const 5) (i32.const 1024) (i32.const 1)) (loop $l (br $l))"
        ),
        expected: MarkedFail("trap", &["panicked: onono at o"]),
        ..Row::default()
    };

    a_panic_in_open_ends_the_run_with_its_message: Row {
        guest: Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 2) (data (i32.const 1024) \"onono\")",
            open: "(call $panicked (i32.const 1024) (i32.const 5) (i32.const 1024) (i32.const 1))
                (i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16)",
            ..Guest::default()
        }),
        expected: Refused(ErrorKind::Guest, &["panicked: onono at o"]),
        ..Row::default()
    };
}
