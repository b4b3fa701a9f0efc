use wasmparser::{Operator, Parser, Payload};

use super::*;

/// As tools link: a trampoline for what needs the program's memory, the program, a library at a place in its memory and its
/// table, and what fills the trampoline's table in the end.
const LINKED: &str = r#"(component
    (import "say" (func $say (param "text" string)))
    (core module $shim
        (table (export "$imports") 1 1 funcref)
        (type $say (func (param i32 i32)))
        (func (export "0") (param i32 i32) (call_indirect (type $say) (local.get 0) (local.get 1) (i32.const 0))))
    (core module $main
        (import "say" "say" (func (param i32 i32)))
        (memory (export "memory") 1)
        (table (export "table") 8 funcref)
        (global (export "stack") (mut i32) (i32.const 4096))
        (global (export "place") i32 (i32.const 2048))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
        (func $hello (export "hello") (call 0 (i32.const 0) (i32.const 5)))
        (data (i32.const 0) "hello"))
    (core module $library
        (import "env" "memory" (memory 1))
        (import "env" "table" (table 1 funcref))
        (import "env" "stack" (global (mut i32)))
        (import "env" "place" (global $place i32))
        (import "env" "hello" (func $hello))
        (func $run (export "run") (result i32) (call $hello) (i32.add (global.get 0) (global.get $place)))
        (elem (offset (i32.add (global.get $place) (i32.const -2046))) func $run)
        (data (global.get $place) "there"))
    (core module $fixup
        (import "shim" "$imports" (table 1 1 funcref))
        (import "actual" "0" (func (param i32 i32)))
        (elem (i32.const 0) func 0))
    (core instance $shim (instantiate $shim))
    (alias core export $shim "0" (core func $trampoline))
    (core instance $imports (export "say" (func $trampoline)))
    (core instance $main (instantiate $main (with "say" (instance $imports))))
    (alias core export $main "memory" (core memory $memory))
    (alias core export $main "table" (core table $table))
    (alias core export $main "stack" (core global $stack))
    (alias core export $main "place" (core global $place))
    (alias core export $main "hello" (core func $hello))
    (core instance $env (export "memory" (memory $memory)) (export "table" (table $table)) (export "stack" (global $stack))
        (export "place" (global $place)) (export "hello" (func $hello)))
    (core instance $library (instantiate $library (with "env" (instance $env))))
    (alias core export $main "realloc" (core func $realloc))
    (core func $lowered (canon lower (func $say) (memory $memory) (realloc $realloc)))
    (core instance $actual (export "0" (func $lowered)))
    (core instance (instantiate $fixup (with "shim" (instance $shim)) (with "actual" (instance $actual))))
    (alias core export $library "run" (core func $run))
    (func (export "run") (result s32) (canon lift (core func $run))))"#;

fn flat(text: &str) -> Option<Vec<u8>> {
    flattened(&wat::parse_str(text).unwrap()).unwrap()
}

fn modules(component: &[u8]) -> usize {
    let is_module = |payload: &Payload<'_>| matches!(payload, Payload::ModuleSection { .. });
    Parser::new(0).parse_all(component).filter(|payload| is_module(payload.as_ref().unwrap())).count()
}

/// The instructions of all functions, in words.
fn instructions(component: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            let operators: Vec<Operator<'_>> =
                body.get_operators_reader().unwrap().into_iter().collect::<std::result::Result<_, _>>().unwrap();
            found.extend(operators.iter().map(|operator| format!("{operator:?}")));
        }
    }
    found
}

#[test]
fn modules_that_are_linked_become_one_and_the_last_step_of_linking_stays() {
    let flat = flat(LINKED).unwrap();
    assert_eq!(modules(&flat), 2, "the program, and what fills its table");
    assert!(flattened(&flat).unwrap().is_none(), "it is as flat as it can be");
}

