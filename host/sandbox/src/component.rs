//! A compiled component that matches one of the two worlds, ready to be instantiated.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{ComponentExportIndex, InstancePre, Linker};

use super::bindings::{source, stage};
use super::cache;
use super::command;
use super::compiler::Wait;
use super::engine::Engine;
use super::interface;
use super::mark;
use super::parts;
use super::reach;
use super::refusal;
use super::signature;
use super::slow::Watched;
use super::store::HostState;
use super::work::Work;
use sandmill_component::defaults;
use sandmill_component::kept;
use sandmill_engine::error::{Error, Result};
use sandmill_engine::legible::one_line;
use sandmill_engine::plan::{Grant, Grants, Limits};
use sandmill_engine::report::{ImportUse, Inspection, Provision};

pub(super) const TRANSFORM: &str = "sandmill:stage/transform@0.1.0";
pub(super) const SOURCE: &str = "sandmill:stage/source@0.1.0";

/// Names of a component that an error lists.
const NAMES_SHOWN: usize = 20;

/// The worlds of the stage interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// It exports `transform`.
    Stage,
    /// It exports `source`.
    Source,
    /// It is a program by itself, and exports `wasi:cli/run`: it can be a stage, too.
    Command,
}

impl World {
    /// The word in an inspection.
    const fn word(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Source => "source",
            Self::Command => "command",
        }
    }
}

/// A compiled component.
#[derive(Clone)]
pub struct Component {
    pub(super) engine: Engine,
    compiled: wasmtime::component::Component,
    /// The component's bytes.
    pub(super) wasm: Arc<[u8]>,
    inspection: Arc<Inspection>,
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component").field("path", &self.inspection.path).finish_non_exhaustive()
    }
}

impl Component {
    /// Reads and compiles the component at `path`, or takes its compiled form from the cache. A module that is a
    /// command is made one, which imports what `grants` provide.
    ///
    /// # Errors
    /// When the file cannot be read, is not a component, or is larger, has more parts or takes longer to compile than
    /// is allowed. In a program that compiles within itself, what is left of a compilation continues in a thread of its
    /// own until it ends or the process does: the engine has no way to stop it.
    pub fn load(engine: &Engine, path: &Path, limits: &Limits, grants: &Grants) -> Result<Self> {
        let wasm = read(path, limits.component.get())?;
        // Of those that travel in this program it is known, and to hash megabytes takes as long as to load their code.
        let known = kept::sha256_of(path).map(str::to_owned);
        let (bytes, sha256) = (wasm.len() as u64, known.unwrap_or_else(|| cache::sha256(&wasm)));
        let (wasm, key) = match wasmparser::Parser::is_core_wasm(&wasm) {
            true => {
                let made = of_module(&wasm, path, grants)?;
                let key = cache::sha256(&made);
                (made, key)
            }
            false => (wasm, sha256.clone()),
        };
        let wasm: Arc<[u8]> = wasm.into();
        let compiled = match engine.cache.find(&engine.wasmtime, &key) {
            Some(compiled) => compiled,
            None => compile(engine, &ComponentFile { path, wasm: &wasm, sha256: &key }, limits)?,
        };
        let defaults = defaults::of(&wasm, path)?;
        let inspection = Arc::new(Inspection { bytes, sha256, defaults, ..inspect(&compiled, path, &wasm) });
        Ok(Self { engine: engine.clone(), compiled, wasm, inspection })
    }

    /// The imports, exports, size and hash of the component, without any grants.
    #[must_use]
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// The same inspection, for a component with grants.
    #[must_use]
    pub fn inspection_with(&self, grants: &Grants) -> Inspection {
        let granted = if self.is_command() { interface::granted_to_command } else { interface::granted };
        let imports = self.inspection.imports.iter().map(|import| granted(import, grants)).collect();
        Inspection { imports, ..Inspection::clone(&self.inspection) }
    }

    /// Checks whether the component can be a part of `world` with `grants`: `Ok` when nothing is wrong.
    ///
    /// # Errors
    /// When it exports the wrong thing, or imports what is not provided.
    pub fn check(&self, world: World, grants: &Grants) -> Result<()> {
        match world {
            World::Stage if !self.is_command() => self.stage(grants, false).map(drop),
            World::Stage | World::Command => self.command(grants, false).map(drop),
            World::Source => self.source(grants).map(drop),
        }
    }

    /// Whether it is a program by itself, which is not made for pipelines.
    #[must_use]
    pub fn is_command(&self) -> bool {
        self.inspection.world.as_deref() == Some(World::Command.word())
    }

    /// The same component with other code.
    pub(super) fn with(&self, compiled: wasmtime::component::Component) -> Self {
        Self { compiled, ..self.clone() }
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        &self.engine.wasmtime
    }

    pub(super) fn counts_fuel(&self) -> bool {
        self.engine.fuel
    }

    /// Whether its instances have to be given the state that WASI works on.
    pub(super) fn imports_wasi(&self) -> bool {
        self.inspection.imports.iter().any(interface::wants_state)
    }

