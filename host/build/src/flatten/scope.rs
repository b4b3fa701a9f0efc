//! A component as a list of what it defines, in order.

use std::borrow::Cow;
use std::collections::HashMap;

use wasmparser::{
    CanonicalFunction, CanonicalOption, Chunk, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind,
    ComponentType, ComponentTypeRef, ExternalKind, Instance, Parser, Payload,
};

use super::{Result, Unfit};

/// Index spaces of what belongs to modules. The others are left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Space {
    Func,
    Table,
    Memory,
    Global,
    Instance,
    Module,
}

/// Something that a component refers to by its number.
pub(super) type Entity = (Space, u32);

/// One definition, or a section of what has nothing to do with modules.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Module(&'a [u8]),
    Component(Cow<'a, [u8]>),
    Core(Instance<'a>),
    Alias(ComponentAlias<'a>),
    Canon(CanonicalFunction),
    Section { id: u8, data: &'a [u8] },
}

/// A component, without those around it.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    pub(super) items: Vec<Item<'a>>,
    /// What each item defines.
    pub(super) defines: Vec<Option<Entity>>,
    /// Which item defines it.
    pub(super) definers: HashMap<Entity, usize>,
    /// Whether something refers to modules or functions of modules in a way that is not rewritten.
    pub(super) is_rigid: bool,
    counts: HashMap<Space, u32>,
}

impl<'a> Scope<'a> {
    pub(super) fn read(component: &'a [u8]) -> Result<Self> {
        let mut scope = Self::default();
        let (mut parser, mut rest) = (Parser::new(0), component);
        loop {
            let Chunk::Parsed { consumed, payload } = parser.parse(rest, true)? else {
                return Err(Unfit::new("it ends too early"));
            };
            let (this, after) = rest.split_at_checked(consumed).ok_or_else(|| Unfit::new("it ends too early"))?;
            rest = after;
            if let Payload::ModuleSection { unchecked_range, .. } | Payload::ComponentSection { unchecked_range, .. } =
                &payload
            {
                let length = usize::try_from(unchecked_range.end - unchecked_range.start).unwrap_or(usize::MAX);
                let inner = rest.split_at_checked(length).ok_or_else(|| Unfit::new("it ends too early"))?;
                if matches!(payload, Payload::ModuleSection { .. }) {
                    scope.add(Item::Module(inner.0), Some(Space::Module));
                } else {
                    scope.add(Item::Component(inner.0.into()), None);
                }
                rest = inner.1;
                continue;
            }
            if matches!(payload, Payload::End(_)) {
                return Ok(scope);
            }
            scope.section(payload, this)?;
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are copied")]
    fn section(&mut self, payload: Payload<'a>, whole: &'a [u8]) -> Result<()> {
        match payload {
            Payload::Version { .. } => Ok(()),
            // It names items by numbers that may change.
            Payload::CustomSection(section) if section.name() == "component-name" => Ok(()),
            Payload::InstanceSection(section) => {
                for instance in section {
                    self.add(Item::Core(instance?), Some(Space::Instance));
                }
                Ok(())
            }
            Payload::ComponentAliasSection(section) => section.into_iter().try_for_each(|alias| self.alias(alias?)),
            Payload::ComponentCanonicalSection(section) => section.into_iter().try_for_each(|it| self.canon(it?)),
            payload => {
                self.look_at(&payload)?;
                let (id, data) = payload.as_section().ok_or_else(|| Unfit::new("it has an unknown part"))?;
                let start = whole.len().saturating_sub(usize::try_from(data.end - data.start).unwrap_or(usize::MAX));
                let data = whole.get(start..).unwrap_or_default();
                self.add(Item::Section { id, data }, None);
                Ok(())
            }
        }
    }

    fn alias(&mut self, alias: ComponentAlias<'a>) -> Result<()> {
        let space = match &alias {
            ComponentAlias::CoreInstanceExport { kind, .. } => Some(space(*kind)?),
            ComponentAlias::InstanceExport { kind, .. } => {
                self.is_rigid |= *kind == ComponentExternalKind::Module;
                None
            }
            ComponentAlias::Outer { kind, .. } => {
                self.is_rigid |= *kind == ComponentOuterAliasKind::CoreModule;
                None
            }
        };
        self.add(Item::Alias(alias), space);
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all others belong to tasks, streams and threads")]
    fn canon(&mut self, canon: CanonicalFunction) -> Result<()> {
        let space = match &canon {
            CanonicalFunction::Lift { .. } => None,
            CanonicalFunction::Lower { .. }
            | CanonicalFunction::ResourceNew { .. }
            | CanonicalFunction::ResourceDrop { .. }
            | CanonicalFunction::ResourceRep { .. } => Some(Space::Func),
            other => return Err(Unfit::new(format!("it has {other:?}"))),
        };
        self.add(Item::Canon(canon), space);
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "few name modules or their functions")]
    fn look_at(&mut self, payload: &Payload<'a>) -> Result<()> {
        match payload {
            Payload::ComponentTypeSection(section) => {
                for declared in section.clone() {
                    self.is_rigid |= matches!(declared?, ComponentType::Resource { dtor: Some(_), .. });
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    self.is_rigid |= matches!(import?.ty, ComponentTypeRef::Module(_));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, item: Item<'a>, defines: Option<Space>) {
        let defined = defines.map(|space| {
            let count = self.counts.entry(space).or_default();
            let entity = (space, *count);
            *count += 1;
            entity
        });
        if let Some(entity) = defined {
            self.definers.insert(entity, self.items.len());
        }
        self.items.push(item);
        self.defines.push(defined);
    }

    /// What defines it.
    pub(super) fn definer(&self, entity: Entity) -> Result<(usize, &Item<'a>)> {
        let found = self.definers.get(&entity).and_then(|at| Some((*at, self.items.get(*at)?)));
        found.ok_or_else(|| Unfit::new("it refers to what is not there"))
    }

    pub(super) fn module(&self, index: u32) -> Result<&'a [u8]> {
        let Item::Module(wasm) = self.definer((Space::Module, index))?.1 else {
            return Err(Unfit::new("it refers to what is not a module"));
        };
        Ok(wasm)
    }
}

impl Item<'_> {
    /// What of modules it refers to.
    pub(super) fn uses(&self) -> Result<Vec<Entity>> {
        Ok(match self {
            Self::Core(Instance::Instantiate { args, .. }) => {
                args.iter().map(|arg| (Space::Instance, arg.index)).collect()
            }
            Self::Core(Instance::FromExports(exports)) => {
                exports.iter().map(|export| Ok((space(export.kind)?, export.index))).collect::<Result<_>>()?
            }
            Self::Alias(ComponentAlias::CoreInstanceExport { instance_index, .. }) => {
                vec![(Space::Instance, *instance_index)]
            }
            Self::Canon(CanonicalFunction::Lift { core_func_index, options, .. }) => {
                let mut uses = of_options(options);
                uses.push((Space::Func, *core_func_index));
                uses
            }
            Self::Canon(CanonicalFunction::Lower { options, .. }) => of_options(options),
            Self::Module(_) | Self::Component(_) | Self::Alias(_) | Self::Canon(_) | Self::Section { .. } => Vec::new(),
        })
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "few refer to anything")]
fn of_options(options: &[CanonicalOption]) -> Vec<Entity> {
    let used = |option: &CanonicalOption| match *option {
        CanonicalOption::Memory(index) => Some((Space::Memory, index)),
        CanonicalOption::Realloc(index) | CanonicalOption::PostReturn(index) | CanonicalOption::Callback(index) => {
            Some((Space::Func, index))
        }
        _ => None,
    };
    options.iter().filter_map(used).collect()
}

/// The index space of an export.
pub(super) fn space(kind: ExternalKind) -> Result<Space> {
    Ok(match kind {
        ExternalKind::Func | ExternalKind::FuncExact => Space::Func,
        ExternalKind::Table => Space::Table,
        ExternalKind::Memory => Space::Memory,
        ExternalKind::Global => Space::Global,
        ExternalKind::Tag => return Err(Unfit::new("it exports a tag")),
    })
}
