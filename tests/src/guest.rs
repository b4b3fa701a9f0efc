//! Guests made of WAT: a core module with the stage's exports, wrapped into a component. No guest toolchain is needed.
//!
//! The canonical ABI of `process`: eight words in (values.data, values.ends, keys.data, keys.ends, each pointer and
//! length), one pointer out, to a result: a tag byte, then at 4 the outcome's fourteen words (values.data, values.ends,
//! keys.data, keys.ends, origins, ports, failures), or the message's two.
//!
//! A guest that wants more of its host says so twice: in WIT (`world`), and as core imports at the head of its
//! declarations, `(import "wasi:cli/environment@0.2.12" "get-environment" (func $env (param i32)))`. What the module does
//! not import, the component does not import either.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Body of `process`: does this when the first byte of any value is `!`, else gives back its input.
#[macro_export]
macro_rules! on_bang {
    ($then:literal) => {
        concat!(
            "(if (call $has_bang (local.get 0) (local.get 2) (local.get 3)) (then ",
            $then,
            ")) (call $echo (local.get 0) (local.get 1) (local.get 2) (local.get 3)
            (local.get 4) (local.get 5) (local.get 6) (local.get 7))"
        )
    };
}

/// A guest's three functions, and what it declares besides them.
#[derive(Clone, Copy, Debug)]
pub struct Guest {
    /// What its world has beyond a stage's, as WIT: `import wasi:cli/environment@0.2.12;`.
    pub world: &'static str,
    /// Declarations at the module's top: imports, globals, data, the memory when it is not the usual one.
    pub declarations: &'static str,
    /// Body of `cabi_realloc`: four words in (old pointer, old size, alignment, new size), a pointer out.
    pub allocator: &'static str,
    /// Body of `open`: two words in (config), a pointer out.
    pub open: &'static str,
    /// Body of `process`.
    pub process: &'static str,
    /// Body of `flush`: nothing in, a pointer out.
    pub flush: &'static str,
}

/// The result of `open`: ok.
pub const OPEN_OK: &str = "(i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16)";
/// An outcome without anything.
pub const FLUSH_NOTHING: &str = "(call $clear) (i32.const 64)";
/// Gives back its input, untouched.
pub const PROCESS_ECHO: &str = "(call $echo (local.get 0) (local.get 1) (local.get 2) (local.get 3)
    (local.get 4) (local.get 5) (local.get 6) (local.get 7))";
/// Traps when the first byte of any value is `!`, else gives back its input.
pub const PROCESS_TRAP_ON_BANG: &str = on_bang!("unreachable");
/// Spins for ever when the first byte of any value is `!`, else gives back its input.
pub const PROCESS_SPIN_ON_BANG: &str = on_bang!("(loop $l (br $l))");
/// Fails the one record it is given when its first byte is `!`, as [`RETRYABLE`] or [`FINAL`] says; else gives it back.
pub const PROCESS_FAIL_ON_BANG: &str = on_bang!(
    "(call $clear) (i32.store (i32.const 116) (i32.const 200)) (i32.store (i32.const 120) (i32.const 1))
    (return (i32.const 64))"
);
/// Declares a failure of record 0 at 200, which may pass later: `busy`.
pub const RETRYABLE: &str = r#"(memory (export "memory") 2) (data (i32.const 1024) "busy")
    (data (i32.const 200) "\00\00\00\00\01\00\00\00\00\04\00\00\04\00\00\00")"#;
/// The same, but it would fail again.
pub const FINAL: &str = r#"(memory (export "memory") 2) (data (i32.const 1024) "busy")
    (data (i32.const 200) "\00\00\00\00\00\00\00\00\00\04\00\00\04\00\00\00")"#;
/// Takes the next bytes of the memory, which grows as it must.
pub const ALLOCATE: &str = "
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (local.set $end (i32.add (local.get $at) (local.get 3)))
    (block $fits
        (br_if $fits (i32.le_u (local.get $end) (i32.mul (memory.size) (i32.const 65536))))
        (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1)
                (i32.div_u (i32.sub (local.get $end) (i32.mul (memory.size) (i32.const 65536))) (i32.const 65536)))))
            (then unreachable)))
    (global.set $heap (local.get $end))
    (local.get $at)";

impl Default for Guest {
    fn default() -> Self {
        Self::SOUND
    }
}