    /// Links it as a stage.
    pub(super) fn stage(&self, grants: &Grants, deterministic: bool) -> Result<stage::StagePre<HostState>> {
        let linked = self.link(World::Stage, grants, deterministic)?;
        stage::StagePre::new(linked).map_err(|error| self.other_world(World::Stage, &error))
    }

    /// Links it as a command. What it exports to be run.
    pub(super) fn command(
        &self,
        grants: &Grants,
        deterministic: bool,
    ) -> Result<(InstancePre<HostState>, ComponentExportIndex)> {
        let linked = self.link(World::Command, grants, deterministic)?;
        let exports = &self.inspection.exports;
        let interface = exports.iter().find(|name| name.starts_with(defaults::RUN));
        let interface = interface.and_then(|name| self.compiled.get_export_index(None, name));
        let run = interface.and_then(|interface| self.compiled.get_export_index(Some(&interface), "run"));
        match run {
            Some(run) => Ok((linked, run)),
            None => Err(self.wrong_exports(World::Command)),
        }
    }

    /// Links it as a source.
    pub(super) fn source(&self, grants: &Grants) -> Result<source::RecordSourcePre<HostState>> {
        let linked = self.link(World::Source, grants, false)?;
        source::RecordSourcePre::new(linked).map_err(|error| self.other_world(World::Source, &error))
    }

    /// Links what it imports and is granted, and nothing else.
    fn link(&self, world: World, grants: &Grants, deterministic: bool) -> Result<InstancePre<HostState>> {
        if self.inspection.world.as_deref() != Some(world.word()) {
            return Err(self.wrong_exports(world));
        }
        let imports = self.inspection_with(grants).imports;
        self.refuse(&imports, world)?;
        let imported = |name: &str| imports.iter().any(|import| import.name.split('@').next() == Some(name));
        let mut linker = Linker::new(self.engine());
        interface::link(&mut linker, &imports)
            .and_then(|()| reach::replace(&mut linker, deterministic, imported))
            .map_err(|error| {
                Error::internal("the host's interfaces cannot be linked").caused_by(refusal::text(&error))
            })?;
        signature::check(&self.compiled, world).map_err(|error| self.other_world(world, &error))?;
        linker.instantiate_pre(&self.compiled).map_err(|error| self.other_world(world, &error))
    }

    fn wrong_exports(&self, world: World) -> Error {
        let path = self.inspection.path.display();
        let (role, wanted) = match world {
            World::Stage => ("a stage", TRANSFORM),
            World::Source => ("a source", SOURCE),
            World::Command => ("a command", "wasi:cli/run"),
        };
        let exports = match self.inspection.exports.as_slice() {
            [] => "it exports nothing".to_owned(),
            exports => format!("it exports {}", listed(exports)),
        };
        let error = Error::config(format!("\"{path}\" is not {role}: {exports}, not {wanted}"));
        match (world, self.inspection.world.as_deref()) {
            (World::Stage, Some("source")) => {
                error.hint("it is a source: use it in [source] with kind = \"component\"")
            }
            (World::Source, Some("stage" | "command")) => error.hint("it is a stage: use it in [[stage]]"),
            (World::Command, Some("stage")) => error.hint("it is made for pipelines: leave out \"command\""),
            _ => error.hint("`sandmill new NAME` makes a folder that builds into a stage"),
        }
    }

    /// Refuses imports that are provided to nobody, or need a grant that is not there.
    fn refuse(&self, imports: &[ImportUse], world: World) -> Result<()> {
        let path = self.inspection.path.display();
        if let Some(never) = imports.iter().find(|import| import.provision == Provision::Never) {
            return Err(Error::config(format!(
                "\"{path}\" imports {}, which is never granted",
                one_line(&never.name)
            ))
            .hint(
                "build it without that import (for Rust: target wasm32-unknown-unknown, which is what `sandmill build` \
                 uses)",
            ));
        }
        let missing = imports.iter().filter(|import| import.provision == Provision::Missing);
        let names: Vec<String> = missing.clone().map(|import| import.name.clone()).collect();
        let (what, which) = match names.as_slice() {
            [] => return Ok(()),
            [one] => (one_line(one), "it is"),
            several => (listed(several), "they are"),
        };
        let refused = Error::config(format!("\"{path}\" imports {what}, but {which} not granted"));
        let mut grants: Vec<Grant> = missing.filter_map(interface::grant_of).collect();
        grants.dedup();
        let section = if world == World::Source { "source" } else { "stage" };
        Err(grants.into_iter().fold(refused, |refused, grant| {
            let (example, least) = interface::example(grant);
            let keys = grant.keys().join(" or ");
            refused.hint(format!("{keys} under [{section}.grant] provides it: {example}, or at least {least}"))
        }))
    }

    /// The right names with other types: made against another draft of the interface.
    fn other_world(&self, world: World, error: &wasmtime::Error) -> Error {
        let role = world.word();
        Error::config(format!("\"{}\" does not match the {role} interface", self.inspection.path.display()))
            .caused_by(one_line(&refusal::text(error)))
            .hint("rebuild it with the SDK that came with this version of sandmill")
    }
}

