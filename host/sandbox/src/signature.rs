//! Whether the functions with the right names are the right functions. The engine asks only when it makes an instance,
//! where a failure looks like any other.

use wasmtime::Result;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::{bail, format_err};

use super::bindings::source::exports::sandmill::stage::source::Chunk;
use super::bindings::stage::sandmill::stage::types::{BatchParam, Outcome};
use super::component::{SOURCE, TRANSFORM, World};
use sandmill_component::defaults::RUN;

/// Compares the functions that a component exports with those of `world`.
///
/// # Errors
/// Which of them is another, and where it differs.
pub(super) fn check(compiled: &wasmtime::component::Component, world: World) -> Result<()> {
    let (engine, component) = (compiled.engine(), compiled.component_type());
    let interface = match world {
        World::Stage => TRANSFORM,
        World::Source => SOURCE,
        World::Command => {
            let found = component.exports(engine).map(|(name, _)| name).find(|name| name.starts_with(RUN));
            found.unwrap_or("wasi:cli/run")
        }
    };
    let types = component.instance_type();
    let function = |name: &str| -> Result<ComponentFunc> {
        let Some(ComponentItem::ComponentInstance(exports)) =
            component.get_export(engine, interface).map(|item| item.ty)
        else {
            bail!("{interface} is not an instance");
        };
        match exports.get_export(engine, name).map(|item| item.ty) {
            Some(ComponentItem::ComponentFunc(function)) => Ok(function),
            Some(_) => bail!("`{name}` of {interface} is not a function"),
            None => bail!("{interface} has no function `{name}`"),
        }
    };
    let other = |name: &str, why: wasmtime::Error| format_err!("`{name}` of {interface} has other types: {why:#}");
    match world {
        World::Stage => {
            let [open, process, flush] = ["open", "process", "flush"].map(function);
            open?.typecheck::<(&str,), (std::result::Result<(), String>,)>(&types).map_err(|why| other("open", why))?;
            process?
                .typecheck::<(BatchParam<'_>,), (std::result::Result<Outcome, String>,)>(&types)
                .map_err(|why| other("process", why))?;
            flush?.typecheck::<(), (std::result::Result<Outcome, String>,)>(&types).map_err(|why| other("flush", why))
        }
        World::Command => {
            let run = function("run")?;
            run.typecheck::<(), (std::result::Result<(), ()>,)>(&types).map_err(|why| other("run", why))
        }
        World::Source => {
            let [open, pull] = ["open", "pull"].map(function);
            open?
                .typecheck::<(&str, Option<&str>), (std::result::Result<(), String>,)>(&types)
                .map_err(|why| other("open", why))?;
            pull?.typecheck::<(u32,), (std::result::Result<Chunk, String>,)>(&types).map_err(|why| other("pull", why))
        }
    }
}
