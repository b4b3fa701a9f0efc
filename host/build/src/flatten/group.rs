//! Which instances of a component become one, and where their imports come from.

use std::collections::{HashMap, HashSet};

use wasmparser::{ComponentAlias, Instance, InstantiationArg};

use super::module::{Module, kind};
use super::scope::{Entity, Item, Scope, Space, space};
use super::{Result, Unfit};

/// Where an import comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin<'a> {
    /// An export of a module of the group.
    Member(usize, &'a str),
    /// A function of the component.
    Outside(Entity),
}

/// An instance that is joined to others.
pub(super) struct Member<'a> {
    /// Which item of the component it is.
    pub(super) item: usize,
    pub(super) module: Module<'a>,
    /// One for each import.
    pub(super) origins: Vec<Origin<'a>>,
}

/// Instances that become one.
#[derive(Default)]
pub(super) struct Group<'a> {
    pub(super) members: Vec<Member<'a>>,
    /// Which member an item is.
    pub(super) of_item: HashMap<usize, usize>,
    /// Items that need one of the members to be there.
    pub(super) late: HashSet<usize>,
}

impl<'a> Group<'a> {
    /// The instances of `scope` that can be one; `None` where that would join nothing.
    pub(super) fn of(scope: &Scope<'a>) -> Result<Option<Self>> {
        let mut group = Self::default();
        if scope.is_rigid {
            return Ok(None);
        }
        for (at, item) in scope.items.iter().enumerate() {
            if let Item::Core(Instance::Instantiate { module_index, args }) = item
                && let Some(member) = group.member(scope, at, scope.module(*module_index)?, args)?
            {
                group.of_item.insert(at, group.members.len());
                group.members.push(member);
                continue;
            }
            for used in item.uses()? {
                let (definer, _) = scope.definer(used)?;
                if group.late.contains(&definer) || group.of_item.contains_key(&definer) {
                    group.late.insert(at);
                }
            }
        }
        Ok((group.members.len() > 1).then_some(group))
    }

    fn member(
        &self,
        scope: &Scope<'a>,
        item: usize,
        wasm: &'a [u8],
        args: &[InstantiationArg<'a>],
    ) -> Result<Option<Member<'a>>> {
        let module = Module::read(wasm)?;
        // One memory; and what a module begins with comes after all segments of those before it, and before those after it.
        let (has_memory, has_start) = self.members.iter().fold((false, false), |(memory, start), member| {
            (memory || member.module.has_memory(), start || member.module.start.is_some())
        });
        if has_memory && module.has_memory() || has_start {
            return Ok(None);
        }
        let mut origins = Vec::new();
        for import in &module.imports {
            let Some(arg) = args.iter().find(|arg| arg.name == import.module) else {
                return Err(Unfit::new(format!("nothing is given for {}", import.module)));
            };
            let Some(origin) = self.origin(scope, arg.index, import.name)? else { return Ok(None) };
            // Only functions cross the border of a module that is made here.
            if matches!(origin, Origin::Outside(_)) && kind(import.ty) != Some(Space::Func) {
                return Ok(None);
            }
            origins.push(origin);
        }
        Ok(Some(Member { item, module, origins }))
    }

    /// Where an export of an instance comes from; `None`: from what is made of a member in a way that modules cannot.
    fn origin(&self, scope: &Scope<'a>, instance: u32, name: &'a str) -> Result<Option<Origin<'a>>> {
        let (at, item) = scope.definer((Space::Instance, instance))?;
        if let Some(member) = self.of_item.get(&at) {
            return Ok(Some(Origin::Member(*member, name)));
        }
        let Item::Core(Instance::FromExports(exports)) = item else { return Ok(None) };
        let Some(export) = exports.iter().find(|export| export.name == name) else {
            return Err(Unfit::new(format!("nothing is given for {name}")));
        };
        let entity = (space(export.kind)?, export.index);
        let (at, item) = scope.definer(entity)?;
        let found = match item {
            Item::Alias(ComponentAlias::CoreInstanceExport { instance_index, name, .. }) => {
                self.origin(scope, *instance_index, name)?
            }
            Item::Module(_)
            | Item::Component(_)
            | Item::Core(_)
            | Item::Alias(_)
            | Item::Canon(_)
            | Item::Section { .. } => None,
        };
        let is_there = !self.late.contains(&at);
        Ok(found.or(is_there.then_some(Origin::Outside(entity))))
    }
}
