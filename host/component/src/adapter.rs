//! Joins a module for WASI preview 1 to adapters. The result is a component that reaches what it was granted, and
//! nothing else.
//!
//! One adapter answers all of preview 1 from inside the component, and another one the streams of a command. For each
//! part of the system that the module reaches, one more takes its place in the functions of that part, and imports the
//! interfaces of WASI 0.2 for it. So a component asks for the grants of what its author named, whatever else its runtime
//! could use. Adapters take no memory from the module; `guest-sdk/adapters` says how.

use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, LibraryInfo, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::section;

/// The module that WASI preview 1 is imported from.
pub const PREVIEW1: &str = "wasi_snapshot_preview1";

/// A part of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Clocks, and waiting.
    Time,
    /// Files and folders.
    Files,
    /// Environment variables.
    Env,
    /// Random numbers.
    Random,
}

/// What a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// It exports a stage or a source.
    Stage,
    /// It has `_start`.
    Command,
}

/// An adapter as it is kept.
struct Kept {
    name: &'static str,
    wasm: &'static [u8],
    /// What it imports and exports beside preview 1, and the packages of that, each before those that refer to it.
    world: &'static str,
    packages: &'static [&'static str],
    /// Whether it has a memory of its own.
    has_memory: bool,
}

macro_rules! kept {
    ($name:literal, $has_memory:literal, $packages:expr, $world:literal) => {
        Kept {
            name: $name,
            wasm: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest-sdk/adapters/", $name, ".wasm")),
            world: concat!("package sandmill:adapter-", $name, "; world adapter { ", $world, " }"),
            packages: &$packages,
            has_memory: $has_memory,
        }
    };
}

macro_rules! wit {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest-sdk/wit/", $name, ".wit"))
    };
}

const STAGE: &str = wit!("stage");
const IO: &str = wit!("deps/io");
const CLOCKS: &str = wit!("deps/clocks");
const FILESYSTEM: &str = wit!("deps/filesystem");
const RANDOM: &str = wit!("deps/random");
const SOCKETS: &str = wit!("deps/sockets");
const CLI: &str = wit!("deps/cli");
/// As much of `wasi:cli` as all commands need: a command is joined each time that it is loaded.
const RUN: &str = "package wasi:cli@0.2.12; interface run { run: func() -> result; }";
/// What a command is given beside WASI: the host's part is in `sandbox/command/preview1`.
const PROGRAM: &str = "package sandmill:command@0.1.0;
    interface program {
        read: func(most: u32) -> list<u8>;
        exchange: func(wants: u32, written: list<u8>) -> list<u8>;
        write: func(descriptor: u32, bytes: list<u8>);
        exit: func(status: u32);
        arguments: func() -> u64;
        argument-byte: func(at: u32) -> u8;
    }";

static FOR_STAGES: Kept = kept!("null", false, [STAGE], "import sandmill:stage/host@0.1.0;");
static FOR_COMMANDS: Kept =
    kept!("command", false, [RUN, PROGRAM], "import sandmill:command/program@0.1.0; export wasi:cli/run@0.2.12;");
static STREAMS: Kept = kept!("streams", true, [PROGRAM], "import sandmill:command/program@0.1.0;");
static TIME: Kept = kept!(
    "time",
    false,
    [IO, CLOCKS],
    "import wasi:io/poll@0.2.12; import wasi:clocks/wall-clock@0.2.12; import wasi:clocks/monotonic-clock@0.2.12;"
);
static CHANCE: Kept = kept!("random", false, [RANDOM], "import wasi:random/random@0.2.12;");
static ENV: Kept =
    kept!("env", true, [IO, CLOCKS, FILESYSTEM, RANDOM, SOCKETS, CLI], "import wasi:cli/environment@0.2.12;");
static FILES: Kept = kept!(
    "files",
    true,
    [STAGE, IO, CLOCKS, FILESYSTEM],
    "import sandmill:stage/host@0.1.0; import wasi:io/error@0.2.12; import wasi:io/streams@0.2.12;
     import wasi:filesystem/types@0.2.12; import wasi:filesystem/preopens@0.2.12;"
);
static COMMAND_FILES: Kept = kept!(
    "command-files",
    true,
    [PROGRAM, IO, CLOCKS, FILESYSTEM],
    "import sandmill:command/program@0.1.0; import wasi:io/error@0.2.12; import wasi:io/streams@0.2.12;
     import wasi:filesystem/types@0.2.12; import wasi:filesystem/preopens@0.2.12;"
);

/// Makes a component of a module that imports preview 1, and reaches `parts`.
///
/// # Errors
/// When it is not sound, or imports what there is not.
pub fn join(module: &[u8], shape: Shape, parts: &[Part]) -> anyhow::Result<Vec<u8>> {
    let base = if shape == Shape::Command { &FOR_COMMANDS } else { &FOR_STAGES };
    let used = used(module, shape, parts)?;
    let provider = |function: &str| used.iter().rev().find(|adapter| adapter.exports(function));
    let module = section::with_imports_from(module, |from, function| {
        provider(function).filter(|_| from == PREVIEW1).map(|adapter| adapter.kept.name)
    })?;
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(&module)?.adapter(PREVIEW1, &base.described()?)?;
    for Used { kept, .. } in &used {
        let wasm = kept.described()?;
        match kept.has_memory {
            true => encoder.library(kept.name, &wasm, LibraryInfo { arguments: Vec::new() })?,
            // May have no memory, and is stripped of what the module does not import.
            false => encoder.adapter(kept.name, &wasm)?,
        };
    }
    encoder.encode()
}

