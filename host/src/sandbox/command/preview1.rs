//! Commands for WASI preview 1: core modules with `_start`. An adapter makes components of them.
//!
//! The adapter is our own, and reaches nothing beyond [`PROGRAM`], which is linked here.

use wasmparser::{ExternalKind, Parser, Payload};
use wasmtime::component::Linker;
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::I32Exit;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::super::store::HostState;
use super::tape::Tape;
use crate::report::LogLevel;

/// What the adapter imports.
pub(in crate::sandbox) const PROGRAM: &str = "sandmill:command/program@0.1.0";
/// The same, and what the adapter exports.
const WORLD: [&str; 2] = [
    "package wasi:cli@0.2.12; interface run { run: func() -> result; }",
    "package sandmill:command@0.1.0;
    interface program {
        read: func(most: u32) -> list<u8>;
        write: func(descriptor: u32, bytes: list<u8>);
        exit: func(status: u32);
        arguments: func() -> u64;
        argument-byte: func(at: u32) -> u8;
    }
    world preview1 { import program; export wasi:cli/run@0.2.12; }",
];
const ADAPTER: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sdk/adapters/command.wasm"));
/// The module that WASI preview 1 is imported from.
const MODULE: &str = "wasi_snapshot_preview1";

/// What a program of an instance is given.
#[derive(Debug)]
pub(in crate::sandbox) struct Given {
    pub(super) tape: Tape,
    /// Each with a NUL behind it.
    pub(super) arguments: std::sync::Arc<[u8]>,
}

/// Whether a core module is a command.
pub(in crate::sandbox) fn is_command(wasm: &[u8]) -> bool {
    let exports = Parser::new(0).parse_all(wasm).find_map(|payload| match payload {
        Ok(Payload::ExportSection(exports)) => Some(exports),
        _ => None,
    });
    let is_start = |export: &wasmparser::Export<'_>| export.name == "_start" && export.kind == ExternalKind::Func;
    exports.is_some_and(|exports| exports.into_iter().flatten().any(|export| is_start(&export)))
}

/// Makes a component of a core module that is a command.
///
/// # Errors
/// When it is not sound, or imports anything else than WASI preview 1.
pub(in crate::sandbox) fn component(wasm: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let encode = || {
        let mut adapter = ADAPTER.to_vec();
        let mut resolve = Resolve::default();
        let [run, program] = WORLD;
        resolve.push_str("run.wit", run)?;
        let package = resolve.push_str("program.wit", program)?;
        let world = resolve.select_world(&[package], None)?;
        embed_component_metadata(&mut adapter, &resolve, world, StringEncoding::UTF8, false)?;
        ComponentEncoder::default().validate(true).module(wasm)?.adapter(MODULE, &adapter)?.encode()
    };
    encode().map_err(|error: anyhow::Error| format!("{error:#}"))
}

type Store<'a> = StoreContextMut<'a, HostState>;

/// Links what the adapter imports. Only commands have it.
pub(in crate::sandbox) fn link(linker: &mut Linker<HostState>) -> Result<()> {
    let mut program = linker.instance(PROGRAM)?;
    program.func_wrap("read", |store: Store<'_>, (most,): (u32,)| {
        // To the program's own memory, and at most what it has room for.
        let read = given(&store)?.tape.read(usize::try_from(most).unwrap_or(usize::MAX));
        Ok((Vec::from(read),))
    })?;
    program.func_wrap("write", |store: Store<'_>, (descriptor, bytes): (u32, Vec<u8>)| {
        let is_allowed = match descriptor {
            1 => given(&store)?.tape.write(&bytes),
            _ => {
                store.data().log.write(LogLevel::Warn, &bytes);
                true
            }
        };
        if is_allowed { Ok(()) } else { wasmtime::bail!("there is too much output") }
    })?;
    program.func_wrap("exit", |_: Store<'_>, (status,): (u32,)| -> Result<()> {
        Err(I32Exit(status.cast_signed()).into())
    })?;
    program.func_wrap("arguments", |store: Store<'_>, (): ()| {
        let arguments = &given(&store)?.arguments;
        let count = memchr::memchr_iter(0, arguments).count() as u64;
        Ok((count << 32 | arguments.len() as u64,))
    })?;
    program.func_wrap("argument-byte", |store: Store<'_>, (at,): (u32,)| {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        Ok((given(&store)?.arguments.get(at).copied().unwrap_or(0),))
    })
}

fn given<'a>(store: &'a Store<'_>) -> Result<&'a Given> {
    match &store.data().given {
        Some(given) => Ok(given),
        None => wasmtime::bail!("only a command has standard input and output"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_adapter_is_what_its_text_says() {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sdk/adapters/command.wat"));
        assert!(
            wat::parse_str(text).unwrap() == ADAPTER,
            "assemble guest-sdk/adapters/command.wat again: scripts/adapters"
        );
    }

    #[test]
    fn a_command_is_known_by_its_export_and_may_import_nothing_else() {
        let module = |text: &str| wat::parse_str(text).unwrap();
        assert!(is_command(&module("(module (func (export \"_start\")))")));
        assert!(!is_command(&module("(module (func (export \"start\")))")));
        assert!(!is_command(&module("(module (memory (export \"_start\") 1))")));
        let strange = module("(module (import \"env\" \"puts\" (func)) (func (export \"_start\")))");
        let why = component(&strange).unwrap_err();
        assert!(why.contains("env"), "{why}");
    }
}