impl Guest {
    /// Gives back its input, and imports nothing but a stage's own host.
    pub const SOUND: Self = Self {
        world: "",
        declarations: "(memory (export \"memory\") 2)",
        allocator: ALLOCATE,
        open: OPEN_OK,
        process: PROCESS_ECHO,
        flush: FLUSH_NOTHING,
    };

    /// A guest with this `process` and nothing else unusual.
    #[must_use]
    pub fn processing(process: &'static str) -> Self {
        Self { process, ..Self::default() }
    }

    /// Writes the component into `folder`.
    ///
    /// # Errors
    /// When the WAT is wrong, or the file cannot be written.
    pub fn write(&self, folder: &Path, name: &str) -> Result<PathBuf> {
        let path = folder.join(format!("{name}.wasm"));
        std::fs::write(&path, self.component()?)?;
        Ok(path)
    }

    /// The component itself.
    ///
    /// # Errors
    /// When the WAT is wrong.
    pub fn component(&self) -> Result<Vec<u8>> {
        encode(&self.module(), "stage", self.world)
    }

    fn module(&self) -> String {
        let Self { declarations, allocator, open, process, flush, .. } = self;
        format!(
            r#"(module
            (import "sandmill:stage/host@0.1.0" "log" (func $log (param i32 i32 i32)))
            (import "sandmill:stage/host@0.1.0" "panicked" (func $panicked (param i32 i32 i32 i32)))
            {declarations}
            (global $heap (mut i32) (i32.const 4096))
            {SUPPORT}
            (func $alloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32) (local $end i32)
                {allocator})
            (func (export "sandmill:stage/transform@0.1.0#open") (param i32 i32) (result i32) {open})
            (func (export "sandmill:stage/transform@0.1.0#process")
                (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (local $i i32) {process})
            (func (export "sandmill:stage/transform@0.1.0#flush") (result i32) (local $i i32) {flush}))"#
        )
    }
}

/// A component of the other world: a source that gives `1` three times.
///
/// # Errors
/// When the WAT is wrong.
pub fn source_of_ones() -> Result<Vec<u8>> {
    source("(i32.store (i32.const 76) (i32.const 36)) (i32.store (i32.const 80) (i32.const 3))")
}

/// A source that pulls `111` once, with `ends` of its records, in code that may `$log`; from 36 on lie the ends 1, 2 and 3.
///
/// # Errors
/// When the WAT is wrong.
pub fn source(ends: &str) -> Result<Vec<u8>> {
    // The chunk at 64: a tag byte, then at 68 the batch's eight words, the cursor's two, and whether it is the last.
    let module = r#"(module
        IMPORTS
        (memory (export "memory") 1)
        (data (i32.const 32) "111")
        (data (i32.const 36) "\01\00\00\00\02\00\00\00\03\00\00\00")
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "sandmill:stage/source@0.1.0#open") (param i32 i32 i32 i32 i32) (result i32) (i32.const 16))
        (func (export "sandmill:stage/source@0.1.0#pull") (param i32) (result i32)
            (i32.store (i32.const 68) (i32.const 32)) (i32.store (i32.const 72) (i32.const 3))
            ENDS
            (i32.store8 (i32.const 108) (i32.const 1))
            (i32.const 64)))"#;
    let log = r#"(import "sandmill:stage/host@0.1.0" "log" (func $log (param i32 i32 i32)))"#;
    let imports = if ends.contains("$log") { log } else { "" };
    encode(&module.replace("IMPORTS", imports).replace("ENDS", ends), "record-source", "")
}

/// A source whose instances give three records at their first pull, with the place behind them, and trap at the second; one
/// that is opened at a place says with its first chunk that it is the last.
///
/// # Errors
/// When the WAT is wrong.
pub fn source_that_traps_between_pulls() -> Result<Vec<u8>> {
    trapping_source("(global.get $resumed)")
}

