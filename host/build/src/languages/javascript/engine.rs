//! The engine that all stages in JavaScript run on, and what makes a stage of it: the memory that it has when it has
//! evaluated the stage's bundle.
//!
//! So a stage is built without a compiler, its code is that of every other, and its instances begin with the bundle
//! evaluated. The engine is `stages/javascript-engine`; it has no state but its memory, which a test sees to.

use std::collections::BTreeMap;

use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ExportSection, Function, FunctionSection, ImportSection, MemorySection,
    MemoryType, Module, NameMap, NameSection,
};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, DataSectionReader, Export, FunctionSectionReader, Import,
    ImportSectionReader, KnownCustom, MemorySectionReader, Name, NameSectionReader, Naming, Parser, Payload, TypeRef,
};

use crate::settings::{Reach, World};
use sandmill_component::adapter::PREVIEW1;

/// One page of a memory.
const PAGE_BYTES: usize = 64 << 10;
/// As many zeros are left out: a segment of data costs about as many bytes.
const HOLE_BYTES: usize = 64;
/// A module has at most 100,000 segments, and few are read sooner.
const PIECES_MAX: usize = 20_000;
/// What the build calls, and nobody after it.
const FOR_THE_BUILD: &str = "sandmill_javascript_";
const INTERFACE: &str = "sandmill:stage/";

type Result<T> = std::result::Result<T, reencode::Error>;

/// A stage or a source: `engine` with that memory. What it does not reach is not imported.
///
/// # Errors
/// When the engine is not a module.
pub(super) fn stage(engine: &[u8], memory: &[u8], world: World, reach: &[Reach]) -> Result<Vec<u8>> {
    let mut made = Stage { memory, world, reach, imported: 0, absent: BTreeMap::new() };
    made.look_at_imports(engine)?;
    let mut module = Module::new();
    made.parse_core_module(&mut module, Parser::new(0), engine)?;
    Ok(module.finish())
}

/// The engine on its way to a stage.
struct Stage<'a> {
    memory: &'a [u8],
    world: World,
    reach: &'a [Reach],
    /// Functions that the engine imports.
    imported: u32,
    /// Those that the stage does not reach, and their types. In their place are functions that end the instance; the SDK
    /// throws before it calls them.
    absent: BTreeMap<u32, u32>,
}

impl Stage<'_> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "one kind of section out of thirty")]
    fn look_at_imports(&mut self, engine: &[u8]) -> Result<()> {
        for payload in Parser::new(0).parse_all(engine) {
            let imports = match payload? {
                Payload::ImportSection(imports) => imports,
                _ => continue,
            };
            for import in imports.into_imports() {
                let import = import?;
                let TypeRef::Func(of) = import.ty else { continue };
                if !self.has(&import) {
                    self.absent.insert(self.imported, of);
                }
                self.imported += 1;
            }
        }
        Ok(())
    }

    fn has(&self, import: &Import<'_>) -> bool {
        let part = match import.name {
            "clock_time_get" => Reach::Time,
            "random_get" => Reach::Random,
            _ => return true,
        };
        import.module != PREVIEW1 || self.reach.contains(&part)
    }

    /// How many of the absent functions come before that one.
    fn absent_before(&self, function: u32) -> u32 {
        u32::try_from(self.absent.range(..function).count()).unwrap_or(u32::MAX)
    }

    fn exports(&self, name: &str) -> bool {
        let name = name.strip_prefix("cabi_post_").unwrap_or(name);
        let is_source = name.strip_prefix(INTERFACE).map(|name| name.starts_with("source@"));
        is_source.is_none_or(|is_source| is_source == self.world.is_source()) && !name.starts_with(FOR_THE_BUILD)
    }

    /// Names of functions, for backtraces. They have to be in order, which indices have changed.
    fn names(&mut self, section: NameSectionReader<'_>) -> Result<NameSection> {
        let mut functions = BTreeMap::new();
        for names in section {
            let Name::Function(names) = names? else { continue };
            for naming in names {
                let Naming { index, name } = naming?;
                functions.insert(self.function_index(index)?, name);
            }
        }
        let mut map = NameMap::new();
        functions.into_iter().for_each(|(index, name)| map.append(index, name));
        let mut names = NameSection::new();
        names.functions(&map);
        Ok(names)
    }

    /// The sections that describe a world: `component-type:wit-bindgen:0.63.0:sandmill:stage@0.1.0:stage:encoded world`.
    fn describes(&self, section: &str) -> bool {
        let Some(described) = section.strip_prefix("component-type:") else { return true };
        let world = described.rsplit(':').nth(1).unwrap_or_default();
        world.strip_suffix("-with-all-of-its-exports-removed").unwrap_or(world) == self.world.name()
    }
}

