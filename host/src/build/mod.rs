//! From a stage's folder to a component: finds a toolchain, runs cargo when something has changed, wraps the module.
//!
//! The component lies in `target/sandmill/` of the folder, beside a stamp of everything it was made of; while the stamp
//! holds, no process is started. Two builds of one folder at once are safe: cargo locks, and files are renamed into place.

mod compile;
mod encode;
mod scaffold;
mod stamp;
mod toolchain;

pub use compile::{BuildOptions, Built, build};
pub use scaffold::{Scaffolded, scaffold};
pub use toolchain::Toolchain;

use std::path::{Path, PathBuf};

use crate::error::Result;

/// The component that `path` names: a `.wasm` file as it is, a stage's folder built when it is stale. What is going on is
/// told to `progress`, a line at a time.
///
/// # Errors
/// When the folder is no stage, no toolchain is found, or the stage does not compile.
pub fn component_of(path: &Path, progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    if path.is_dir() { Ok(build(path, &BuildOptions::default(), progress)?.component) } else { Ok(path.to_owned()) }
}
