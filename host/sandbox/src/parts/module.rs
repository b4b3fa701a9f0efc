//! Counts what a module declares.

use wasmparser::{
    CompositeInnerType, ConstExpr, Element, ElementItems, ElementKind, KnownCustom, Name, Payload, RecGroup,
    SectionLimited, TableInit, TypeRef,
};

use super::{Bound, DECLARATIONS, ELEMENTS, FUNCTIONS, LOCALS, MEMORIES, NAMES, Result, TABLES, Totals, add, code};

/// Bytes of a constant expression. Tools write one constant, or an addition.
const CONSTANT: Bound = Bound::new(1 << 10, "bytes in a constant expression");

/// How many values a function takes and gives.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arity {
    pub(super) takes: u32,
    pub(super) gives: u32,
}

impl Arity {
    /// Values that a call moves.
    pub(super) fn both(self) -> u64 {
        u64::from(self.takes) + u64::from(self.gives)
    }
}

/// A module whose end has not come yet.
#[derive(Debug, Default)]
pub(super) struct ModuleScope {
    /// Of its types, in their order; of what is not a function's, nothing.
    types: Vec<Arity>,
    /// The type of each function.
    functions: Vec<u32>,
    /// Functions that it imports.
    imported: usize,
    /// Bodies that have been seen.
    bodies: usize,
}

impl ModuleScope {
    pub(super) fn type_at(&self, index: u32) -> Arity {
        self.types.get(index as usize).copied().unwrap_or_default()
    }

    pub(super) fn function_at(&self, index: u32) -> Arity {
        self.functions.get(index as usize).map(|index| self.type_at(*index)).unwrap_or_default()
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what else there is has no size, or belongs to components")]
    pub(super) fn section(&mut self, payload: Payload<'_>, totals: &mut Totals) -> Result<()> {
        let mut declare = |count: u32| add(&mut totals.declarations, u64::from(count), DECLARATIONS);
        match payload {
            Payload::TypeSection(types) => types.into_iter().try_for_each(|group| self.declare_types(group?, totals)),
            Payload::ImportSection(imports) => imports.into_imports().try_for_each(|import| {
                if let TypeRef::Func(index) | TypeRef::FuncExact(index) = import?.ty {
                    self.functions.push(index);
                    self.imported += 1;
                }
                declare(1)
            }),
            Payload::FunctionSection(functions) => {
                add(&mut totals.functions, u64::from(functions.count()), FUNCTIONS)?;
                functions.into_iter().try_for_each(|index| {
                    self.functions.push(index?);
                    Ok(())
                })
            }
            Payload::TableSection(tables) => tables.into_iter().try_for_each(|table| {
                let table = table?;
                add(&mut totals.tables, table.ty.initial, TABLES)?;
                if let TableInit::Expr(init) = &table.init { constant(init) } else { Ok(()) }
            }),
            Payload::MemorySection(memories) => add(&mut totals.memories, u64::from(memories.count()), MEMORIES),
            Payload::TagSection(tags) => declare(tags.count()),
            Payload::GlobalSection(globals) => {
                declare(globals.count())?;
                globals.into_iter().try_for_each(|global| constant(&global?.init_expr))
            }
            Payload::ExportSection(exports) => declare(exports.count()),
            Payload::ElementSection(elements) => {
                declare(elements.count())?;
                elements.into_iter().try_for_each(|element| segment(&element?, totals))
            }
            Payload::DataSection(data) => declare(data.count()),
            Payload::CodeSectionEntry(body) => {
                let arity = self.functions.get(self.imported + self.bodies).copied().map(|index| self.type_at(index));
                self.bodies += 1;
                let locals = code::count(&body, arity.unwrap_or_default(), self)?;
                add(&mut totals.locals, locals, LOCALS)
            }
            Payload::CustomSection(custom) => match custom.as_known() {
                KnownCustom::Name(names) => name_section(names, totals),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn declare_types(&mut self, group: RecGroup, totals: &mut Totals) -> Result<()> {
        for of in group.into_types() {
            let arity = match &of.composite_type.inner {
                CompositeInnerType::Func(of) => {
                    let [takes, gives] =
                        [of.params(), of.results()].map(|values| u32::try_from(values.len()).unwrap_or(u32::MAX));
                    Arity { takes, gives }
                }
                CompositeInnerType::Array(_) | CompositeInnerType::Struct(_) | CompositeInnerType::Cont(_) => {
                    Arity::default()
                }
            };
            self.types.push(arity);
            add(&mut totals.declarations, 1 + arity.both(), DECLARATIONS)?;
        }
        Ok(())
    }
}

fn constant(of: &ConstExpr<'_>) -> Result<()> {
    CONSTANT.hold(of.get_binary_reader().bytes_remaining() as u64)
}

fn segment(of: &Element<'_>, totals: &mut Totals) -> Result<()> {
    if let ElementKind::Active { offset_expr, .. } = &of.kind {
        constant(offset_expr)?;
    }
    match &of.items {
        ElementItems::Functions(functions) => add(&mut totals.elements, u64::from(functions.count()), ELEMENTS),
        ElementItems::Expressions(_, expressions) => {
            add(&mut totals.elements, u64::from(expressions.count()), ELEMENTS)?;
            constants(expressions.clone())
        }
    }
}

fn constants(of: SectionLimited<'_, ConstExpr<'_>>) -> Result<()> {
    of.into_iter().try_for_each(|of| constant(&of?))
}

/// A name section that cannot be read is nobody's loss: the engine passes over it, too.
fn name_section(names: wasmparser::NameSectionReader<'_>, totals: &mut Totals) -> Result<()> {
    for name in names {
        if let Ok(Name::Function(names)) = name {
            add(&mut totals.names, names.count() as u64, NAMES)?;
        }
    }
    Ok(())
}
