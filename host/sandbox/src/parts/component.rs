//! Counts what a component declares, and what it costs to instantiate it: instances multiply, because a component that
//! instantiates another twice has all of that one's parts twice.

use std::ops::Range;

use wasmparser::{
    ComponentAlias, ComponentDefinedType, ComponentExternName, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentType, ComponentTypeDeclaration, ComponentTypeRef, Instance,
    InstanceTypeDeclaration, Payload,
};

use super::{Bound, Refused, Result, Scope, Totals, add};
use sandmill_engine::plan::bounds::INSTANCES_MAX;

/// Core instances of an instance, products included: no limit lets it have more.
const CORE_INSTANCES: Bound = Bound::new(INSTANCES_MAX as u64, "core instances");
/// What the compiler looks at one by one: what a component declares, once for each time that it is instantiated. A
/// component that imports all of WASI has some thousand.
const PARTS: Bound = Bound::new(200_000, "parts, those of components that it instantiates several times included");
/// Bytes of all that components declare. CPython has some 100,000.
const INTERFACE: Bound = Bound::new(8 << 20, "bytes of imports, exports, aliases and instances");
/// Bytes of the types of one section, which are read at once.
const TYPES: Bound = Bound::new(1 << 20, "bytes of types in a section");
/// Bytes of the name of an import or export. Those of packages are below a hundred.
const NAME: Bound = Bound::new(1 << 10, "bytes in the name of an import or export");

/// The cost of instantiating a component once.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    parts: u64,
    cores: u64,
}

/// A component whose end has not come yet.
#[derive(Debug, Default)]
pub(super) struct ComponentScope {
    cost: Cost,
    /// Its index space of components; `None`: one that it was given.
    components: Vec<Option<Cost>>,
}

