//! From a stage's folder to a component: finds a toolchain, runs cargo when something has changed, wraps the module.
//!
//! The component lies in `target/sandmill/` of the folder, beside a stamp of everything it was made of; while the stamp
//! holds, no process is started. Two builds of one folder at once are safe: cargo locks, and files are renamed into place.

mod compile;
mod encode;
mod flags;
mod scaffold;
mod stamp;
mod toolchain;

pub use compile::{BuildOptions, Built, State, build, state};
pub use scaffold::new_stage;
pub use toolchain::Toolchain;
