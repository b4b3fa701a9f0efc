//! Turns the output of a compiler into a component.
//!
//! A compiler may have made a component; a core module that describes its interface in a custom section (as the Rust
//! SDK and generated bindings write it); or a core module that only has the exports, which the interface is then put
//! into. A module that imports WASI preview 1 is joined to adapters, so that it reaches what `reach` in the settings
//! names, and nothing else.

use wasmparser::{Encoding, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::flatten;
use super::folder::Stage;
use super::settings::{Reach, World};
use sandmill_component::adapter::{self, PREVIEW1, Part, Shape};
use sandmill_component::section;
use sandmill_engine::error::{Error, Result};

/// The interface that stages and hosts share.
const INTERFACE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest-sdk/wit/stage.wit"));

/// What a module says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Looks {
    is_component: bool,
    is_described: bool,
    imports_preview1: bool,
    exports: Vec<String>,
    /// Modules that are imported from, beside the interface and WASI preview 1.
    strangers: Vec<String>,
}

/// Makes a component of what a compiler made of `stage`.
///
/// # Errors
/// When it is not WebAssembly, does not export a stage, or imports what nobody provides.
pub(super) fn component(wasm: &[u8], stage: &Stage, debug: bool) -> Result<Vec<u8>> {
    let looks = Looks::at(wasm).map_err(|error| {
        refused(stage, "the compiler made something that is not a WebAssembly module").caused_by(error)
    })?;
    if looks.is_component {
        // One that is linked in a way of its own is as good, and only slower.
        let flattened = if debug { None } else { flatten::flattened(wasm).ok().flatten() };
        return Ok(flattened.unwrap_or_else(|| wasm.to_owned()));
    }
    // Names stay, for backtraces.
    let drops = |name: &str| !debug && name.starts_with(".debug_");
    let mut module =
        section::without(wasm, drops).map_err(|error| Error::internal("a module that was read").caused_by(error))?;
    if !looks.is_described {
        describe(&mut module, &looks, stage)?;
    }
    let encode = || match looks.imports_preview1 {
        true => adapter::join(&module, Shape::Stage, &parts(&stage.settings.reach)),
        false => ComponentEncoder::default().validate(true).module(&module)?.encode(),
    };
    encode().map_err(|error: anyhow::Error| {
        let refused = refused(stage, "the module cannot be made a component").caused_by(format!("{error:#}"));
        match looks.strangers.as_slice() {
            [] => refused,
            strangers => refused.hint(format!("it imports from {}, which no host provides", strangers.join(", "))),
        }
    })
}

/// Puts the description of the interface into a module that has only its exports.
fn describe(module: &mut Vec<u8>, looks: &Looks, stage: &Stage) -> Result<()> {
    let world = stage.settings.world.name();
    if !looks.exports.iter().any(|name| name.starts_with("sandmill:stage/")) {
        let error = refused(stage, "the module does not export one");
        return Err(match stage.language.no_export_hint() {
            Some(hint) => error.hint(hint),
            None => error.hint(format!(
                "it must export the functions of the world \"{world}\", such as \"{}\"",
                exports_of(world)
            )),
        });
    }
    let mut resolve = Resolve::default();
    let embedded = resolve
        .push_str("stage.wit", INTERFACE)
        .and_then(|package| resolve.select_world(&[package], Some(world)))
        .and_then(|world| embed_component_metadata(module, &resolve, world, StringEncoding::UTF8, false));
    embedded.map_err(|error| refused(stage, "the module cannot be described").caused_by(format!("{error:#}")))
}

/// Makes a component of a program that knows nothing of stages, and of an adapter that exports one. The adapter answers
/// what the program imports from the module that it `answers` for.
///
/// # Errors
/// When the two do not fit.
pub(super) fn adapted(program: &[u8], answers: &str, adapter: &[u8], world: World) -> anyhow::Result<Vec<u8>> {
    let mut adapter = adapter.to_vec();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("stage.wit", INTERFACE)?;
    let world = resolve.select_world(&[package], Some(world.name()))?;
    embed_component_metadata(&mut adapter, &resolve, world, StringEncoding::UTF8, false)?;
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(program)?;
    encoder.adapter(answers, &adapter)?;
    encoder.encode()
}

fn parts(reach: &[Reach]) -> Vec<Part> {
    let part = |reach: &Reach| match reach {
        Reach::Time => Part::Time,
        Reach::Files => Part::Files,
        Reach::Env => Part::Env,
        Reach::Random => Part::Random,
    };
    reach.iter().map(part).collect()
}

fn exports_of(world: &str) -> &'static str {
    match world {
        "record-source" => "sandmill:stage/source@0.1.0#pull",
        _ => "sandmill:stage/transform@0.1.0#process",
    }
}

fn refused(stage: &Stage, why: &str) -> Error {
    Error::config(format!("\"{}\" is not a stage: {why}", stage.folder.display()))
}

impl Looks {
    #[expect(clippy::wildcard_enum_match_arm, reason = "four kinds of section out of thirty")]
    fn at(wasm: &[u8]) -> wasmparser::Result<Self> {
        let mut looks = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::Version { encoding, .. } => {
                    looks.is_component |= encoding == Encoding::Component;
                    if looks.is_component {
                        return Ok(looks);
                    }
                }
                Payload::CustomSection(section) if section.name().starts_with("component-type") => {
                    looks.is_described = true;
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        looks.imported(import?.module);
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        looks.exports.push(export?.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(looks)
    }

    fn imported(&mut self, module: &str) {
        if module == PREVIEW1 {
            self.imports_preview1 = true;
        } else if !module.contains(':') && !module.starts_with('[') && !self.strangers.iter().any(|it| it == module) {
            self.strangers.push(module.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_known_by_what_it_imports_and_describes() {
        let looks = |text: &str| Looks::at(&wat::parse_str(text).unwrap()).unwrap();
        assert!(looks("(component)").is_component);
        assert!(looks("(module (@custom \"component-type:x\" \"\"))").is_described);
        let module = looks(
            "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func)) (import \"env\" \"puts\" (func))
                (import \"sandmill:stage/host@0.1.0\" \"log\" (func)) (func (export \"f\")))",
        );
        assert!(module.imports_preview1 && !module.is_component);
        assert_eq!((module.exports, module.strangers), (vec!["f".to_owned()], vec!["env".to_owned()]));
        assert!(Looks::at(b"not wasm").is_err());
    }
}
