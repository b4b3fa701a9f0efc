//! What is refused, what is not, and that the walk itself costs little.

use super::*;

fn counted(text: &str) -> Result<()> {
    count(&wat::parse_str(text).unwrap())
}

#[track_caller]
fn too_many(text: &str, what: &str) {
    match counted(text) {
        Err(Refused::TooMany { what: found, most, found: number }) => {
            assert!(found.contains(what) && number > most, "{number} {found}");
        }
        other => panic!("{what}: {other:?}"),
    }
}

/// A module within a component.
fn module(text: &str) -> String {
    format!("(component (core module {text}))")
}

fn function(body: &str) -> String {
    module(&format!("(func {body})"))
}

#[test]
fn what_tools_make_is_compiled() {
    let honest = "(component
        (core module $m (memory 1) (table 10 funcref) (func $f (param i32) (result i32) (local i64) local.get 0)
            (elem (i32.const 0) $f) (global i32 (i32.const 1)) (export \"f\" (func $f)) (data (i32.const 0) \"x\"))
        (component $c (core module (func)) (export \"a\" (core module 0)))
        (core instance (instantiate $m)) (instance (instantiate $c)) (instance (instantiate $c)))";
    assert_eq!(counted(honest), Ok(()));
}

/// Issue 12: 1,856 bytes, 7.5 GB.
#[test]
fn instances_multiply() {
    let doubling = |levels: usize| {
        let mut text = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
        for level in 1..=levels {
            text = format!(
                "(component $c{level} {text} (instance (instantiate $c{0})) (instance (instantiate $c{0})))",
                level - 1
            );
        }
        text
    };
    assert_eq!(counted(&doubling(8)), Ok(()));
    too_many(&doubling(30), "core instances");
}

/// The same without a module in it, and with its components beside each other instead of within each other.
#[test]
fn parts_multiply_however_a_component_comes_by_the_other() {
    let mut text = "(component (component $c0)".to_owned();
    for level in 1..=30 {
        let before = level - 1;
        text += &format!(
            "(component $c{level} (alias outer 1 $c{before} (component $x)) (instance (instantiate $x))
                (instance (instantiate $x)))"
        );
    }
    too_many(&(text + ")"), "parts");
    let mut text = "(component (component $c0)".to_owned();
    for level in 1..=30 {
        let before = level - 1;
        text += &format!(
            "(export $e{before} \"c{before}\" (component $c{before})) (component $c{level}
                (alias outer 1 $e{before} (component $x)) (instance (instantiate $x)) (instance (instantiate $x)))"
        );
    }
    too_many(&(text + ")"), "parts");
}

#[test]
fn a_component_that_is_given_cannot_be_instantiated() {
    let import = "(component (import \"c\" (component $c)) (instance (instantiate $c)))";
    assert_eq!(counted(import), Err(Refused::ForeignComponent));
    let taken = "(component (component $a (component $b) (export \"b\" (component $b))) (instance $i (instantiate $a))
        (alias export $i \"b\" (component $c)) (instance (instantiate $c)))";
    assert_eq!(counted(taken), Err(Refused::ForeignComponent));
}

#[test]
fn nesting_is_bounded_and_costs_no_stack() {
    // 20,000 levels, by hand: the text format's own parser would not take them. Each holds the next in a section.
    let mut nested = b"\0asm\x0d\0\x01\0".to_vec();
    for _ in 0..20_000 {
        let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
        let mut length = nested.len();
        while length >= 0x80 {
            outer.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.append(&mut nested);
        nested = outer;
    }
    let refused = count(&nested).unwrap_err().to_string();
    assert_eq!(refused, "it has 33 levels of nesting; at most 32 are allowed");
}

#[test]
fn the_values_that_a_function_moves_count_as_its_instructions_do() {
    assert_eq!(counted(&function(&"(drop (i32.const 1))".repeat(10_000))), Ok(()));
    let results = "i32 ".repeat(1_000);
    let calls =
        format!("(func $many (result {results}) unreachable) (func {} unreachable)", "call $many ".repeat(2_000));
    too_many(&module(&calls), "instructions and values");
    let blocks = format!(
        "(type $t (func (result {results}))) (func {} unreachable)",
        "block (type $t) unreachable end ".repeat(2_000)
    );
    too_many(&module(&blocks), "instructions and values");
    let table = format!("(func (block (br_table {} (i32.const 0))))", "0 ".repeat(1_100_000));
    too_many(&module(&table), "instructions and values");
    let branches = format!("{} br_table {} 0", "i32.const 0 ".repeat(1_001), "0 ".repeat(1_500));
    let wide = format!("(func (result {results}) {branches})");
    too_many(&module(&wide), "instructions and values");
}

#[test]
fn blocks_and_local_variables_are_bounded_one_by_one_and_together() {
    too_many(&function(&format!("{} {}", "block ".repeat(10_001), "end ".repeat(10_001))), "blocks within each other");
    too_many(&function(&format!("{} {}", "loop ".repeat(257), "end ".repeat(257))), "loops within each other");
    too_many(&function(&"block end ".repeat(50_001)), "blocks and branches");
    let many = format!("(func (local {}))", "i32 ".repeat(40_000)).repeat(300);
    too_many(&module(&many), "local variables");
    let body = format!(
        "(func (local {}) {} {})",
        "i32 ".repeat(10_000),
        "block end ".repeat(10_000),
        (0..10_000).map(|at| format!("local.get {at} drop ")).collect::<String>(),
    );
    too_many(&module(&body), "local variables times blocks");
}

#[test]
fn what_modules_declare_is_bounded() {
    too_many(&module("(table 600000 funcref) (table 600000 funcref)"), "initial table elements");
    too_many(&format!("(component {})", "(core module (memory 1))".repeat(17)), "memories");
    too_many(
        &module(&format!("(global i32 {})", "i32.const 1 i32.const 1 i32.add drop ".repeat(200))),
        "constant expression",
    );
    let types = format!(
        "(component {})",
        format!("(core module {})", format!("(type (func (param {})))", "i32 ".repeat(1_000)).repeat(300)).repeat(7)
    );
    too_many(&types, "declarations");
    too_many(&format!("(component {})", "(component)".repeat(1_000)), "components and modules");
    let name = "a".repeat(1_025);
    too_many(&format!("(component (import \"{name}\" (func)))"), "bytes in the name");
}
