//! Writes a component with one instance in place of many.

use std::collections::{HashMap, HashSet};

use wasm_encoder::reencode::{self, Reencode, ReencodeComponent};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, Component, ComponentAliasSection, ExportKind, InstanceSection, ModuleArg,
    RawSection,
};
use wasmparser::{CanonicalFunction, CanonicalOption, ComponentAlias, Instance, InstantiationArg};

use super::group::{Group, Origin};
use super::merge::{self, OUTSIDE, export_name, merged};
use super::module::{Module, exported, kind};
use super::scope::{Entity, Item, Scope, Space};
use super::{Result, Unfit};

/// What a module on the way to a function calls it.
const FUNCTION: &str = "function";

/// The component as it is, with its inner components as they have become.
pub(super) fn copied(scope: &Scope<'_>) -> Result<Vec<u8>> {
    let mut writer = Writer::new(scope, None)?;
    for at in 0..scope.items.len() {
        writer.item(at)?;
    }
    Ok(writer.finish())
}

/// The component with `group` as one instance. What needs one of them comes after it; what only joined them goes.
pub(super) fn joined(scope: &Scope<'_>, group: &Group<'_>) -> Result<Vec<u8>> {
    let live = live(scope, group)?;
    let mut writer = Writer::new(scope, Some(group))?;
    let last = group.members.last().map_or(0, |member| member.item);
    let mut waiting = Vec::new();
    for at in 0..scope.items.len() {
        if at == last {
            writer.group(group, &live)?;
            for at in waiting.drain(..) {
                writer.item(at)?;
            }
        }
        if group.of_item.contains_key(&at) || !live.contains(&at) {
            continue;
        }
        if at < last && group.late.contains(&at) {
            waiting.push(at);
        } else {
            writer.item(at)?;
        }
    }
    Ok(writer.finish())
}

/// The component in which each function that is lifted takes the way through the module that `way` has for it, by the name
/// that its own module gives it. Such a module imports `memory` and `function` from a module without a name, and exports
/// `function`. With the names of those that do.
pub(super) fn led(scope: &Scope<'_>, way: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<(Vec<u8>, Vec<String>)> {
    let mut writer = Writer::new(scope, None)?;
    let (mut ways, mut names) = (None, Vec::new());
    for (at, item) in scope.items.iter().enumerate() {
        let Some(lifted) = Lifted::of(scope, item)? else {
            writer.item(at)?;
            continue;
        };
        // All before anything is lifted, so that these modules can be joined with the others.
        let ways = match &ways {
            Some(ways) => ways,
            None => ways.insert(writer.ways(way)?),
        };
        let direct = writer.number(lifted.function)?;
        let through = ways.get(lifted.name).copied();
        names.extend(through.map(|_| lifted.name.to_owned()));
        writer.numbers.insert(lifted.function, through.unwrap_or(direct));
        writer.item(at)?;
        writer.numbers.insert(lifted.function, direct);
    }
    Ok((writer.finish(), names))
}

/// A function of a module that a component lifts.
struct Lifted<'a> {
    function: Entity,
    memory: Entity,
    /// The instance that has it, and what that calls it.
    instance: Entity,
    name: &'a str,
}

impl<'a> Lifted<'a> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "one of a dozen options is of interest")]
    fn of(scope: &'a Scope<'_>, item: &Item<'_>) -> Result<Option<Self>> {
        let Item::Canon(CanonicalFunction::Lift { core_func_index, options, .. }) = item else { return Ok(None) };
        let function = (Space::Func, *core_func_index);
        let memory = options.iter().find_map(|option| match option {
            CanonicalOption::Memory(index) => Some((Space::Memory, *index)),
            _ => None,
        });
        Ok(match (scope.definer(function)?.1, memory) {
            (Item::Alias(ComponentAlias::CoreInstanceExport { name, instance_index, .. }), Some(memory)) => {
                Some(Self { function, memory, instance: (Space::Instance, *instance_index), name })
            }
            _ => None,
        })
    }
}

/// The items that are still needed.
fn live(scope: &Scope<'_>, group: &Group<'_>) -> Result<HashSet<usize>> {
    let (mut live, mut left) = (HashSet::new(), Vec::new());
    for (at, item) in scope.items.iter().enumerate() {
        let is_needed = match item {
            Item::Module(_) => false,
            Item::Core(Instance::FromExports(_)) | Item::Alias(ComponentAlias::CoreInstanceExport { .. }) => false,
            Item::Canon(canon) => matches!(canon, CanonicalFunction::Lift { .. }),
            Item::Core(Instance::Instantiate { .. }) | Item::Component(_) | Item::Alias(_) | Item::Section { .. } => {
                true
            }
        };
        if is_needed {
            left.push(at);
        }
    }
    while let Some(at) = left.pop() {
        if !live.insert(at) {
            continue;
        }
        let Some(item) = scope.items.get(at) else { continue };
        let mut uses = match group.of_item.get(&at).and_then(|member| group.members.get(*member)) {
            Some(member) => member.origins.iter().filter_map(outside).collect(),
            None => item.uses()?,
        };
        if let (Item::Core(Instance::Instantiate { module_index, .. }), false) = (item, group.of_item.contains_key(&at))
        {
            uses.push((Space::Module, *module_index));
        }
        for used in uses {
            left.push(scope.definer(used)?.0);
        }
    }
    Ok(live)
}

