//! Guests that are not what they should be, or do not start: refused before a record moves.

use sandmill::ErrorKind::{Config, Guest as GuestFault};
use sandmill::plan::Reuse::{Batch, Record, Worker};
use tests::guest::{Guest, source_of_ones};

use super::harness::Expected::{Aborted, AllFail, Refused};
use super::harness::{Row, Wasm};

fn refused(guest: Wasm, kind: sandmill::ErrorKind, words: &'static [&'static str]) -> Row {
    Row { guest, expected: Refused(kind, words), ..Row::default() }
}

fn opening(open: &'static str) -> Wasm {
    Wasm::Guest(Guest { open, ..Guest::default() })
}

fn starting(declarations: &'static str) -> Wasm {
    Wasm::Guest(Guest { declarations, ..Guest::default() })
}

/// May take all the time that there is for `open`: ten seconds.
fn refused_in_the_end(guest: Wasm) -> Row {
    let expected = Refused(GuestFault, &["stage \"guest\" does not start", "was not ready after 10s of cpu time"]);
    Row { guest, expected, slow: true, ..Row::default() }
}

table! {
    a_guest_that_traps_in_open_is_refused:
        refused(opening("unreachable"), GuestFault, &["stage \"guest\" does not start", "trapped: ", "fails in `open`"]);

    a_guest_that_refuses_its_configuration_is_refused: refused(
        opening("(i32.store8 (i32.const 16) (i32.const 1)) (i64.store (i32.const 8) (i64.const 0x6f6e6f6e6f))
            (i32.store (i32.const 20) (i32.const 8)) (i32.store (i32.const 24) (i32.const 5)) (i32.const 16)"),
        Config,
        &["stage \"guest\" refuses its configuration", "onono"],
    );

    an_open_that_never_ends_is_refused: refused_in_the_end(opening("(loop $l (br $l)) unreachable"));

    an_open_that_answers_nonsense_is_refused:
        refused(opening("(i32.const 0x7ffffff0)"), GuestFault, &["broke the stage interface"]);

    a_trap_in_the_start_function_is_refused: refused(
        starting("(memory (export \"memory\") 2) (func $begin unreachable) (start $begin)"),
        GuestFault,
        &["stage \"guest\" does not start", "unreachable"],
    );

    a_start_function_that_never_ends_is_refused: refused_in_the_end(
        starting("(memory (export \"memory\") 2) (func $begin (loop $l (br $l))) (start $begin)"),
    );

    data_past_the_memory_is_refused: refused(
        starting("(memory (export \"memory\") 2) (data (i32.const 131070) \"too much\")"),
        GuestFault,
        &["stage \"guest\" does not start", "out of bounds"],
    );

    garbage_is_refused:
        refused(Wasm::Bytes(b"\x7fELF and so on".repeat(1_000)), Config, &["is not a component"]);

    half_a_component_is_refused: refused(
        Wasm::Bytes({
            let mut half = Guest::default().component().expect("sound WAT");
            half.truncate(half.len() / 2);
            half
        }),
        Config,
        &["is not a component", "damaged or incomplete"],
    );

    a_core_module_is_refused:
        refused(Wasm::Bytes(wat::parse_str("(module)").expect("sound WAT")), Config, &["is a core module"]);

    a_component_of_another_world_is_refused: refused(
        Wasm::Bytes(source_of_ones().expect("sound WAT")),
        Config,
        &["is not a stage", "it is a source"],
    );

    a_component_of_no_world_is_refused:
        refused(Wasm::Bytes(wat::parse_str("(component)").expect("sound WAT")), Config, &["it exports nothing"]);

    a_component_of_the_right_name_and_other_types_is_refused: refused(
        Wasm::Bytes(
            wat::parse_str(
                "(component (instance $transform) (export \"sandmill:stage/transform@0.1.0\" (instance $transform)))",
            )
            .expect("sound WAT"),
        ),
        Config,
        &["does not match the stage interface"],
    );

    /// Issue 12: the name was looked at and the types were not, so this came up as "there is no room for another
    /// instance".
    functions_of_the_right_names_and_other_types_are_refused: refused(
        Wasm::Bytes(
            wat::parse_str(
                "(component (core module $m (func (export \"f\") (result i32) i32.const 0))
                    (core instance $i (instantiate $m)) (func $f (result u32) (canon lift (core func $i \"f\")))
                    (instance $transform (export \"open\" (func $f)) (export \"process\" (func $f)) (export \"flush\" (func $f)))
                    (export \"sandmill:stage/transform@0.1.0\" (instance $transform)))",
            )
            .expect("sound WAT"),
        ),
        Config,
        &["does not match the stage interface", "`open` of sandmill:stage/transform@0.1.0 has other types"],
    );

    /// Issue 12: "the file is damaged or cut off".
    a_component_of_too_many_parts_is_refused_for_that: refused(
        Wasm::Bytes(wat::parse_str(format!("(component {})", "(core module)".repeat(1_001))).expect("sound WAT")),
        Config,
        &["cannot be run: it has 1001 components and modules; at most 1000 are allowed", "from fewer parts"],
    );

    a_trap_in_flush_costs_the_records_of_its_instance_only: Row {
        guest: Wasm::Guest(Guest { flush: "unreachable", ..Guest::default() }),
        reuse: &[Record, Batch],
        records: 20,
        expected: AllFail("trap", &["unreachable"]),
        ..Row::default()
    };

    a_trap_in_the_last_flush_aborts_the_run: Row {
        guest: Wasm::Guest(Guest { flush: "unreachable", ..Guest::default() }),
        reuse: &[Worker],
        expected: Aborted(&["an instance of stage \"guest\" failed, and what it held is lost", "trapped: "]),
        ..Row::default()
    };
}