/// The content of a file, with its hash.
struct ComponentFile<'a> {
    path: &'a Path,
    wasm: &'a Arc<[u8]>,
    sha256: &'a str,
}

/// Compiles a component, of which the parts are counted first.
fn compile(engine: &Engine, file: &ComponentFile<'_>, limits: &Limits) -> Result<wasmtime::component::Component> {
    let ComponentFile { path, wasm, sha256 } = file;
    parts::count(wasm).map_err(|refused| refusal::uncounted(path, wasm, &refused))?;
    let _watched = Watched::compilation(path);
    let work = Work::Component(Arc::clone(wasm));
    let compiled = engine.cache.load(engine, &work, sha256, &Wait::for_it(limits.compile));
    let compiled = compiled.ok_or_else(|| refusal::slow(path, limits.compile))?;
    compiled.map_err(|error| refusal::uncompiled(path, wasm, &error))
}

/// Names that a component chose, as far as a person wants to read them.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES_SHOWN).map(|name| one_line(name)).collect();
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Makes a component of a core module, if that is a command.
fn of_module(wasm: &[u8], path: &Path, grants: &Grants) -> Result<Vec<u8>> {
    if !command::is_command(wasm) {
        return Err(Error::config(format!("\"{}\" is a core module, not a component", path.display()))
            .hint("build the stage's folder with `sandmill build`, which makes a component of it")
            .hint("a program for WASI preview 1 exports _start, and runs as it is: see docs/commands.md"));
    }
    command::component(wasm, grants).map_err(|why| {
        Error::config(format!("\"{}\" cannot be run as a command", path.display()))
            .caused_by(one_line(&why))
            .hint("a core module may import wasi_snapshot_preview1 and nothing else: build it for wasm32-wasip1")
    })
}

/// All but the file's size and hash.
fn inspect(compiled: &wasmtime::component::Component, path: &Path, wasm: &[u8]) -> Inspection {
    let types = compiled.component_type();
    let engine = compiled.engine();
    let exports: Vec<String> = types.exports(engine).map(|(name, _)| name.to_owned()).collect();
    let imports =
        types.imports(engine).map(|(name, import)| interface::look_at(name, is_types_only(&import.ty, engine)));
    let imports: Vec<ImportUse> = imports.collect();
    let exported = |wanted: &str| exports.iter().any(|name| name == wanted);
    let world = match () {
        () if exported(TRANSFORM) => Some(World::Stage),
        () if exported(SOURCE) => Some(World::Source),
        () if exports.iter().any(|name| name.starts_with(defaults::RUN)) => Some(World::Command),
        () => None,
    };
    let imports = match world {
        Some(World::Command) => imports.into_iter().map(interface::look_at_command).collect(),
        Some(World::Stage | World::Source) | None => imports,
    };
    Inspection {
        path: path.to_owned(),
        bytes: 0,
        sha256: String::new(),
        world: world.map(|world| world.word().to_owned()),
        imports,
        exports,
        memory_initial_bytes: memory_initial(wasm),
        flushes: mark::flushes(wasm),
        defaults: None,
        stale: None,
        problems: Vec::new(),
    }
}

/// The initial size of all its modules' memories, as far as it can be read.
fn memory_initial(wasm: &[u8]) -> Option<u64> {
    let mut bytes = 0_u64;
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        let wasmparser::Payload::MemorySection(memories) = payload.ok()? else { continue };
        for memory in memories {
            let memory = memory.ok()?;
            let page = 1_u64.checked_shl(memory.page_size_log2.unwrap_or(16))?;
            bytes = bytes.checked_add(memory.initial.checked_mul(page)?)?;
        }
    }
    Some(bytes)
}

/// Whether an import asks for nothing that could be called. Interfaces name each other's types, and a component imports
/// what they name with them.
fn is_types_only(import: &ComponentItem, engine: &wasmtime::Engine) -> bool {
    match import {
        ComponentItem::Type(_) => true,
        ComponentItem::ComponentInstance(instance) => {
            instance.exports(engine).all(|(_, export)| is_types_only(&export.ty, engine))
        }
        ComponentItem::ComponentFunc(_)
        | ComponentItem::CoreFunc(_)
        | ComponentItem::Module(_)
        | ComponentItem::Component(_)
        | ComponentItem::Resource(_) => false,
    }
}

/// Reads a file of at most `most` bytes: it may be a device, or be growing.
fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut wasm = Vec::new();
    let file = File::open(path).map_err(|error| refusal::unreadable(path, error))?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let read = if length > most { Ok(0) } else { file.take(most + 1).read_to_end(&mut wasm) };
    read.map_err(|error| refusal::unreadable(path, error))?;
    let used = length.max(wasm.len() as u64);
    if used > most {
        let (used, limit) = (bytesize::ByteSize(used).display().iec(), bytesize::ByteSize(most).display().iec());
        return Err(Error::config(format!(
            "component \"{}\" is {used} large; limits.component allows {limit}",
            path.display()
        ))
        .hint("if this is the right component, raise limits.component"));
    }
    Ok(wasm)
}