impl ComponentScope {
    /// Adds a component that was defined in this one.
    pub(super) fn define(&mut self, inner: &Self) {
        self.components.push(Some(inner.cost));
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what else there is belongs to modules, or is not compiled")]
    pub(super) fn section(&mut self, payload: Payload<'_>, around: &[Scope], totals: &mut Totals) -> Result<()> {
        let declared = |range: Range<u64>| range.end.saturating_sub(range.start);
        match payload {
            Payload::InstanceSection(instances) => {
                add(&mut totals.interface, declared(instances.range()), INTERFACE)?;
                instances.into_iter().try_for_each(|instance| self.core_instance(&instance?))
            }
            Payload::ComponentInstanceSection(instances) => {
                add(&mut totals.interface, declared(instances.range()), INTERFACE)?;
                instances.into_iter().try_for_each(|instance| self.instance(&instance?))
            }
            Payload::ComponentAliasSection(aliases) => {
                add(&mut totals.interface, declared(aliases.range()), INTERFACE)?;
                aliases.into_iter().try_for_each(|alias| self.alias(&alias?, around))
            }
            Payload::ComponentImportSection(imports) => {
                add(&mut totals.interface, declared(imports.range()), INTERFACE)?;
                imports.into_iter().try_for_each(|import| {
                    let import = import?;
                    self.named(&import.name)?;
                    self.given(matches!(import.ty, ComponentTypeRef::Component(_)));
                    Ok(())
                })
            }
            Payload::ComponentExportSection(exports) => {
                add(&mut totals.interface, declared(exports.range()), INTERFACE)?;
                exports.into_iter().try_for_each(|export| {
                    let export = export?;
                    self.named(&export.name)?;
                    if export.kind == ComponentExternalKind::Component {
                        self.components.push(self.at(export.index));
                    }
                    Ok(())
                })
            }
            Payload::ComponentCanonicalSection(functions) => {
                add(&mut totals.interface, declared(functions.range()), INTERFACE)?;
                self.add(u64::from(functions.count()))
            }
            Payload::CoreTypeSection(types) => {
                TYPES.hold(declared(types.range()))?;
                add(&mut totals.interface, declared(types.range()), INTERFACE)?;
                self.add(declared(types.range()) / 2)
            }
            Payload::ComponentTypeSection(types) => {
                TYPES.hold(declared(types.range()))?;
                add(&mut totals.interface, declared(types.range()), INTERFACE)?;
                types.into_iter().try_for_each(|declared| self.add(parts(&declared?)))
            }
            _ => Ok(()),
        }
    }

    fn add(&mut self, parts: u64) -> Result<()> {
        add(&mut self.cost.parts, parts, PARTS)
    }

    /// The component of this index.
    fn at(&self, index: u32) -> Option<Cost> {
        self.components.get(index as usize).copied().flatten()
    }

    /// An item that came from elsewhere, and so takes up an index where it is a component.
    fn given(&mut self, is_component: bool) {
        if is_component {
            self.components.push(None);
        }
    }

    fn named(&mut self, name: &ComponentExternName<'_>) -> Result<()> {
        let beside = [name.implements, name.version_suffix, name.external_id];
        let longest = beside.into_iter().flatten().map(str::len).fold(name.name.len(), usize::max);
        NAME.hold(longest as u64)?;
        self.add(1)
    }

    fn core_instance(&mut self, instance: &Instance<'_>) -> Result<()> {
        let parts = match instance {
            Instance::Instantiate { args, .. } => {
                add(&mut self.cost.cores, 1, CORE_INSTANCES)?;
                args.len()
            }
            Instance::FromExports(exports) => exports.len(),
        };
        self.add(1 + parts as u64)
    }

    fn instance(&mut self, instance: &ComponentInstance<'_>) -> Result<()> {
        match instance {
            ComponentInstance::Instantiate { component_index, args } => {
                let Cost { parts, cores } = self.at(*component_index).ok_or(Refused::ForeignComponent)?;
                add(&mut self.cost.cores, cores, CORE_INSTANCES)?;
                self.add(parts.saturating_add(1 + args.len() as u64))
            }
            ComponentInstance::FromExports(exports) => self.add(1 + exports.len() as u64),
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>, around: &[Scope]) -> Result<()> {
        match alias {
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                let outer = match (*count as usize).checked_sub(1) {
                    None => self.at(*index),
                    Some(up) => match around.iter().nth_back(up) {
                        Some(Scope::Component(outer)) => outer.at(*index),
                        Some(Scope::Module(_)) | None => None,
                    },
                };
                self.components.push(outer);
            }
            ComponentAlias::InstanceExport { kind, .. } => self.given(*kind == ComponentExternalKind::Component),
            ComponentAlias::Outer { .. } | ComponentAlias::CoreInstanceExport { .. } => {}
        }
        self.add(1)
    }
}

/// How many parts a type has, those of the types within it included.
fn parts(of: &ComponentType<'_>) -> u64 {
    let (mut parts, mut left) = (0_u64, vec![of]);
    while let Some(of) = left.pop() {
        parts += 1 + match of {
            ComponentType::Defined(of) => members(of),
            ComponentType::Func(of) => of.params.len() as u64,
            ComponentType::Resource { .. } => 0,
            ComponentType::Component(declared) => {
                left.extend(declared.iter().filter_map(|declared| match declared {
                    ComponentTypeDeclaration::Type(of) => Some(of),
                    ComponentTypeDeclaration::CoreType(_)
                    | ComponentTypeDeclaration::Alias(_)
                    | ComponentTypeDeclaration::Export { .. }
                    | ComponentTypeDeclaration::Import(_) => None,
                }));
                declared.len() as u64
            }
            ComponentType::Instance(declared) => {
                left.extend(declared.iter().filter_map(|declared| match declared {
                    InstanceTypeDeclaration::Type(of) => Some(of),
                    InstanceTypeDeclaration::CoreType(_)
                    | InstanceTypeDeclaration::Alias(_)
                    | InstanceTypeDeclaration::Export { .. } => None,
                }));
                declared.len() as u64
            }
        };
    }
    parts
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all others are made of one or two types")]
fn members(of: &ComponentDefinedType<'_>) -> u64 {
    let members = match of {
        ComponentDefinedType::Record(fields) => fields.len(),
        ComponentDefinedType::Variant(cases) => cases.len(),
        ComponentDefinedType::Tuple(types) => types.len(),
        ComponentDefinedType::Flags(names) | ComponentDefinedType::Enum(names) => names.len(),
        _ => 1,
    };
    members as u64
}
