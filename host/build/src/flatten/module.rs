//! A core module, as far as its neighbours have to know it.

use std::collections::HashMap;

use wasmparser::{
    DataSectionReader, ElementSectionReader, ExternalKind, FunctionBody, Global, Import, KnownCustom, MemoryType, Name,
    Parser, Payload, Table, TypeRef, TypeSectionReader,
};

use super::scope::{Space, space};
use super::{Result, Unfit};

/// One of the modules that become one.
#[derive(Default)]
pub(super) struct Module<'a> {
    pub(super) types: Option<TypeSectionReader<'a>>,
    pub(super) imports: Vec<Import<'a>>,
    /// Which of the imports are in each index space.
    imported: HashMap<Space, Vec<usize>>,
    pub(super) exports: HashMap<&'a str, (Space, u32)>,
    /// The types of the functions that it defines.
    pub(super) funcs: Vec<u32>,
    pub(super) tables: Vec<Table<'a>>,
    pub(super) memories: Vec<MemoryType>,
    pub(super) globals: Vec<Global<'a>>,
    pub(super) elements: Option<ElementSectionReader<'a>>,
    pub(super) data: Option<DataSectionReader<'a>>,
    pub(super) bodies: Vec<FunctionBody<'a>>,
    pub(super) start: Option<u32>,
    /// Names of its functions.
    pub(super) names: HashMap<u32, &'a str>,
}

impl<'a> Module<'a> {
    pub(super) fn read(wasm: &'a [u8]) -> Result<Self> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            module.section(payload?)?;
        }
        Ok(module)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "other sections say nothing that has to stay")]
    fn section(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => self.types = Some(section),
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    let space = kind(import.ty).ok_or_else(|| Unfit::new("a module imports a tag"))?;
                    self.imported.entry(space).or_default().push(self.imports.len());
                    self.imports.push(import);
                }
            }
            Payload::FunctionSection(section) => {
                self.funcs = section.into_iter().collect::<std::result::Result<_, _>>()?
            }
            Payload::TableSection(section) => {
                self.tables = section.into_iter().collect::<std::result::Result<_, _>>()?
            }
            Payload::MemorySection(section) => {
                self.memories = section.into_iter().collect::<std::result::Result<_, _>>()?;
            }
            Payload::GlobalSection(section) => {
                self.globals = section.into_iter().collect::<std::result::Result<_, _>>()?
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.exports.insert(export.name, (space(export.kind)?, export.index));
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => self.elements = Some(section),
            Payload::DataSection(section) => self.data = Some(section),
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::TagSection(_) => return Err(Unfit::new("a module has tags")),
            Payload::CustomSection(section) => {
                // Names that cannot be read are left out.
                if let KnownCustom::Name(names) = section.as_known() {
                    for name in names.into_iter().map_while(std::result::Result::ok) {
                        if let Name::Function(functions) = name {
                            self.names
                                .extend(functions.into_iter().map_while(|it| it.ok().map(|it| (it.index, it.name))));
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Which imports are in this index space, in order.
    pub(super) fn imported(&self, space: Space) -> &[usize] {
        self.imported.get(&space).map_or(&[], Vec::as_slice)
    }

    /// Whether a memory is its own.
    pub(super) fn has_memory(&self) -> bool {
        !self.memories.is_empty()
    }
}

/// The index space of an import.
pub(super) fn kind(ty: TypeRef) -> Option<Space> {
    match ty {
        TypeRef::Func(_) | TypeRef::FuncExact(_) => Some(Space::Func),
        TypeRef::Table(_) => Some(Space::Table),
        TypeRef::Memory(_) => Some(Space::Memory),
        TypeRef::Global(_) => Some(Space::Global),
        TypeRef::Tag(_) => None,
    }
}

/// An export of this kind.
pub(super) fn exported(space: Space) -> Option<ExternalKind> {
    match space {
        Space::Func => Some(ExternalKind::Func),
        Space::Table => Some(ExternalKind::Table),
        Space::Memory => Some(ExternalKind::Memory),
        Space::Global => Some(ExternalKind::Global),
        Space::Instance | Space::Module => None,
    }
}
