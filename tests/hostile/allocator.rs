//! Guests whose allocator, which the host calls before it writes an input, is broken. The first two calls are for the
//! configuration and are honest, so that the stage opens.

use tests::guest::{ALLOCATE, Guest};

use super::harness::Expected::{AllFail, Delivered};
use super::harness::{Row, Wasm, marked};

/// Nobody can tell a marked record before it is written, so no row here spares any.
fn broken(allocator: &str, kind: &'static str, words: &'static [&'static str]) -> Row {
    Row { guest: opened(allocator), records: 10, expected: AllFail(kind, words), ..Row::default() }
}

/// A guest that allocates so, once it is open.
fn opened(allocator: &str) -> Wasm {
    let allocator = format!("(if (global.get $open) (then {allocator})) {ALLOCATE}");
    Wasm::Guest(Guest {
        declarations: "(memory (export \"memory\") 2) (global $open (mut i32) (i32.const 0))",
        open: "(global.set $open (i32.const 1)) (i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16)",
        allocator: allocator.leak(),
        ..Guest::default()
    })
}

table! {
    a_trap_in_the_allocator_is_a_trap: broken("unreachable", "trap", &["unreachable"]);

    an_allocator_that_never_returns_is_stopped: broken("(loop $l (br $l))", "cpu-limit", &["limits.cpu allows 20ms"]);

    an_allocator_that_points_past_the_memory_fails:
        broken("(return (i32.const 131072))", "contract", &["realloc return: beyond end of memory"]);

    an_allocator_that_points_to_the_last_address_fails:
        broken("(return (i32.const -1))", "contract", &["realloc"]);

    an_allocator_that_gives_unaligned_memory_fails:
        broken("(return (i32.const 8193))", "contract", &["aligned"]);

    /// The component model forbids it: the host is in the middle of writing.
    an_allocator_that_calls_the_host_is_a_trap:
        broken("(call $log (i32.const 1) (i32.const 1024) (i32.const 1))", "trap", &["cannot leave component instance"]);

    /// The length of each record, in four bytes, is written over the record: the guest harms only itself.
    an_allocator_that_gives_the_same_memory_twice_harms_only_its_own_records: Row {
        guest: opened("(return (i32.const 8192))"),
        reuse: &[sandmill::plan::Reuse::Record],
        expected: Delivered(|number| {
            let length = marked(number).len();
            format!("{:\0<length$}", char::from_u32(length as u32).expect("a small number"))
        }),
        ..Row::default()
    };
}