#[test]
fn what_a_library_counts_its_places_from_is_a_number_in_its_code_and_its_segments() {
    let flat = flat(LINKED).unwrap();
    let instructions = instructions(&flat);
    assert!(instructions.contains(&"I32Const { value: 2048 }".to_owned()), "{instructions:?}");
    let loads = instructions.iter().filter(|it| it.starts_with("GlobalGet")).count();
    assert_eq!(loads, 1, "the stack's end changes: {instructions:?}");
    for payload in Parser::new(0).parse_all(&flat) {
        if let Payload::DataSection(segments) = payload.unwrap() {
            assert_eq!(segments.count(), 2);
        }
    }
}

#[test]
fn a_component_within_another_becomes_flat_too() {
    let inner = LINKED.replacen("(component", "(component $inner", 1);
    let outer = format!(
        "(component (import \"say\" (func $say (param \"text\" string))) {inner}
            (instance $inner (instantiate $inner (with \"say\" (func $say))))
            (export \"run\" (func $inner \"run\")))"
    );
    assert_eq!(modules(&flat(&outer).unwrap()), 2);
}

#[test]
fn a_module_with_a_memory_of_its_own_stays_one() {
    let two = |first: &str, second: &str| {
        format!(
            "(component (core module $a {first}) (core module $b (import \"a\" \"f\" (func)) {second} (export \"g\" (func 0)))
                (core instance $a (instantiate $a)) (core instance $b (instantiate $b (with \"a\" (instance $a))))
                (func (export \"g\") (canon lift (core func $b \"g\"))))"
        )
    };
    assert_eq!(modules(&flat(&two("(memory 1) (func (export \"f\"))", "")).unwrap()), 1);
    assert!(flat(&two("(memory 1) (func (export \"f\"))", "(memory 1)")).is_none());
}

#[test]
fn a_module_that_begins_with_something_is_the_last_to_join() {
    let three = |start: &str| {
        format!(
            "(component (core module $a (func $f (export \"f\")) {start})
                (core module $b (import \"a\" \"f\" (func)) (export \"f\" (func 0)))
                (core instance $a (instantiate $a)) (core instance $b (instantiate $b (with \"a\" (instance $a))))
                (core instance $c (instantiate $b (with \"a\" (instance $b))))
                (func (export \"f\") (canon lift (core func $c \"f\"))))"
        )
    };
    assert_eq!(modules(&flat(&three("")).unwrap()), 1);
    assert!(flat(&three("(start $f)")).is_none());
}

#[test]
fn what_is_not_a_component_of_linked_modules_is_left_alone() {
    assert!(flat("(component)").is_none());
    assert!(flattened(b"not wasm").is_err());
    let whole = wat::parse_str(LINKED).unwrap();
    for end in 0..whole.len() {
        drop(flattened(&whole[..end]));
    }
}

/// Each level takes room on the stack.
#[test]
fn components_that_are_nested_deeply_stay_as_they_are() {
    let header = wat::parse_str("(component)").unwrap();
    let nested = (0..5_000).fold(header.clone(), |inner, _| {
        let mut outer = header.clone();
        wasm_encoder::Section::append_to(&wasm_encoder::RawSection { id: 4, data: &inner }, &mut outer);
        outer
    });
    assert_eq!(flattened(&nested).unwrap_err().to_string(), "its components are nested too deeply");
}

/// A function that goes through another module is still part of the one that all become.
#[test]
fn a_way_to_a_function_is_joined_with_the_rest() {
    let text = LINKED.replace("(canon lift (core func $run))", "(canon lift (core func $run) (memory $memory))");
    let way = wat::parse_str(
        "(module (import \"\" \"memory\" (memory 0)) (import \"\" \"function\" (func $direct (result i32)))
            (func (export \"function\") (result i32) (i32.add (call $direct) (i32.load8_u (i32.const 0)))))",
    )
    .unwrap();
    let component = wat::parse_str(&text).unwrap();
    let (led, names) = led(&component, &|name| (name == "run").then(|| way.clone())).unwrap();
    assert_eq!(names, ["run"]);
    Validator::new().validate_all(&led).unwrap();
    assert_eq!(modules(&led), modules(&component) + 1);
    let joined = flattened(&led).unwrap().expect("it is joined");
    assert_eq!(modules(&joined), modules(&flat(&text).unwrap()));
    let (other, names) = super::led(&component, &|_| None).unwrap();
    assert_eq!((modules(&other), names.len()), (modules(&component), 0));
}