fn outside(origin: &Origin<'_>) -> Option<Entity> {
    match origin {
        Origin::Outside(entity) => Some(*entity),
        Origin::Member(..) => None,
    }
}

/// The component that is written, and what everything is called in it.
struct Writer<'s, 'a> {
    scope: &'s Scope<'a>,
    group: Option<&'s Group<'a>>,
    component: Component,
    numbers: HashMap<Entity, u32>,
    counts: HashMap<Space, u32>,
    joined: u32,
}

impl<'s, 'a> Writer<'s, 'a> {
    fn new(scope: &'s Scope<'a>, group: Option<&'s Group<'a>>) -> Result<Self> {
        let (numbers, counts) = (HashMap::new(), HashMap::new());
        Ok(Self { scope, group, component: Component::new(), numbers, counts, joined: 0 })
    }

    fn finish(self) -> Vec<u8> {
        self.component.finish()
    }

    /// Counts something that was written.
    fn next(&mut self, space: Space) -> u32 {
        let count = self.counts.entry(space).or_default();
        *count += 1;
        *count - 1
    }

    fn number(&self, entity: Entity) -> Result<u32> {
        self.numbers.get(&entity).copied().ok_or_else(|| Unfit::new("something is needed before it is there"))
    }

    fn item(&mut self, at: usize) -> Result<()> {
        let Some(item) = self.scope.items.get(at) else { return Ok(()) };
        match item {
            Item::Module(wasm) => self.module(wasm),
            Item::Component(inner) => {
                self.component
                    .section(&RawSection { id: wasm_encoder::ComponentSectionId::Component.into(), data: inner });
            }
            Item::Core(instance) => self.instance(instance)?,
            Item::Alias(alias) => self.alias(alias)?,
            Item::Canon(canon) => {
                let mut section = CanonicalFunctionSection::new();
                self.parse_component_canonical(&mut section, canon.clone())?;
                self.component.section(&section);
            }
            Item::Section { id, data } => {
                self.component.section(&RawSection { id: *id, data });
            }
        }
        if let Some(Some(entity)) = self.scope.defines.get(at) {
            let number = self.next(entity.0);
            self.numbers.insert(*entity, number);
        }
        Ok(())
    }

    fn module(&mut self, wasm: &[u8]) {
        self.component.section(&RawSection { id: wasm_encoder::ComponentSectionId::CoreModule.into(), data: wasm });
    }

    fn alias(&mut self, alias: &ComponentAlias<'a>) -> Result<()> {
        let joined = match alias {
            ComponentAlias::CoreInstanceExport { kind, instance_index, name } => {
                self.member(*instance_index)?.map(|member| (*kind, export_name(member, name)))
            }
            ComponentAlias::InstanceExport { .. } | ComponentAlias::Outer { .. } => None,
        };
        let alias = match &joined {
            Some((kind, name)) => Alias::CoreInstanceExport { instance: self.joined, kind: (*kind).into(), name },
            None => self.component_alias(alias.clone())?,
        };
        let mut section = ComponentAliasSection::new();
        section.alias(alias);
        self.component.section(&section);
        Ok(())
    }

    /// Which member of the group an instance is.
    fn member(&self, instance: u32) -> Result<Option<usize>> {
        let Some(group) = self.group else { return Ok(None) };
        let (at, _) = self.scope.definer((Space::Instance, instance))?;
        Ok(group.of_item.get(&at).copied())
    }

    fn instance(&mut self, instance: &Instance<'a>) -> Result<()> {
        let mut section = InstanceSection::new();
        if let Instance::Instantiate { module_index, args } = instance {
            let mut given = Vec::new();
            for arg in args {
                let number = match self.member(arg.index)? {
                    Some(member) => self.exports_of(member, *module_index, arg)?,
                    None => self.number((Space::Instance, arg.index))?,
                };
                given.push((arg.name, ModuleArg::Instance(number)));
            }
            section.instantiate(self.number((Space::Module, *module_index))?, given);
        } else {
            self.parse_instance(&mut section, instance.clone())?;
        }
        self.component.section(&section);
        Ok(())
    }

    /// An instance with what a module imports from a member of the group.
    fn exports_of(&mut self, member: usize, module: u32, arg: &InstantiationArg<'a>) -> Result<u32> {
        let module = Module::read(self.scope.module(module)?)?;
        let mut exports = Vec::new();
        for import in module.imports.iter().filter(|import| import.module == arg.name) {
            let space = kind(import.ty).ok_or_else(|| Unfit::new("a module imports a tag"))?;
            let kind = exported(space).ok_or_else(|| Unfit::new("a module imports a tag"))?;
            let (instance, kind) = (self.joined, ExportKind::from(kind));
            let name = &export_name(member, import.name);
            let mut section = ComponentAliasSection::new();
            section.alias(Alias::CoreInstanceExport { instance, kind, name });
            self.component.section(&section);
            exports.push((import.name, kind, self.next(space)));
        }
        let mut section = InstanceSection::new();
        section.export_items(exports);
        self.component.section(&section);
        Ok(self.next(Space::Instance))
    }