impl Reencode for Stage<'_> {
    type Error = std::convert::Infallible;

    /// Imports come first; the functions in the place of absent ones are the first after them.
    fn function_index(&mut self, function: u32) -> Result<u32> {
        let before = self.absent_before(function);
        let kept = self.imported.saturating_sub(self.absent_before(u32::MAX));
        Ok(match function {
            absent if self.absent.contains_key(&absent) => kept + before,
            imported if imported < self.imported => imported - before,
            own => own,
        })
    }

    fn parse_import_section(&mut self, imports: &mut ImportSection, section: ImportSectionReader<'_>) -> Result<()> {
        for import in section.into_imports() {
            let import = import?;
            if self.has(&import) {
                utils::parse_import(self, imports, import)?;
            }
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<()> {
        for of in self.absent.values() {
            functions.function(*of);
        }
        utils::parse_function_section(self, functions, section)
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Result<()> {
        for _ in &self.absent {
            let mut function = Function::new([]);
            function.instructions().unreachable().end();
            code.function(&function);
        }
        utils::parse_code_section(self, code, section)
    }

    fn parse_export(&mut self, exports: &mut ExportSection, export: Export<'_>) -> Result<()> {
        if self.exports(export.name) {
            utils::parse_export(self, exports, export)?;
        }
        Ok(())
    }

    fn parse_memory_section(&mut self, memories: &mut MemorySection, section: MemorySectionReader<'_>) -> Result<()> {
        for memory in section {
            let memory = utils::memory_type(self, memory?);
            let pages = self.memory.len().div_ceil(PAGE_BYTES) as u64;
            memories.memory(MemoryType { minimum: memory.minimum.max(pages), ..memory });
        }
        Ok(())
    }

    fn parse_data_section(&mut self, data: &mut DataSection, _: DataSectionReader<'_>) -> Result<()> {
        for (at, bytes) in pieces(self.memory) {
            // Addresses are numbers without a sign, written as numbers with one.
            let at = u32::try_from(at).unwrap_or(u32::MAX).cast_signed();
            data.active(0, &ConstExpr::i32_const(at), bytes.iter().copied());
        }
        Ok(())
    }

    fn parse_custom_section(&mut self, module: &mut Module, section: CustomSectionReader<'_>) -> Result<()> {
        if let KnownCustom::Name(names) = section.as_known() {
            module.section(&self.names(names)?);
        } else if self.describes(section.name()) {
            module.section(&self.custom_section(section)?);
        }
        Ok(())
    }
}

/// What is not zero, and where. Where there would be too many pieces, they have zeros in them.
fn pieces(memory: &[u8]) -> Vec<(usize, &[u8])> {
    let mut hole = HOLE_BYTES;
    loop {
        let pieces = pieces_between(memory, hole);
        if pieces.len() <= PIECES_MAX {
            return pieces;
        }
        hole *= 8;
    }
}

/// What is left of `memory` without holes of that size.
fn pieces_between(memory: &[u8], hole: usize) -> Vec<(usize, &[u8])> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(begin) = memory.get(at..).and_then(|rest| rest.iter().position(|byte| *byte != 0)) {
        let rest = memory.get(at + begin..).unwrap_or_default();
        let (piece, length) = piece(rest, hole);
        pieces.push((at + begin, piece));
        at += begin + length;
    }
    pieces
}

/// The bytes before the next hole, and how far it is until that begins.
fn piece(rest: &[u8], hole: usize) -> (&[u8], usize) {
    let mut zeros = 0;
    let ends = rest.iter().position(|byte| {
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        zeros == hole
    });
    let length = ends.map_or(rest.len(), |last| last + 1 - hole);
    (rest.get(..length).unwrap_or_default(), length)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use wasmparser::{DataKind, Operator, Validator};

    use super::*;

    fn engine() -> Vec<u8> {
        fs::read(sandmill_component::kept::javascript_engine().unwrap()).unwrap()
    }

    /// Its stack's pointer is where it was when a function has returned.
    #[test]
    fn the_engine_has_no_state_but_its_memory() {
        let engine = engine();
        for payload in Parser::new(0).parse_all(&engine) {
            #[expect(clippy::wildcard_enum_match_arm, reason = "the sections that may hold state")]
            match payload.unwrap() {
                Payload::GlobalSection(globals) => {
                    let is_mutable = globals.into_iter().filter(|global| global.as_ref().unwrap().ty.mutable).count();
                    assert_eq!(is_mutable, 1, "globals that change beside the stack's pointer");
                }
                Payload::DataSection(data) => {
                    let is_active = |data: &wasmparser::Data<'_>| matches!(data.kind, DataKind::Active { .. });
                    assert!(data.into_iter().all(|data| is_active(&data.unwrap())));
                }
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader().unwrap() {
                        let operator = operator.unwrap();
                        let changes = matches!(operator, Operator::TableSet { .. } | Operator::TableGrow { .. });
                        assert!(!changes, "{operator:?}");
                    }
                }
                Payload::StartSection { .. } => panic!("it would run again in each instance"),
                _ => {}
            }
        }
    }

    #[test]
    fn a_stage_is_valid_and_imports_what_it_reaches() {
        let engine = engine();
        let memory = vec![7; 3 * PAGE_BYTES + 1];
        for (world, export) in [(World::Stage, "transform@0.1.0#process"), (World::RecordSource, "source@0.1.0#pull")] {
            for reach in [&[][..], &[Reach::Time], &[Reach::Random], &[Reach::Time, Reach::Random]] {
                let stage = stage(&engine, &memory, world, reach).unwrap();
                Validator::new().validate_all(&stage).unwrap();
                let text = String::from_utf8_lossy(&stage);
                assert!(text.contains(&format!("{INTERFACE}{export}")));
                assert_eq!(imports(&stage).len(), reach.len() + 3, "the host's three, and {reach:?}");
            }
        }
    }

    fn imports(module: &[u8]) -> Vec<String> {
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            if let Payload::ImportSection(imports) = payload.unwrap() {
                names.extend(imports.into_imports().map(|import| import.unwrap().name.to_owned()));
            }
        }
        names
    }

    #[test]
    fn a_memory_is_the_sum_of_its_pieces() {
        let mut memory = vec![0; 3 * HOLE_BYTES + 7];
        assert!(pieces(&memory).is_empty());
        for at in [0, 5, HOLE_BYTES + 4, 3 * HOLE_BYTES + 6] {
            *memory.get_mut(at).unwrap() = 1;
            let pieces = pieces(&memory);
            let mut sum = vec![0; memory.len()];
            for (at, piece) in &pieces {
                sum.get_mut(*at..at + piece.len()).unwrap().copy_from_slice(piece);
            }
            assert_eq!(sum, memory);
            assert!(pieces.len() <= 3, "{pieces:?}");
        }
    }

    #[test]
    fn a_memory_with_very_many_holes_has_fewer_pieces() {
        let memory: Vec<u8> =
            (0..(PIECES_MAX + 1) * 2 * HOLE_BYTES).map(|at| u8::from(at % (2 * HOLE_BYTES) == 0)).collect();
        assert_eq!(pieces_between(&memory, HOLE_BYTES).len(), PIECES_MAX + 1);
        let pieces = pieces(&memory);
        assert!(pieces.len() <= PIECES_MAX);
        assert_eq!(
            pieces.iter().map(|(_, piece)| piece.iter().filter(|byte| **byte == 1).count()).sum::<usize>(),
            PIECES_MAX + 1
        );
    }
}
