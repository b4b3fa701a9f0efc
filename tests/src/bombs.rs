//! Components that are small, or look harmless, and ask for more than anybody has: each of something that the compiler, or
//! what reads its result, has to do for them. Some are beyond a bound; the others lie just within all of them.

use std::fmt::Write as _;

/// A bomb: its name, and its bytes.
pub type Bomb = (&'static str, Vec<u8>);

/// Those that nobody may begin to compile.
#[must_use]
pub fn refused() -> Vec<Bomb> {
    vec![
        (
            "thirty levels of two instances each",
            text(&doubling(30, "(core module $m) (core instance (instantiate $m))")),
        ),
        ("loops within loops", function("", &format!("{} {}", "loop ".repeat(9_900), "end ".repeat(9_900)))),
        ("conditions", function("(param i32)", &"local.get 0 if local.get 0 drop end ".repeat(190_000))),
        ("thirty levels without a module", text(&doubling(30, ""))),
        ("twenty thousand nested components", nested(20_000)),
        (
            "a thousand components of a thousand parts",
            text(&format!("(component {})", "(component (component) (component))".repeat(900))),
        ),
        (
            "four calls that give the square of a thousand values",
            function(&results(1_000), &"call $many ".repeat(4_000)),
        ),
        ("locals times functions", core(&format!("(func (local {}))", "i64 ".repeat(49_000)).repeat(300))),
        ("locals times blocks", variables(20_000, 20_000)),
        ("blocks within blocks", function("", &format!("{} {}", "block ".repeat(500_000), "end ".repeat(500_000)))),
        ("a table of branches", function("", &format!("block i32.const 0 br_table {} end", "0 ".repeat(3_000_000)))),
        ("a function of millions of instructions", function("", &"i32.const 1 drop ".repeat(2_000_000))),
        ("a million functions", core(&"(func)".repeat(900_000))),
        (
            "a constant expression without end",
            core(&format!("(global i32 i32.const 1 {})", "i32.const 1 i32.add ".repeat(400_000))),
        ),
        ("tables that begin with millions of elements", core(&"(table 10000000 funcref)".repeat(50))),
        (
            "memories with a byte at their end",
            text(&format!(
                "(component {})",
                "(core module (memory 256) (data (i32.const 16777215) \"x\"))".repeat(900)
            )),
        ),
    ]
}

/// Those that are compiled, or refused by the compiler itself: they take what they take.
#[must_use]
pub fn taken() -> Vec<Bomb> {
    [interfaces(), functions(), modules()].concat()
}

/// What components declare.
fn interfaces() -> Vec<Bomb> {
    let mut aliases =
        "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))".to_owned();
    aliases += &"(alias core export $i \"f\" (core func))".repeat(150_000);
    let mut exports = "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m)) (func $f (canon lift (core func $i \"f\")))".to_owned();
    (0..60_000).for_each(|at| write!(exports, "(export \"e{at}\" (func $f))").expect("memory"));
    let wide = |ty: &str, functions: usize| {
        let mut text = "(component (type $t0 u8)".to_owned();
        (1..=18).for_each(|level| write!(text, "(type $t{level} ({ty} $t{0} $t{0}))", level - 1).expect("memory"));
        text += "(core module $m (func (export \"f\") (param i32)) (memory (export \"m\") 1)
            (func (export \"r\") (param i32 i32 i32 i32) (result i32) i32.const 0)) (core instance $i (instantiate $m))";
        text
            + &"(func (param \"x\" $t18) (canon lift (core func $i \"f\") (memory (core memory $i \"m\")) (realloc (core func $i \"r\"))))"
                .repeat(functions)
            + ")"
    };
    vec![
        ("types that double in many functions", text(&wide("tuple", 1_000))),
        ("aliases", text(&(aliases + ")"))),
        ("exports", text(&(exports + ")"))),
        ("lists of lists", text(&lists(5_000))),
        ("a thousand records of ten thousand fields", text(&records())),
        ("instance types that double", text(&instance_types())),
    ]
}

/// What one function, or each of them, is for the compiler.
fn functions() -> Vec<Bomb> {
    let live = format!("{} {} drop", "i32.const 0 i32.load ".repeat(300_000), "i32.add ".repeat(299_999));
    vec![
        (
            "blocks within blocks, as deep as they may be",
            function("", &format!("{} {}", "block ".repeat(9_900), "end ".repeat(9_900))),
        ),
        (
            "a table of branches, as large as it may be",
            function("", &format!("block i32.const 0 br_table {} end", "0 ".repeat(900_000))),
        ),
        (
            "a table of branches to as many blocks",
            function(
                "",
                &format!(
                    "{} i32.const 0 br_table {} {}",
                    "block ".repeat(9_900),
                    (0..9_900).map(|at| format!("{at} ")).collect::<String>(),
                    "end ".repeat(9_900)
                ),
            ),
        ),
        (
            "locals times functions, as many as there may be",
            core(&format!("(func (local {}))", "i64 ".repeat(49_000)).repeat(200)),
        ),
        ("locals times blocks, as many as there may be", variables(5_000, 9_900)),
        (
            "calls that give a thousand values",
            function(&results(1_000), &format!("{} unreachable", "call $many ".repeat(900))),
        ),
        ("values that are all alive at one time", function("(memory 1)", &live)),
        ("a function of as many instructions as there may be", function("", &"i32.const 1 drop ".repeat(490_000))),
        ("loads and stores", function("(memory 1)", &"i32.const 8 i32.const 8 i32.load i32.store ".repeat(240_000))),
        (
            "divisions that may trap",
            function("(param i32)", &"local.get 0 local.get 0 i32.div_s drop ".repeat(240_000)),
        ),
        (
            "constants of sixteen bytes",
            function("", &(0..200_000).map(|at| format!("v128.const i32x4 {at} 1 2 3 drop ")).collect::<String>()),
        ),
        (
            "memory operations",
            function("(memory 1)", &"i32.const 0 i32.const 0 i32.const 0 memory.fill ".repeat(200_000)),
        ),
        ("indirect calls", function("(table 1 funcref)", &"i32.const 0 call_indirect ".repeat(400_000))),
    ]
}

/// What modules declare.
fn modules() -> Vec<Bomb> {
    vec![
        ("many small functions", core(&"(func)".repeat(20_000))),
        ("many types", core(&(0..200_000).map(|at| format!("(type (func (param {})))", bits(at))).collect::<String>())),
        ("many globals", core(&"(global i32 i32.const 1 i32.const 1 i32.add)".repeat(500_000))),
        ("many elements", core(&format!("(table 1 funcref) (func $f) (elem func {})", "$f ".repeat(1_900_000)))),
        ("many segments", core(&format!("(memory 1) {}", "(data \"\")".repeat(95_000)))),
        (
            "sixteen memories with a byte at their end",
            text(&format!("(component {})", "(core module (memory 256) (data (i32.const 16777215) \"x\"))".repeat(16))),
        ),
        ("a table of a million elements", core("(table 1000000 funcref) (func $f) (elem (i32.const 999999) $f)")),
        (
            "a thousand core instances",
            text(&doubling(9, "(core module $m (func (export \"f\"))) (core instance (instantiate $m))")),
        ),
        ("a thousand modules", text(&format!("(component {})", "(core module (func))".repeat(990)))),
    ]
}

fn text(component: &str) -> Vec<u8> {
    // The whole text would be shown otherwise, and that is megabytes.
    wat::parse_str(component)
        .map_err(|error| error.to_string().chars().take(300).collect::<String>())
        .expect("sound WAT")
}

/// A component around a core module.
fn core(module: &str) -> Vec<u8> {
    text(&format!("(component (core module {module}))"))
}

/// A function of its own, in a module that declares something. A parameter is the function's.
fn function(declared: &str, body: &str) -> Vec<u8> {
    match declared.strip_prefix("(param") {
        Some(_) => core(&format!("(func {declared} {body})")),
        None => core(&format!("{declared} (func {body})")),
    }
}

fn results(count: usize) -> String {
    format!("(func $many (result {}) unreachable)", "i32 ".repeat(count))
}

fn variables(locals: usize, blocks: usize) -> Vec<u8> {
    let gets: String = (0..locals).map(|at| format!("local.get {at} drop ")).collect();
    function(
        "",
        &format!(
            "(local {}) {} {gets} {}",
            "i64 ".repeat(locals),
            "block ".repeat(blocks.min(9_900)) + &"block end ".repeat(blocks.saturating_sub(9_900)),
            "end ".repeat(blocks.min(9_900))
        ),
    )
}

/// Of a number, as many types of values.
fn bits(number: u32) -> String {
    (0..20).map(|bit| if number >> bit & 1 == 1 { "i32 " } else { "i64 " }).collect()
}

/// A component that instantiates its predecessor twice, so many times over.
fn doubling(levels: usize, innermost: &str) -> String {
    let mut text = format!("(component $c0 {innermost})");
    for level in 1..=levels {
        let before = level - 1;
        text = format!(
            "(component $c{level} {text} (instance (instantiate $c{before})) (instance (instantiate $c{before})))"
        );
    }
    text
}

/// Components in components, by hand: the text format does not go so deep.
fn nested(levels: usize) -> Vec<u8> {
    const HEAD: &[u8] = b"\0asm\x0d\0\x01\0";
    let mut lengths = vec![HEAD.len()];
    for _ in 0..levels {
        let inner = lengths.last().expect("one");
        lengths.push(HEAD.len() + 1 + leb(*inner).len() + inner);
    }
    let mut wasm = Vec::new();
    for inner in lengths.iter().rev().skip(1) {
        wasm.extend_from_slice(HEAD);
        wasm.push(4);
        wasm.extend(leb(*inner));
    }
    wasm.extend_from_slice(HEAD);
    wasm
}

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn lists(levels: usize) -> String {
    let mut text = "(component (type $t0 u8)".to_owned();
    (1..=levels).for_each(|level| write!(text, "(type $t{level} (list $t{}))", level - 1).expect("memory"));
    text + &format!("(import \"f\" (func (param \"x\" $t{levels}))))")
}

fn records() -> String {
    let fields: String = (0..10_000).map(|at| format!("(field \"a{at}\" u8)")).collect();
    format!("(component {})", format!("(type (record {fields}))").repeat(9))
}

fn instance_types() -> String {
    let mut text = "(component (type $t0 (instance (export \"f\" (func))))".to_owned();
    for level in 1..=18 {
        let before = level - 1;
        write!(
            text,
            "(type $t{level} (instance (alias outer 1 $t{before} (type $x)) (export \"a\" (instance (type $x)))
                (export \"b\" (instance (type $x)))))"
        )
        .expect("memory");
    }
    text + "(import \"i\" (instance (type $t18))))"
}
