//! What libFuzzer calls: the target that the variable `FUZZ_TARGET` names.

#![no_main]

use std::env;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tests::fuzz::{TARGETS, Target};

fuzz_target!(|data: &[u8]| {
    static TARGET: OnceLock<Target> = OnceLock::new();
    (TARGET.get_or_init(chosen).run)(data);
});

fn chosen() -> Target {
    let name = env::var("FUZZ_TARGET").unwrap_or_default();
    let names = TARGETS.map(|target| target.name);
    *TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("FUZZ_TARGET is one of {names:?}"))
}
