//! Commands for WASI preview 1: core modules with `_start`. Adapters make components of them.
//!
//! What they are granted they reach as any component does. All else is answered from inside the component, and by
//! [`PROGRAM`], which is linked here.

use sandmill_component::defaults::is_start;
use wasmparser::{Parser, Payload};
use wasmtime::component::Linker;
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::I32Exit;

use super::super::parts;
use super::super::store::HostState;
use super::inline::inlined;
use super::tape::Tape;
use sandmill_component::adapter::{self, Part, Shape};
use sandmill_engine::plan::{Grant, Grants};
use sandmill_engine::report::LogLevel;

/// What the adapter of all commands imports. Its WIT is the adapter's (`adapter`).
pub(crate) const PROGRAM: &str = "sandmill:command/program@0.1.0";
/// As much as the adapter has room for in its window, bytes, in both directions.
const LENT_BYTES_MAX: usize = 16_368;

/// The input and arguments of an instance's program.
#[derive(Debug)]
pub(crate) struct Given {
    pub(super) tape: Tape,
    /// Each with a NUL after it.
    pub(super) arguments: std::sync::Arc<[u8]>,
}

/// Whether a core module is a command.
pub(crate) fn is_command(wasm: &[u8]) -> bool {
    let exports = Parser::new(0).parse_all(wasm).find_map(|payload| match payload {
        Ok(Payload::ExportSection(exports)) => Some(exports),
        _ => None,
    });
    exports.is_some_and(|exports| exports.into_iter().flatten().any(|export| is_start(&export)))
}

/// Makes a component of a core module that is a command, and reaches what it is granted.
///
/// # Errors
/// When it is not sound, or imports anything else than WASI preview 1.
pub(crate) fn component(wasm: &[u8], grants: &Grants) -> std::result::Result<Vec<u8>, String> {
    let parts = [
        (Grant::Clock, Part::Time),
        (Grant::Folders, Part::Files),
        (Grant::Variables, Part::Env),
        (Grant::Random, Part::Random),
    ];
    let granted: Vec<Part> = parts.into_iter().filter(|(grant, _)| grants.has(*grant)).map(|(_, part)| part).collect();
    let joined = |wasm: &[u8]| adapter::join(wasm, Shape::Command, &granted);
    // What cannot be joined so, or is then more than is compiled, is told of as it is.
    let fast = inlined(wasm).and_then(|inlined| joined(&inlined).ok()).filter(|made| parts::count(made).is_ok());
    fast.map_or_else(|| joined(wasm), Ok).map_err(|error| format!("{error:#}"))
}

type Store<'a> = StoreContextMut<'a, HostState>;

/// Of what the adapter holds back: how much had been read before it was written, and what it is. `None`: it is cut.
fn exchanged(mut written: &[u8]) -> Option<Vec<(usize, &[u8])>> {
    let number = |bytes: &[u8; 4]| usize::try_from(u32::from_le_bytes(*bytes)).ok();
    let mut outputs = Vec::new();
    while !written.is_empty() {
        let (read, rest) = written.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (bytes, rest) = rest.split_at_checked(number(length)?)?;
        outputs.push((number(read)?, bytes));
        written = rest;
    }
    Some(outputs)
}

/// Links what the adapter imports. Only commands have it.
pub(crate) fn link(linker: &mut Linker<HostState>) -> Result<()> {
    let mut program = linker.instance(PROGRAM)?;
    program.func_wrap("read", |store: Store<'_>, (most,): (u32,)| {
        // To the program's own memory, and at most what it has room for.
        let read = given(&store)?.tape.read(usize::try_from(most).unwrap_or(usize::MAX));
        Ok((Vec::from(read),))
    })?;
    program.func_wrap("exchange", |store: Store<'_>, (wants, written): (u32, Vec<u8>)| {
        let tape = &given(&store)?.tape;
        let Some(written) = Some(written.as_slice()).filter(|it| it.len() <= LENT_BYTES_MAX).and_then(exchanged) else {
            wasmtime::bail!("what was written is not told as it must be")
        };
        if !written.into_iter().all(|(read, bytes)| tape.written_after(read, bytes)) {
            wasmtime::bail!("there is too much output");
        }
        Ok((if wants == 0 { Vec::new() } else { tape.lend(LENT_BYTES_MAX) },))
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
    fn what_the_adapter_tells_is_taken_whole_or_not_at_all() {
        let told = [&[7, 0, 0, 0, 2, 0, 0, 0][..], b"ab", &[9, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(exchanged(&told), Some(vec![(7, &b"ab"[..]), (9, b"")]));
        assert_eq!(exchanged(b""), Some(vec![]));
        for end in (1..told.len()).filter(|end| *end != 10) {
            assert_eq!(exchanged(&told[..end]), None, "{end}");
        }
        assert_eq!(exchanged(&[0xff; 16]), None);
    }

    #[test]
    fn a_command_is_known_by_its_export_and_may_import_nothing_else() {
        let module = |text: &str| wat::parse_str(text).unwrap();
        assert!(is_command(&module("(module (func (export \"_start\")))")));
        assert!(!is_command(&module("(module (func (export \"start\")))")));
        assert!(!is_command(&module("(module (memory (export \"_start\") 1))")));
        let strange = module("(module (import \"env\" \"puts\" (func)) (func (export \"_start\")))");
        let why = component(&strange, &Grants::default()).unwrap_err();
        assert!(why.contains("env"), "{why}");
    }
}
