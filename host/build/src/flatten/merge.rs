//! Writes several modules as one.

use std::collections::HashMap;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    CodeSection, DataCountSection, DataSection, ElementSection, EntityType, ExportKind, ExportSection, FunctionSection,
    GlobalSection, ImportSection, Instruction, MemorySection, NameMap, NameSection, StartSection, TableSection,
    TypeSection,
};
use wasmparser::{ConstExpr, Operator, TypeRef};

use super::group::{Group, Member, Origin};
use super::module::Module;
use super::scope::{Entity, Space};
use super::{Result, Unfit};

/// What imports from outside are called: `OUTSIDE` and the number of the import.
pub(super) const OUTSIDE: &str = "outside";

/// The module, and what it imports from outside, in order.
pub(super) struct Merged {
    pub(super) wasm: Vec<u8>,
    pub(super) outside: Vec<Entity>,
}

/// The name of an export of a member.
pub(super) fn export_name(member: usize, name: &str) -> String {
    format!("{member}:{name}")
}

/// Where the index spaces of a member begin in those of the whole.
#[derive(Clone, Copy, Default)]
struct Bases {
    types: u32,
    funcs: u32,
    tables: u32,
    memories: u32,
    globals: u32,
    elements: u32,
    data: u32,
}

struct Merger<'a, 'g> {
    group: &'g Group<'a>,
    bases: Vec<Bases>,
    outside: Vec<Entity>,
    /// The types of those imports: whose type it is, and its number there.
    outside_types: Vec<(usize, u32)>,
    numbers: HashMap<Entity, u32>,
    /// Globals that never change, by member and number.
    constants: HashMap<(usize, u32), i32>,
}

/// Writes `group` as one module that exports `exports`.
pub(super) fn merged(group: &Group<'_>, exports: &[(usize, String)]) -> Result<Merged> {
    let mut merger = Merger {
        group,
        bases: Vec::new(),
        outside: Vec::new(),
        outside_types: Vec::new(),
        numbers: HashMap::new(),
        constants: HashMap::new(),
    };
    merger.lay_out();
    merger.find_constants()?;
    let wasm = merger.write(exports)?;
    Ok(Merged { wasm, outside: merger.outside })
}

