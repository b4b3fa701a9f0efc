//! Guests whose outcome is a lie. The outcome stands at 64; its words are, at 68: values.data, values.ends, keys.data,
//! keys.ends, origins (100), ports (108), failures (116), each pointer and length.
//!
//! Below, 2048 is zero up to the heap at 4096, and the bytes at 1024 are `onono`.

use sandmill::plan::Reuse::{Batch, Record};
use tests::guest::Guest;
use tests::on_bang;

use super::harness::Expected::{AllFail, Delivered, Dropped, MarkedFail};
use super::harness::{Row, Wasm, limits, marked};

/// A guest that does this with a marked record, and is sound otherwise.
macro_rules! lie {
    ($lie:literal) => {
        Wasm::Guest(Guest {
            declarations: "(memory (export \"memory\") 2) (data (i32.const 1024) \"onono\\ff\\fe\")
                (func $one (param $data i32) (param $length i32)
                    (call $clear) (i32.store (i32.const 2048) (local.get $length))
                    (call $emit (local.get $data) (local.get $length) (i32.const 2048) (i32.const 1)
                        (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)))
                (func $list (param $at i32) (param $pointer i32) (param $length i32)
                    (i32.store (local.get $at) (local.get $pointer))
                    (i32.store (i32.add (local.get $at) (i32.const 4)) (local.get $length)))
                (func $failure (param $at i32) (param $index i32) (param $text i32) (param $length i32)
                    (i32.store (local.get $at) (local.get $index))
                    (i32.store (i32.add (local.get $at) (i32.const 8)) (local.get $text))
                    (i32.store (i32.add (local.get $at) (i32.const 12)) (local.get $length)))",
            ..Guest::processing(on_bang!($lie))
        })
    };
}

/// A row whose marked records break the contract with these words.
fn broken(guest: Wasm, words: &'static [&'static str]) -> Row {
    Row { guest, expected: MarkedFail("contract", words), ..Row::default() }
}