/// `last`: whether a chunk is the last one.
fn trapping_source(last: &str) -> Result<Vec<u8>> {
    let module = r#"(module
        (memory (export "memory") 1)
        (data (i32.const 32) "abc")
        (data (i32.const 36) "\01\00\00\00\02\00\00\00\03\00\00\00")
        (global $resumed (mut i32) (i32.const 0))
        (global $pulls (mut i32) (i32.const 0))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "sandmill:stage/source@0.1.0#open") (param i32 i32 i32 i32 i32) (result i32)
            (global.set $resumed (local.get 2))
            (i32.const 16))
        (func (export "sandmill:stage/source@0.1.0#pull") (param i32) (result i32)
            (if (global.get $pulls) (then (unreachable)))
            (global.set $pulls (i32.const 1))
            (i32.store (i32.const 68) (i32.const 32)) (i32.store (i32.const 72) (i32.const 3))
            (i32.store (i32.const 76) (i32.const 36)) (i32.store (i32.const 80) (i32.const 3))
            (i32.store (i32.const 100) (i32.const 32)) (i32.store (i32.const 104) (i32.const 1))
            (i32.store8 (i32.const 108) LAST)
            (i32.const 64)))"#;
    encode(&module.replace("LAST", last), "record-source", "")
}

/// The same, but no chunk is ever the last: it traps after every good pull, wherever it is opened.
///
/// # Errors
/// When the WAT is wrong.
pub fn source_that_traps_after_every_pull() -> Result<Vec<u8>> {
    trapping_source("(i32.const 0)")
}

/// Wraps a core module into a component of that world, with `more` in it.
fn encode(module: &str, world: &str, more: &str) -> Result<Vec<u8>> {
    wrap(wat::parse_str(module).context("a guest's WAT")?, world, more)
}

/// Wraps a core module into a component of that world, with `more` in it.
///
/// # Errors
/// When the module does not have what the world asks for.
pub fn wrap(mut module: Vec<u8>, world: &str, more: &str) -> Result<Vec<u8>> {
    // Read once: the fuzzer makes thousands of guests.
    static INTERFACES: OnceLock<Resolve> = OnceLock::new();
    let read = match INTERFACES.get() {
        Some(read) => read,
        None => {
            let mut resolve = Resolve::default();
            resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/wit"))?;
            INTERFACES.get_or_init(|| resolve)
        }
    };
    let mut resolve = read.clone();
    let guest = format!("package tests:guest; world guest {{ include sandmill:stage/{world}@0.1.0; {more} }}");
    let package = resolve.push_str("guest.wit", &guest).context("a guest's WIT")?;
    let world = resolve.select_world(&[package], Some("guest"))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)?;
    ComponentEncoder::default().validate(true).module(&module)?.encode()
}

/// An outcome at 64, made of nothing or of the input, and a search for a value that begins with `!`.
const SUPPORT: &str = r#"
    (func $clear (memory.fill (i32.const 64) (i32.const 0) (i32.const 64)))
    (func $emit (param i32 i32 i32 i32 i32 i32 i32 i32)
        (i32.store (i32.const 68) (local.get 0)) (i32.store (i32.const 72) (local.get 1))
        (i32.store (i32.const 76) (local.get 2)) (i32.store (i32.const 80) (local.get 3))
        (i32.store (i32.const 84) (local.get 4)) (i32.store (i32.const 88) (local.get 5))
        (i32.store (i32.const 92) (local.get 6)) (i32.store (i32.const 96) (local.get 7)))
    (func $echo (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (call $clear)
        (call $emit (local.get 0) (local.get 1) (local.get 2) (local.get 3)
            (local.get 4) (local.get 5) (local.get 6) (local.get 7))
        (i32.const 64))
    (func $has_bang (param $data i32) (param $ends i32) (param $count i32) (result i32)
        (local $i i32) (local $start i32)
        (block $none (loop $next
            (br_if $none (i32.ge_u (local.get $i) (local.get $count)))
            (if (i32.eq (i32.const 33) (i32.load8_u (i32.add (local.get $data) (local.get $start))))
                (then (return (i32.const 1))))
            (local.set $start (i32.load (i32.add (local.get $ends) (i32.mul (local.get $i) (i32.const 4)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $next)))
        (i32.const 0))
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_may_import_what_its_world_names() {
        let guest = Guest {
            world: "import wasi:cli/environment@0.2.12; import wasi:random/random@0.2.12;",
            declarations: "(import \"wasi:cli/environment@0.2.12\" \"get-environment\" (func $env (param i32)))
                (memory (export \"memory\") 2)",
            ..Guest::default()
        };
        let component = guest.component().expect("a component");
        let imports = |name: &str| component.windows(name.len()).any(|bytes| bytes == name.as_bytes());
        assert!(imports("wasi:cli/environment@0.2.12") && !imports("wasi:random/random"));
    }
}