/// An adapter that takes the place of the one for all.
struct Used {
    kept: &'static Kept,
    exports: Vec<String>,
}

impl Used {
    fn exports(&self, function: &str) -> bool {
        self.exports.iter().any(|export| export == function)
    }
}

/// The adapters of `parts` of which the module imports something. Of two that have a function, the later one provides
/// it.
fn used(module: &[u8], shape: Shape, parts: &[Part]) -> wasmparser::Result<Vec<Used>> {
    let imports = section::imports(module, PREVIEW1)?;
    let files = if shape == Shape::Command { &COMMAND_FILES } else { &FILES };
    let all = [(Part::Files, files), (Part::Env, &ENV), (Part::Time, &TIME), (Part::Random, &CHANCE)];
    // With files, what reads and writes these has the streams as well.
    let streams = (shape == Shape::Command && !parts.contains(&Part::Files)).then_some(&STREAMS);
    let reached = all.into_iter().filter(|(part, _)| parts.contains(part)).map(|(_, kept)| kept);
    let mut used = Vec::new();
    for kept in streams.into_iter().chain(reached) {
        let exports = exports(kept.wasm)?;
        if imports.iter().any(|import| exports.contains(import)) {
            used.push(Used { kept, exports });
        }
    }
    Ok(used)
}

fn exports(wasm: &[u8]) -> wasmparser::Result<Vec<String>> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::ExportSection(exports) = payload? {
            for export in exports {
                names.push(export?.name.to_owned());
            }
        }
    }
    Ok(names)
}

impl Kept {
    /// The adapter, with the description of its world.
    fn described(&self) -> anyhow::Result<Vec<u8>> {
        let mut resolve = Resolve::default();
        for package in self.packages {
            resolve.push_str("package.wit", package)?;
        }
        let package = resolve.push_str("adapter.wit", self.world)?;
        let world = resolve.select_world(&[package], None)?;
        let mut wasm = self.wasm.to_vec();
        embed_component_metadata(&mut wasm, &resolve, world, StringEncoding::UTF8, false)?;
        Ok(wasm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&Kept; 8] = [&FOR_STAGES, &FOR_COMMANDS, &STREAMS, &TIME, &CHANCE, &ENV, &FILES, &COMMAND_FILES];

    #[test]
    fn the_adapters_are_what_their_texts_say() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-sdk/adapters");
        for kept in ALL {
            let text = folder.join(kept.name).with_extension("wat");
            let made = wat::parse_file(&text).unwrap();
            assert!(made == kept.wasm, "assemble {} again: scripts/adapters", text.display());
        }
    }

    /// What a program that calls a function of each part imports of WASI when it reaches `parts`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "three kinds of section out of thirty")]
    fn imports_of(shape: Shape, parts: &[Part]) -> Vec<String> {
        let component = join(&wat::parse_str(program(shape)).unwrap(), shape, parts).unwrap();
        let (mut imports, mut depth) = (Vec::new(), 0);
        for payload in Parser::new(0).parse_all(&component) {
            let payload = payload.unwrap();
            match payload {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(section) if depth == 1 => {
                    imports.extend(section.into_iter().map(|import| import.unwrap().name.name.to_owned()));
                }
                _ => {}
            }
        }
        imports.into_iter().filter_map(|import| import.strip_suffix("@0.2.12").map(str::to_owned)).collect()
    }

    /// It exports what a program must.
    fn program(shape: Shape) -> String {
        let stage = [("open", "i32 i32"), ("process", "i32 i32 i32 i32 i32 i32 i32 i32"), ("flush", "")];
        let stage = stage.map(|(name, params)| {
            format!(
                "(func (export \"sandmill:stage/transform@0.1.0#{name}\") (param {params}) (result i32) unreachable)"
            )
        });
        let exports = match shape {
            Shape::Command => "(func (export \"_start\"))".to_owned(),
            Shape::Stage => {
                stage.concat() + "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable)"
            }
        };
        let called = [
            ("fd_write", "i32 i32 i32 i32"),
            ("clock_time_get", "i32 i64 i32"),
            ("environ_get", "i32 i32"),
            ("random_get", "i32 i32"),
        ];
        let called = called
            .map(|(name, params)| format!("(import \"{PREVIEW1}\" \"{name}\" (func (param {params}) (result i32)))"));
        format!("(module {} (memory (export \"memory\") 1) {exports})", called.concat())
    }

    /// The runtime of a language imports all of preview 1. What is asked for is what its author named.
    #[test]
    fn the_interfaces_of_what_is_reached_are_imported_and_no_others() {
        let (streams, types) = (["wasi:io/error", "wasi:io/streams"], ["wasi:clocks/wall-clock"]);
        let files = [&streams[..], &types, &["wasi:filesystem/types", "wasi:filesystem/preopens"]].concat();
        for (parts, expected) in [
            (&[][..], &[][..]),
            (&[Part::Random], &["wasi:random/random"]),
            (&[Part::Env], &["wasi:cli/environment"]),
            (&[Part::Time], &["wasi:clocks/wall-clock", "wasi:clocks/monotonic-clock"]),
            // Of the clock it imports the type of a file's times.
            (&[Part::Files], &files),
            (&[Part::Random, Part::Env], &["wasi:cli/environment", "wasi:random/random"]),
        ] {
            for shape in [Shape::Command, Shape::Stage] {
                assert_eq!(imports_of(shape, parts), expected, "{shape:?} {parts:?}");
            }
        }
    }
}