impl<'a> Merger<'a, '_> {
    fn lay_out(&mut self) {
        for (at, member) in self.group.members.iter().enumerate() {
            for (origin, import) in member.origins.iter().zip(&member.module.imports) {
                if let (Origin::Outside(entity), TypeRef::Func(ty) | TypeRef::FuncExact(ty)) = (origin, import.ty)
                    && !self.numbers.contains_key(entity)
                {
                    self.numbers.insert(*entity, length(&self.outside));
                    self.outside.push(*entity);
                    self.outside_types.push((at, ty));
                }
            }
        }
        let mut next = Bases { funcs: length(&self.outside), ..Bases::default() };
        for Member { module, .. } in &self.group.members {
            self.bases.push(next);
            next.types += module.types.as_ref().map_or(0, wasmparser::SectionLimited::count);
            next.funcs += length(&module.funcs);
            next.tables += length(&module.tables);
            next.memories += length(&module.memories);
            next.globals += length(&module.globals);
            next.elements += module.elements.as_ref().map_or(0, wasmparser::SectionLimited::count);
            next.data += module.data.as_ref().map_or(0, wasmparser::SectionLimited::count);
        }
    }

    fn member(&self, at: usize) -> Result<(&Member<'a>, Bases)> {
        let found = self.group.members.get(at).zip(self.bases.get(at).copied());
        found.ok_or_else(|| Unfit::new("a module is missing"))
    }

    /// Follows imports to whose definition it is, and its number there; `Err` holds the number of an import from outside.
    fn defined(&self, at: usize, space: Space, index: u32) -> Result<std::result::Result<(usize, u32), u32>> {
        let (mut at, mut index) = (at, index);
        // Nobody imports through more modules than there are.
        for _ in 0..=self.group.members.len() {
            let (member, _) = self.member(at)?;
            let imported = member.module.imported(space);
            let Some(own) = index.checked_sub(length(imported)) else {
                match imported.get(index as usize).and_then(|number| member.origins.get(*number)) {
                    Some(Origin::Outside(entity)) => {
                        let number = self.numbers.get(entity).copied();
                        return number.map(Err).ok_or_else(|| Unfit::new("an import is missing"));
                    }
                    Some(Origin::Member(from, name)) => {
                        let exported = self.member(*from)?.0.module.exports.get(name);
                        let &(kind, number) =
                            exported.ok_or_else(|| Unfit::new(format!("no module exports {name}")))?;
                        if kind != space {
                            return Err(Unfit::new(format!("{name} is not what it is taken for")));
                        }
                        (at, index) = (*from, number);
                        continue;
                    }
                    None => return Err(Unfit::new("an import is missing")),
                }
            };
            return Ok(Ok((at, own)));
        }
        Err(Unfit::new("modules import from each other in a circle"))
    }

    fn index(&self, at: usize, space: Space, index: u32) -> Result<u32> {
        let (owner, own) = match self.defined(at, space, index)? {
            Ok(defined) => defined,
            Err(outside) => return Ok(outside),
        };
        let bases = self.member(owner)?.1;
        Ok(own
            + match space {
                Space::Func => bases.funcs,
                Space::Table => bases.tables,
                Space::Memory => bases.memories,
                Space::Global => bases.globals,
                Space::Instance | Space::Module => 0,
            })
    }

    /// What positions in memory and in the table count from is the same at each start.
    fn find_constants(&mut self) -> Result<()> {
        for (at, member) in self.group.members.iter().enumerate() {
            for (number, global) in (0..).zip(&member.module.globals) {
                if !global.ty.mutable
                    && let Some(value) = self.constant(at, &global.init_expr)?
                {
                    self.constants.insert((at, number), value);
                }
            }
        }
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "three instructions make what is linked")]
    fn constant(&self, at: usize, expression: &ConstExpr<'_>) -> Result<Option<i32>> {
        let mut stack = Vec::new();
        for operator in expression.get_operators_reader() {
            match operator? {
                Operator::I32Const { value } => stack.push(value),
                Operator::GlobalGet { global_index } => match self.constant_global(at, global_index)? {
                    Some(value) => stack.push(value),
                    None => return Ok(None),
                },
                Operator::I32Add => {
                    let (Some(right), Some(left)) = (stack.pop(), stack.pop()) else { return Ok(None) };
                    stack.push(i32::wrapping_add(left, right));
                }
                Operator::End => {}
                _ => return Ok(None),
            }
        }
        Ok(stack.pop())
    }

    fn constant_global(&self, at: usize, index: u32) -> Result<Option<i32>> {
        let defined = self.defined(at, Space::Global, index)?;
        Ok(defined.ok().and_then(|key| self.constants.get(&key).copied()))
    }

    fn write(&self, exports: &[(usize, String)]) -> Result<Vec<u8>> {
        let mut parts = Sections::default();
        for (at, member) in self.group.members.iter().enumerate() {
            parts.add(&member.module, &mut Renumbered { merger: self, at })?;
        }
        let mut imports = ImportSection::new();
        for (number, (at, ty)) in self.outside_types.iter().enumerate() {
            let ty = self.member(*at)?.1.types + ty;
            imports.import(OUTSIDE, &number.to_string(), EntityType::Function(ty));
        }
        let mut exported = ExportSection::new();
        for (at, name) in exports {
            let found = self.member(*at)?.0.module.exports.get(name.as_str());
            let &(space, index) = found.ok_or_else(|| Unfit::new(format!("no module exports {name}")))?;
            let kind = match space {
                Space::Func => ExportKind::Func,
                Space::Table => ExportKind::Table,
                Space::Memory => ExportKind::Memory,
                Space::Global => ExportKind::Global,
                Space::Instance | Space::Module => continue,
            };
            exported.export(&export_name(*at, name), kind, self.index(*at, space, index)?);
        }
        Ok(parts.finish(&imports, &exported, self.start()?))
    }

    /// What the last module begins with: none of the others begins with anything.
    fn start(&self) -> Result<Option<u32>> {
        let starts = (0..).zip(&self.group.members).filter_map(|(at, member)| Some((at, member.module.start?)));
        starts.last().map(|(at, start)| self.index(at, Space::Func, start)).transpose()
    }
}

/// The sections of the whole, as they grow.
#[derive(Default)]
struct Sections {
    types: TypeSection,
    funcs: FunctionSection,
    tables: TableSection,
    memories: MemorySection,
    globals: GlobalSection,
    elements: ElementSection,
    code: CodeSection,
    data: DataSection,
    names: NameMap,
}