    /// The group as one instance, with what those take of it that stay.
    fn group(&mut self, group: &Group<'a>, live: &HashSet<usize>) -> Result<()> {
        let merge::Merged { wasm, outside } = merged(group, &self.wanted(group, live)?)?;
        let names: Vec<String> = (0..outside.len()).map(|number| number.to_string()).collect();
        let mut given = Vec::new();
        for (name, entity) in names.iter().zip(&outside) {
            given.push((name.as_str(), ExportKind::Func, self.number(*entity)?));
        }
        let mut section = InstanceSection::new();
        section.export_items(given);
        self.component.section(&section);
        let given = self.next(Space::Instance);
        self.module(&wasm);
        let module = self.next(Space::Module);
        let mut section = InstanceSection::new();
        section.instantiate(module, [(OUTSIDE, ModuleArg::Instance(given))]);
        self.component.section(&section);
        self.joined = self.next(Space::Instance);
        Ok(())
    }

    /// The ways to the functions that the component lifts, by their names.
    fn ways(&mut self, way: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<HashMap<&'s str, u32>> {
        let mut ways = HashMap::new();
        for item in &self.scope.items {
            let Some(Lifted { memory, instance, name, .. }) = Lifted::of(self.scope, item)? else { continue };
            let Some(module) = way(name) else { continue };
            let function = self.function(self.number(instance)?, name);
            self.module(&module);
            let module = self.next(Space::Module);
            let memory = self.number(memory)?;
            let mut section = InstanceSection::new();
            section.export_items([("memory", ExportKind::Memory, memory), (FUNCTION, ExportKind::Func, function)]);
            section.instantiate(module, [("", ModuleArg::Instance(self.next(Space::Instance)))]);
            self.component.section(&section);
            let instance = self.next(Space::Instance);
            ways.insert(name, self.function(instance, FUNCTION));
        }
        Ok(ways)
    }

    /// A function that an instance exports. Its number.
    fn function(&mut self, instance: u32, name: &str) -> u32 {
        let mut section = ComponentAliasSection::new();
        section.alias(Alias::CoreInstanceExport { instance, kind: ExportKind::Func, name });
        self.component.section(&section);
        self.next(Space::Func)
    }

    /// The exports of members that are used.
    fn wanted(&self, group: &Group<'a>, live: &HashSet<usize>) -> Result<Vec<(usize, String)>> {
        let mut wanted = Vec::new();
        for (at, item) in self.scope.items.iter().enumerate() {
            if !live.contains(&at) || group.of_item.contains_key(&at) {
                continue;
            }
            match item {
                Item::Alias(ComponentAlias::CoreInstanceExport { instance_index, name, .. }) => {
                    wanted.extend(self.member(*instance_index)?.map(|member| (member, (*name).to_owned())));
                }
                Item::Core(Instance::Instantiate { module_index, args }) => {
                    for arg in args {
                        let Some(member) = self.member(arg.index)? else { continue };
                        let module = Module::read(self.scope.module(*module_index)?)?;
                        let imports = module.imports.iter().filter(|import| import.module == arg.name);
                        wanted.extend(imports.map(|import| (member, import.name.to_owned())));
                    }
                }
                Item::Module(_)
                | Item::Component(_)
                | Item::Core(_)
                | Item::Alias(_)
                | Item::Canon(_)
                | Item::Section { .. } => {}
            }
        }
        let mut seen = HashSet::new();
        wanted.retain(|one| seen.insert(one.clone()));
        Ok(wanted)
    }
}

impl Reencode for Writer<'_, '_> {
    type Error = Unfit;

    fn function_index(&mut self, index: u32) -> std::result::Result<u32, reencode::Error<Unfit>> {
        self.number((Space::Func, index)).map_err(reencode::Error::UserError)
    }

    fn table_index(&mut self, index: u32) -> std::result::Result<u32, reencode::Error<Unfit>> {
        self.number((Space::Table, index)).map_err(reencode::Error::UserError)
    }

    fn memory_index(&mut self, index: u32) -> std::result::Result<u32, reencode::Error<Unfit>> {
        self.number((Space::Memory, index)).map_err(reencode::Error::UserError)
    }

    fn global_index(&mut self, index: u32) -> std::result::Result<u32, reencode::Error<Unfit>> {
        self.number((Space::Global, index)).map_err(reencode::Error::UserError)
    }
}

impl ReencodeComponent for Writer<'_, '_> {
    fn instance_index(&mut self, index: u32) -> u32 {
        // Validation finds what is not there.
        self.numbers.get(&(Space::Instance, index)).copied().unwrap_or(u32::MAX)
    }
}