table! {
    ends_past_the_data_are_a_broken_contract: broken(
        lie!("(call $one (local.get 0) (local.get 1)) (i32.store (i32.const 2048) (i32.const 1000000))
            (return (i32.const 64))"),
        &["broke the stage interface: values: the last end is 1000000, but there are "],
    );

    ends_short_of_the_data_are_a_broken_contract: broken(
        lie!("(call $one (local.get 0) (local.get 1)) (i32.store (i32.const 2048) (i32.const 0))
            (return (i32.const 64))"),
        &["values: the last end is 0, but there are "],
    );

    descending_ends_are_a_broken_contract: broken(
        lie!("(call $one (local.get 0) (local.get 1)) (call $list (i32.const 76) (i32.const 2048) (i32.const 2))
            (return (i32.const 64))"),
        &["values: end 1 is 0, before the previous end "],
    );

    /// 2^30 ends of four bytes each: their size alone does not fit into 32 bits.
    ends_without_number_are_a_broken_contract: broken(
        lie!("(call $one (local.get 0) (local.get 1)) (call $list (i32.const 76) (i32.const 2048) (i32.const 0x40000001))
            (return (i32.const 64))"),
        &["broke the stage interface"],
    );

    unaligned_ends_are_a_broken_contract: broken(
        lie!("(call $one (local.get 0) (local.get 1)) (call $list (i32.const 76) (i32.const 2049) (i32.const 1))
            (return (i32.const 64))"),
        &["broke the stage interface: ", "aligned"],
    );

    data_past_the_memory_is_a_broken_contract: broken(
        lie!("(call $one (local.get 0) (local.get 1)) (call $list (i32.const 68) (i32.const 0x7fffff00) (i32.const 2))
            (return (i32.const 64))"),
        &["broke the stage interface: ", "out of bounds"],
    );

    /// Its end is a small address again.
    data_around_the_end_of_all_addresses_is_a_broken_contract: broken(
        lie!("(call $one (local.get 0) (local.get 1)) (call $list (i32.const 68) (i32.const 0xfffffff0) (i32.const 64))
            (return (i32.const 64))"),
        &["broke the stage interface: ", "out of bounds"],
    );

    a_result_outside_of_the_memory_is_a_broken_contract: broken(
        lie!("(return (i32.const 0x7ffffff0))"),
        &["broke the stage interface: ", "out of bounds"],
    );

    an_unaligned_result_is_a_broken_contract: broken(
        lie!("(return (i32.const 65))"),
        &["broke the stage interface: ", "aligned"],
    );

    a_result_that_is_neither_good_nor_bad_is_a_broken_contract: broken(
        lie!("(call $one (local.get 0) (local.get 1)) (i32.store8 (i32.const 64) (i32.const 7))
            (return (i32.const 64))"),
        &["broke the stage interface: "],
    );

    keys_of_another_number_are_a_broken_contract: broken(
        lie!("(call $one (local.get 0) (local.get 1)) (call $list (i32.const 92) (i32.const 2060) (i32.const 2))
            (return (i32.const 64))"),
        &["there are 1 values, but 2 keys"],
    );

    /// Of which nobody knows the origin.
    outputs_without_origins_are_a_broken_contract: broken(
        lie!("(call $one (i32.const 0) (i32.const 0)) (call $list (i32.const 76) (i32.const 2048) (i32.const 500))
            (return (i32.const 64))"),
        &["there are 500 outputs for 1 records, and no origins"],
    );

    origins_of_another_number_are_a_broken_contract: broken(
        lie!("(call $one (local.get 0) (local.get 1)) (call $list (i32.const 100) (i32.const 2060) (i32.const 2))
            (return (i32.const 64))"),
        &["there are 1 outputs, but 2 origins"],
    );

    origins_out_of_order_are_a_broken_contract: broken(
        lie!("(call $one (i32.const 0) (i32.const 0)) (call $list (i32.const 76) (i32.const 2048) (i32.const 2))
            (i32.store (i32.const 2060) (i32.const 1)) (call $list (i32.const 100) (i32.const 2060) (i32.const 2))
            (return (i32.const 64))"),
        &["origin 1 is smaller than the one before it"],
    );

    origins_out_of_range_are_a_broken_contract: broken(
        lie!("(call $one (local.get 0) (local.get 1)) (i32.store (i32.const 2060) (i32.const 9999))
            (call $list (i32.const 100) (i32.const 2060) (i32.const 1)) (return (i32.const 64))"),
        &["an origin names record 9999, but the batch has 1"],
    );

    ports_of_another_number_are_a_broken_contract: broken(
        lie!("(call $one (local.get 0) (local.get 1)) (call $list (i32.const 100) (i32.const 2060) (i32.const 1))
            (call $list (i32.const 108) (i32.const 2060) (i32.const 2)) (return (i32.const 64))"),
        &["there are 1 outputs, but 2 ports"],
    );

    ports_that_are_not_there_are_a_broken_contract: broken(
        lie!("(call $one (local.get 0) (local.get 1)) (call $list (i32.const 100) (i32.const 2060) (i32.const 1))
            (i32.store16 (i32.const 2064) (i32.const 65535)) (call $list (i32.const 108) (i32.const 2064) (i32.const 1))
            (return (i32.const 64))"),
        &["an output goes to port 65535, but the stage has one output: port 0"],
    );

    two_fates_of_one_record_are_a_broken_contract: broken(
        lie!("(call $one (local.get 0) (local.get 1)) (call $list (i32.const 100) (i32.const 2060) (i32.const 1))
            (call $failure (i32.const 2100) (i32.const 0) (i32.const 1024) (i32.const 5))
            (call $list (i32.const 116) (i32.const 2100) (i32.const 1)) (return (i32.const 64))"),
        &["record 0 has both outputs and a failure"],
    );

    two_failures_of_one_record_are_a_broken_contract: broken(
        lie!("(call $clear) (call $failure (i32.const 2100) (i32.const 0) (i32.const 1024) (i32.const 5))
            (call $failure (i32.const 2116) (i32.const 0) (i32.const 1024) (i32.const 5))
            (call $list (i32.const 116) (i32.const 2100) (i32.const 2)) (return (i32.const 64))"),
        &["there are 2 failures for 1 records"],
    );

    a_failure_of_no_record_is_a_broken_contract: broken(
        lie!("(call $clear) (call $failure (i32.const 2100) (i32.const 0xffffffff) (i32.const 1024) (i32.const 5))
            (call $list (i32.const 116) (i32.const 2100) (i32.const 1)) (return (i32.const 64))"),
        &["a failure names record 4294967295, but the batch has 1"],
    );

    /// The guest's own words for a failed record are none.
    a_failure_in_invalid_utf8_is_a_broken_contract: broken(
        lie!("(call $clear) (call $failure (i32.const 2100) (i32.const 0) (i32.const 1029) (i32.const 2))
            (call $list (i32.const 116) (i32.const 2100) (i32.const 1)) (return (i32.const 64))"),
        &["broke the stage interface: ", "utf-8"],
    );

    an_error_in_invalid_utf8_is_a_broken_contract: broken(
        lie!("(i32.store8 (i32.const 64) (i32.const 1)) (call $list (i32.const 68) (i32.const 1029) (i32.const 2))
            (return (i32.const 64))"),
        &["broke the stage interface: ", "utf-8"],
    );

    an_error_for_the_whole_batch_is_split_down_to_records: Row {
        guest: lie!("(i32.store8 (i32.const 64) (i32.const 1)) (call $list (i32.const 68) (i32.const 1024) (i32.const 5))
            (return (i32.const 64))"),
        expected: MarkedFail("returned", &["onono"]),
        ..Row::default()
    };

    a_flush_that_speaks_of_records_it_was_not_given_is_a_broken_contract: Row {
        guest: Wasm::Guest(Guest {
            flush: "(call $clear) (i32.store (i32.const 116) (i32.const 2048)) (i32.store (i32.const 120) (i32.const 1))
                (i32.const 64)",
            ..Guest::default()
        }),
        records: 20,
        reuse: &[Record, Batch],
        expected: AllFail("contract", &["there are 1 failures for 0 records"]),
        ..Row::default()
    };

    /// The data of a value may be its own list of ends: the host copies bytes, and means nothing by them.
    lists_that_share_their_bytes_are_legal: Row {
        guest: Wasm::processing("(i32.store (i32.const 2048) (i32.const 4)) (call $clear)
            (call $emit (i32.const 2048) (i32.const 4) (i32.const 2048) (i32.const 1)
                (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0)) (i32.const 64)"),
        reuse: &[Record],
        expected: Delivered(|_| "\u{4}\0\0\0".to_owned()),
        ..Row::default()
    };

    a_stage_that_gives_nothing_for_anything_is_counted_as_dropping: Row {
        guest: Wasm::processing("(call $clear) (i32.const 64)"),
        reuse: &[Record, Batch],
        expected: Dropped,
        ..Row::default()
    };

    /// Values and keys are bytes to the host, so a guest that writes NaNs of its own writes just bytes.
    a_guest_that_makes_nans_of_all_kinds_changes_nothing: Row {
        guest: lie!("(i64.store (i32.const 3000) (i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0))))
            (f64.store (i32.const 3008) (f64.sqrt (f64.const nan:0x4000000000001)))"),
        limits: limits(|limits| limits.cpu *= 2),
        expected: Delivered(marked),
        ..Row::default()
    };
}