impl Sections {
    fn add(&mut self, module: &Module<'_>, renumbered: &mut Renumbered<'_, '_, '_>) -> Result<()> {
        if let Some(types) = &module.types {
            renumbered.parse_type_section(&mut self.types, types.clone())?;
        }
        for ty in &module.funcs {
            self.funcs.function(renumbered.type_index(*ty)?);
        }
        for table in &module.tables {
            renumbered.parse_table(&mut self.tables, table.clone())?;
        }
        for memory in &module.memories {
            self.memories.memory(renumbered.memory_type(*memory)?);
        }
        for global in &module.globals {
            renumbered.parse_global(&mut self.globals, global.clone())?;
        }
        if let Some(elements) = &module.elements {
            renumbered.parse_element_section(&mut self.elements, elements.clone())?;
        }
        for body in &module.bodies {
            renumbered.parse_function_body(&mut self.code, body.clone())?;
        }
        if let Some(data) = &module.data {
            renumbered.parse_data_section(&mut self.data, data.clone())?;
        }
        let imported = length(module.imported(Space::Func));
        for own in (0..length(&module.funcs)).map(|own| own + imported) {
            if let Some(name) = module.names.get(&own) {
                self.names.append(renumbered.function_index(own)?, name);
            }
        }
        Ok(())
    }

    fn finish(self, imports: &ImportSection, exports: &ExportSection, start: Option<u32>) -> Vec<u8> {
        let mut module = wasm_encoder::Module::new();
        module.section(&self.types).section(imports).section(&self.funcs).section(&self.tables).section(&self.memories);
        module.section(&self.globals).section(exports);
        if let Some(function_index) = start {
            module.section(&StartSection { function_index });
        }
        module.section(&self.elements);
        if !self.data.is_empty() {
            module.section(&DataCountSection { count: self.data.len() });
        }
        module.section(&self.code).section(&self.data);
        let mut names = NameSection::new();
        names.functions(&self.names);
        module.section(&names);
        module.finish()
    }
}

/// A member, whose numbers become those of the whole.
struct Renumbered<'a, 'g, 'm> {
    merger: &'m Merger<'a, 'g>,
    at: usize,
}

type Renumbering<T> = std::result::Result<T, reencode::Error<Unfit>>;

impl Renumbered<'_, '_, '_> {
    fn index(&self, space: Space, index: u32) -> Renumbering<u32> {
        self.merger.index(self.at, space, index).map_err(reencode::Error::UserError)
    }

    fn bases(&self) -> Renumbering<Bases> {
        self.merger.member(self.at).map(|(_, bases)| bases).map_err(reencode::Error::UserError)
    }
}

impl Reencode for Renumbered<'_, '_, '_> {
    type Error = Unfit;

    fn type_index(&mut self, index: u32) -> Renumbering<u32> {
        Ok(self.bases()?.types + index)
    }

    fn function_index(&mut self, index: u32) -> Renumbering<u32> {
        self.index(Space::Func, index)
    }

    fn table_index(&mut self, index: u32) -> Renumbering<u32> {
        self.index(Space::Table, index)
    }

    fn memory_index(&mut self, index: u32) -> Renumbering<u32> {
        self.index(Space::Memory, index)
    }

    fn global_index(&mut self, index: u32) -> Renumbering<u32> {
        self.index(Space::Global, index)
    }

    fn element_index(&mut self, index: u32) -> Renumbering<u32> {
        Ok(self.bases()?.elements + index)
    }

    fn data_index(&mut self, index: u32) -> Renumbering<u32> {
        Ok(self.bases()?.data + index)
    }

    fn instruction<'a>(&mut self, operator: Operator<'a>) -> Renumbering<Instruction<'a>> {
        if let Operator::GlobalGet { global_index } = operator {
            let constant = self.merger.constant_global(self.at, global_index).map_err(reencode::Error::UserError)?;
            if let Some(value) = constant {
                return Ok(Instruction::I32Const(value));
            }
        }
        reencode::utils::instruction(self, operator)
    }
}

fn length<T>(all: &[T]) -> u32 {
    u32::try_from(all.len()).unwrap_or(u32::MAX)
}
