//! What lies ready in a sandbox: `guests/*.wasm`, made of WAT, and `stages/*.wasm`, real ones.
//!
//! | file | does |
//! |---|---|
//! | `echo` | gives back its input |
//! | `bang` | traps on a value that begins with `!` |
//! | `twice` | gives back each record of its input twice |
//! | `slow` | gives back its input, after some milliseconds for each record |
//! | `spin` | spins for ever on a value that begins with `!` |
//! | `busy` | fails a record that begins with `!`, given by itself, and says that it may pass later |
//! | `stuck` | logs `stuck` before it does the same |
//! | `loud` | logs `no database` as an error, and as information, and traps, on a value that begins with `!` |
//! | `fussy` | refuses its configuration |
//! | `stillborn` | traps when it is opened |
//! | `hungry` | begins with 64 MiB of memory |
//! | `ones` (a source) | gives `1`, three times |
//! | `curious` | imports its environment, standard output and the clock |
//! | `telltale` | logs the value of its first variable, and fails with it |
//! | `needy` | imports folders, which it has to be granted |
//! | `greedy` | imports a store, which is never granted |
//! | `idle` | exports nothing |
//! | `core` | is a core module |
//! | `filter` | is a command, which gives back its input |
//! | `text` | is no component but a text |
//! | `cut` | is the first half of `echo` |

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Result, ensure};

use crate::guest::{
    Guest, PROCESS_FAIL_ON_BANG, PROCESS_SPIN_ON_BANG, PROCESS_TRAP_ON_BANG, RETRYABLE, source_of_ones,
};
use crate::on_bang;

/// `process` that logs the 5 bytes at 1024, and spins for ever, when a value begins with `!`; else gives back its
/// input.
const PROCESS_STUCK_ON_BANG: &str =
    on_bang!("(call $log (i32.const 1) (i32.const 1024) (i32.const 5)) (loop $l (br $l))");

/// `process` that logs the 11 bytes at 1024 as an error and as information, and traps, when a value begins with `!`;
/// else gives back its input.
const PROCESS_LOUD_ON_BANG: &str = on_bang!(
    "(call $log (i32.const 3) (i32.const 1024) (i32.const 11))
     (call $log (i32.const 1) (i32.const 1024) (i32.const 11)) (unreachable)"
);

/// A program that knows nothing of pipelines: what it reads at a time, it writes.
const FILTER: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (func (export "_start") (loop $next
        (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 65536))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br_if $next (i32.load (i32.const 4))))))"#;

/// Each value twice, behind one another.
const TWICE: &str = r#"(memory (export "memory") 2)
    (func $room (param $bytes i32) (result i32)
        (call $alloc (i32.const 0) (i32.const 0) (i32.const 8) (local.get $bytes)))
    (func $twice (param $data i32) (param $bytes i32) (param $ends i32) (param $count i32) (result i32)
        (local $i i32) (local $start i32) (local $end i32) (local $value i32) (local $at i32)
        (local $values i32) (local $values_ends i32) (local $origins i32)
        (local.set $values (call $room (i32.mul (local.get $bytes) (i32.const 2))))
        (local.set $values_ends (call $room (i32.mul (local.get $count) (i32.const 8))))
        (local.set $origins (call $room (i32.mul (local.get $count) (i32.const 8))))
        (local.set $value (local.get $values))
        (block $none (loop $next
            (br_if $none (i32.ge_u (local.get $i) (i32.mul (local.get $count) (i32.const 2))))
            (local.set $end (i32.load (i32.add (local.get $ends)
                (i32.mul (i32.shr_u (local.get $i) (i32.const 1)) (i32.const 4)))))
            (memory.copy (local.get $value) (i32.add (local.get $data) (local.get $start))
                (i32.sub (local.get $end) (local.get $start)))
            (local.set $value (i32.add (local.get $value) (i32.sub (local.get $end) (local.get $start))))
            (local.set $at (i32.mul (local.get $i) (i32.const 4)))
            (i32.store (i32.add (local.get $values_ends) (local.get $at))
                (i32.sub (local.get $value) (local.get $values)))
            (i32.store (i32.add (local.get $origins) (local.get $at)) (i32.shr_u (local.get $i) (i32.const 1)))
            (if (i32.and (local.get $i) (i32.const 1)) (then (local.set $start (local.get $end))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $next)))
        (call $clear)
        (call $emit (local.get $values) (i32.mul (local.get $bytes) (i32.const 2))
            (local.get $values_ends) (i32.mul (local.get $count) (i32.const 2))
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
        (i32.store (i32.const 100) (local.get $origins))
        (i32.store (i32.const 104) (i32.mul (local.get $count) (i32.const 2)))
        (i32.const 64))"#;
const PROCESS_TWICE: &str = "(call $twice (local.get 0) (local.get 1) (local.get 2) (local.get 3))";

/// `process` that counts to some million for each record before it gives back its input.
const PROCESS_SLOW: &str = "(local.set $i (i32.mul (local.get 3) (i32.const 4000000)))
    (loop $l (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $l (i32.gt_s (local.get $i) (i32.const 0))))
    (call $echo (local.get 0) (local.get 1) (local.get 2) (local.get 3)
        (local.get 4) (local.get 5) (local.get 6) (local.get 7))";

/// `open` that gives back an error: the 26 bytes at 1024.
const OPEN_REFUSE: &str = "(i32.store8 (i32.const 16) (i32.const 1)) (i32.store (i32.const 20) (i32.const 1024))
    (i32.store (i32.const 24) (i32.const 26)) (i32.const 16)";

/// An import that has to be granted, beside the right export.
const NEEDY: &str = r#"(component
    (import "wasi:filesystem/preopens@0.2.0" (instance (export "get-directories" (func))))
    (instance $transform)
    (export "sandmill:stage/transform@0.1.0" (instance $transform)))"#;

/// An import that no stage is given.
const GREEDY: &str = r#"(component
    (import "wasi:keyvalue/store@0.2.0" (instance (export "open" (func))))
    (instance $transform)
    (export "sandmill:stage/transform@0.1.0" (instance $transform)))"#;

