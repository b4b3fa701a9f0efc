//! Makes one core module of those that a component links to one program.
//!
//! An interpreter comes as a dozen modules or more: a memory, the C library, the interpreter, bindings, and stubs for what
//! nobody provides. Whoever makes an instance of the component has to make one of each of them, resolve thousands of
//! imports, and fill the shared table of functions entry by entry; calls and accesses to memory take a detour through what
//! was imported. Once they are one module, all of that is known when it is compiled.
//!
//! Nothing else changes: the modules keep their order, their memory, and the names of their functions. Modules that need
//! what a component makes of the program's own memory (the last step of linking) stay what they are.

mod emit;
mod group;
mod merge;
mod module;
mod scope;

use std::fmt;

use wasm_encoder::reencode;
use wasmparser::{BinaryReaderError, Validator};

use scope::{Item, Scope};

/// Components within each other that are looked into. Arbitrary: tools nest two or three.
const DEPTH_MAX: usize = 16;

/// Why a component stays as it is.
#[derive(Debug)]
pub(crate) struct Unfit(String);

pub(crate) type Result<T> = std::result::Result<T, Unfit>;

/// The component with fewer modules that does the same; `None` where there is nothing to join.
///
/// # Errors
/// When it is built in a way that is not known here. It can be used as it is.
pub(crate) fn flattened(component: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some(flattened) = flattened_scope(component, 0)? else { return Ok(None) };
    Validator::new().validate_all(&flattened)?;
    Ok(Some(flattened))
}

/// The component in which each function that is lifted takes the way through the module that `way` has for it, and the names of
/// those that do.
///
/// # Errors
/// When it is built in a way that is not known here.
pub(crate) fn led(component: &[u8], way: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<(Vec<u8>, Vec<String>)> {
    emit::led(&Scope::read(component)?, way)
}

/// At `depth` components within others.
fn flattened_scope(component: &[u8], depth: usize) -> Result<Option<Vec<u8>>> {
    if depth > DEPTH_MAX {
        return Err(Unfit::new("its components are nested too deeply"));
    }
    let mut scope = Scope::read(component)?;
    let mut changed = false;
    for item in &mut scope.items {
        if let Item::Component(inner) = item
            && let Some(flattened) = flattened_scope(inner, depth + 1)?
        {
            *inner = flattened.into();
            changed = true;
        }
    }
    match group::Group::of(&scope)? {
        Some(group) => emit::joined(&scope, &group).map(Some),
        None if changed => emit::copied(&scope).map(Some),
        None => Ok(None),
    }
}

impl Unfit {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unfit {}

impl From<BinaryReaderError> for Unfit {
    fn from(error: BinaryReaderError) -> Self {
        Self(error.to_string())
    }
}

impl From<reencode::Error<Self>> for Unfit {
    fn from(error: reencode::Error<Self>) -> Self {
        let said = error.to_string();
        if let reencode::Error::UserError(unfit) = error { unfit } else { Self(said) }
    }
}

#[cfg(test)]
mod tests;
