//! Whole guests whose functions are made up: they have a stage's imports and exports, and do anything.

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use wasm_smith::{Config, Module};

use super::answer::reuse;
use super::run;
use crate::guest::wrap;

/// What a stage has: the names and types of its functions. Only these matter here, not what the functions do.
const SHAPE: &str = r#"(module
    (import "sandmill:stage/host@0.1.0" "log" (func (param i32 i32 i32)))
    (import "sandmill:stage/host@0.1.0" "write" (func (param i32 i32 i32)))
    (import "sandmill:stage/host@0.1.0" "panicked" (func (param i32 i32 i32 i32)))
    (memory (export "memory") 2)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "sandmill:stage/transform@0.1.0#open") (param i32 i32) (result i32) unreachable)
    (func (export "cabi_post_sandmill:stage/transform@0.1.0#open") (param i32) unreachable)
    (func (export "sandmill:stage/transform@0.1.0#process")
        (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable)
    (func (export "cabi_post_sandmill:stage/transform@0.1.0#process") (param i32) unreachable)
    (func (export "sandmill:stage/transform@0.1.0#flush") (result i32) unreachable))"#;

/// Loops and calls before a guest traps by itself. Many of them run into the limit of `cpu`, but not for ever: an `open`
/// that never ends would take its ten seconds for each input.
const STEPS: [u32; 3] = [100, 10_000, 10_000_000];

pub(super) fn run(data: &[u8]) {
    let Ok((reuse, module)) = made_of(&mut Unstructured::new(data)) else { return };
    // A memory of its own, or a start function that the component cannot have.
    let Ok(component) = wrap(module, "stage", "") else { return };
    run::run(&component, reuse);
}

fn made_of(u: &mut Unstructured<'_>) -> Result<(sandmill::plan::Reuse, Vec<u8>)> {
    static SHAPED: OnceLock<Vec<u8>> = OnceLock::new();
    let shape = SHAPED.get_or_init(|| wat::parse_str(SHAPE).expect("the shape is sound"));
    let reuse = reuse(u)?;
    let steps = *u.choose(&STEPS)?;
    // What the engine is built without stays out, so that few modules are refused.
    let config = Config {
        module_shape: Some(shape.clone()),
        allow_start_export: u.ratio(1, 8)?,
        compact_imports_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        max_memory32_bytes: 4 << 20,
        max_table_elements: 30_000,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        shared_everything_threads_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    };
    let mut module = Module::new(config, u)?;
    module.ensure_termination(steps).expect("every function was made, not taken from the bytes");
    Ok((reuse, module.to_bytes()))
}