/// Asks for its environment when it is opened, and can print and look at the clock; gives back its input.
const CURIOUS: Guest = Guest {
    world: "import wasi:cli/environment@0.2.12; import wasi:cli/stdout@0.2.12; import wasi:clocks/wall-clock@0.2.12;",
    declarations: r#"
        (import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
        (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
        (import "wasi:clocks/wall-clock@0.2.12" "now" (func $now (param i32)))
        (memory (export "memory") 2)"#,
    open: "(call $environment (i32.const 32)) (i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16)",
    ..Guest::SOUND
};

/// Tells the value of its first variable, in two ways.
const TELLTALE: Guest = Guest {
    world: "import wasi:cli/environment@0.2.12;",
    declarations: r#"(import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
        (memory (export "memory") 2)"#,
    process: "(call $environment (i32.const 16)) (local.set $i (i32.load (i32.const 16)))
        (call $log (i32.const 1) (i32.load offset=8 (local.get $i)) (i32.load offset=12 (local.get $i)))
        (call $clear) (i32.store8 (i32.const 64) (i32.const 1))
        (i32.store (i32.const 68) (i32.load offset=8 (local.get $i)))
        (i32.store (i32.const 72) (i32.load offset=12 (local.get $i))) (i32.const 64)",
    ..Guest::SOUND
};

/// Puts all guests into `folder`. They are made once and copied.
///
/// # Errors
/// When a guest's WAT is wrong, or the folder cannot be written.
pub fn guests_into(folder: &Path) -> Result<()> {
    static GUESTS: OnceLock<Vec<(&str, Vec<u8>)>> = OnceLock::new();
    let guests = match GUESTS.get() {
        Some(guests) => guests,
        None => {
            let made = guests()?;
            GUESTS.get_or_init(|| made)
        }
    };
    let at = folder.join("guests");
    fs::create_dir(&at)?;
    for (name, wasm) in guests {
        fs::write(at.join(format!("{name}.wasm")), wasm)?;
    }
    Ok(())
}

/// Puts the component that a folder of the repository's `stages` or `tests/guests` was built into, into `folder`.
///
/// # Errors
/// When it has not been built.
pub fn stage_into(folder: &Path, name: &str) -> Result<()> {
    let at = folder.join("stages");
    fs::create_dir_all(&at)?;
    fs::copy(built(name)?, at.join(format!("{name}.wasm")))?;
    Ok(())
}

/// The component that a folder of the repository's `stages` or `tests/guests` was built into: `upper`, `reach-files`.
///
/// # Errors
/// When it has not been built.
pub fn built(name: &str) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = if name.starts_with("reach-") { "tests/guests" } else { "stages" };
    let component = root.join("..").join(folder).join(name).join(format!("target/sandmill/{name}.wasm"));
    ensure!(component.is_file(), "\"{name}\" has not been built: run `sandmill build {folder}/{name}` first");
    Ok(component)
}

fn guests() -> Result<Vec<(&'static str, Vec<u8>)>> {
    let echo = Guest::default().component()?;
    let cut = echo.get(..echo.len() / 2).unwrap_or_default().to_vec();
    let refusal = "(memory (export \"memory\") 2) (data (i32.const 1024) \"\\22fields\\22 must not be empty\")";
    let loud = "(memory (export \"memory\") 2) (data (i32.const 1024) \"no database\")";
    let stuck = "(memory (export \"memory\") 2) (data (i32.const 1024) \"stuck\")";
    let guest = |guest: Guest| guest.component();
    Ok(vec![
        ("echo", echo),
        ("bang", guest(Guest::processing(PROCESS_TRAP_ON_BANG))?),
        ("twice", guest(Guest { declarations: TWICE, ..Guest::processing(PROCESS_TWICE) })?),
        ("slow", guest(Guest::processing(PROCESS_SLOW))?),
        ("spin", guest(Guest::processing(PROCESS_SPIN_ON_BANG))?),
        ("busy", guest(Guest { declarations: RETRYABLE, ..Guest::processing(PROCESS_FAIL_ON_BANG) })?),
        ("stuck", guest(Guest { declarations: stuck, process: PROCESS_STUCK_ON_BANG, ..Guest::default() })?),
        ("loud", guest(Guest { declarations: loud, process: PROCESS_LOUD_ON_BANG, ..Guest::default() })?),
        ("fussy", guest(Guest { declarations: refusal, open: OPEN_REFUSE, ..Guest::default() })?),
        ("stillborn", guest(Guest { open: "unreachable", ..Guest::default() })?),
        ("hungry", guest(Guest { declarations: "(memory (export \"memory\") 1024)", ..Guest::default() })?),
        ("ones", source_of_ones()?),
        ("needy", wat::parse_str(NEEDY)?),
        ("greedy", wat::parse_str(GREEDY)?),
        ("curious", guest(CURIOUS)?),
        ("telltale", guest(TELLTALE)?),
        ("idle", wat::parse_str("(component)")?),
        ("core", wat::parse_str("(module)")?),
        ("filter", wat::parse_str(FILTER)?),
        ("text", b"fn main() {}\n".to_vec()),
        ("cut", cut),
    ])
}
